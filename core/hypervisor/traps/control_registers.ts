/** Control registers as a PV guest sees them. */

/** PE, MP, ET, NE, WP, AM, PG: what Xen runs with. TS is the guest's own. */
export const CR0_VISIBLE = 0x80050033 | 0;

export const CR4 = {
  TSD: 1 << 2,
  DE: 1 << 3,
  PSE: 1 << 4,
  PAE: 1 << 5,
  MCE: 1 << 6,
  PGE: 1 << 7,
  OSFXSR: 1 << 9,
  OSXMMEXCPT: 1 << 10,
  FSGSBASE: 1 << 16,
  OSXSAVE: 1 << 18,
} as const;

/** PV_CR4_GUEST_MASK without what the CPU that we show lacks (FSGSBASE, XSAVE). */
const GUEST_BITS = CR4.TSD | CR4.DE;
/** PV_CR4_GUEST_VISIBLE_MASK of what Xen itself runs with. */
const VISIBLE_BITS = CR4.PAE | CR4.MCE | CR4.OSFXSR | CR4.OSXMMEXCPT;

/** pv_fixup_guest_cr4. */
export function fixupCr4(value: number): number {
  return (value & GUEST_BITS) | VISIBLE_BITS;
}
