/**
 * The credit scheduler over the runnable vCPUs of all domains (xen/common/sched/credit.c), in shared memory: any thread may wake, block and pause vCPUs,
 * any pCPU takes the one that should run. There is one run queue, so an idle pCPU need not look for others' work to steal: it takes what waits.
 *
 * A running vCPU burns credits, and those that run or want to earn them by weight every 30 ms. Who has some left (UNDER) goes before those who are OVER; one
 * that wakes with some left is BOOSTed before both until a tick finds it running. Within a priority it is first come, first served, in slices of 30 ms.
 */
import { Accounting } from "./accounting.ts";
import {
  ALL_CPUS,
  type CpuMask,
  DEFAULT_WEIGHT,
  maskHas,
  Priority,
  RATELIMIT,
  TICK,
  TIME_SLICE,
} from "./credit.ts";
import { MACHINE, MAX_VCPUS, NONE, PauseFlag, PcpuMode, SchedVcpu } from "./layout.ts";
import type { Lock } from "./lock.ts";
import type { Machine } from "./machine.ts";
import { RunQueue, type SchedEntry } from "./run_queue.ts";
import { MILLISECOND } from "./time.ts";
import { Runstate, type Vcpu } from "./vcpu.ts";
import { VcpuTimers } from "./vcpu_timers.ts";

/** PV vCPUs begin with a periodic timer of 10 ms (Xen: pv_vcpu_initialise). */
const DEFAULT_PERIOD = 10 * MILLISECOND;

export class Scheduler {
  readonly timers: VcpuTimers;
  readonly #entries: SchedEntry[] = [];
  /** Under the lock. */
  readonly queue: RunQueue;
  readonly accounting: Accounting;
  /** Of the vCPU that runs on this thread's pCPU. */
  #pickedAt = 0;
  #sliceEnd = 0;
  #nextTick = 0;

