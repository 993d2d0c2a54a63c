import assert from "node:assert/strict";
import { VirtualPcpus } from "./testing/virtual_pcpus.ts";
import type { Domain } from "./domain.ts";

/** Shares of what all got, in per cent. */
function shares(pcpus: VirtualPcpus, domains: Domain[], seconds = 10): number[] {
  const times = pcpus.run(seconds, domains);
  const all = times.reduce((sum, time) => sum + time, 0);
  return times.map((time) => 100 * time / all);
}

function close(actual: number[], expected: number[], per100 = 3): void {
  const off = actual.map((value, index) => Math.abs(value - expected[index]) / expected[index] * 100);
  assert.ok(Math.max(...off) < per100, `${actual.map((value) => value.toFixed(2))} instead of ${expected}`);
}

Deno.test("busy domains share one pCPU by weight", () => {
  for (const weights of [[256, 256], [256, 512], [256, 512, 1024], [100, 200, 300, 400], [1024, 64]]) {
    const pcpus = new VirtualPcpus(1);
    const domains = weights.map((weight) => pcpus.spinner(weight));
    const all = weights.reduce((sum, weight) => sum + weight, 0);
    pcpus.run(0.1, []);
    close(shares(pcpus, domains), weights.map((weight) => 100 * weight / all), 5);
  }
});

Deno.test("two pCPUs are shared by weight, as far as one vCPU can run on one pCPU", () => {
  const feasible = new VirtualPcpus(2);
  close(shares(feasible, [256, 512, 768].map((weight) => feasible.spinner(weight))), [100 / 6, 200 / 6, 50]);
  const heavy = new VirtualPcpus(2);
  close(shares(heavy, [256, 256, 10000].map((weight) => heavy.spinner(weight))), [25, 25, 50]);
  const many = new VirtualPcpus(2);
  close(shares(many, Array.from({ length: 10 }, () => many.spinner())), Array(10).fill(10), 5);
});

Deno.test("a change of weight shows at once, and domains that pause leave their share to others", () => {
  const pcpus = new VirtualPcpus(1);
  const [one, two] = [pcpus.spinner(256), pcpus.spinner(256)];
  close(shares(pcpus, [one, two]), [50, 50]);
  pcpus.machine.scheduler.setParameters(one.vcpus, 768, 0);
  close(shares(pcpus, [one, two]), [75, 25]);
  pcpus.machine.scheduler.setFlags(one.vcpus[0], 8);
  pcpus.run(0.1, []);
  assert.ok(pcpus.run(1, [two])[0] > 0.99);
  pcpus.machine.scheduler.clearFlags(one.vcpus[0], 8);
  pcpus.run(0.5, []);
  close(shares(pcpus, [one, two]), [75, 25]);
});

Deno.test("caps hold, alone and beside others, for one vCPU and for several", () => {
  for (const cap of [5, 10, 25, 50, 90]) {
    const pcpus = new VirtualPcpus(1);
    const capped = pcpus.spinner(256, cap);
    close(pcpus.run(10, [capped]).map((time) => time * 10), [cap], 4);
  }
  const beside = new VirtualPcpus(2);
  const [capped, others] = [beside.spinner(512, 30), [beside.spinner(), beside.spinner(), beside.spinner()]];
  close(shares(beside, [capped, ...others]), [15, 85 / 3, 85 / 3, 85 / 3]);
  const smp = new VirtualPcpus(2);
  close(smp.run(10, [smp.spinner(256, 120, undefined, 2)]).map((time) => time * 10), [120]);
});

Deno.test("a cap that is taken away lets a parked vCPU run at once", () => {
  const pcpus = new VirtualPcpus(1);
  const capped = pcpus.spinner(256, 1);
  pcpus.run(2, []);
  assert.ok(capped.vcpus[0].sched.parks > 0);
  pcpus.machine.scheduler.setParameters(capped.vcpus, 256, 0);
  assert.ok(pcpus.run(1, [capped])[0] > 0.99);
  assert.equal(pcpus.machine.header.parked, 0);
});

