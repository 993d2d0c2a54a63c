/**
 * The credit scheduler over the runnable vCPUs of all domains (xen/common/sched/credit.c), in shared memory: any thread may wake, block and pause vCPUs,
 * any pCPU takes the one that should run. There is one run queue, so an idle pCPU need not look for others' work to steal: it takes what waits.
 *
 * A running vCPU burns credits, and those that run or want to earn them by weight every 30 ms. Who has some left (UNDER) goes before those who are OVER; one
 * that wakes with some left is BOOSTed before both until a tick finds it running. Within a priority it is first come, first served, in slices of 30 ms.
 */
import {
  ALL_CPUS,
  type Claim,
  creditsOf,
  DEFAULT_WEIGHT,
  fairShares,
  maskHas,
  MOST_CREDITS,
  Priority,
  RATELIMIT,
  SLICE_CREDITS,
  TICK,
  TIME_SLICE,
} from "./credit.ts";
import { MACHINE, MAX_VCPUS, NONE, PauseFlag, PcpuMode, SchedVcpu } from "./layout.ts";
import type { CpuMask } from "./credit.ts";
import type { Lock } from "./lock.ts";
import type { Machine } from "./machine.ts";
import { IndexSet } from "./index_set.ts";
import type { View } from "./struct.ts";
import { MILLISECOND } from "./time.ts";
import { Runstate, type Vcpu } from "./vcpu.ts";
import { VcpuTimers } from "./vcpu_timers.ts";

/** PV vCPUs begin with a periodic timer of 10 ms (Xen: pv_vcpu_initialise). */
const DEFAULT_PERIOD = 10 * MILLISECOND;
/** How much longer than its peers a vCPU waits for the pCPU that it ran on last, and for one of its soft affinity. */
const MOVE_DELAY = TIME_SLICE / 3;
const SOFT_DELAY = 2 * TIME_SLICE;
/** An accounting that comes late makes up for so many periods. */
const MOST_PERIODS = 10;
/** A vCPU that did not wait for so many periods has all that it can use: it saves no more. */
const WAITED_PERIODS = 33;

export type SchedEntry = View<typeof SchedVcpu.fields>;

export class Scheduler {
  readonly timers: VcpuTimers;
  readonly #entries: SchedEntry[] = [];
  readonly #queue: IndexSet;
  readonly #active: IndexSet;
  /** Of the vCPU that runs on this thread's pCPU. */
  #pickedAt = 0;
  #sliceEnd = 0;
  #nextTick = 0;

