/** Control registers as a PV guest sees them. */
import type { HypercallContext } from "../context.ts";
import { pvFeatures } from "./policy.ts";

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

/** PV_CR4_GUEST_VISIBLE_MASK of what Xen itself runs with. */
const VISIBLE_BITS = CR4.PAE | CR4.MCE | CR4.OSFXSR | CR4.OSXMMEXCPT;

/** PV_CR4_GUEST_MASK: what the guest sets itself, as far as the processor that it sees has it. */
function guestBits(): number {
  const features = pvFeatures();
  return CR4.TSD | CR4.DE | (features.has("fsgsbase") ? CR4.FSGSBASE : 0) |
    (features.has("xsave") ? CR4.OSXSAVE : 0);
}

/** pv_fixup_guest_cr4. */
export function fixupCr4(value: number): number {
  return (value & guestBits()) | VISIBLE_BITS;
}

/** The guest's CR4, and of it what its instructions obey in the processor. */
export function setCr4(cx: HypercallContext, value: number): void {
  const { vcpu, view } = cx;
  const obeyed = CR4.TSD | CR4.FSGSBASE | CR4.OSXSAVE;
  vcpu.state.cr4Lo = value;
  view.set(vcpu.ctx, "cr4", (view.get(vcpu.ctx, "cr4") & ~obeyed) | (value & obeyed));
}
