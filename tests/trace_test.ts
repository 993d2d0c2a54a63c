/** Traces of whole guests, held against the hypervisor's own counters. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { parseKernel } from "../core/builder/mod.ts";
import { builtinGuest } from "../core/toolstack/guests/builtin.ts";
import { busyboxInitramfs } from "../core/toolstack/guests/busybox.ts";
import { cacheDirectory } from "../core/toolstack/guests/cache.ts";
import { debianKernel } from "../core/toolstack/guests/debian_kernel.ts";
import { traceDomain } from "../core/toolstack/trace/domain_trace.ts";
import type { TraceCall, TraceLine } from "../core/toolstack/trace/line.ts";
import { TraceSummary } from "../core/toolstack/trace/summary.ts";
import { traceText } from "../core/toolstack/trace/text.ts";
import { startXenHost } from "../core/toolstack/xen_host.ts";
import { OFFLINE } from "./guests.ts";

async function collect(feed: AsyncIterable<readonly TraceLine[]>): Promise<TraceLine[]> {
  const lines: TraceLine[] = [];
  for await (const batch of feed) lines.push(...batch);
  return lines;
}

/**
 * The trace's calls and the domain's counters, which began together, must say the same.
 * @param missed share of the events that the counters may have missed: two pCPUs count in the same words without a lock
 */
