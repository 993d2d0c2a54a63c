/**
 * The arithmetic of the credit scheduler (xen/common/sched/credit.c): what is earned in an accounting period. A credit is a tenth of a millisecond on a pCPU;
 * running burns them, accounting hands them out by weight. Who has some left is UNDER and goes before those who are OVER.
 */
import { MILLISECOND } from "./time.ts";

/** Longest time a vCPU runs while others of its priority wait; also the accounting period. */
export const TIME_SLICE = 30 * MILLISECOND;
/** How often a running vCPU is looked at. */
export const TICK = 10 * MILLISECOND;
/** Least time on a pCPU before a waking vCPU may take it. */
export const RATELIMIT = MILLISECOND;
export const DEFAULT_WEIGHT = 256;
export const MAX_WEIGHT = 65535;
/** Credits of one time slice. */
export const SLICE_CREDITS = 300;
const CREDITS_PER_NS = SLICE_CREDITS / TIME_SLICE;
/**
 * Debts and savings beyond so much are forgotten. Xen's bound is one slice; ours is wider, for a pCPU that its host does not run for a while bills the vCPU
 * that was on it, and a debt that is forgotten breaks the shares.
 */
export const MOST_CREDITS = 6 * SLICE_CREDITS;

export const Priority = { OVER: -2, UNDER: -1, BOOST: 0 } as const;
export type Priority = typeof Priority[keyof typeof Priority];

/** Credits for a time on a pCPU, nanoseconds. */
export function creditsOf(nanoseconds: number): number {
  return nanoseconds * CREDITS_PER_NS;
}

/** A set of pCPUs: bits 0-31 and 32-63. */
export interface CpuMask {
  readonly lo: number;
  readonly hi: number;
}

export const ALL_CPUS: CpuMask = { lo: -1, hi: -1 };

export function maskHas(lo: number, hi: number, pcpu: number): boolean {
  return ((pcpu < 32 ? lo >>> pcpu : hi >>> (pcpu - 32)) & 1) !== 0;
}

/** The pCPUs of a mask that are below `pcpus`, rising. */
export function maskMembers({ lo, hi }: CpuMask, pcpus: number): number[] {
  return Array.from({ length: pcpus }, (_, pcpu) => pcpu).filter((pcpu) => maskHas(lo, hi, pcpu));
}

/** @throws RangeError for a number that is no pCPU's */
export function maskOf(cpus: Iterable<number>): CpuMask {
  let lo = 0, hi = 0;
  for (const pcpu of cpus) {
    if (!Number.isInteger(pcpu) || pcpu < 0 || pcpu > 63) throw new RangeError(`pCPU ${pcpu}`);
    if (pcpu < 32) lo |= 1 << pcpu;
    else hi |= 1 << (pcpu - 32);
  }
  return { lo, hi };
}

function count({ lo, hi }: CpuMask): number {
  let bits = 0;
  for (let word of [lo, hi]) for (; word !== 0; word &= word - 1) bits++;
  return bits;
}

/** What an active vCPU brings to the accounting. */
export interface Claim {
  readonly weight: number;
  /** The most it may earn: all of a pCPU, or its part of its domain's cap. */
  readonly peak: number;
  /** What it has and competes with now; 0 when it does not run. */
  readonly balance: number;
  /** Hard affinity. */
  readonly cpus: CpuMask;
}

/** A group of claims that no other pCPUs can serve. */
interface Bottleneck {
  capacity: number;
  readonly members: number[];
}

/**
 * What each claim earns of `credits` on every one of the pCPUs: by weight, as far as its peak and the pCPUs that it may use allow; what one cannot use
 * goes to the others (progressive filling). Those who compete for the same pCPUs then have what they earned and no more and no less together: savings and
 * debts that all have are taken from all by weight, for priorities would mean nothing then. (Xen corrects debts only, and gives pinned vCPUs more than they
 * can use, which loses their weights.)
 */
export function fairShares(claims: readonly Claim[], pcpus: number, credits: number): Float64Array {
  const shares = new Float64Array(claims.length);
  const open = new Set(claims.keys());
  const ceiling = (index: number) => claims[index].peak / claims[index].weight;
  const weigh = (members: readonly number[]) => members.reduce((sum, index) => sum + claims[index].weight, 0);
  // What all have that are inside of a bottleneck, those that are at their peaks too.
  let bottlenecks = findBottlenecks(claims, pcpus, credits).map((group) => ({
    ...group,
    balance: group.members.reduce((sum, index) => sum + claims[index].balance, 0),
  }));
  while (open.size > 0) {
    // The level (credits for a unit of weight) at which the first of them cannot take more.
    let level = Infinity;
    for (const index of open) level = Math.min(level, ceiling(index));
    const levels = bottlenecks.map(({ capacity, members }) => Math.max(0, capacity) / weigh(members));
    for (const one of levels) level = Math.min(level, one);
    const limit = level * (1 + 1e-9);
    const done = new Set([...open].filter((index) => ceiling(index) <= limit));
    for (const index of done) shares[index] = claims[index].peak;
    bottlenecks.forEach(({ members, balance }, at) => {
      if (levels[at] > limit) return;
      const rivals = members.filter((index) => !done.has(index));
      const weight = weigh(rivals);
      for (const index of rivals) {
        shares[index] = (level - balance / weight) * claims[index].weight;
        done.add(index);
      }
    });
    for (const index of done) open.delete(index);
    bottlenecks = bottlenecks.map(({ capacity, members, balance }) => ({
      balance,
      capacity: capacity - level * weigh(members.filter((index) => done.has(index))),
      members: members.filter((index) => !done.has(index)),
    })).filter(({ members }) => members.length > 0);
  }
  return shares;
}

/** All claims on all pCPUs, and for each set of pCPUs that some are confined to, those that are confined to it; the smallest first. */
function findBottlenecks(claims: readonly Claim[], pcpus: number, credits: number): Bottleneck[] {
  const online = maskOf(Array.from({ length: pcpus }, (_, pcpu) => pcpu));
  const masks = claims.map(({ cpus }): CpuMask => ({ lo: cpus.lo & online.lo, hi: cpus.hi & online.hi }));
  const sets = new Map<string, CpuMask>([[`${online.lo},${online.hi}`, online]]);
  for (const mask of masks) sets.set(`${mask.lo},${mask.hi}`, mask);
  return [...sets.values()].sort((a, b) => count(a) - count(b)).map((set) => {
    const isInside = ({ lo, hi }: CpuMask) => (lo & ~set.lo) === 0 && (hi & ~set.hi) === 0;
    return { capacity: count(set) * credits, members: [...masks.keys()].filter((at) => isInside(masks[at])) };
  }).filter(({ members }) => members.length > 0);
}
