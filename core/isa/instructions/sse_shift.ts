/** SSE2 shifts of packed integers, by a count in an XMM register, in memory or in the instruction. */
import { i16x8, i32x4, i64x2, i8x16 } from "../../wasm/mod.ts";
import type { I32, V128 } from "../../wasm/mod.ts";
import type { Machine, Operand } from "../meaning.ts";
import { byteNumbers, sse, zeroVector } from "./sse_common.ts";

type Shift = (v: V128, count: I32) => V128;

/** name, opcode of the register form, opcode and /n of the immediate form, element width, shift */
const rows: [string, string, string, number, Shift][] = [
  ["psrlw", "D1", "71 /2", 16, i16x8.shr_u],
  ["psrld", "D2", "72 /2", 32, i32x4.shr_u],
  ["psrlq", "D3", "73 /2", 64, i64x2.shr_u],
  ["psraw", "E1", "71 /4", 16, i16x8.shr_s],
  ["psrad", "E2", "72 /4", 32, i32x4.shr_s],
  ["psllw", "F1", "71 /6", 16, i16x8.shl],
  ["pslld", "F2", "72 /6", 32, i32x4.shl],
  ["psllq", "F3", "73 /6", 64, i64x2.shl],
];

for (const [name, opcode, group, width, shift] of rows) {
  const arithmetic = name.startsWith("psra");
  /** `fits`: count < width. Otherwise nothing is left, or only signs. */
  const shifted = (m: Machine, value: V128, count: I32, fits: I32): V128 =>
    arithmetic
      ? shift(value, m.select(fits, count, m.const(4, width - 1) as I32))
      : m.select(fits, shift(value, count), zeroVector());
  sse("sse2", name, {
    encodings: [`66 0F ${opcode} /r Vdq,Wdq`],
    access: ["rw", "r"],
    meaning(m, dst: Operand, src: Operand) {
      const count = m.let(i64x2.extract_lane(src.readVector(), 0));
      dst.writeVector(shifted(m, dst.readVector(), m.i32(count), m.ltu(count, width)));
    },
  });
  sse("sse2", name, {
    encodings: [`66 0F ${group} Udq,Ib`],
    access: ["rw", "r"],
    meaning(m, dst: Operand, immediate: Operand) {
      const count = immediate.read() as I32;
      dst.writeVector(shifted(m, dst.readVector(), count, m.ltu(count, width)));
    },
  });
}

/** The count as 16 bytes; 16 and more all move everything out. */
function byteCount(m: Machine, immediate: Operand): V128 {
  const count = immediate.read() as I32;
  return i8x16.splat(m.select(m.ltu(count, 16), count, m.const(4, 16) as I32));
}
sse("sse2", "psrldq", {
  encodings: ["66 0F 73 /3 Udq,Ib"],
  access: ["rw", "r"],
  meaning(m, dst, immediate) {
    dst.writeVector(i8x16.swizzle(dst.readVector(), i8x16.add(byteNumbers(), byteCount(m, immediate))));
  },
});
sse("sse2", "pslldq", {
  encodings: ["66 0F 73 /7 Udq,Ib"],
  access: ["rw", "r"],
  meaning(m, dst, immediate) {
    dst.writeVector(i8x16.swizzle(dst.readVector(), i8x16.sub(byteNumbers(), byteCount(m, immediate))));
  },
});
