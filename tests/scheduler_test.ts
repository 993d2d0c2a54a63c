/** The credit scheduler with real guests on real pCPU workers: shares, caps and wake-up latencies, by CPU time and by what the guests got done. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { parseKernel } from "../core/builder/mod.ts";
import type { HostDomain } from "../core/hypervisor/host_domain.ts";
import { pvKernel } from "../core/toolstack/guests/builtin.ts";
import { type RealXenHost, startXenHost } from "../core/toolstack/xen_host.ts";

/** Counts as fast as it can. */
const SPINNER = pvKernel(
  "spinner",
  `
entry:
        lea     rbx, [rel count]
again:
        mov     ecx, 1000
inner:
        dec     ecx
        jnz     inner
        inc     qword [rbx]
        jmp     again
        align   4096
hypercall_page:
        times   4096 db 0
count:  dq      0
        align   4096
`,
);

/** Sleeps for 20 ms by SCHEDOP_poll, again and again, and keeps by how many nanoseconds it woke too late: at 4096, a count and then the times. */
const SLEEPER = pvKernel(
  "sleeper",
  `
entry:
        lea     rbx, [rel samples]
again:
        rdtsc
        shl     rdx, 32
        or      rax, rdx
        add     rax, 20000000
        mov     r12, rax
        mov     [rel timeout], rax
        mov     edi, 3
        lea     rsi, [rel poll]
        call    hypercall_page + 29*32
        rdtsc
        shl     rdx, 32
        or      rax, rdx
        sub     rax, r12
        mov     rcx, [rbx]
        and     ecx, 4095
        mov     [rbx + 8 + rcx*8], rax
        inc     qword [rbx]
        jmp     again
        align   4096
samples: dq     0
        times   32768 db 0
        align   4096
hypercall_page:
        times   4096 db 0
poll:   dq      0
        dd      0, 0
timeout: dq     0
        align   4096
`,
);

async function start(xen: RealXenHost, name: string, image: Uint8Array): Promise<HostDomain> {
  const { domid } = await xen.createDomain({
    name,
    memoryMiB: 4,
    maxMemoryMiB: 4,
    vcpus: 1,
    kernel: parseKernel(image),
    kernelName: name,
    cmdline: "",
    consoleOutput: () => {},
  });
  const domain = xen.host.domain(domid);
  assert.ok(domain);
  return domain;
}

interface Got {
  /** By the clock: what the scheduler shares out, whatever the host makes of it. */
  readonly cpuTime: number;
  readonly retired: number;
}

/** What each domain got in so many seconds. */
async function got(domains: HostDomain[], seconds: number): Promise<Got[]> {
  const now = () =>
    domains.map((domain): Got => {
      const [{ scheduledNs, retired }] = domain.info().vcpus;
      return { cpuTime: scheduledNs / 1e9, retired };
    });
  const before = now();
  await sleep(seconds * 1000);
  return now().map(({ cpuTime, retired }, index) => ({
    cpuTime: cpuTime - before[index].cpuTime,
    retired: retired - before[index].retired,
  }));
}

function shares(values: number[]): number[] {
  const all = values.reduce((sum, value) => sum + value);
  return values.map((value) => 100 * value / all);
}

