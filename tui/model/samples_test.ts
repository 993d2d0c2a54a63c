import assert from "node:assert/strict";
import { SampleKeeper } from "./samples.ts";
import { append } from "./series.ts";
import { share } from "./sharing.ts";
import { domain, machine, pcpu, vbd, vcpu, vif } from "./testing.ts";

Deno.test("rates are what happened in the seconds between two samples, by xend's clock", () => {
  const keeper = new SampleKeeper();
  const before = domain(1, {
    seconds: 10,
    vcpus: [vcpu(0, { seconds: 6, retired: 100 }), vcpu(1, { seconds: 4, retired: 0 })],
    vifs: [vif(0, 1000, 5000)],
    vbds: [vbd(51712, { reads: 10, writes: 4, readSectors: 80, writtenSectors: 8 })],
    counters: { "hypercall sched_op": 5, tlbMisses: 100 },
  });
  const now = domain(1, {
    seconds: 11,
    vcpus: [vcpu(0, { seconds: 6.8, retired: 2100 }), vcpu(1, { seconds: 4.2, retired: 1000 })],
    vifs: [vif(0, 3000, 5000), vif(1, 400, 100)],
    vbds: [vbd(51712, { reads: 14, writes: 4, readSectors: 84, writtenSectors: 8 })],
    counters: { "hypercall sched_op": 25, tlbMisses: 100, "exit io": 2 },
  });
  const first = keeper.add(machine(1000, [domain(0), before]));
  assert.equal(first.rows[1].rates.cpuPercent, 0);
  assert.deepEqual(first.rows[1].history.cpu, [NaN]);
  const { rows } = keeper.add(machine(3000, [domain(0), now]));
  const { counters, ...rates } = rows[1].rates;
  assert.deepEqual(rates, {
    cpuPercent: 50,
    netTx: 50,
    netRx: 1200,
    vbdReads: 2,
    vbdWrites: 0,
    vbdReadBytes: 1024,
    vbdWriteBytes: 0,
    instructions: 1500,
  });
  assert.deepEqual(counters, { "hypercall sched_op": 10, "exit io": 1 });
  assert.deepEqual(rows[1].vcpuPercent.map(Math.round), [40, 10]);
  assert.deepEqual(rows[1].history, {
    cpu: [NaN, 50],
    memory: [131072, 131072],
    network: [NaN, 1250],
    disk: [NaN, 1024],
  });
});

Deno.test("the host: pCPUs by their idle time, sums of its domains", () => {
  const keeper = new SampleKeeper();
  keeper.add(machine(0, [domain(0)], { pcpus: [pcpu(0), pcpu(1)] }));
  const { host } = keeper.add(machine(1000, [domain(0), domain(3)], {
    pcpus: [pcpu(0, 0.25, { state: "busy", runs: { domid: 3, vcpu: 0 } }), pcpu(1, 1)],
  }));
  assert.deepEqual(host.pcpus.map(({ busyPercent, name }) => [busyPercent, name]), [[75, "guest3"], [
    0,
    undefined,
  ]]);
  assert.deepEqual(host.history.cpu, [NaN, 37.5]);
  assert.deepEqual(host.history.memory, [524288, 524288]);
});

Deno.test("another life begins anew: a restarted domain, a restarted xend, a device attached again", () => {
  const keeper = new SampleKeeper();
  const uuid = "same";
  keeper.add(machine(0, [domain(1, { uuid, seconds: 100, vifs: [vif(0, 9000, 0)] })]));
  keeper.add(machine(1000, [domain(1, { uuid, seconds: 101, vifs: [vif(0, 9000, 0)] })]));
  const reattached = keeper.add(machine(2000, [domain(1, { uuid, seconds: 102, vifs: [vif(0, 40, 0)] })]));
  assert.equal(reattached.rows[0].rates.netRx, 40);
  assert.equal(reattached.rows[0].history.cpu.length, 3);
  const rebooted = keeper.add(machine(3000, [domain(2, { uuid, seconds: 1, vifs: [vif(0, 50, 0)] })]));
  assert.equal(rebooted.rows[0].rates.cpuPercent, 0);
  assert.deepEqual(rebooted.rows[0].history.cpu, [NaN]);
  const restarted = keeper.add(
    machine(500, [domain(2, { uuid, seconds: 0.1, startedAt: 7 })], { xendPid: 200, xendStartedAt: 9 }),
  );
  assert.equal(restarted.rows[0].rates.cpuPercent, 0);
  assert.deepEqual(restarted.host.history.cpu.slice(-1), [NaN]);
  const after = keeper.add(
    machine(1500, [domain(2, { uuid, seconds: 0.6, startedAt: 7 })], { xendPid: 200, xendStartedAt: 9 }),
  );
  assert.equal(after.rows[0].rates.cpuPercent, 50);
});

