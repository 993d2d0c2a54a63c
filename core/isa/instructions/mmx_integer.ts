/** MMX integer arithmetic and its SSE and SSE2 additions on MMX registers (AMD64 APM volume 5): the XMM operations on one half. */
import { i16x8, i32x4, i64x2, i8x16, v128 } from "../../wasm/mod.ts";
import type { I32, I64, V128 } from "../../wasm/mod.ts";
import type { Machine } from "../meaning.ts";
import { doubled, lowHalf, mmx, mmxBinary, type MmxFeature, writeMmx } from "./mmx_common.ts";
import { zeroVector } from "./sse_common.ts";

type Binary = (a: V128, b: V128, m: Machine) => V128;

const HIGH_WORDS = [2, 3, 6, 7, 10, 11, 14, 15, 2, 3, 6, 7, 10, 11, 14, 15];
const highSigned: Binary = (a, b, m) => {
  const products = m.let(i32x4.extmul_low_i16x8_s(a, b));
  return i8x16.shuffle(products, products, HIGH_WORDS);
};
const highUnsigned: Binary = (a, b, m) => {
  const products = m.let(i32x4.extmul_low_i16x8_u(a, b));
  return i8x16.shuffle(products, products, HIGH_WORDS);
};
const sumOfDifferences: Binary = (a, b, m) => {
  const differences = v128.or(i8x16.sub_sat_u(a, b), i8x16.sub_sat_u(b, a));
  const fours = m.let(i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(differences)));
  return i64x2.add(v128.and(fours, i64x2.const(0xffffffffn, 0xffffffffn)), i64x2.shr_u(fours, 32));
};
/** Low half of the first, then of the second. */
const both: Binary = (a, b) => i8x16.shuffle(a, b, [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23]);
const packed = (narrow: (a: V128, b: V128) => V128): Binary => (a, b, m) => {
  const halves = m.let(both(a, b, m));
  return narrow(halves, halves);
};
/** Lanes of a and b in turn, from the first or from the middle of their low halves. */
const interleaved = (size: number, high: boolean): Binary => (a, b) => {
  const bytes = Array.from({ length: 16 }, (_, i) => {
    const lane = i % 8 / size | 0;
    const from = (lane >> 1) * size + i % size + (high ? 4 : 0);
    return lane & 1 ? from + 16 : from;
  });
  return i8x16.shuffle(a, b, bytes);
};

const rows: [string, string, Binary, MmxFeature?, string?][] = [
  ["punpcklbw", "60", interleaved(1, false), "mmx", "Nq/Md"],
  ["punpcklwd", "61", interleaved(2, false), "mmx", "Nq/Md"],
  ["punpckldq", "62", interleaved(4, false), "mmx", "Nq/Md"],
  ["packsswb", "63", packed(i8x16.narrow_i16x8_s)],
  ["pcmpgtb", "64", i8x16.gt_s],
  ["pcmpgtw", "65", i16x8.gt_s],
  ["pcmpgtd", "66", i32x4.gt_s],
  ["packuswb", "67", packed(i8x16.narrow_i16x8_u)],
  ["punpckhbw", "68", interleaved(1, true)],
  ["punpckhwd", "69", interleaved(2, true)],
  ["punpckhdq", "6A", interleaved(4, true)],
  ["packssdw", "6B", packed(i16x8.narrow_i32x4_s)],
  ["pcmpeqb", "74", i8x16.eq],
  ["pcmpeqw", "75", i16x8.eq],
  ["pcmpeqd", "76", i32x4.eq],
  ["paddq", "D4", i64x2.add, "sse2"],
  ["pmullw", "D5", i16x8.mul],
  ["psubusb", "D8", i8x16.sub_sat_u],
  ["psubusw", "D9", i16x8.sub_sat_u],
  ["pminub", "DA", i8x16.min_u, "sse"],
  ["pand", "DB", v128.and],
  ["paddusb", "DC", i8x16.add_sat_u],
  ["paddusw", "DD", i16x8.add_sat_u],
  ["pmaxub", "DE", i8x16.max_u, "sse"],
  ["pandn", "DF", (a, b) => v128.andnot(b, a)],
  ["pavgb", "E0", i8x16.avgr_u, "sse"],
  ["pavgw", "E3", i16x8.avgr_u, "sse"],
  ["pmulhuw", "E4", highUnsigned, "sse"],
  ["pmulhw", "E5", highSigned],
  ["psubsb", "E8", i8x16.sub_sat_s],
  ["psubsw", "E9", i16x8.sub_sat_s],
  ["pminsw", "EA", i16x8.min_s, "sse"],
  ["por", "EB", v128.or],
  ["paddsb", "EC", i8x16.add_sat_s],
  ["paddsw", "ED", i16x8.add_sat_s],
  ["pmaxsw", "EE", i16x8.max_s, "sse"],
  ["pxor", "EF", v128.xor],
  ["pmuludq", "F4", i64x2.extmul_low_i32x4_u, "sse2"],
  ["pmaddwd", "F5", i32x4.dot_i16x8_s],
  ["psadbw", "F6", sumOfDifferences, "sse"],
  ["psubb", "F8", i8x16.sub],
  ["psubw", "F9", i16x8.sub],
  ["psubd", "FA", i32x4.sub],
  ["psubq", "FB", i64x2.sub, "sse2"],
  ["paddb", "FC", i8x16.add],
  ["paddw", "FD", i16x8.add],
  ["paddd", "FE", i32x4.add],
];
for (const [name, opcode, fn, feature = "mmx", source] of rows) mmxBinary(feature, name, opcode, fn, source);

const shifts: [string, string, string, number, (v: V128, count: I32) => V128][] = [
  ["psrlw", "D1", "71 /2", 16, i16x8.shr_u],
  ["psrld", "D2", "72 /2", 32, i32x4.shr_u],
  ["psrlq", "D3", "73 /2", 64, i64x2.shr_u],
  ["psraw", "E1", "71 /4", 16, i16x8.shr_s],
  ["psrad", "E2", "72 /4", 32, i32x4.shr_s],
  ["psllw", "F1", "71 /6", 16, i16x8.shl],
  ["pslld", "F2", "72 /6", 32, i32x4.shl],
  ["psllq", "F3", "73 /6", 64, i64x2.shl],
];
for (const [name, opcode, group, width, shift] of shifts) {
  const arithmetic = name.startsWith("psra");
  /** A count of the width and more leaves nothing, or only signs. */
  const shifted = (m: Machine, value: V128, count: I32, fits: I32): V128 =>
    arithmetic
      ? shift(value, m.select(fits, count, m.const(4, width - 1) as I32))
      : m.select(fits, shift(value, count), zeroVector());
  mmx("mmx", name, {
    encodings: [`NP 0F ${opcode} /r Pq,Qq [rare]`],
    access: ["rw", "r"],
    meaning(m, dst, src) {
      const count = src.read() as I64;
      writeMmx(dst, lowHalf(shifted(m, doubled(dst), m.i32(count), m.ltu(count, width))));
    },
  });
  mmx("mmx", name, {
    encodings: [`NP 0F ${group} Nq,Ib`],
    access: ["rw", "r"],
    meaning(m, dst, immediate) {
      const count = immediate.read() as I32;
      writeMmx(dst, lowHalf(shifted(m, doubled(dst), count, m.ltu(count, width))));
    },
  });
}