function assertShares(values: number[], expected: number[], per100: number, what: string): void {
  const actual = shares(values);
  const off = Math.max(
    ...actual.map((share, index) => Math.abs(share - expected[index]) / expected[index] * 100),
  );
  const text = `${what}: ${actual.map((share) => share.toFixed(1)).join(" ")} per cent instead of ${
    expected.map((share) => share.toFixed(1)).join(" ")
  }`;
  assert.ok(off <= per100, text);
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/** By how much (median, ms) a busy thread of this process is late on a machine that does other things too: nothing on one that is free. */
async function ownLateness(threads: number): Promise<number> {
  const script = `
    const late = [];
    for (let next = performance.now() + 20; late.length < 50;) {
      const now = performance.now();
      if (now < next) continue;
      late.push(now - next);
      next = now + 20;
    }
    postMessage(late);`;
  const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  const measured = await Promise.all(Array.from({ length: threads }, () => {
    const worker = new Worker(url, { type: "module" });
    return new Promise<number[]>((resolve) => {
      worker.onmessage = ({ data }: MessageEvent<number[]>) => {
        worker.terminate();
        resolve(data);
      };
    });
  }));
  URL.revokeObjectURL(url);
  return median(measured.flat());
}

Deno.test("busy guests share two pCPUs by weight for 10 s, and a sleeping one wakes within 2 ms beside them", async () => {
  const machines = await ownLateness(2);
  const xen = await startXenHost({ pcpus: 2 });
  try {
    const weights = [128, 256, 512, 512];
    const busy: HostDomain[] = [];
    for (const weight of weights) {
      const domain = await start(xen, `busy${busy.length}`, SPINNER);
      domain.control.schedule.set({ weight });
      busy.push(domain);
    }
    const sleeper = await start(xen, "sleeper", SLEEPER);
    for (const domain of [...busy, sleeper]) domain.unpause();
    await sleep(500);
    const results = await got(busy, 10);
    const expected = shares(weights);
    assertShares(results.map(({ cpuTime }) => cpuTime), expected, 5, "CPU time");
    // The host gives the two threads what it likes: instructions tell more of that than of the scheduler.
    assertShares(results.map(({ retired }) => retired), expected, 15, "instructions");
    const { data } = sleeper.domain.context;
    const count = Math.min(4096, Number(data.getBigUint64(4096, true)));
    assert.ok(count > 100, `${count} sleeps of 20 ms in 10 s`);
    const late = Array.from(
      { length: count },
      (_, index) => Number(data.getBigInt64(4104 + index * 8, true)) / 1e6,
    );
    const text = `median ${median(late)} ms, of the machine's own ${machines} ms`;
    assert.ok(median(late) < 2 + machines, text);
  } finally {
    await xen.stop();
  }
});

Deno.test("caps hold for 10 s, whether pCPUs are free or not", async () => {
  const xen = await startXenHost({ pcpus: 2 });
  try {
    const caps = [20, 50, 0, 0];
    const domains: HostDomain[] = [];
    for (const cap of caps) {
      const domain = await start(xen, `cap${cap}`, SPINNER);
      domain.control.schedule.set({ cap });
      domains.push(domain);
      domain.unpause();
    }
    await sleep(500);
    const begin = xen.host.machine.clock.peek();
    const results = await got(domains, 10);
    const elapsed = (xen.host.machine.clock.peek() - begin) / 1e9;
    const used = results.map(({ cpuTime }) => 100 * cpuTime / elapsed);
    const text = used.map((value) => value.toFixed(1)).join(" ");
    assert.ok(Math.abs(used[0] - 20) <= 1 && Math.abs(used[1] - 50) <= 2.5, `${text} per cent of a pCPU`);
    assert.ok(Math.abs(used[2] - used[3]) < 0.05 * used[2], text);
    for (const free of domains.slice(2)) free.pause();
    const alone = await got(domains, 5);
    assertShares([alone[0].cpuTime, alone[1].cpuTime], [200 / 7, 500 / 7], 5, "alone");
    assert.ok(alone[0].cpuTime < 1.06 && alone[1].cpuTime < 2.65, `${alone.map(({ cpuTime }) => cpuTime)}`);
  } finally {
    await xen.stop();
  }
});

Deno.test("pinned guests stay where they are pinned, and share it by weight", async () => {
  const xen = await startXenHost({ pcpus: 2 });
  try {
    const domains = [await start(xen, "one", SPINNER), await start(xen, "two", SPINNER)];
    for (const [index, { control }] of domains.entries()) {
      control.setAffinity(0, [1]);
      assert.deepEqual(control.affinity(0), { hard: [1], soft: [0, 1] });
      control.schedule.set({ weight: index === 0 ? 100 : 300 });
      assert.deepEqual(control.schedule.get(), { weight: index === 0 ? 100 : 300, cap: 0 });
    }
    for (const domain of domains) domain.unpause();
    await sleep(300);
    const results = await got(domains, 5);
    assertShares(results.map(({ cpuTime }) => cpuTime), [25, 75], 5, "CPU time");
    assert.ok(domains.every((domain) => domain.info().vcpus[0].pcpu === 1));
    domains[0].control.setAffinity(0, [0, 1]);
    await sleep(200);
    assert.equal(domains[0].info().vcpus[0].pcpu, 0, "it takes the free one");
    assert.throws(() => domains[0].control.setAffinity(0, [2]), /pCPUs are 0 to 1/);
    assert.throws(() => domains[0].control.setAffinity(1, [0]), /no vCPU 1/);
    assert.throws(() => domains[0].control.schedule.set({ weight: 0 }), RangeError);
    assert.throws(() => domains[0].control.schedule.set({ cap: 101 }), RangeError);
  } finally {
    await xen.stop();
  }
});
