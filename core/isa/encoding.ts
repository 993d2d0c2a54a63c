/**
 * Encoding strings, in the notation of the manuals' opcode maps (AMD64 APM volume 3 appendix A, Intel SDM volume 2 appendix A):
 *
 *     [prefix] opcode bytes [/r | /0../7] [operand{,operand}] {[flag]}
 *
 * prefix    NP: none of 66 F3 F2 may stand before it (others: another encoding, or #UD); 66, F3, F2: that mandatory prefix. None given: 66 is the
 *           operand size, F2 and F3 are ignored (or repeat a string instruction), unless another encoding claims them. With F3 and
 *           F2 mandatory, 66 still is the operand size.
 * opcode    `0F AF`; `50+r`: register in the low three bits; one byte more than the opcode map has is a fixed ModRM byte (`0F 01 C1`).
 * /r, /n    a ModRM byte follows; /n: its reg field extends the opcode.
 * operand   a letter and a size:
 *   E  general register or memory (ModRM.rm)      R  the register only       M  the memory only
 *   G  general register (ModRM.reg)               Z  general register in the opcode (`+r`)
 *   V  XMM register (ModRM.reg)                   W  XMM register or memory (rm)   U  XMM register only (rm)
 *   S  segment register, C  control, D  debug register (reg)
 *   I  immediate   J  relative branch   O  memory at an absolute offset   A  far pointer in the instruction
 *   X  memory at data segment:rSI   Y  memory at ES:rDI
 *   `Rv/Mw`: one operand, register or memory with sizes of their own (also `Udq/Mq`).
 *   A name: AL CL DL .. (fixed byte registers), AX DX .., eAX .. (2 or 4 bytes by operand size), rAX .. (2, 4, 8), ES CS SS DS FS GS, XMM0, 1, 3.
 *   sizes: b 1, w 2, d 4, q 8, dq ps pd 16, ss 4, sd 8; v 2/4/8 by operand size; z 2/4/4; y 4/4/8; p far pointer in memory (v + 2 bytes),
 *   s descriptor-table pseudo-descriptor (6, or 10 in 64-bit mode), a two words of the operand size (BOUND), fx 512; none: address only (M) .
 *   Ib is zero-extended, Ibs sign-extended to the operand size, Iz sign-extended to 8 when the operand size is 8, Iw zero-extended, Iv of all sizes.
 * flags
 *   [i64] not in 64-bit mode          [o64] only in 64-bit mode
 *   [d64] operand size 8 by default in 64-bit mode, 2 with 66     [f64] always 8 in 64-bit mode
 *   [op16] [op32] [op64] only with that operand size    [a16] [a32] [a64] only with that address size
 *   [mem] [reg] only with ModRM.mod other than 3, or 3 (for encodings without an operand that says so)
 *   [lock] the memory form is atomic without a prefix (XCHG)
 *   [unaligned] a 16-byte memory operand need not be aligned (MOVUPS)
 *   [pop] a memory operand based on rSP is addressed after rSP has grown by the operand size (POP Ev)
 *   [rare] one generic form is enough, speed does not matter
 *   [cpl0] privileged; for lists and the recorder, the meaning checks it
 *   [noasm] not chosen by the assembler (redundant encodings)
 */
export class EncodingError extends Error {
  override name = "EncodingError";
}

export interface Encoding {
  /** The string it was parsed from. */
  readonly text: string;
}

/** Throws EncodingError. */
export function parseEncoding(text: string): Encoding {
  return { text };
}