  constructor(private readonly machine: Machine, readonly lock: Lock) {
    const entry = (index: number) => this.entry(index);
    this.queue = new RunQueue(machine, entry);
    this.accounting = new Accounting(machine, lock, this.queue, entry);
    this.timers = new VcpuTimers(machine, this);
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
          entry.activeSlot =
            NONE;
        entry.pollTimedOut = entry.yielded = entry.waited = 0;
        entry.weight = DEFAULT_WEIGHT;
        entry.cap = 0;
        entry.priority = Priority.UNDER;
        entry.credit = 0;
        entry.hardLo = entry.softLo = ALL_CPUS.lo;
        entry.hardHi = entry.softHi = ALL_CPUS.hi;
        entry.cpuTime =
          entry.withheld =
          entry.unsettled =
          entry.ranSince =
          entry.queuedSince =
            0;
        entry.switches =
          entry.migrations =
          entry.wakes =
          entry.parks =
            0;
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
      this.queue.delete(index);
      this.accounting.forget(index);
      this.timers.remove(index);
      this.machine.header.departedTime += entry.cpuTime - entry.withheld;
      entry.owner = 0;
    });
  }

  // ---- pause flags

  /** Sets flags; a running vCPU goes off its pCPU at its next exit (it is kicked). */
  setFlags(vcpu: Vcpu, flags: number): void {
    this.lock.acquire();
    const entry = vcpu.sched;
    entry.flags |= flags;
    this.queue.delete(vcpu.index);
    const elsewhere = entry.pcpu !== NONE && entry.pcpu !== this.machine.pcpu;
    this.lock.release();
    if (elsewhere) this.machine.kickVcpu(vcpu);
  }

  /** Clears flags; a vCPU that has none left wakes: it is queued, and boosted when it has credits. */
  clearFlags(vcpu: Vcpu, flags: number): void {
    this.lock.acquire();
    const entry = vcpu.sched;
    if ((entry.flags & flags) !== 0) {
      entry.flags &= ~flags;
      if ((flags & PauseFlag.POLL) !== 0) this.timers.setPollDeadline(vcpu.index, Infinity);
      this.queue.wake(vcpu.index, this.machine.clock.peek(), vcpu);
    }
    this.lock.release();
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
    this.timers.setPollDeadline(vcpu.index, deadline);
    this.lock.release();
  }

  /** Unblocks (SCHEDOP_block, SCHEDOP_poll). A vCPU that runs elsewhere is kicked so that it looks for events. */
  wake(vcpu: Vcpu): void {
    this.clearFlags(vcpu, PauseFlag.BLOCKED | PauseFlag.POLL);
    const { pcpu } = vcpu.sched;
    if (pcpu !== NONE && pcpu !== this.machine.pcpu) this.machine.kickVcpu(vcpu);
  }

  /** SCHEDOP_yield: goes behind everyone who waits now, whatever their priority. */
  yield(vcpu: Vcpu): void {
    this.lock.acquire();
    const { pcpu } = vcpu.sched;
    if (pcpu !== NONE && this.queue.best(pcpu) !== NONE) {
      vcpu.sched.yielded = 1;
      this.machine.pcpus[pcpu].reschedule = 1;
    }
    this.lock.release();
  }

  // ---- parameters

  /** XEN_DOMCTL_SCHEDOP_putinfo: of all vCPUs of a domain. @param cap per cent of a pCPU, 0: none */
  setParameters(vcpus: readonly Vcpu[], weight: number, cap: number): void {
    this.lock.with(() => {
      for (const vcpu of vcpus) {
        const entry = vcpu.sched;
        entry.weight = weight;
        entry.cap = cap;
        if (cap === 0 && this.accounting.unpark(entry)) {
          this.queue.enqueue(vcpu.index, this.machine.clock.peek());
        }
      }
    });
  }

  /** XEN_DOMCTL_setvcpuaffinity. Takes effect at once. */
  setAffinity(vcpu: Vcpu, hard: CpuMask, soft: CpuMask): void {
    this.lock.with(() => {
      const entry = vcpu.sched;
      [entry.hardLo, entry.hardHi, entry.softLo, entry.softHi] = [hard.lo, hard.hi, soft.lo, soft.hi];
      if (entry.pcpu !== NONE) {
        if (maskHas(hard.lo, hard.hi, entry.pcpu)) return;
        this.machine.pcpus[entry.pcpu].reschedule = 1;
        if (entry.pcpu !== this.machine.pcpu) this.machine.kickVcpu(vcpu);
      } else if (entry.queued !== NONE) this.queue.tickle(vcpu.index);
    });
  }

  /** Who waits for a pCPU, those first who go first. */
  waiting(): SchedEntry[] {
    return this.lock.with(() => {
      const entries = Array.from(
        { length: this.queue.size },
        (_, place) => this.entry(this.queue.at(place)),
      );
      return entries.sort((a, b) => b.priority - a.priority || a.queuedSince - b.queuedSince);
    });
  }

  // ---- pCPUs

  /** Puts the vCPU that should run next on this pCPU. @returns its index, or NONE (the pCPU is idle now, until `sleepsUntil`) */
  pick(now: number): number {
    const { machine } = this;
    this.lock.acquire();
    const pcpu = machine.pcpus[machine.pcpu];
    pcpu.reschedule = 0;
    const best = this.queue.best(machine.pcpu);
    if (best === NONE) {
      pcpu.mode = PcpuMode.IDLE;
      pcpu.vcpu = NONE;
      pcpu.sleepsUntil = this.#sleepDeadline();
    } else {
      const entry = this.entry(best);
      this.queue.delete(best);
      // Those who gave way have done so now, and those who were left to this pCPU look for another.
      for (let place = 0; place < this.queue.size; place++) {
        const waiting = this.entry(this.queue.at(place));
        waiting.yielded = 0;
        const isChoosy = (waiting.softLo & waiting.softHi) !== -1;
        if (isChoosy && maskHas(waiting.softLo, waiting.softHi, machine.pcpu)) {
          this.queue.tickle(this.queue.at(place));
        }
      }
      entry.yielded = 0;
      // A pCPU that comes from idle has no tick behind it.
      if (pcpu.mode === PcpuMode.IDLE || this.#nextTick === 0) this.#nextTick = nextTick(now);
      pcpu.mode = PcpuMode.BUSY;
      pcpu.vcpu = best;
      pcpu.switches++;
      entry.switches++;
      if (entry.lastPcpu !== machine.pcpu && entry.lastPcpu !== NONE) entry.migrations++;
      entry.pcpu = entry.lastPcpu = machine.pcpu;
      entry.ranSince = this.#pickedAt = now;
      this.#sliceEnd = now + TIME_SLICE;
    }
    this.lock.release();
    return best;
  }

  /** One idle pCPU waits for the next timer or accounting; the others sleep until they are woken. */
  #sleepDeadline(): number {
    const { machine } = this;
    const { header } = machine;
    const next = Math.min(this.timers.next(), header.parked > 0 ? header.nextAccounting : Infinity);
    for (let index = 0; index < header.pcpus; index++) {
      const other = machine.pcpus[index];
      if (index !== machine.pcpu && other.mode === PcpuMode.IDLE && other.sleepsUntil <= next) {
        return Infinity;
      }
    }
    return next;
  }

  /** When the vCPU that runs here must be looked at again: its tick, the end of its slice, a timer. */
  boundary(): number {
    return Math.min(this.#sliceEnd, this.#nextTick, this.timers.next());
  }

  /** A look at the vCPU that runs here: burns its credits, at each tick and at the end of its slice. @returns whether another should run instead */
  look(index: number, now: number): boolean {
    if (now < this.#nextTick && now < this.#sliceEnd) return false;
    this.lock.acquire();
    this.#book(index, now);
    const isOver = now >= this.#sliceEnd;
    const leaves = this.queue.someoneWaits(index, isOver);
    if (isOver && !leaves) this.#sliceEnd = now + TIME_SLICE;
    this.lock.release();
    return leaves;
  }

  /** Books what the vCPU ran; at a tick more than that. */
  #book(index: number, now: number): void {
    if (now < this.#nextTick) return this.accounting.burn(index, now);
    this.#nextTick = nextTick(now);
    this.accounting.tick(index, now);
  }

  /** Until when a waking vCPU may not take this pCPU (Xen's ratelimit): the one that runs had it for too short a time. */
  protectedUntil(index: number): number {
    const entry = this.entry(index);
    const leaves = entry.yielded !== 0 || !maskHas(entry.hardLo, entry.hardHi, this.machine.pcpu);
    return leaves ? 0 : this.#pickedAt + RATELIMIT;
  }

  /** Takes a vCPU off this pCPU; it is queued again when it is runnable. @param vcpu when it is known here */
  unpick(index: number, now: number, vcpu?: Vcpu): void {
    this.lock.acquire();
    this.#book(index, now);
    const entry = this.entry(index);
    entry.pcpu = NONE;
    this.machine.pcpus[this.machine.pcpu].vcpu = NONE;
    // One that sleeps through every tick is found by what it burned.
    if (entry.credit < 0 && entry.activeSlot === NONE) this.accounting.activate(index, now);
    if (entry.flags === 0) {
      this.queue.enqueue(index, now);
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
        if (entry.flags === 0) this.queue.enqueue(index, this.machine.clock.peek());
      }
      return index;
    });
  }
}

/** Ticks of all pCPUs come at the same times. */
function nextTick(now: number): number {
  return now - now % TICK + TICK;
}
