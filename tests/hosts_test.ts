/** Several domains in one host, and many one after another, through the toolstack. */
import assert from "node:assert/strict";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { parseKernel } from "../core/builder/mod.ts";
import { builtinGuest } from "../core/toolstack/guests/builtin.ts";
import type { DomainSpec, RunningDomain, XenHost } from "../core/toolstack/host.ts";
import { startXenHost } from "../core/toolstack/xen_host.ts";
import { guestTest } from "./guests.ts";

interface Guest extends AsyncDisposable {
  readonly domain: RunningDomain;
  readonly text: () => string;
  type(text: string): void;
  until(pattern: RegExp, seconds: number): Promise<void>;
}

async function boot(host: XenHost, name: string, image: Uint8Array, memoryMiB: number): Promise<Guest> {
  let text = "";
  const decoder = new TextDecoder();
  const spec: DomainSpec = {
    name,
    memoryMiB,
    maxMemoryMiB: memoryMiB,
    vcpus: 1,
    kernel: parseKernel(image),
    kernelName: name,
    cmdline: "",
    consoleOutput: (bytes) => text += decoder.decode(bytes, { stream: true }),
  };
  const domain = await host.createDomain(spec);
  domain.unpause();
  return {
    domain,
    text: () => text,
    type: (input) => domain.consoleInput(new TextEncoder().encode(input)),
    async until(pattern, seconds) {
      const deadline = performance.now() + seconds * 1000;
      while (!pattern.test(text)) {
        assert.ok(
          performance.now() < deadline,
          `${name}: no ${pattern} in ${JSON.stringify(text.slice(-500))}`,
        );
        await sleep(20);
      }
    },
    [Symbol.asyncDispose]: () => domain.destroy(),
  };
}

function echoGuest(): Uint8Array {
  const image = builtinGuest("echo");
  assert.ok(image);
  return image;
}

interface Clock {
  /** Of the host, when the guest was asked. */
  readonly asked: number;
  readonly answered: number;
  readonly uptimeMs: number;
  readonly ticks: number;
  readonly seconds: number;
}

/** What the built-in guest says of its clocks. */
async function readClock(guest: Guest): Promise<Clock> {
  const from = guest.text().length;
  const asked = performance.now();
  guest.type("time\n");
  const deadline = asked + 10_000;
  for (;;) {
    const match = /uptime (\d+) ms, ticks (\d+), clock (\d+)\r\n/.exec(guest.text().slice(from));
    if (match !== null) {
      const [uptimeMs, ticks, seconds] = match.slice(1).map(Number);
      return { asked, answered: performance.now(), uptimeMs, ticks, seconds };
    }
    assert.ok(performance.now() < deadline, `no time in ${JSON.stringify(guest.text().slice(from))}`);
    await sleep(5);
  }
}

const MINUTE_MS = 60_000;

guestTest("GRUB and the built-in guest run side by side for a minute with right clocks and consoles", [
  "grub",
], async ([file]) => {
  const host = await startXenHost({ pcpus: 2 });
  try {
    await using echo = await boot(host, "echo", echoGuest(), 16);
    await using grub = await boot(host, "grub", await Deno.readFile(file), 128);
    const started = performance.now();
    await grub.until(/grub> /, 30);
    const first = await readClock(echo);
    let last = first;
    for (let round = 1; performance.now() - started < MINUTE_MS; round++) {
      grub.type(`echo grub-round-${round}\r`);
      await grub.until(new RegExp(`\rgrub-round-${round}\n\rgrub> `), 20);
      const clock = await readClock(echo);
      assert.ok(clock.uptimeMs >= last.uptimeMs && clock.ticks >= last.ticks, "time runs backwards");
      last = clock;
      await sleep(2000);
    }
    // Each reading was taken between its question and its answer.
    const elapsed = last.uptimeMs - first.uptimeMs;
    const [least, most] = [last.asked - first.answered, last.answered - first.asked];
    assert.ok(
      elapsed > least - 5 && elapsed < most + 5,
      `${elapsed} ms in the guest, ${least} to ${most} on the host`,
    );
    const seconds = elapsed / 1000;
    assert.ok(
      Math.abs(last.ticks - first.ticks - seconds) < 2,
      `${last.ticks - first.ticks} ticks in ${seconds} s`,
    );
    assert.ok(Math.abs(last.seconds - Date.now() / 1000) < 3, "the time of day");
    echo.type("halt\n");
    grub.type("halt\r");
    assert.equal((await echo.domain.ended).reason, "poweroff");
    assert.equal((await grub.domain.ended).reason, "poweroff");
  } finally {
    await host.stop();
  }
});

Deno.test("a hundred domains of 256 MiB, one after another, leave the process as small as before", async () => {
  const host = await startXenHost({ pcpus: 2 });
  const image = echoGuest();
  const once = async (n: number) => {
    await using guest = await boot(host, `guest${n}`, image, 256);
    await guest.until(/> /, 20);
    guest.type("halt\n");
    assert.equal((await guest.domain.ended).reason, "poweroff");
  };
  try {
    for (let n = 0; n < 3; n++) await once(n); // Code and tables that a first domain brings along are no leak.
    const before = Deno.memoryUsage().rss;
    for (let n = 3; n < 103; n++) await once(n);
    await sleep(500);
    const grown = (Deno.memoryUsage().rss - before) / (1 << 20);
    assert.ok(grown < 100, `RSS grew by ${grown.toFixed(0)} MiB`);
  } finally {
    await host.stop();
  }
});

Deno.test("an idle domain takes under 1 % of a core", async () => {
  const host = await startXenHost({ pcpus: 2 });
  try {
    await using guest = await boot(host, "idle", echoGuest(), 16);
    await guest.until(/> /, 20);
    // What starting left behind is collected once, soon.
    await sleep(3500);
    const before = process.cpuUsage();
    const started = performance.now();
    await sleep(5000);
    const { user, system } = process.cpuUsage(before);
    const share = (user + system) / 1000 / (performance.now() - started);
    assert.ok(share < 0.01, `${(100 * share).toFixed(2)} % of a core`);
  } finally {
    await host.stop();
  }
});

Deno.test("a guest that crashes ends alone; the other goes on", async () => {
  const host = await startXenHost({ pcpus: 2 });
  try {
    await using first = await boot(host, "first", echoGuest(), 16);
    await using second = await boot(host, "second", echoGuest(), 16);
    await first.until(/> /, 20);
    await second.until(/> /, 20);
    first.type("fault\n");
    const end = await first.domain.ended;
    assert.equal(end.reason, "crash");
    assert.match(end.registerDump ?? "", /RIP/);
    await readClock(second);
  } finally {
    await host.stop();
  }
});

Deno.test("a hundred running domains are destroyed at once: no pCPU sleeps over an order to let one go", async () => {
  const host = await startXenHost({ pcpus: 2 });
  const image = echoGuest();
  const guests: Guest[] = [];
  for (let i = 0; i < 100; i++) guests.push(await boot(host, `guest-${i}`, image, 16));
  await sleep(2000);
  const gone = Promise.all(guests.map(({ domain }) => domain.destroy())).then(() => true);
  const late = AbortSignal.timeout(30_000);
  assert.ok(
    await Promise.race([gone, new Promise((done) => late.onabort = () => done(false))]),
    "not in 30 s",
  );
  await host.stop();
});
