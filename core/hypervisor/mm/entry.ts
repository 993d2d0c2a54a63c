/**
 * Page-table entries in two halves (lo: bits 0-31, hi: bits 32-63) and what a PV guest may put into them.
 */

export const PTE = {
  PRESENT: 1,
  RW: 2,
  USER: 4,
  PWT: 8,
  PCD: 0x10,
  ACCESSED: 0x20,
  DIRTY: 0x40,
  /** PAT in an L1 entry, page size above. */
  PAT: 0x80,
  PSE: 0x80,
  GLOBAL: 0x100,
  AVAIL: 0xe00,
  /** Of the high half: bit 52, by which Xen tells its guest-kernel pages from user pages; bit 63. */
  GUEST_KERNEL_HI: 1 << 20,
  NX_HI: 0x80000000 | 0,
} as const;

/** Bits of an L1 entry that an unprivileged guest may not set: cache attributes (L1_DISALLOW_MASK). */
export const L1_DISALLOWED = PTE.PWT | PTE.PCD | PTE.PAT;
/** The same for L2 to L4: no superpages, no GLOBAL. */
export const TABLE_DISALLOWED = PTE.PWT | PTE.PCD | PTE.PSE | PTE.GLOBAL;

/** What may change in an entry without validating it anew (FASTPATH_FLAG_WHITELIST); the high half's flags all may. */
const WHITELIST_LO = PTE.AVAIL | PTE.GLOBAL | PTE.DIRTY | PTE.ACCESSED | PTE.USER;
const WHITELIST_HI = 0xfff00000 | 0;

/** The 40-bit frame number. */
export function entryMfn(lo: number, hi: number): number {
  return (hi & 0xfffff) * 0x100000 + (lo >>> 12);
}

/** Low half of an entry for a frame. */
export function entryLo(mfn: number, flags: number): number {
  return ((mfn % 0x100000) << 12) | flags;
}

export function entryHi(mfn: number, flagsHi = 0): number {
  return Math.floor(mfn / 0x100000) | flagsHi;
}

export function sameMapping(lo: number, hi: number, newLo: number, newHi: number): boolean {
  return ((lo ^ newLo) & ~WHITELIST_LO) === 0 && ((hi ^ newHi) & ~WHITELIST_HI) === 0;
}

/** adjust_guest_lNe for a 64-bit guest: the low half of a present entry of `level` as Xen stores it. */
export function adjustLo(level: number, lo: number, hi: number): number {
  if (!(lo & PTE.PRESENT)) return lo;
  if (level === 4) return lo | PTE.USER | PTE.ACCESSED;
  if (level > 1) return lo | PTE.USER;
  // Without USER the page becomes the guest kernel's (bit 52) and stays out of GLOBAL.
  const kernel = (hi & PTE.GUEST_KERNEL_HI) !== 0 || !(lo & PTE.USER);
  return kernel ? lo | PTE.USER : lo | PTE.USER | PTE.GLOBAL;
}

/** The high half to {@link adjustLo}; `lo` is the guest's. */
export function adjustHi(level: number, lo: number, hi: number): number {
  return level === 1 && (lo & (PTE.PRESENT | PTE.USER)) === PTE.PRESENT ? hi | PTE.GUEST_KERNEL_HI : hi;
}

/** Whether translations made from the old entry may allow what the new one does not. */
export function isWeaker(lo: number, hi: number, newLo: number, newHi: number): boolean {
  if (!(lo & PTE.PRESENT)) return false;
  if (lo & ~newLo & (PTE.PRESENT | PTE.RW | PTE.USER | PTE.ACCESSED | PTE.DIRTY)) return true;
  return ((lo ^ newLo) & 0xfffff000) !== 0 || ((hi ^ newHi) & 0xfffff) !== 0 ||
    (newHi & ~hi & PTE.NX_HI) !== 0;
}
