import assert from "node:assert/strict";
import { FrameRanges } from "./frame_ranges.ts";
import { layoutHypervisor, MACHINE, NONE, PauseFlag, PcpuMode, VcpuState } from "./layout.ts";
import { Lock, lockBoth, releaseAllLocks } from "./lock.ts";
import { Machine } from "./machine.ts";
import { Views } from "./struct.ts";
import { writeTimeInfo } from "./time.ts";
import { fakeEngine } from "./testing/fake_guest.ts";

const buffer = () => new SharedArrayBuffer(MACHINE.bytes);

function machineOn(shared: SharedArrayBuffer, pcpu: number): Machine {
  const machine = new Machine({
    buffer: shared,
    pcpu,
    clockOffset: 0,
    makeEngine: fakeEngine,
    report: () => {},
  });
  machine.header.pcpus = 2;
  for (let index = 0; index < 2; index++) machine.pcpus[index].vcpu = NONE;
  return machine;
}

/** A domain whose vCPUs are up and runnable. */
function addDomain(machine: Machine, domid: number, vcpus = 1) {
  const layout = layoutHypervisor({ frames: 1, vcpus, mfnBase: 512 * domid, codeBytes: 65536 });
  const memory = new WebAssembly.Memory({ initial: layout.pages, maximum: layout.pages, shared: true });
  const views = new Views(memory.buffer);
  for (let id = 0; id < vcpus; id++) {
    VcpuState.view(views, layout.reserve.vcpus + id * VcpuState.size).schedIndex = machine.scheduler.add(
      domid,
      id,
    );
  }
  const domain = machine.attach({ domid, name: `d${domid}`, memory, layout });
  for (const vcpu of domain.vcpus) {
    machine.scheduler.clearFlags(vcpu, PauseFlag.DOWN | PauseFlag.DOMAIN_PAUSED);
  }
  return domain;
}

Deno.test("the vCPU that ran least is picked; flags take vCPUs out of the queue", () => {
  const machine = machineOn(buffer(), 0);
  const { scheduler } = machine;
  const [one, two] = [addDomain(machine, 1).vcpus[0], addDomain(machine, 2).vcpus[0]];
  assert.equal(machine.header.queueLength, 2);
  const turns: number[] = [];
  for (let turn = 0, now = 0; turn < 6; turn++) {
    const index = scheduler.pick(now);
    turns.push(index);
    // The first runs twice as long whenever it runs.
    now += index === one.index ? 20e6 : 10e6;
    scheduler.unpick(index, now);
  }
  assert.deepEqual(turns, [one, two, two, one, two, two].map(({ index }) => index));
  assert.equal(one.sched.cpuTime, 40e6);
  scheduler.setFlags(two, PauseFlag.DOMAIN_PAUSED);
  assert.equal(two.runState, 3);
  assert.equal(scheduler.pick(0), one.index);
  assert.equal(one.runState, 0);
  scheduler.block(one);
  scheduler.unpick(one.index, 1e6);
  assert.equal(one.runState, 2);
  assert.equal(scheduler.pick(0), NONE);
  assert.equal(machine.pcpus[0].mode, PcpuMode.IDLE);
  scheduler.wake(one);
  assert.equal(machine.pcpus[0].mode, PcpuMode.BUSY, "an idle pCPU is called");
  assert.equal(scheduler.pick(0), one.index);
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
  hog.sched.virtualRuntime = 100e6;
  const light = addDomain(machine, 2).vcpus[0];
  assert.equal(light.runState, 1);
  assert.equal(machine.pcpus[1].reschedule, 1);
  assert.notEqual(hog.domain.views.i32[hog.kickIndex], 0);
  assert.ok(other.scheduler.someoneWaits(hog.index));
});

Deno.test("timers come in order, and polls time out", () => {
  const machine = machineOn(buffer(), 0);
  const { scheduler } = machine;
  const domain = addDomain(machine, 1, 32);
  const deadlines = domain.vcpus.map((_, id) => ((id * 7919) % 97) * 1000 + 1);
  domain.vcpus.forEach((vcpu, id) => scheduler.setSingleshot(vcpu, 1e9 + id));
  domain.vcpus.forEach((vcpu, id) => scheduler.setSingleshot(vcpu, deadlines[id]));
  scheduler.setSingleshot(domain.vcpus[3], Infinity);
  const expected = deadlines.filter((_, id) => id !== 3).sort((a, b) => a - b);
  const fired: number[] = [];
  while (scheduler.nextDeadline() < Infinity) {
    const now = scheduler.nextDeadline();
    for (const { vcpuId } of scheduler.takeDueTimers(now)) fired.push(deadlines[vcpuId]);
  }
  assert.deepEqual(fired, expected);
  while (scheduler.pick(0) !== NONE) { /* all are on pCPUs */ }
  const poller = domain.vcpus[0];
  poller.sched.pcpu = NONE;
  scheduler.poll(poller, 500);
  assert.equal(poller.runState, 2);
  assert.deepEqual(scheduler.takeDueTimers(499), []);
  assert.deepEqual(scheduler.takeDueTimers(500), []);
  assert.equal(poller.sched.pollTimedOut, 1);
  assert.equal(scheduler.pick(501), poller.index);
  scheduler.poll(poller, 900);
  scheduler.wake(poller);
  assert.equal(poller.sched.pollTimedOut, 0);
  assert.equal(scheduler.nextDeadline(), Infinity, "an event ends the poll's timeout");
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
