/** Segment descriptors a guest may have: Xen's check_descriptor for 64-bit domains. */
import { FIRST_RESERVED_GDT_ENTRY, FLAT_KERNEL_CS } from "../abi/xen.ts";

const PRESENT = 1 << 15;
const DPL = 3 << 13;
const CODE_OR_DATA = 1 << 12;
const TYPE = 0xf << 8;
const CALL_GATE = 0xc << 8;

/** guest_gate_selector_okay. */
function isGateSelector(selector: number): boolean {
  return (selector >>> 3) < FIRST_RESERVED_GDT_ENTRY || selector === FLAT_KERNEL_CS || (selector & 4) !== 0;
}

/**
 * Checks the descriptor (a: low word, b: high word) and corrects its DPL to ring 3.
 * @returns the descriptor as it may be stored, or undefined when it must not be
 */
export function checkDescriptor(a: number, b: number): readonly [number, number] | undefined {
  if (!(b & PRESENT)) return [a, b];
  const dpl = (b >> 13) & 3;
  b |= DPL;
  if (b & CODE_OR_DATA) return [a, b];
  // Type 0 is the second half of a call gate.
  if ((b & TYPE) === 0) return [a, (b & ~DPL) | (dpl << 13)];
  if ((b & TYPE) !== CALL_GATE) return undefined;
  const selector = a >>> 16;
  if (!isGateSelector(selector) || b & 0xff) return undefined;
  // DPL 0 makes each use fault with the gate's selector; the DPL that was asked for is kept in the selector's RPL.
  return [(a & 0xffff) | (((selector & ~3) | 3) << 16), b & ~DPL];
}

/** validate_segdesc_page: all 512 descriptors of a frame, corrected in place. */
export function checkDescriptorPage(words: Uint32Array, frame: number): boolean {
  for (let i = frame * 1024; i < (frame + 1) * 1024; i += 2) {
    const a = words[i], b = words[i + 1];
    if (!(b & PRESENT)) continue;
    const checked = checkDescriptor(a, b);
    if (checked === undefined) return false;
    words[i] = checked[0];
    words[i + 1] = checked[1];
  }
  return true;
}
