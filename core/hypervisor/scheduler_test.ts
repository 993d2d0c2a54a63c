import assert from "node:assert/strict";
import { FrameRanges } from "./frame_ranges.ts";
import { MACHINE, NONE, PauseFlag, PcpuMode } from "./layout.ts";
import { Priority } from "./credit.ts";
import { Lock, lockBoth, releaseAllLocks } from "./lock.ts";
import { Views } from "./struct.ts";
import { writeTimeInfo } from "./time.ts";
import { addDomain, machineOn } from "./testing/virtual_pcpus.ts";

const buffer = () => new SharedArrayBuffer(MACHINE.bytes);

Deno.test("those with credits go before those without, in turn; flags take vCPUs out of the queue", () => {
  const machine = machineOn(buffer(), 0);
  const { scheduler } = machine;
  const [one, two] = [addDomain(machine, 1).vcpus[0], addDomain(machine, 2).vcpus[0]];
  assert.equal(machine.header.queueLength, 2);
  one.sched.queuedSince = two.sched.queuedSince = -1;
  let now = 1e9;
  const turn = (milliseconds: number) => {
    const index = scheduler.pick(now);
    now += milliseconds * 1e6;
    scheduler.unpick(index, now);
    return index;
  };
  // Both were boosted when they were brought up; the first runs for longer.
  assert.deepEqual([turn(20), turn(1), turn(9)], [one, two, two].map(({ index }) => index));
  assert.deepEqual([one.sched.priority, two.sched.priority], [Priority.UNDER, Priority.UNDER]);
  assert.equal(one.sched.cpuTime, 20e6);
  assert.equal(Math.round(one.sched.credit), -200);
  // The accounting makes the first one OVER.
  now += 30e6;
  scheduler.accounting.accountWhenDue(now);
  assert.equal(machine.header.accountings, 1);
  assert.ok(one.sched.credit > -200 && two.sched.credit > -100);
  scheduler.setFlags(two, PauseFlag.DOMAIN_PAUSED);
  assert.equal(two.runState, 3);
  assert.equal(scheduler.pick(now), one.index);
  assert.equal(one.runState, 0);
  scheduler.block(one);
  scheduler.unpick(one.index, now);
  assert.equal(one.runState, 2);
  assert.equal(scheduler.pick(now), NONE);
  assert.equal(machine.pcpus[0].mode, PcpuMode.IDLE);
  scheduler.wake(one);
  assert.equal(machine.pcpus[0].mode, PcpuMode.BUSY, "an idle pCPU is called");
  assert.equal(scheduler.pick(now), one.index);
});

Deno.test("a yield lets everyone else go first, once", () => {
  const machine = machineOn(buffer(), 0);
  const { scheduler } = machine;
  const [one, two] = [addDomain(machine, 1).vcpus[0], addDomain(machine, 2).vcpus[0]];
  assert.equal(scheduler.pick(1e9), one.index);
  two.sched.priority = Priority.OVER;
  scheduler.yield(one);
  assert.equal(machine.pcpus[0].reschedule, 1);
  assert.equal(scheduler.protectedUntil(one.index), 0);
  scheduler.unpick(one.index, 1e9);
  assert.equal(scheduler.pick(1e9), two.index);
  scheduler.unpick(two.index, 1e9 + 1);
  assert.equal(scheduler.pick(1e9 + 1), one.index);
  scheduler.setFlags(two, PauseFlag.DOMAIN_PAUSED);
  scheduler.yield(one);
  assert.equal(machine.pcpus[0].reschedule, 0, "nobody waits");
});

Deno.test("a wake-up while the vCPU is still on its pCPU is not lost", () => {
  const machine = machineOn(buffer(), 0);
  const { scheduler } = machine;
  const vcpu = addDomain(machine, 1).vcpus[0];
  assert.equal(scheduler.pick(0), vcpu.index);
  scheduler.block(vcpu);
  scheduler.wake(vcpu);
  scheduler.unpick(vcpu.index, 1);
  assert.equal(scheduler.pick(1), vcpu.index);
});