Deno.test("a look between two regular samples shows new figures, keeps rates and leaves the histories", () => {
  const keeper = new SampleKeeper();
  keeper.add(machine(0, [domain(1, { seconds: 0 })]));
  keeper.add(machine(1000, [domain(1, { seconds: 0.5 })]));
  const { rows } = keeper.add(machine(1005, [domain(1, { seconds: 0.505 }), domain(2)]), false);
  assert.equal(rows[0].figures.seconds, 0.505);
  assert.equal(rows[0].rates.cpuPercent, 50);
  assert.equal(rows[0].history.cpu.length, 2);
  assert.equal(rows[1].rates.cpuPercent, 0);
  const next = keeper.add(machine(2000, [domain(1, { seconds: 0.75 }), domain(2)]));
  assert.equal(next.rows[0].rates.cpuPercent, 25);
  assert.deepEqual(next.rows[1].history.cpu, [NaN]);
});

Deno.test("what does not change stays the same object", () => {
  const keeper = new SampleKeeper(3);
  const sample = (clock: number, busy: number) =>
    keeper.add(machine(clock, [domain(0, { seconds: busy }), domain(1, { counters: { tlbMisses: 3 } })]));
  let before = sample(0, 0);
  for (let clock = 1000; clock < 5000; clock += 1000) before = sample(clock, 0);
  const now = sample(5000, 0.25);
  assert.equal(now.rows[1], before.rows[1]);
  assert.notEqual(now.rows[0], before.rows[0]);
  assert.equal(now.rows[0].history.memory, before.rows[0].history.memory);
  assert.equal(now.host.figures.node, before.host.figures.node);
  // A domain that went takes no other's identity with it.
  const without = keeper.add(machine(6000, [domain(1, { counters: { tlbMisses: 3 } })]));
  assert.equal(without.rows[0], now.rows[1]);
});

Deno.test("pasts are as long as they may be, and a time without xend is a gap in them", () => {
  const keeper = new SampleKeeper(5);
  for (let clock = 0; clock < 20_000; clock += 1000) {
    keeper.add(machine(clock, [domain(1, { seconds: clock / 2000 })]));
  }
  keeper.interrupt();
  const { rows, host } = keeper.add(machine(30_000, [domain(1, { seconds: 15 })]));
  assert.deepEqual(rows[0].history.cpu.slice(0, 4), [50, 50, 50, NaN]);
  assert.ok(Math.abs(rows[0].history.cpu[4] - 100 * (15 - 9.5) / 11) < 1e-9);
  assert.equal(host.history.cpu.length, 5);
});

Deno.test("series and sharing", () => {
  const flat = [1, 1, 1];
  assert.equal(append(flat, 1, 3), flat);
  assert.deepEqual(append([1, 2, 1], 1, 3), [2, 1, 1]);
  assert.deepEqual(append([1], 1, 3), [1, 1]);
  const before = { a: [1, { b: 2 }], c: { d: NaN } };
  assert.equal(share(before, structuredClone(before)), before);
  const now = share(before, { a: [1, { b: 3 }], c: { d: NaN } });
  assert.deepEqual(now, { a: [1, { b: 3 }], c: { d: NaN } });
  assert.equal(now.c, before.c);
  assert.deepEqual(share<unknown>([1], { 0: 1 }), { 0: 1 });
  assert.deepEqual(share<unknown>({ a: undefined }, { b: undefined }), { b: undefined });
});
