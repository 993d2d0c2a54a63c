/** Bills against a thread's CPU time, with clocks that the test turns. */
import assert from "node:assert/strict";
import { CpuMeter } from "./cpu_meter.ts";
import { MILLISECOND } from "./time.ts";

class Bench {
  now = 0;
  /** CPU time that the host has given. */
  cpu = 0;
  readonly withheld = [0, 0];
  readonly meter: CpuMeter;

  /** @param tick how coarsely the host counts */
  constructor(tick = 1) {
    this.meter = new CpuMeter(() => Math.floor(this.cpu / tick) * tick, 0);
  }

  /** A vCPU is billed for `ms` of which the host gave a part. */
  run(vcpu: number, ms: number, given: number): void {
    this.now += ms * MILLISECOND;
    this.cpu += ms * MILLISECOND * given;
    this.meter.bill(vcpu, ms * MILLISECOND);
    if (this.meter.isDue) this.settle();
  }

  sleep(ms: number, work = 0): void {
    this.now += ms * MILLISECOND;
    this.cpu += work * MILLISECOND;
    this.meter.sleep(ms * MILLISECOND);
  }

  settle(): void {
    for (const { vcpu, withheld } of this.meter.settle(this.now)) this.withheld[vcpu] += withheld;
  }
}

const near = (actual: number, expected: number, tolerance: number) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual / 1e6} ms, expected ${expected / 1e6} ms`);

Deno.test("a host that gives all withholds nothing, however coarsely it counts", () => {
  for (const tick of [1, 1000, 10 * MILLISECOND]) {
    const bench = new Bench(tick);
    for (let turn = 0; turn < 10_000; turn++) {
      bench.run(turn % 2, 7, 1);
      if (turn % 3 === 0) bench.sleep(4);
    }
    bench.settle();
    near(bench.withheld[0] + bench.withheld[1], 0, 10 * MILLISECOND);
  }
});

Deno.test("what the host kept is taken from those who ran then, by what they were billed", () => {
  const bench = new Bench(10 * MILLISECOND);
  for (let turn = 0; turn < 3000; turn++) {
    bench.run(0, 20, 0.5);
    bench.run(1, 10, 0.5);
    bench.sleep(5);
  }
  near(bench.withheld[0], 30_000 * MILLISECOND, 100 * MILLISECOND);
  near(bench.withheld[1], 15_000 * MILLISECOND, 100 * MILLISECOND);
  assert.ok(Math.abs(bench.meter.share - 0.5) < 0.05, `${bench.meter.share}`);
});

Deno.test("work between sleeps is nobody's, and hides no more than a few ticks of what is kept later", () => {
  const bench = new Bench();
  for (let turn = 0; turn < 1000; turn++) {
    bench.run(0, 1, 1);
    bench.sleep(1, 0.2);
  }
  near(bench.withheld[0], 0, 0);
  for (let turn = 0; turn < 1000; turn++) bench.run(0, 10, 0.75);
  near(bench.withheld[0], 2500 * MILLISECOND, 30 * MILLISECOND);
});

Deno.test("a turn that is settled in the middle of an interval is not settled again", () => {
  const bench = new Bench();
  bench.run(0, 40, 0.5);
  bench.settle();
  near(bench.withheld[0], 20 * MILLISECOND, 0);
  bench.settle();
  bench.run(1, 150, 0.9);
  near(bench.withheld[0], 20 * MILLISECOND, 0);
  near(bench.withheld[1], 15 * MILLISECOND, 1);
});