Deno.test("a waking vCPU takes the pCPU of one that ran much, and its kick word is set", () => {
  const shared = buffer();
  const machine = machineOn(shared, 0), other = machineOn(shared, 1);
  const hog = addDomain(machine, 1).vcpus[0];
  other.attach(hog.domain.share);
  machine.pcpus[1].mode = PcpuMode.BUSY;
  machine.pcpus[0].mode = PcpuMode.BUSY;
  assert.equal(other.scheduler.pick(0), hog.index);
  hog.sched.priority = Priority.UNDER;
  const light = addDomain(machine, 2).vcpus[0];
  assert.equal(light.runState, 1);
  assert.equal(light.sched.priority, Priority.BOOST);
  assert.equal(machine.pcpus[1].reschedule, 1);
  assert.notEqual(hog.domain.views.i32[hog.kickIndex], 0);
  assert.ok(other.scheduler.look(hog.index, 11e6), "a tick finds that another should run");
  assert.equal(other.scheduler.protectedUntil(hog.index), 1e6, "after a millisecond");
});

Deno.test("timers come in order, and polls time out", () => {
  const machine = machineOn(buffer(), 0);
  const { scheduler } = machine;
  const domain = addDomain(machine, 1, 32);
  const deadlines = domain.vcpus.map((_, id) => ((id * 7919) % 97) * 1000 + 1);
  domain.vcpus.forEach((vcpu, id) => scheduler.timers.setSingleshot(vcpu, 1e9 + id));
  domain.vcpus.forEach((vcpu, id) => scheduler.timers.setSingleshot(vcpu, deadlines[id]));
  scheduler.timers.setSingleshot(domain.vcpus[3], Infinity);
  const expected = deadlines.filter((_, id) => id !== 3).sort((a, b) => a - b);
  const fired: number[] = [];
  while (scheduler.timers.next() < Infinity) {
    const now = scheduler.timers.next();
    for (const { vcpuId } of scheduler.timers.takeDue(now)) fired.push(deadlines[vcpuId]);
  }
  assert.deepEqual(fired, expected);
  while (scheduler.pick(0) !== NONE) { /* all are on pCPUs */ }
  const poller = domain.vcpus[0];
  poller.sched.pcpu = NONE;
  scheduler.poll(poller, 500);
  assert.equal(poller.runState, 2);
  assert.deepEqual(scheduler.timers.takeDue(499), []);
  assert.deepEqual(scheduler.timers.takeDue(500), []);
  assert.equal(poller.sched.pollTimedOut, 1);
  assert.equal(scheduler.pick(501), poller.index);
  scheduler.poll(poller, 900);
  scheduler.wake(poller);
  assert.equal(poller.sched.pollTimedOut, 0);
  assert.equal(scheduler.timers.next(), Infinity, "an event ends the poll's timeout");
});

Deno.test("locks exclude, find a thread that takes one twice, and are let go together", () => {
  const words = new Int32Array(new SharedArrayBuffer(16));
  const [a, b] = [new Lock(words, 0, "a"), new Lock(words, 1, "b")];
  a.acquire();
  assert.ok(a.isHeld && !b.isHeld);
  assert.throws(() => a.acquire(), /twice/);
  const release = lockBoth({ domid: 2, lock: b }, { domid: 2, lock: b });
  assert.deepEqual(releaseAllLocks(), ["a", "b"]);
  assert.deepEqual([...words], [0, 0, 0, 0]);
  a.acquire();
  release();
  a.release();
  const both = lockBoth({ domid: 2, lock: b }, { domid: 1, lock: a });
  assert.deepEqual([...words], [1, 1, 0, 0]);
  both();
  assert.deepEqual([...words], [0, 0, 0, 0]);
});

Deno.test("machine frames are first fit in units of 512", () => {
  const ranges = new FrameRanges();
  const [one, two, three] = [ranges.allocate(1), ranges.allocate(513), ranges.allocate(512)];
  assert.deepEqual([one, two, three], [1024, 1536, 2560]);
  ranges.free(two);
  assert.equal(ranges.allocate(1025), 3072);
  assert.equal(ranges.allocate(1024), 1536);
  assert.throws(() => ranges.free(7), RangeError);
  assert.throws(() => ranges.allocate(2 ** 33), RangeError);
});

Deno.test("the time area's version is odd while it changes and even afterwards", () => {
  const views = new Views(new SharedArrayBuffer(64));
  const now = 5 * 2 ** 32 + 7;
  for (let round = 1; round <= 3; round++) {
    writeTimeInfo(views, 32, now);
    assert.equal(views.u32[8], 2 * round);
  }
  assert.deepEqual([...views.u32.slice(10, 15)], [7, 5, 7, 5, 0x80000000]);
  assert.equal(views.u8[32 + 28], 1);
  views.u32[8] = 7;
  writeTimeInfo(views, 32, now);
  assert.equal(views.u32[8] % 2, 0);
});
