/** A Linux guest's clocks against the host's, over a minute in which both of its processors are busy. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { parseKernel } from "../core/builder/mod.ts";
import { busyboxInitramfs } from "../core/toolstack/guests/busybox.ts";
import { cacheDirectory } from "../core/toolstack/guests/cache.ts";
import { debianKernel } from "../core/toolstack/guests/debian_kernel.ts";
import { startXenHost } from "../core/toolstack/xen_host.ts";
import { OFFLINE } from "./guests.ts";
import { type ClockLine, clockProgram, parseClockLine } from "./linux/clock_program.ts";

const SECONDS = 60;
const BOOT_MS = 240_000;
/** The first and the last so many seconds are compared. */
const WINDOW_SECONDS = 10;
const TOLERANCE_MS = 1;

const INIT = `#!/bin/sh
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
echo "clocksource: $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
/clock
echo "ended with $?"
exec poweroff -f
`;

interface Sample {
  /** Milliseconds of the host, when the line came. */
  readonly host: number;
  readonly tsc: number;
  readonly monotonic: number;
  /** Milliseconds that this clock was behind the host's time of day. */
  readonly behind: number;
}

/** The least of the host's time less the guest's: what a line's way to the host costs is in it, never less than at best. */
function least(samples: readonly Sample[], clock: (sample: Sample) => number): number {
  return Math.min(...samples.map(clock));
}

Deno.test({
  name:
    "a guest's clocks agree with the host's within a millisecond over a minute under load, and never run backwards",
  ignore: OFFLINE,
  fn: async () => {
    const apt = { cache: cacheDirectory(), progress: console.error };
    const kernel = await debianKernel({ flavour: "cloud" }, apt);
    const ramdisk = await busyboxInitramfs(apt, {
      extra: [
        { kind: "file", path: "init", data: INIT, mode: 0o755 },
        { kind: "file", path: "clock", data: clockProgram(SECONDS), mode: 0o755 },
      ],
    });
    const samples: Sample[] = [];
    let report: ClockLine | undefined, text = "", rest = "", unpaused = 0;
    const decoder = new TextDecoder();
    const host = await startXenHost({ pcpus: 2 });
    try {
      const domain = await host.createDomain({
        name: "clock",
        memoryMiB: 256,
        maxMemoryMiB: 256,
        vcpus: 2,
        kernel: parseKernel(await Deno.readFile(kernel.path)),
        kernelName: kernel.release,
        ramdisk,
        cmdline: "console=hvc0",
        consoleOutput(bytes) {
          const now = performance.now();
          const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
          rest = lines.pop() ?? "";
          for (const line of lines) {
            const parsed = parseClockLine(line);
            if (parsed === undefined) text += `${line}\n`;
            else if (parsed.kind === "report") report = parsed;
            else {
              const { tsc, monotonic, realtime } = parsed;
              const epoch = BigInt(Math.round(performance.timeOrigin * 1e6));
              samples.push({
                host: now,
                tsc: tsc / 1e6,
                monotonic: monotonic / 1e6,
                behind: now - Number(realtime - epoch) / 1e6,
              });
            }
          }
        },
      });
      unpaused = performance.now();
      domain.unpause();
      const places = new Set<string>();
      let ended: string | undefined;
      const end = domain.ended.then(({ reason }) => ended = reason);
      const deadline = performance.now() + BOOT_MS + SECONDS * 1000;
      while (ended === undefined) {
        assert.ok(performance.now() < deadline, `no end: ${text.slice(-1500)}`);
        await Promise.race([end, sleep(500)]);
        const { vcpus } = domain.info();
        if (samples.length > 0 && vcpus.every(({ state }) => state === "running")) {
          places.add(vcpus.map(({ pcpu }) => pcpu).toSorted().join());
        }
      }
      await domain.destroy();
      assert.equal(ended, "poweroff", text.slice(-1500));
      assert.match(text, /ended with 0/);
      assert.ok(places.has("0,1"), "the guest's processors ran on two pCPUs at once");
    } finally {
      await host.stop();
    }
    assert.equal(report?.kind, "report", text.slice(-1500));
    assert.match(text, /^clocksource: (xen|tsc)\r?$/m);
    assert.ok(report.handovers > 10_000, `${report.handovers} handovers`);
    for (const { name, readings, backwards } of report.clocks) {
      assert.ok(readings > 20_000, `${readings} readings of ${name}`);
      assert.equal(backwards, 0, `${name} ran backwards`);
    }
    const [first, last] = [samples[0].host, samples.at(-1)!.host];
    assert.ok(last - first > (SECONDS - 1) * 1000, `${last - first} ms of samples`);
    const early = samples.filter(({ host }) => host - first < WINDOW_SECONDS * 1000);
    const late = samples.filter(({ host }) => last - host < WINDOW_SECONDS * 1000);
    assert.ok(early.length > 100 && late.length > 100, `${early.length} and ${late.length} samples`);
    for (
      const [name, clock] of [
        ["TSC", ({ host, tsc }) => host - tsc],
        ["CLOCK_MONOTONIC", ({ host, monotonic }) => host - monotonic],
        ["CLOCK_REALTIME", ({ behind }) => behind],
      ] satisfies [string, (sample: Sample) => number][]
    ) {
      const drift = least(late, clock) - least(early, clock);
      console.log(`${name}: ${drift.toFixed(3)} ms in a minute`);
      assert.ok(Math.abs(drift) < TOLERANCE_MS, `${name} drifts ${drift.toFixed(3)} ms`);
    }
    // Until Linux turns to Xen's clock it counts ticks, and loses some while a boot keeps interrupts off for long: it may be
    // behind by less than its boot took, and never ahead.
    const behind = least(samples, (sample) => sample.behind);
    assert.ok(behind > -TOLERANCE_MS && behind < first - unpaused, `the time of day is ${behind} ms behind`);
  },
});
