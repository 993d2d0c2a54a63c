/**
 * The machine-to-phys table: each domain has the slice of its own mfns in its memory, mapped read-only through Xen's own tables at slot 256
 * of every L4 (0xffff8000_00000000 + mfn * 8). Entries of other mfns are absent and fault.
 */
import type { Domain } from "../domain.ts";
import { entryHi, entryLo, PTE } from "./entry.ts";

/** What the table holds for frames that are nobody's pfn (INVALID_M2P_ENTRY). */
export const INVALID_M2P_LO = -1;

export function setM2p(domain: Domain, frame: number, lo: number, hi: number): void {
  const index = (domain.layout.reserve.m2p >>> 2) + frame * 2;
  domain.views.i32[index] = lo;
  domain.views.i32[index + 1] = hi;
}

export function getM2p(domain: Domain, frame: number): { lo: number; hi: number } {
  const index = (domain.layout.reserve.m2p >>> 2) + frame * 2;
  return { lo: domain.views.i32[index], hi: domain.views.i32[index + 1] };
}

/**
 * Fills Xen's tables for the slice: one L3 (frame 0 of xenTables), then L2s and L1s as needed. All entries are read-only; the frames
 * have no counts, so no guest table can ever name them.
 * @throws RangeError when the reservation is too small
 */
export function buildM2pTables(domain: Domain): void {
  const { layout, views } = domain;
  const words = views.i32;
  const first = layout.reserve.xenTables >>> 12;
  const end = first + Math.floor((tablesEnd(domain) - layout.reserve.xenTables) / 4096);
  words.fill(0, first * 1024, end * 1024);
  let next = first + 1;
  const table = (parent: number, slot: number): number => {
    const index = parent * 1024 + slot * 2;
    if (words[index] & PTE.PRESENT) return frameOf(words[index], words[index + 1]);
    if (next >= end) throw new RangeError("xenTables is too small for the m2p slice");
    const frame = next++;
    words[index] = entryLo(layout.mfnBase + frame, PTE.PRESENT | PTE.USER | PTE.ACCESSED);
    words[index + 1] = entryHi(layout.mfnBase + frame);
    return frame;
  };
  const frameOf = (lo: number, hi: number) => (hi & 0xfffff) * 0x100000 + (lo >>> 12) - layout.mfnBase;
  const pages = Math.ceil(layout.totalFrames * 8 / 4096);
  // mfnBase is a multiple of 512, so a page of the table is exactly 512 mfns of this domain.
  for (let page = 0; page < pages; page++) {
    const offset = (layout.mfnBase / 512 + page) * 4096;
    const l3Slot = Math.floor(offset / 2 ** 30), l2Slot = Math.floor(offset / 2 ** 21) % 512;
    const l1 = table(table(first, l3Slot), l2Slot);
    const mfn = layout.mfnBase + (layout.reserve.m2p >>> 12) + page;
    const index = l1 * 1024 + (Math.floor(offset / 4096) % 512) * 2;
    words[index] = entryLo(mfn, PTE.PRESENT | PTE.USER | PTE.ACCESSED);
    words[index + 1] = entryHi(mfn, PTE.NX_HI);
  }
  // Frames that are the guest's get their pfn from the builder; all others have none.
  words.fill(INVALID_M2P_LO, layout.reserve.m2p >>> 2, (layout.reserve.m2p >>> 2) + pages * 1024);
}

/** Byte address where the xenTables reservation ends: where the next one begins. */
function tablesEnd(domain: Domain): number {
  const { layout } = domain;
  const after = Object.values(layout.reserve).filter((start) => start > layout.reserve.xenTables);
  return Math.min(...after, layout.totalFrames * 4096);
}