Deno.test("pinned vCPUs compete by weight where they are pinned, and pCPUs do not idle", () => {
  const pinned = new VirtualPcpus(2);
  const [one, two] = [pinned.spinner(256, 0, [0]), pinned.spinner(512, 0, [0])];
  close(pinned.run(10, [one, two]), [10 / 3, 20 / 3]);
  const free = pinned.spinner(256);
  close(pinned.run(10, [one, two, free]), [10 / 3, 20 / 3, 10]);
  pinned.pin(two.vcpus[0], [0, 1]);
  const all = pinned.run(10, [one, two, free]).reduce((sum, time) => sum + time);
  assert.ok(all > 19.9, `${all} s of 20`);
  pinned.pin(free.vcpus[0], [0]);
  pinned.pin(one.vcpus[0], [1]);
  pinned.run(0.1, []);
  assert.deepEqual([free, one].map(({ vcpus }) => vcpus[0].sched.lastPcpu), [0, 1]);
});

Deno.test("vCPUs of equal weight stay on their pCPU, and one runs where its soft affinity says when it can", () => {
  const pcpus = new VirtualPcpus(4);
  const domains = Array.from({ length: 4 }, () => pcpus.spinner());
  pcpus.run(5, []);
  assert.ok(domains.every(({ vcpus }) => vcpus[0].sched.migrations <= 1));
  const soft = pcpus.sleeper(1, 20).domain.vcpus[0];
  for (const { vcpus } of domains.slice(1)) pcpus.machine.scheduler.setFlags(vcpus[0], 8);
  pcpus.run(0.1, []);
  const there = (domains[0].vcpus[0].sched.pcpu + 1) % 4;
  pcpus.machine.scheduler.setAffinity(soft, { lo: -1, hi: -1 }, { lo: 1 << there, hi: 0 });
  let times = 0;
  for (let round = 0; round < 50; round++) {
    pcpus.run(0.02, []);
    if (soft.sched.lastPcpu === there) times++;
  }
  assert.ok(times > 45, `${times} of 50 times on pCPU ${there}`);
});

Deno.test("one that sleeps much wakes at once beside busy ones, and gets no more than its share when it does not", () => {
  const pcpus = new VirtualPcpus(2);
  const busy = Array.from({ length: 6 }, () => pcpus.spinner(1024));
  const { domain, latencies } = pcpus.sleeper(0.5, 20);
  pcpus.run(10, [domain]);
  latencies.sort((a, b) => a - b);
  assert.ok(latencies.length > 400);
  assert.ok(latencies[latencies.length >> 1] <= 1.1, `median ${latencies[latencies.length >> 1]} ms`);
  assert.ok(
    latencies[Math.floor(latencies.length * 0.95)] <= 12,
    `95 %: ${latencies[Math.floor(latencies.length * 0.95)]} ms`,
  );
  close(shares(pcpus, busy), Array(6).fill(100 / 6), 5);
  // It sleeps for a moment before every tick could find it.
  const sly = new VirtualPcpus(1);
  const spinners = [sly.spinner(), sly.spinner(), sly.spinner()];
  const dodger = sly.sleeper(9, 0.1).domain;
  const [got] = sly.run(10, [dodger, ...spinners]);
  assert.ok(got < 3.2, `${got} s of 10 for one of four`);
});

Deno.test("shares and caps hold on a machine that is busy with other things too", () => {
  for (const stallMs of [5, 20, 40]) {
    const one = new VirtualPcpus(1);
    one.stallMs = stallMs;
    close(shares(one, [one.spinner(100), one.spinner(300)], 20), [25, 75], 6);
    const two = new VirtualPcpus(2);
    two.stallMs = stallMs;
    const four = [128, 256, 512, 512].map((weight) => two.spinner(weight));
    close(shares(two, four, 20), [128, 256, 512, 512].map((weight) => weight / 14.08), 6);
    const capped = new VirtualPcpus(2);
    capped.stallMs = stallMs;
    const domains = [capped.spinner(256, 20), capped.spinner(256, 50), capped.spinner(), capped.spinner()];
    close(capped.run(20, domains).map((time) => time * 5), [20, 50, 65, 65], 6);
  }
});
