/** The timers of all vCPUs: single-shot timers and the timeouts of SCHEDOP_poll, in one heap in shared memory. Under the scheduler's lock. */
import { SharedHeap } from "./heap.ts";
import { MACHINE, PauseFlag } from "./layout.ts";
import type { Machine } from "./machine.ts";
import type { SchedEntry } from "./run_queue.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Vcpu } from "./vcpu.ts";

export class VcpuTimers {
  readonly #heap: SharedHeap;

  constructor(private readonly machine: Machine, private readonly scheduler: Scheduler) {
    this.#heap = new SharedHeap(
      machine.views.i32,
      MACHINE.heap >>> 2,
      () => machine.header.heapLength,
      (length) => machine.header.heapLength = length,
      (index) => scheduler.entry(index).deadline,
      (index, slot) => scheduler.entry(index).timerSlot = slot,
    );
  }

  /** set_timer_op and VCPUOP_set_singleshot_timer: system time, Infinity: off. */
  setSingleshot(vcpu: Vcpu, deadline: number): void {
    const { lock } = this.scheduler;
    lock.acquire();
    this.#set(vcpu.index, deadline, vcpu.sched.pollDeadline);
    lock.release();
  }

  /** VCPUOP_set_periodic_timer; nanoseconds, 0: off. */
  setPeriodic(vcpu: Vcpu, period: number): void {
    const { lock } = this.scheduler;
    lock.acquire();
    vcpu.sched.periodicPeriod = period;
    lock.release();
  }

  /** The timeout of a poll, Infinity: none. The caller holds the lock. */
  setPollDeadline(index: number, deadline: number): void {
    this.#set(index, this.scheduler.entry(index).singleshot, deadline);
  }

  /** The caller holds the lock. */
  remove(index: number): void {
    this.#heap.remove(this.scheduler.entry(index).timerSlot);
  }

  /** When the next one is due. */
  next(): number {
    return this.machine.header.heapLength === 0 ? Infinity : this.#heap.topKey();
  }

  /** Takes those that are due. A poll that timed out is unblocked here; vCPUs whose single-shot timer is due are returned: they get VIRQ_TIMER. */
  takeDue(now: number): SchedEntry[] {
    const due: SchedEntry[] = [];
    if (this.next() > now) return due;
    const { scheduler, machine } = this;
    scheduler.lock.acquire();
    while (this.next() <= now) {
      const index = this.#heap.top();
      const entry = scheduler.entry(index);
      const { singleshot, pollDeadline } = entry;
      machine.header.timersFired++;
      this.#set(
        index,
        singleshot <= now ? Infinity : singleshot,
        pollDeadline <= now ? Infinity : pollDeadline,
      );
      if (singleshot <= now) due.push(entry);
      if (pollDeadline <= now && (entry.flags & PauseFlag.POLL) !== 0) {
        entry.pollTimedOut = 1;
        entry.flags &= ~(PauseFlag.BLOCKED | PauseFlag.POLL);
        scheduler.queue.wake(index, now);
      }
    }
    scheduler.lock.release();
    return due;
  }

  #set(index: number, singleshot: number, poll: number): void {
    const entry = this.scheduler.entry(index);
    entry.singleshot = singleshot;
    entry.pollDeadline = poll;
    entry.deadline = Math.min(singleshot, poll);
    if (entry.deadline === Infinity) this.#heap.remove(entry.timerSlot);
    else this.#heap.place(index, entry.timerSlot);
  }
}
