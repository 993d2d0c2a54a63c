/** Changing one entry of a page table that is in use: Xen's mod_l1_entry to mod_l4_entry. Under the domain's lock. */
import { EAGAIN, EBUSY, EINVAL } from "../abi/errno.ts";
import {
  adjustHi,
  adjustLo,
  entryMfn,
  isWeaker,
  L1_DISALLOWED,
  PTE,
  sameMapping,
  TABLE_DISALLOWED,
} from "./entry.ts";
import { isXenSlot, type PageTypes } from "./page_types.ts";

export interface UpdateOptions {
  /** MMU_PT_UPDATE_PRESERVE_AD: accessed and dirty bits of the old entry stay. */
  readonly preserveAd?: boolean;
  /** The mapped page is said to be DOMID_IO's. */
  readonly io?: boolean;
  /** The old entry's low half as the new one supposes it: if another processor has set bits since, -EAGAIN. */
  readonly expectedLo?: number;
}

/**
 * Validates and stores an entry of `level` (1 to 4) in slot `slot` of the table in local frame `table`.
 * @returns 0 or a negative error number; nothing has changed then
 */
export function modifyEntry(
  types: PageTypes,
  level: number,
  table: number,
  slot: number,
  lo: number,
  hi: number,
  { preserveAd = false, io = false, expectedLo }: UpdateOptions = {},
): number {
  if (level === 4 && isXenSlot(slot)) return -EINVAL;
  const words = types.domain.views.i32;
  const index = types.entryIndex(table, slot);
  const oldLo = words[index], oldHi = words[index + 1];
  let isReferenced = false;
  if (lo & PTE.PRESENT) {
    if (lo & (level === 1 ? L1_DISALLOWED : TABLE_DISALLOWED)) return -EINVAL;
    const guestLo = lo;
    lo = adjustLo(level, lo, hi);
    hi = adjustHi(level, guestLo, hi);
    if (sameMapping(oldLo, oldHi, lo, hi)) isReferenced = true;
    // RAM is never DOMID_IO's here, so only what is nobody's fails differently (as MMIO not permitted).
    else if (io && types.ownFrame(entryMfn(lo, hi)) >= 0) return -EBUSY;
    else {
      const result = level === 1 ? types.getFromL1(lo, hi) : types.getFromTable(level, lo, hi, table);
      if (result !== 0) return result;
    }
  }
  const put = (lo: number, hi: number) => {
    if (isReferenced) return;
    if (level === 1) types.putFromL1(lo, hi);
    else types.putFromTable(lo, hi, table);
  };
  if (!store()) {
    put(lo, hi);
    return -EAGAIN;
  }
  types.domain.header.mmuUpdates++;
  if (isWeaker(oldLo, oldHi, lo, hi)) types.weaken(level === 1 ? slot : -1);
  put(oldLo, oldHi);
  return 0;

  function store(): boolean {
    if (expectedLo !== undefined) return types.exchangeEntry(table, slot, expectedLo, oldHi, lo, hi);
    if (!preserveAd) {
      types.writeEntry(table, slot, lo, hi);
      return true;
    }
    for (;;) {
      const seen = words[index];
      if (types.exchangeEntry(table, slot, seen, oldHi, merge(lo, seen), hi)) return true;
    }
  }
}

const merge = (lo: number, oldLo: number) => lo | (oldLo & (PTE.ACCESSED | PTE.DIRTY));
