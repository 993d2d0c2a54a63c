/**
 * The vCPUs that wait for a pCPU, in shared memory, and who of them goes first. One queue for all pCPUs: an idle one takes what waits and has no other's
 * work to steal. The caller holds the scheduler's lock.
 */
import { maskHas, Priority, TIME_SLICE } from "./credit.ts";
import { IndexSet } from "./index_set.ts";
import { MACHINE, NONE, PcpuMode, type SchedVcpu } from "./layout.ts";
import type { Machine } from "./machine.ts";
import type { View } from "./struct.ts";
import { Runstate, type Vcpu } from "./vcpu.ts";

/** How much longer than its peers a vCPU waits for the pCPU that it ran on last, and for one of its soft affinity. */
const MOVE_DELAY = TIME_SLICE / 3;
const SOFT_DELAY = 2 * TIME_SLICE;
/** A vCPU that did not wait for so many periods has all that it can use: it saves no more. */
const WAITED_PERIODS = 33;

/** What the machine's table has of a vCPU. */
export type SchedEntry = View<typeof SchedVcpu.fields>;

export class RunQueue {
  readonly #set: IndexSet;

  constructor(private readonly machine: Machine, private readonly entry: (index: number) => SchedEntry) {
    const { header, views } = machine;
    this.#set = new IndexSet(
      views.i32,
      MACHINE.queue >>> 2,
      () => header.queueLength,
      (length) => header.queueLength = length,
      (index) => this.entry(index).queued,
      (index, place) => this.entry(index).queued = place,
    );
  }

  get size(): number {
    return this.#set.size;
  }

  /** The index of the vCPU at a place, in no order. */
  at(place: number): number {
    return this.#set.at(place);
  }

  delete(index: number): void {
    this.#set.delete(index);
  }

  /** Queues a vCPU that nothing keeps from running any more, boosted when it has credits left. */
  wake(index: number, now: number, vcpu?: Vcpu): void {
    const entry = this.entry(index);
    if (entry.flags !== 0 || entry.pcpu !== NONE || entry.queued !== NONE) return;
    if (entry.priority === Priority.UNDER && entry.credit >= 0) entry.priority = Priority.BOOST;
    entry.wakes++;
    this.enqueue(index, now);
    (vcpu ?? this.#known(index))?.enterRunstate(Runstate.runnable, now);
  }

  enqueue(index: number, now: number): void {
    const entry = this.entry(index);
    if (entry.flags !== 0 || entry.pcpu !== NONE || entry.queued !== NONE) return;
    entry.queuedSince = now;
    entry.waited = WAITED_PERIODS;
    this.#set.add(index);
    this.tickle(index);
  }

  /** Calls a pCPU that should run what has come into the queue: an idle one, or the one that runs the lowest priority. */
  tickle(index: number): void {
    const { machine } = this;
    const entry = this.entry(index);
    let idle = NONE, idleRank = -1, victim = NONE, lowest: number = entry.priority;
    for (let number = 0; number < machine.header.pcpus; number++) {
      if (!maskHas(entry.hardLo, entry.hardHi, number)) continue;
      const pcpu = machine.pcpus[number];
      if (pcpu.mode === PcpuMode.IDLE) {
        // This one is awake already: a wake of another takes more than warm code saves, where a guest does little each time. Then where it ran last.
        const rank = (maskHas(entry.softLo, entry.softHi, number) ? 4 : 0) +
          (number === machine.pcpu ? 2 : 0) + (number === entry.lastPcpu ? 1 : 0);
        if (rank > idleRank) [idle, idleRank] = [number, rank];
      } else if (pcpu.vcpu !== NONE && pcpu.reschedule === 0) {
        const { priority } = this.entry(pcpu.vcpu);
        if (priority < lowest || (victim !== NONE && priority === lowest && number === entry.lastPcpu)) {
          [victim, lowest] = [number, priority];
        }
      }
    }
    if (idle !== NONE) {
      machine.pcpus[idle].mode = PcpuMode.BUSY;
      if (idle !== machine.pcpu) machine.wakePcpu(idle);
    } else if (victim !== NONE) {
      machine.pcpus[victim].reschedule = 1;
      machine.header.preemptions++;
      if (victim !== machine.pcpu) this.kick(machine.pcpus[victim].vcpu);
    }
  }

  /** Who should run next on a pCPU, of those who wait and may; NONE: nobody. */
  best(pcpu: number): number {
    let best = NONE, bestRank = 0, bestSince = 0;
    for (let place = 0; place < this.#set.size; place++) {
      const index = this.#set.at(place);
      const entry = this.entry(index);
      if (!maskHas(entry.hardLo, entry.hardHi, pcpu)) continue;
      const rank = entry.yielded !== 0 ? Priority.OVER - 1 : entry.priority;
      let since = entry.queuedSince;
      if (entry.lastPcpu !== pcpu && entry.lastPcpu !== NONE) since += MOVE_DELAY;
      if (!maskHas(entry.softLo, entry.softHi, pcpu)) {
        if (this.#isExpected(entry)) continue;
        since += SOFT_DELAY;
      }
      if (best !== NONE && (rank < bestRank || (rank === bestRank && since >= bestSince))) continue;
      [best, bestRank, bestSince] = [index, rank, since];
    }
    return best;
  }

  /** True when a pCPU of its soft affinity was woken and has not looked yet. */
  #isExpected({ softLo, softHi, hardLo, hardHi }: SchedEntry): boolean {
    const { machine } = this;
    for (let number = 0; number < machine.header.pcpus; number++) {
      if (number === machine.pcpu || !maskHas(softLo & hardLo, softHi & hardHi, number)) continue;
      if (machine.pcpus[number].mode === PcpuMode.BUSY && machine.pcpus[number].vcpu === NONE) return true;
    }
    return false;
  }

  /** True when a vCPU waits that should have this pCPU instead of the one that runs here. @param isOver its slice is over: its equals too */
  someoneWaits(index: number, isOver: boolean): boolean {
    const best = this.#set.size === 0 ? NONE : this.best(this.machine.pcpu);
    if (best === NONE) return false;
    const difference = this.entry(best).priority - this.entry(index).priority;
    return isOver ? difference >= 0 : difference > 0;
  }

  #known(index: number): Vcpu | undefined {
    const { owner, vcpuId } = this.entry(index);
    return this.machine.attached(owner - 1)?.vcpus[vcpuId];
  }

  kick(index: number): void {
    const vcpu = this.#known(index);
    if (vcpu !== undefined) this.machine.kickVcpu(vcpu);
  }
}
