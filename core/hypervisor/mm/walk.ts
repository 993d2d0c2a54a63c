/** Looking up the guest's own page tables, without regard to permissions. Under the domain's lock. */
import { entryMfn, PTE } from "./entry.ts";
import type { PageTypes } from "./page_types.ts";

/** __addr_ok: canonical and not in Xen's range. Halves of a linear address. */
export function isGuestAddress(hi: number): boolean {
  return (hi >>> 0) < 0x8000 || (hi >>> 0) >= 0xffff8800;
}

export function isCanonical(hi: number): boolean {
  const top = hi >> 15;
  return top === 0 || top === -1;
}

/** Slot of an address in the table of `level`. */
export function slotOf(level: number, lo: number, hi: number): number {
  switch (level) {
    case 1:
      return (lo >>> 12) & 511;
    case 2:
      return (lo >>> 21) & 511;
    case 3:
      return ((hi << 2) | (lo >>> 30)) & 511;
    default:
      return (hi >>> 7) & 511;
  }
}

/**
 * map_guest_l1e: the L1 table that maps an address under the L4 in `l4Mfn`.
 * @returns its local frame, or -1 when it is absent or the address is Xen's
 */
export function findL1(types: PageTypes, l4Mfn: number, lo: number, hi: number): number {
  if (!isGuestAddress(hi)) return -1;
  const words = types.domain.views.i32;
  let frame = types.ownFrame(l4Mfn);
  for (let level = 4; level > 1; level--) {
    if (frame < 0) return -1;
    const index = types.entryIndex(frame, slotOf(level, lo, hi));
    const entry = words[index];
    if ((entry & PTE.PRESENT) === 0 || (level < 4 && entry & PTE.PSE)) return -1;
    frame = types.ownFrame(entryMfn(entry, words[index + 1]));
  }
  return frame;
}
