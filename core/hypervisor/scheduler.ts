/**
 * A fair scheduler over the runnable vCPUs of all domains, in shared memory: any thread may wake, block and pause vCPUs, any pCPU takes the one that
 * has had the least processor time for its weight. There is one run queue, so an idle pCPU has nothing to steal: it takes what waits.
 */
import { MACHINE, MAX_VCPUS, NONE, PauseFlag, PcpuMode, SchedVcpu } from "./layout.ts";
import type { Lock } from "./lock.ts";
import type { Machine } from "./machine.ts";
import { SharedHeap } from "./heap.ts";
import { MILLISECOND } from "./time.ts";
import type { View } from "./struct.ts";
import { Runstate, type Vcpu } from "./vcpu.ts";

/** Longest time a vCPU runs while others wait. */
export const TIME_SLICE = 10 * MILLISECOND;
/** How much less a vCPU must have run before it takes a pCPU away from another when it wakes. */
const WAKE_MARGIN = MILLISECOND;
const DEFAULT_WEIGHT = 256;
/** PV vCPUs begin with a periodic timer of 10 ms (Xen: pv_vcpu_initialise). */
const DEFAULT_PERIOD = 10 * MILLISECOND;

export type SchedEntry = View<typeof SchedVcpu.fields>;

export class Scheduler {
  readonly #entries: SchedEntry[] = [];
  readonly #queue = MACHINE.queue >>> 2;
  readonly #words: Int32Array;
  readonly #timers: SharedHeap;

