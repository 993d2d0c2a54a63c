/**
 * Credits: what vCPUs burn, what they earn by weight every 30 ms, what capped ones may have (xen/common/sched/credit.c, csched_acct). But for what is
 * said to take the scheduler's lock, the caller holds it.
 */
import {
  type Claim,
  creditsOf,
  fairShares,
  MOST_CREDITS,
  Priority,
  SLICE_CREDITS,
  TIME_SLICE,
} from "./credit.ts";
import { IndexSet } from "./index_set.ts";
import { MACHINE, NONE, PauseFlag } from "./layout.ts";
import type { Lock } from "./lock.ts";
import type { Machine } from "./machine.ts";
import type { RunQueue, SchedEntry } from "./run_queue.ts";

/** An accounting that comes late makes up for so many periods. */
const MOST_PERIODS = 10;

export class Accounting {
  /** Those who earn. */
  readonly #active: IndexSet;

  constructor(
    private readonly machine: Machine,
    private readonly lock: Lock,
    private readonly queue: RunQueue,
    private readonly entry: (index: number) => SchedEntry,
  ) {
    const { header, views } = machine;
    this.#active = new IndexSet(
      views.i32,
      MACHINE.active >>> 2,
      () => header.activeLength,
      (length) => header.activeLength = length,
      (index) => this.entry(index).activeSlot,
      (index, place) => this.entry(index).activeSlot = place,
    );
  }

  /** A vCPU that is gone. */
  forget(index: number): void {
    this.#active.delete(index);
    this.unpark(this.entry(index));
  }

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
        if (this.unpark(entry)) this.queue.enqueue(index, now);
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
  burn(index: number, now: number): void {
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
  tick(index: number, now: number): void {
    const { header } = this.machine;
    const entry = this.entry(index);
    this.burn(index, now);
    if (entry.priority === Priority.BOOST) entry.priority = Priority.UNDER;
    this.activate(index, now);
    if (now >= header.nextAccounting) this.#account(now);
    else this.#parkWhenSpent(index);
  }

  /** From now on it earns credits. */
  activate(index: number, now: number): void {
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
    this.queue.delete(index);
    if (entry.pcpu !== NONE && entry.pcpu !== this.machine.pcpu) this.queue.kick(index);
  }

  /** @returns whether it was parked */
  unpark(entry: SchedEntry): boolean {
    if ((entry.flags & PauseFlag.PARKED) === 0) return false;
    entry.flags &= ~PauseFlag.PARKED;
    this.machine.header.parked--;
    return true;
  }
}

/** What a vCPU of a capped domain may earn in a slice, of `vcpus` active ones. */
function capCredits(cap: number, vcpus = 1): number {
  return Math.min(SLICE_CREDITS, cap / 100 * SLICE_CREDITS / vcpus);
}
