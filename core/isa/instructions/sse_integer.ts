/** SSE2 packed integers: add, subtract, multiply, average, minimum and maximum, compare. */
import { i16x8, i32x4, i64x2, i8x16, v128 } from "../../wasm/mod.ts";
import type { V128 } from "../../wasm/mod.ts";
import type { Machine } from "../meaning.ts";
import { vectorBinary } from "./sse_common.ts";

type Operation = (a: V128, b: V128, m: Machine) => V128;

/** Bytes 2 and 3 of each 32-bit product. */
const HIGH_WORDS = [2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31];
/** Doublewords 0 and 2 to the front. */
const EVEN_DOUBLEWORDS = [0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11];

const highSigned: Operation = (a, b) =>
  i8x16.shuffle(i32x4.extmul_low_i16x8_s(a, b), i32x4.extmul_high_i16x8_s(a, b), HIGH_WORDS);
const highUnsigned: Operation = (a, b) =>
  i8x16.shuffle(i32x4.extmul_low_i16x8_u(a, b), i32x4.extmul_high_i16x8_u(a, b), HIGH_WORDS);
const evenProducts: Operation = (a, b) =>
  i64x2.extmul_low_i32x4_u(i8x16.shuffle(a, a, EVEN_DOUBLEWORDS), i8x16.shuffle(b, b, EVEN_DOUBLEWORDS));

const sumOfDifferences: Operation = (a, b, m) => {
  const differences = v128.or(i8x16.sub_sat_u(a, b), i8x16.sub_sat_u(b, a));
  const fours = m.let(i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(differences)));
  return i64x2.add(v128.and(fours, i64x2.const(0xffffffff, 0xffffffff)), i64x2.shr_u(fours, 32));
};

const rows: [string, number, Operation][] = [
  ["paddb", 0xfc, i8x16.add],
  ["paddw", 0xfd, i16x8.add],
  ["paddd", 0xfe, i32x4.add],
  ["paddq", 0xd4, i64x2.add],
  ["paddsb", 0xec, i8x16.add_sat_s],
  ["paddsw", 0xed, i16x8.add_sat_s],
  ["paddusb", 0xdc, i8x16.add_sat_u],
  ["paddusw", 0xdd, i16x8.add_sat_u],
  ["psubb", 0xf8, i8x16.sub],
  ["psubw", 0xf9, i16x8.sub],
  ["psubd", 0xfa, i32x4.sub],
  ["psubq", 0xfb, i64x2.sub],
  ["psubsb", 0xe8, i8x16.sub_sat_s],
  ["psubsw", 0xe9, i16x8.sub_sat_s],
  ["psubusb", 0xd8, i8x16.sub_sat_u],
  ["psubusw", 0xd9, i16x8.sub_sat_u],
  ["pmullw", 0xd5, i16x8.mul],
  ["pmulhw", 0xe5, highSigned],
  ["pmulhuw", 0xe4, highUnsigned],
  ["pmuludq", 0xf4, evenProducts],
  ["pmaddwd", 0xf5, i32x4.dot_i16x8_s],
  ["psadbw", 0xf6, sumOfDifferences],
  ["pavgb", 0xe0, i8x16.avgr_u],
  ["pavgw", 0xe3, i16x8.avgr_u],
  ["pminub", 0xda, i8x16.min_u],
  ["pmaxub", 0xde, i8x16.max_u],
  ["pminsw", 0xea, i16x8.min_s],
  ["pmaxsw", 0xee, i16x8.max_s],
  ["pcmpeqb", 0x74, i8x16.eq],
  ["pcmpeqw", 0x75, i16x8.eq],
  ["pcmpeqd", 0x76, i32x4.eq],
  ["pcmpgtb", 0x64, i8x16.gt_s],
  ["pcmpgtw", 0x65, i16x8.gt_s],
  ["pcmpgtd", 0x66, i32x4.gt_s],
];
for (const [name, opcode, fn] of rows) {
  vectorBinary("sse2", name, `66 0F ${opcode.toString(16).toUpperCase()}`, fn);
}
