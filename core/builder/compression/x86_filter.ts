/**
 * The x86 branch filter of XZ (BCJ): compressors turn the relative targets of CALL and JMP into absolute ones, which
 * repeat more often; this turns them back. The rule for overlapping opcodes is that of the LZMA SDK and XZ Embedded.
 */

/** Of the last three positions, those with an opcode byte (bit 0 the nearest): may another one start here? */
const ALLOWED = [true, true, true, false, true, false, false, false] as const;
/** Which byte of the target tells whether the earlier opcode's target covered it. */
const COVERED_BYTE = [0, 1, 2, 2, 3, 3, 3, 3] as const;

function isExtension(byte: number): boolean {
  return byte === 0x00 || byte === 0xff;
}

/**
 * Filters `bytes` in place.
 * @param start the address that its first byte counts as
 */
export function unfilterX86(bytes: Uint8Array, start = 0): void {
  const last = bytes.length - 5;
  let previous = -1;
  let mask = 0;
  for (let at = 0; at <= last; at++) {
    if ((bytes[at] & 0xfe) !== 0xe8) continue;
    const distance = at - previous;
    previous = at;
    if (distance > 3) {
      mask = 0;
    } else {
      mask = (mask << (distance - 1)) & 7;
      if (mask !== 0 && (!ALLOWED[mask] || isExtension(bytes[at + 4 - COVERED_BYTE[mask]]))) {
        mask = (mask << 1) | 1;
        continue;
      }
    }
    if (!isExtension(bytes[at + 4])) {
      mask = (mask << 1) | 1;
      continue;
    }
    const address = start + at + 5;
    let target = bytes[at + 1] | (bytes[at + 2] << 8) | (bytes[at + 3] << 16) | (bytes[at + 4] << 24);
    target = target - address | 0;
    if (mask !== 0) {
      const shift = COVERED_BYTE[mask] * 8;
      while (isExtension(target >>> (24 - shift) & 0xff)) {
        target = ((target ^ (2 ** (32 - shift) - 1)) - address) | 0;
      }
    }
    bytes[at + 1] = target;
    bytes[at + 2] = target >>> 8;
    bytes[at + 3] = target >>> 16;
    bytes[at + 4] = (target & 0x0100_0000) !== 0 ? 0xff : 0;
    at += 4;
  }
}