function agree(lines: readonly TraceLine[], counters: Readonly<Record<string, number>>, missed = 0): void {
  const same = (traced: number, counted: number, what: string) =>
    assert.ok(
      traced >= counted && traced <= counted * (1 + missed),
      `${what}: ${traced} traced, ${counted} counted`,
    );
  const calls = lines.filter((line): line is TraceCall => line.type !== "lost");
  assert.equal(calls.length, lines.length, "nothing was lost");
  const count = (matches: (line: TraceCall) => boolean) => calls.filter(matches).length;
  let compared = 0;
  for (const [key, value] of Object.entries(counters)) {
    const name = /^hypercall (\w+)$/.exec(key)?.[1];
    if (name === undefined) continue;
    const traced = count(({ type, name: is, inner }) =>
      type === "hypercall" && is === name && inner === undefined
    );
    same(traced, value, name);
    compared++;
  }
  assert.ok(compared > 0);
  const traps = calls.filter(({ type }) => type === "trap");
  const isException = ({ name }: TraceCall) => /^(#|NMI|vector_)/.test(name);
  same(traps.filter(isException).length, counters.exceptions, "exceptions");
  same(traps.filter(({ name }) => name === "#PF").length, counters.pageFaults, "page faults");
  same(count(({ type, name }) => type === "event" && name === "send"), counters.eventsSent, "events sent");
  same(count(({ type, name }) => type === "event" && name === "upcall"), counters.upcalls, "upcalls");
}

Deno.test("a built-in guest's trace agrees with its counters, and filters and a slow reader work", async (t) => {
  const host = await startXenHost({ pcpus: 2 });
  await using _ended = { [Symbol.asyncDispose]: () => host.stop() };
  const kernel = builtinGuest("echo");
  assert.ok(kernel);
  const create = async () => {
    let output = "";
    const domain = await host.createDomain({
      name: `echo${host.host.domains().length}`,
      memoryMiB: 8,
      maxMemoryMiB: 8,
      vcpus: 1,
      kernel: parseKernel(kernel),
      kernelName: "echo",
      cmdline: "",
      consoleOutput: (bytes) => output += new TextDecoder().decode(bytes),
    });
    const real = host.host.domain(domain.domid);
    assert.ok(real);
    const says = async (what: RegExp) => {
      for (const end = performance.now() + 20_000; !what.test(output); await sleep(10)) {
        assert.ok(performance.now() < end, `no ${what} in ${output}`);
      }
    };
    return {
      domain,
      real,
      says,
      type: (text: string) => domain.consoleInput(new TextEncoder().encode(text)),
    };
  };

  await t.step("everything from its start to its end", async () => {
    const { domain, real, says, type } = await create();
    const feed = traceDomain(host.host, real);
    const lines = collect(feed);
    domain.unpause();
    await says(/./);
    for (let i = 0; i < 20; i++) type(`line ${i}\n`);
    await says(/line 19/);
    domain.pause();
    await sleep(50);
    const { counters } = real.info();
    feed.end();
    const all = await lines;
    agree(all, counters);
    const texts = all.map(traceText);
    assert.ok(
      texts.some((text) => / event_channel_op\(send, arg=\{port=\d+\}\) = 0 </.test(text)),
      texts.join("\n"),
    );
    assert.ok(texts.some((text) => /\+\+\+ raise \{port=\d+\} \+\+\+$/.test(text)));
    const times = all.map(({ at }) => at);
    assert.ok(Math.abs(times[0] - Date.now()) < 60_000, "times are those of the clock on the wall");
    const summary = new TraceSummary();
    for (const line of all) summary.add(line);
    assert.match(summary.text(), /event_channel_op\.send\n/);
    await domain.destroy();
    assert.equal(host.host.internalErrors, 0);
  });

  await t.step("filters: by kind, name, operation, vCPU, error", async () => {
    const { domain, real, says, type } = await create();
    const wanted: Record<string, (line: TraceCall) => boolean> = {
      "kind=event": ({ type }) => type === "event",
      "kind=!event,trap": ({ type }) => type === "hypercall" || type === "grant",
      "event_channel_op.send": ({ name, op }) => name === "event_channel_op" && op === "send",
      "name=!sched_op": ({ name }) => name !== "sched_op",
      "vcpu=0": ({ vcpu }) => vcpu === 0,
      "errno=none": ({ errno }) => errno === undefined,
      "sched_*": ({ name }) => name.startsWith("sched_"),
    };
    const feeds = Object.keys(wanted).map((expression) =>
      traceDomain(host.host, real, { expressions: [expression] })
    );
    const none = traceDomain(host.host, real, { expressions: ["vcpu=1"] });
    const traces = Promise.all(feeds.map(collect));
    const empty = collect(none);
    domain.unpause();
    await says(/./);
    for (let i = 0; i < 5; i++) type(`line ${i}\n`);
    await says(/line 4/);
    // It has answered all of them before it first had nothing to do, on a machine that is busy.
    for (let turn = 0; turn < 2000 && !(real.info().counters["hypercall sched_op"] > 0); turn++) {
      await sleep(5);
    }
    await domain.destroy();
    assert.deepEqual(await empty, []);
    (await traces).forEach((lines, i) => {
      const [expression, matches] = Object.entries(wanted)[i];
      assert.ok(lines.length > 0, expression);
      for (const line of lines) {
        assert.ok(line.type !== "lost" && matches(line), `${expression}: ${traceText(line)}`);
      }
    });
    assert.equal(host.host.domains().length, 0);
  });

  await t.step("a reader that does not read loses the oldest lines, and is told how many", async () => {
    const { domain, real, says, type } = await create();
    const feed = traceDomain(host.host, real, {}, 10);
    const full = collect(traceDomain(host.host, real));
    domain.unpause();
    await says(/./);
    for (let i = 0; i < 30; i++) type(`line ${i}\n`);
    await says(/line 29/);
    await domain.destroy();
    const all = await full;
    const few = await collect(feed);
    assert.equal(few[0].type, "lost");
    const kept = few.slice(1);
    assert.equal((few[0].type === "lost" ? few[0].count : 0) + kept.length, all.length);
    assert.deepEqual(kept, all.slice(all.length - kept.length));
    assert.ok(kept.length < all.length, `${kept.length} of ${all.length}`);
  });

  await t.step("without a reader nothing is written", async () => {
    const { domain, real, says } = await create();
    traceDomain(host.host, real).close();
    domain.unpause();
    await says(/./);
    assert.equal(real.domain.header.traceKinds, 0);
    const feed = traceDomain(host.host, real, { seconds: 0.2 });
    assert.ok((await collect(feed)).length < 50, "what was before is not in it");
    await domain.destroy();
  });
});

Deno.test({
  name: "the trace of a Debian kernel's boot agrees with its counters",
  ignore: OFFLINE,
  async fn() {
    const apt = { cache: cacheDirectory(), progress: console.error };
    const kernel = await debianKernel({ flavour: "cloud" }, apt);
    const host = await startXenHost();
    await using _ended = { [Symbol.asyncDispose]: () => host.stop() };
    let output = "";
    const domain = await host.createDomain({
      name: "debian",
      memoryMiB: 256,
      maxMemoryMiB: 256,
      vcpus: 2,
      kernel: parseKernel(await Deno.readFile(kernel.path)),
      kernelName: kernel.path,
      ramdisk: await busyboxInitramfs(apt),
      ramdiskName: "busybox",
      cmdline: "console=hvc0",
      consoleOutput: (bytes) => output += new TextDecoder().decode(bytes),
    });
    const real = host.host.domain(domain.domid);
    assert.ok(real);
    const feed = traceDomain(host.host, real, {}, 10_000_000);
    const lines = collect(feed);
    domain.unpause();
    for (const end = performance.now() + 180_000; !/# /.test(output); await sleep(50)) {
      assert.ok(performance.now() < end, output.slice(-1000));
    }
    domain.pause();
    await sleep(100);
    const { counters } = real.info();
    feed.end();
    const all = await lines;
    agree(all, counters, 0.01);
    const names = new Set(all.map((line) => line.type === "lost" ? "" : `${line.name}.${line.op ?? ""}`));
    for (
      const name of [
        "memory_op.memory_map",
        "mmuext_op.",
        "vcpu_op.register_vcpu_info",
        "sched_op.block",
        "xen_version.get_features",
        "physdev_op.set_iopl",
        "syscall.",
        "emulation.",
      ]
    ) assert.ok(names.has(name), `${name} of ${[...names].join(" ")}`);
    assert.equal(host.host.internalErrors, 0);
  },
});