  constructor(private readonly machine: Machine, readonly lock: Lock) {
    const { header, views } = machine;
    this.#queue = new IndexSet(
      views.i32,
      MACHINE.queue >>> 2,
      () => header.queueLength,
      (length) => header.queueLength = length,
      (index) => this.entry(index).queued,
      (index, place) => this.entry(index).queued = place,
    );
    this.#active = new IndexSet(
      views.i32,
      MACHINE.active >>> 2,
      () => header.activeLength,
      (length) => header.activeLength = length,
      (index) => this.entry(index).activeSlot,
      (index, place) => this.entry(index).activeSlot = place,
    );
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
      this.#queue.delete(index);
      this.#active.delete(index);
      this.#unpark(entry);
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
    this.#queue.delete(vcpu.index);
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
      this.wakeEntry(vcpu.index, this.machine.clock.peek(), vcpu);
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
    if (pcpu !== NONE && this.#best(pcpu) !== NONE) {
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
        if (cap === 0 && this.#unpark(entry)) this.#enqueue(vcpu.index, this.machine.clock.peek());
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
      } else if (entry.queued !== NONE) this.#tickle(vcpu.index);
    });
  }

  /** Who waits for a pCPU, those first who go first. */
  waiting(): SchedEntry[] {
    return this.lock.with(() => {
      const entries = Array.from(
        { length: this.#queue.size },
        (_, place) => this.entry(this.#queue.at(place)),
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
    const best = this.#best(machine.pcpu);
    if (best === NONE) {
      pcpu.mode = PcpuMode.IDLE;
      pcpu.vcpu = NONE;
      pcpu.sleepsUntil = this.#sleepDeadline();
    } else {
      const entry = this.entry(best);
      this.#queue.delete(best);
      // Those who gave way have done so now, and those who were left to this pCPU look for another.
      for (let place = 0; place < this.#queue.size; place++) {
        const waiting = this.entry(this.#queue.at(place));
        waiting.yielded = 0;
        const isChoosy = (waiting.softLo & waiting.softHi) !== -1;
        if (isChoosy && maskHas(waiting.softLo, waiting.softHi, machine.pcpu)) {
          this.#tickle(this.#queue.at(place));
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
    if (now >= this.#nextTick) this.#tick(index, now);
    else this.#burn(index, now);
    const isOver = now >= this.#sliceEnd;
    const leaves = this.#someoneWaits(index, isOver);
    if (isOver && !leaves) this.#sliceEnd = now + TIME_SLICE;
    this.lock.release();
    return leaves;
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
    if (now >= this.#nextTick) this.#tick(index, now);
    else this.#burn(index, now);
    const entry = this.entry(index);
    entry.pcpu = NONE;
    this.machine.pcpus[this.machine.pcpu].vcpu = NONE;
    // One that sleeps through every tick is found by what it burned.
    if (entry.credit < 0 && entry.activeSlot === NONE) this.#activate(index, now);
    if (entry.flags === 0) {
      this.#enqueue(index, now);
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
        if (entry.flags === 0) this.#enqueue(index, this.machine.clock.peek());
      }
      return index;
    });
  }

  // ---- credits

  /** Every 30 ms of a machine with work: hands out credits, sets priorities, parks and releases vCPUs of capped domains. */
  accountWhenDue(now: number): void {
    const { header } = this.machine;
    if (header.activeLength === 0 || now < header.nextAccounting) return;
    this.lock.acquire();
    if (header.activeLength > 0 && now >= header.nextAccounting) this.#account(now);
    this.lock.release();
  }

  #account(now: number): void {
    const { header } = this.machine;
    const periods = Math.min(MOST_PERIODS, (now - header.accountedAt) / TIME_SLICE);
    header.accountedAt = now;
    header.nextAccounting = now + TIME_SLICE;
    header.accountings++;
    const members = Array.from({ length: this.#active.size }, (_, place) => this.#active.at(place));
    const capped = new Map<number, number>();
    for (const index of members) {
      const { cap, owner } = this.entry(index);
      if (cap !== 0) capped.set(owner, (capped.get(owner) ?? 0) + 1);
    }
    const claims = members.map((index): Claim => {
      const { weight, cap, owner, credit, flags, hardLo, hardHi } = this.entry(index);
      const cpus = { lo: hardLo, hi: hardHi };
      if (cap !== 0) return { weight, cpus, peak: capCredits(cap, capped.get(owner)) * periods, balance: 0 };
      // All of a pCPU, and its debts.
      const peak = SLICE_CREDITS * periods + Math.max(0, -credit);
      return { weight, cpus, peak, balance: flags === 0 ? credit : 0 };
    });
    const shares = fairShares(claims, header.pcpus, SLICE_CREDITS * periods);
    header.creditBalance = 0;
    members.forEach((index, at) => {
      const entry = this.entry(index);
      entry.credit += shares[at];
      if (entry.credit < 0) {
        entry.credit = Math.max(entry.credit, -MOST_CREDITS);
        entry.priority = Priority.OVER;
        this.#parkWhenSpent(index, capped.get(entry.owner));
      } else {
        if (entry.priority !== Priority.BOOST) entry.priority = Priority.UNDER;
        if (this.#unpark(entry)) this.#enqueue(index, now);
        if (entry.credit > SLICE_CREDITS && entry.flags !== 0) {
          // It saves and does not run: it earns no more, and begins a little ahead when it runs again.
          entry.credit /= 2;
          this.#active.delete(index);
        } else if (entry.waited === 0) {
          // It had all that it could use.
          entry.credit = Math.min(entry.credit, 2 * SLICE_CREDITS);
        } else entry.credit = Math.min(entry.credit, MOST_CREDITS);
      }
      if (entry.queued === NONE && entry.waited > 0) entry.waited--;
      header.creditBalance += entry.credit;
    });
  }

  /** Books the time since the last booking to the vCPU that runs here. */
  #burn(index: number, now: number): void {
    const entry = this.entry(index);
    const ran = Math.max(0, now - entry.ranSince);
    entry.ranSince = now;
    entry.cpuTime += ran;
    entry.credit -= creditsOf(ran);
    const { meter } = this.machine;
    if (meter === undefined) return;
    meter.bill(index, ran);
    entry.unsettled += ran;
  }

  /** Books what the host did not give of the time that was billed here. Credits stay as they are: who runs when goes by the clock. */
  settle(now: number): void {
    const { meter, pcpus, pcpu } = this.machine;
    if (meter === undefined) return;
    const settled = meter.settle(now);
    this.lock.with(() => {
      pcpus[pcpu].share = meter.share;
      for (const { vcpu, billed, withheld } of settled) {
        const entry = this.entry(vcpu);
        entry.withheld += withheld;
        entry.unsettled -= billed;
      }
    });
  }

  /** csched_unit_acct: what a tick finds running is no longer boosted, and earns credits. */
  #tick(index: number, now: number): void {
    const { header } = this.machine;
    const entry = this.entry(index);
    this.#nextTick = nextTick(now);
    this.#burn(index, now);
    if (entry.priority === Priority.BOOST) entry.priority = Priority.UNDER;
    this.#activate(index, now);
    if (now >= header.nextAccounting) this.#account(now);
    else this.#parkWhenSpent(index);
  }

  /** From now on it earns credits. */
  #activate(index: number, now: number): void {
    const { header } = this.machine;
    if (this.#active.size === 0) {
      header.accountedAt = now;
      header.nextAccounting = now + TIME_SLICE;
    }
    this.#active.add(index);
  }

  #parkWhenSpent(index: number, vcpus = 1): void {
    const entry = this.entry(index);
    if (entry.cap === 0 || entry.credit >= -capCredits(entry.cap, vcpus)) return;
    if ((entry.flags & PauseFlag.PARKED) !== 0) return;
    entry.flags |= PauseFlag.PARKED;
    entry.parks++;
    this.machine.header.parked++;
    this.#queue.delete(index);
    if (entry.pcpu !== NONE && entry.pcpu !== this.machine.pcpu) this.#kick(index);
  }

  /** @returns whether it was parked */
  #unpark(entry: SchedEntry): boolean {
    if ((entry.flags & PauseFlag.PARKED) === 0) return false;
    entry.flags &= ~PauseFlag.PARKED;
    this.machine.header.parked--;
    return true;
  }

  // ---- the run queue (lock held)

  /** Queues a vCPU that nothing keeps from running any more, boosted when it has credits left. */
  wakeEntry(index: number, now: number, vcpu?: Vcpu): void {
    const entry = this.entry(index);
    if (entry.flags !== 0 || entry.pcpu !== NONE || entry.queued !== NONE) return;
    if (entry.priority === Priority.UNDER && entry.credit >= 0) entry.priority = Priority.BOOST;
    entry.wakes++;
    this.#enqueue(index, now);
    (vcpu ?? this.#known(index))?.enterRunstate(Runstate.runnable, now);
  }

  #enqueue(index: number, now: number): void {
    const entry = this.entry(index);
    if (entry.flags !== 0 || entry.pcpu !== NONE || entry.queued !== NONE) return;
    entry.queuedSince = now;
    entry.waited = WAITED_PERIODS;
    this.#queue.add(index);
    this.#tickle(index);
  }

  /** Calls a pCPU that should run what has come into the queue: an idle one, or the one that runs the lowest priority. */
  #tickle(index: number): void {
    const { machine } = this;
    const entry = this.entry(index);
    let idle = NONE, idleRank = -1, victim = NONE, lowest: number = entry.priority;
    for (let number = 0; number < machine.header.pcpus; number++) {
      if (!maskHas(entry.hardLo, entry.hardHi, number)) continue;
      const pcpu = machine.pcpus[number];
      if (pcpu.mode === PcpuMode.IDLE) {
        // Where it ran last its code is warm, which is worth more than a wake of the other worker; this one is awake already.
        const rank = (maskHas(entry.softLo, entry.softHi, number) ? 4 : 0) +
          (number === entry.lastPcpu ? 2 : 0) + (number === machine.pcpu ? 1 : 0);
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
      if (victim !== machine.pcpu) this.#kick(machine.pcpus[victim].vcpu);
    }
  }

  /** Who should run next on a pCPU, of those who wait and may; NONE: nobody. */
  #best(pcpu: number): number {
    let best = NONE, bestRank = 0, bestSince = 0;
    for (let place = 0; place < this.#queue.size; place++) {
      const index = this.#queue.at(place);
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
  #someoneWaits(index: number, isOver: boolean): boolean {
    const best = this.#queue.size === 0 ? NONE : this.#best(this.machine.pcpu);
    if (best === NONE) return false;
    const difference = this.entry(best).priority - this.entry(index).priority;
    return isOver ? difference >= 0 : difference > 0;
  }

  #known(index: number): Vcpu | undefined {
    const { owner, vcpuId } = this.entry(index);
    return this.machine.attached(owner - 1)?.vcpus[vcpuId];
  }

  #kick(index: number): void {
    const vcpu = this.#known(index);
    if (vcpu !== undefined) this.machine.kickVcpu(vcpu);
  }
}

/** Ticks of all pCPUs come at the same times. */
function nextTick(now: number): number {
  return now - now % TICK + TICK;
}

/** What a vCPU of a capped domain may earn in a slice, of `vcpus` active ones. */
function capCredits(cap: number, vcpus = 1): number {
  return Math.min(SLICE_CREDITS, cap / 100 * SLICE_CREDITS / vcpus);
}
