/** SSE4.2's comparisons of packed text: PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM (AMD64 APM volume 4). */
import { i16x8, i32, i32x4, i64, i8x16, v128 } from "../../wasm/mod.ts";
import type { I32, I64, V128 } from "../../wasm/mod.ts";
import { type Machine, type Operand, Reg } from "../meaning.ts";
import { byteNumbers, sse, zeroVector } from "./sse_common.ts";

/** Elements before the first that is zero, or all of them. */
function implicitLength(m: Machine, v: V128, words: I32, count: I32): I32 {
  const zero = zeroVector();
  const ends = i32.select(words, i16x8.bitmask(i16x8.eq(v, zero)), i8x16.bitmask(i8x16.eq(v, zero)));
  return m.let(m.ctz(i32.or(ends, i32.shl(1, count))) as I32);
}

/** The register's absolute value, at most `count`. */
function explicitLength(m: Machine, register: number, count: I32): I32 {
  const size = m.opSize === 8 ? 8 : 4;
  const given = m.reg(register, size);
  const value = size === 8 ? given as I64 : i64.extend_i32_s(given as I32);
  const magnitude = m.let(i64.select(i64.lt_s(value, 0), i64.sub(0n, value), value));
  const wide = i64.extend_i32_u(count);
  return m.let(i32.wrap_i64(i64.select(i64.lt_u(magnitude, wide), magnitude, wide)));
}

/** Bits as a mask of bytes or words. */
function expanded(bits: I32, words: I32): V128 {
  const lanes = i16x8.ne(v128.and(i16x8.splat(bits), i16x8.const(1, 2, 4, 8, 16, 32, 64, 128)), zeroVector());
  // Bytes 0 to 7 from the low byte of the bits, 8 to 15 from the next.
  const source = i8x16.swizzle(i32x4.splat(bits), i8x16.shr_u(byteNumbers(), 3));
  const bit = v128.const(Uint8Array.from({ length: 16 }, (_, i) => 1 << (i & 7)));
  const bytes = i8x16.ne(v128.and(source, bit), zeroVector());
  return v128.bitselect(lanes, bytes, i32x4.splat(i32.sub(0, words)));
}

function compare(
  m: Machine,
  first: Operand,
  second: Operand,
  immediate: Operand,
  explicit: boolean,
  index: boolean,
) {
  const control = immediate.read() as I32;
  const b = second.readVector();
  const a = first.readVector();
  const words = m.let(i32.and(control, 1));
  const count = m.let(i32.shr_u(16, words));
  const lengthA = explicit ? explicitLength(m, Reg.rax, count) : implicitLength(m, a, words, count);
  const lengthB = explicit ? explicitLength(m, Reg.rdx, count) : implicitLength(m, b, words, count);
  const found = m.let(m.helper("compareText", a, b, lengthA, lengthB, control));
  if (index) {
    const lowest = m.ctz(i32.or(found, i32.shl(1, count))) as I32;
    const highest = i32.sub(31, m.clz(found) as I32);
    const last = i32.select(found, highest, count);
    m.setReg(Reg.rcx, 4, i32.select(i32.and(control, 0x40), last, lowest));
  } else {
    const bits = i32x4.replace_lane(zeroVector(), 0, found);
    m.setXmm(0, m.select(i32.and(control, 0x40), expanded(found, words), bits));
  }
  m.flags.set({
    CF: i32.ne(found, 0),
    ZF: i32.lt_u(lengthB, count),
    SF: i32.lt_u(lengthA, count),
    OF: i32.and(found, 1),
    AF: 0,
    PF: 0,
  });
}

for (
  const [name, opcode, explicit, index] of [
    ["pcmpestrm", "60", true, false],
    ["pcmpestri", "61", true, true],
    ["pcmpistrm", "62", false, false],
    ["pcmpistri", "63", false, true],
  ] as const
) {
  sse("sse4_2", name, {
    encodings: [`66 0F 3A ${opcode} /r Vdq,Wdq,Ib [unaligned]${explicit ? " [op32] [op64]" : ""}`],
    access: ["r", "r", "r"],
    flags: { writes: "OSZAPC" },
    meaning: (m, first, second, immediate) => compare(m, first, second, immediate, explicit, index),
  });
}