  constructor(private readonly machine: Machine, readonly lock: Lock) {
    this.#words = machine.views.i32;
    this.#timers = new SharedHeap(
      machine.views.i32,
      MACHINE.heap >>> 2,
      () => machine.header.heapLength,
      (length) => machine.header.heapLength = length,
      (index) => this.entry(index).deadline,
      (index, slot) => this.entry(index).timerSlot = slot,
    );
  }

  /** The table entry of a vCPU. */
  entry(index: number): SchedEntry {
    return this.#entries[index] ??= SchedVcpu.view(
      this.machine.views,
      MACHINE.vcpus + index * SchedVcpu.size,
    );
  }

  // ---- the vCPU table

  /** Enters a vCPU, down and with its domain paused. @returns its index. @throws RangeError when the table is full */
  add(domid: number, vcpuId: number): number {
    return this.lock.with(() => {
      const { header } = this.machine;
      for (let index = 0; index < MAX_VCPUS; index++) {
        const entry = this.entry(index);
        if (entry.owner !== 0) continue;
        header.vcpuSlots = Math.max(header.vcpuSlots, index + 1);
        entry.owner = domid + 1;
        entry.vcpuId = vcpuId;
        entry.flags = PauseFlag.DOWN | PauseFlag.DOMAIN_PAUSED;
        entry.pcpu =
          entry.lastPcpu =
          entry.queued =
          entry.timerSlot =
            NONE;
        entry.pollTimedOut = 0;
        entry.weight = DEFAULT_WEIGHT;
        entry.cap = 0;
        entry.virtualRuntime = header.virtualNow;
        entry.cpuTime = entry.ranSince = 0;
        entry.singleshot = entry.pollDeadline = entry.deadline = Infinity;
        entry.periodicPeriod = DEFAULT_PERIOD;
        entry.periodicLast = 0;
        return index;
      }
      throw new RangeError(`no room for more than ${MAX_VCPUS} vCPUs`);
    });
  }

  /** Frees a vCPU's slot. It must not be running. */
  remove(index: number): void {
    this.lock.with(() => {
      const entry = this.entry(index);
      if (entry.pcpu !== NONE) throw new Error(`vCPU slot ${index} removed while it runs`);
      this.#dequeue(index);
      this.#timers.remove(entry.timerSlot);
      entry.owner = 0;
    });
  }

  // ---- pause flags

  /** Sets flags; a running vCPU goes off its pCPU at its next exit (it is kicked). */
  setFlags(vcpu: Vcpu, flags: number): void {
    this.lock.acquire();
    const entry = vcpu.sched;
    entry.flags |= flags;
    this.#dequeue(vcpu.index);
    const elsewhere = entry.pcpu !== NONE && entry.pcpu !== this.machine.pcpu;
    this.lock.release();
    if (elsewhere) this.machine.kickVcpu(vcpu);
  }

  /** Clears flags; a vCPU that has none left is queued. */
  clearFlags(vcpu: Vcpu, flags: number): void {
    this.lock.acquire();
    const entry = vcpu.sched;
    let preempted: Vcpu | undefined;
    if ((entry.flags & flags) !== 0) {
      entry.flags &= ~flags;
      if ((flags & PauseFlag.POLL) !== 0) this.#setDeadlines(vcpu.index, entry.singleshot, Infinity);
      preempted = this.#enqueueIfRunnable(vcpu.index);
      if (entry.queued !== NONE) vcpu.enterRunstate(Runstate.runnable, this.machine.clock.peek());
    }
    this.lock.release();
    if (preempted !== undefined) this.machine.kickVcpu(preempted);
  }

  /**
   * SCHEDOP_block for a running vCPU. The caller looks for deliverable events afterwards and calls `wake` when there are some: that closes the race
   * with an event that came in between.
   */
  block(vcpu: Vcpu): void {
    this.setFlags(vcpu, PauseFlag.BLOCKED);
  }

  /** SCHEDOP_poll with a timeout in system time (Infinity: none); check the ports afterwards, as with `block`. */
  poll(vcpu: Vcpu, deadline: number): void {
    this.lock.acquire();
    const entry = vcpu.sched;
    entry.pollTimedOut = 0;
    entry.flags |= PauseFlag.BLOCKED | PauseFlag.POLL;
    this.#setDeadlines(vcpu.index, entry.singleshot, deadline);
    this.lock.release();
  }

  /** Unblocks (SCHEDOP_block, SCHEDOP_poll). A vCPU that runs elsewhere is kicked so that it looks for events. */
  wake(vcpu: Vcpu): void {
    this.clearFlags(vcpu, PauseFlag.BLOCKED | PauseFlag.POLL);
    const { pcpu } = vcpu.sched;
    if (pcpu !== NONE && pcpu !== this.machine.pcpu) this.machine.kickVcpu(vcpu);
  }

  /** SCHEDOP_yield: goes behind everyone who waits now. */
  yield(vcpu: Vcpu): void {
    this.lock.acquire();
    const { header } = this.machine;
    const entry = vcpu.sched;
    for (let place = 0; place < header.queueLength; place++) {
      const waiting = this.entry(this.#words[this.#queue + place]);
      entry.virtualRuntime = Math.max(entry.virtualRuntime, waiting.virtualRuntime + 1);
    }
    if (header.queueLength > 0 && entry.pcpu !== NONE) this.machine.pcpus[entry.pcpu].reschedule = 1;
    this.lock.release();
  }

  // ---- timers

  /** set_timer_op and VCPUOP_set_singleshot_timer: system time, Infinity: off. */
  setSingleshot(vcpu: Vcpu, deadline: number): void {
    this.lock.acquire();
    this.#setDeadlines(vcpu.index, deadline, vcpu.sched.pollDeadline);
    this.lock.release();
  }

  /** VCPUOP_set_periodic_timer; nanoseconds, 0: off. */
  setPeriodic(vcpu: Vcpu, period: number): void {
    this.lock.acquire();
    vcpu.sched.periodicPeriod = period;
    this.lock.release();
  }

  /** When the next timer of any vCPU is due. */
  nextDeadline(): number {
    const { header } = this.machine;
    return header.heapLength === 0 ? Infinity : this.#timers.topKey();
  }

  /**
   * Takes the timers that are due. A poll that timed out is unblocked here; vCPUs whose single-shot timer is due are returned: they get VIRQ_TIMER.
   */
  takeDueTimers(now: number): SchedEntry[] {
    const due: SchedEntry[] = [];
    if (this.nextDeadline() > now) return due;
    const preempted: Vcpu[] = [];
    this.lock.acquire();
    while (this.nextDeadline() <= now) {
      const index = this.#timers.top();
      const entry = this.entry(index);
      const { singleshot, pollDeadline } = entry;
      this.machine.header.timersFired++;
      this.#setDeadlines(
        index,
        singleshot <= now ? Infinity : singleshot,
        pollDeadline <= now ? Infinity : pollDeadline,
      );
      if (singleshot <= now) due.push(entry);
      if (pollDeadline <= now && (entry.flags & PauseFlag.POLL) !== 0) {
        entry.pollTimedOut = 1;
        entry.flags &= ~(PauseFlag.BLOCKED | PauseFlag.POLL);
        const victim = this.#enqueueIfRunnable(index);
        if (entry.queued !== NONE) {
          this.machine.attached(entry.owner - 1)?.vcpus[entry.vcpuId].enterRunstate(Runstate.runnable, now);
        }
        if (victim !== undefined) preempted.push(victim);
      }
    }
    this.lock.release();
    for (const victim of preempted) this.machine.kickVcpu(victim);
    return due;
  }

  #setDeadlines(index: number, singleshot: number, poll: number): void {
    const entry = this.entry(index);
    entry.singleshot = singleshot;
    entry.pollDeadline = poll;
    entry.deadline = Math.min(singleshot, poll);
    if (entry.deadline === Infinity) this.#timers.remove(entry.timerSlot);
    else this.#timers.place(index, entry.timerSlot);
  }

  // ---- pCPUs

  /** Puts the vCPU that should run next on this pCPU. @returns its index, or NONE (the pCPU is idle now, until `sleepsUntil`) */
  pick(now: number): number {
    const { machine } = this;
    const { header } = machine;
    this.lock.acquire();
    const pcpu = machine.pcpus[machine.pcpu];
    pcpu.reschedule = 0;
    let best = NONE;
    for (let place = 0; place < header.queueLength; place++) {
      const index = this.#words[this.#queue + place];
      if (best === NONE || this.entry(index).virtualRuntime < this.entry(best).virtualRuntime) best = index;
    }
    if (best === NONE) {
      pcpu.mode = PcpuMode.IDLE;
      pcpu.vcpu = NONE;
      pcpu.sleepsUntil = this.#sleepDeadline();
    } else {
      const entry = this.entry(best);
      this.#dequeue(best);
      if (pcpu.mode === PcpuMode.IDLE) pcpu.mode = PcpuMode.BUSY;
      pcpu.vcpu = best;
      pcpu.switches++;
      entry.pcpu = entry.lastPcpu = machine.pcpu;
      entry.ranSince = now;
      header.virtualNow = Math.max(header.virtualNow, entry.virtualRuntime);
    }
    this.lock.release();
    return best;
  }

  /** One idle pCPU waits for the next timer; the others sleep until they are woken. */
  #sleepDeadline(): number {
    const next = this.nextDeadline();
    const { machine } = this;
    for (let index = 0; index < machine.header.pcpus; index++) {
      const other = machine.pcpus[index];
      if (index !== machine.pcpu && other.mode === PcpuMode.IDLE && other.sleepsUntil <= next) {
        return Infinity;
      }
    }
    return next;
  }

  /** Books the time since the last booking to the vCPU that runs here. */
  account(index: number, now: number): void {
    const entry = this.entry(index);
    const ran = Math.max(0, now - entry.ranSince);
    entry.ranSince = now;
    entry.cpuTime += ran;
    entry.virtualRuntime += ran * DEFAULT_WEIGHT / entry.weight;
  }

  /** Takes a vCPU off this pCPU; it is queued again when it is runnable. @param vcpu when it is known here */
  unpick(index: number, now: number, vcpu?: Vcpu): void {
    this.lock.acquire();
    this.account(index, now);
    const entry = this.entry(index);
    entry.pcpu = NONE;
    this.machine.pcpus[this.machine.pcpu].vcpu = NONE;
    if (entry.flags === 0) {
      this.#append(index);
      // It may have been woken after it was booked as blocked.
      vcpu?.enterRunstate(Runstate.runnable, now);
    }
    this.lock.release();
  }

  /** Main thread, after a pCPU's worker died: nothing runs there any more. @returns the vCPU that did, or NONE */
  abandon(pcpuIndex: number): number {
    return this.lock.with(() => {
      const pcpu = this.machine.pcpus[pcpuIndex];
      const index = pcpu.vcpu;
      pcpu.mode = PcpuMode.OFFLINE;
      pcpu.vcpu = NONE;
      if (index !== NONE) {
        const entry = this.entry(index);
        entry.pcpu = NONE;
        if (entry.flags === 0) this.#append(index);
      }
      return index;
    });
  }

  /** True when a vCPU waits that should run before this one does for another slice. */
  someoneWaits(index: number): boolean {
    const { header } = this.machine;
    if (header.queueLength === 0) return false;
    const mine = this.entry(index).virtualRuntime;
    this.lock.acquire();
    let waits = false;
    for (let place = 0; place < header.queueLength && !waits; place++) {
      waits = this.entry(this.#words[this.#queue + place]).virtualRuntime < mine;
    }
    this.lock.release();
    return waits;
  }

  // ---- the run queue (lock held)

  #append(index: number): void {
    const { header } = this.machine;
    const place = header.queueLength++;
    this.#words[this.#queue + place] = index;
    this.entry(index).queued = place;
  }

  #dequeue(index: number): void {
    const entry = this.entry(index);
    const place = entry.queued;
    if (place === NONE) return;
    const { header } = this.machine;
    const last = this.#words[this.#queue + --header.queueLength];
    this.#words[this.#queue + place] = last;
    this.entry(last).queued = place;
    entry.queued = NONE;
  }

  /** @returns the vCPU to kick, when the woken one should run instead of it */
  #enqueueIfRunnable(index: number): Vcpu | undefined {
    const entry = this.entry(index);
    if (entry.flags !== 0 || entry.pcpu !== NONE || entry.queued !== NONE) return undefined;
    const { machine } = this;
    // A sleeper gets at most one slice of credit for its sleep.
    entry.virtualRuntime = Math.max(entry.virtualRuntime, machine.header.virtualNow - TIME_SLICE);
    this.#append(index);
    let idle = NONE, victim = NONE, most = entry.virtualRuntime + WAKE_MARGIN;
    for (let number = 0; number < machine.header.pcpus; number++) {
      const pcpu = machine.pcpus[number];
      if (pcpu.mode === PcpuMode.IDLE) {
        if (idle === NONE || number === entry.lastPcpu) idle = number;
      } else if (pcpu.vcpu !== NONE && pcpu.reschedule === 0) {
        const running = this.entry(pcpu.vcpu);
        const reached = running.virtualRuntime + (machine.clock.peek() - running.ranSince);
        if (reached > most) {
          most = reached;
          victim = number;
        }
      }
    }
    if (idle !== NONE) {
      machine.pcpus[idle].mode = PcpuMode.BUSY;
      machine.wakePcpu(idle);
      return undefined;
    }
    if (victim === NONE) return undefined;
    const pcpu = machine.pcpus[victim];
    pcpu.reschedule = 1;
    machine.header.preemptions++;
    if (victim === machine.pcpu) return undefined;
    const running = this.entry(pcpu.vcpu);
    return machine.attached(running.owner - 1)?.vcpus[running.vcpuId];
  }
}
