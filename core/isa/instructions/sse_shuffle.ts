/** SSE and SSE2: shuffles, interleaving, packing with saturation, insertion and extraction of words. */
import { i16x8, i32x4, i64x2, i8x16, v128 } from "../../wasm/mod.ts";
import type { I32, V128 } from "../../wasm/mod.ts";
import type { Machine, Operand } from "../meaning.ts";
import { sse, vectorBinary } from "./sse_common.ts";

/** Lanes of a (0..) and b (after a's), `size` bytes each, as byte numbers for i8x16.shuffle. */
const lanes = (size: number, ...numbers: number[]): number[] =>
  numbers.flatMap((lane) => Array.from({ length: size }, (_, i) => lane * size + i));
const interleaved = (size: number, high: boolean) => {
  const count = 16 / size;
  const first = high ? count / 2 : 0;
  const numbers = Array.from({ length: count }, (_, i) => first + (i >> 1) + (i & 1 ? count : 0));
  const bytes = lanes(size, ...numbers);
  return (a: V128, b: V128) => i8x16.shuffle(a, b, bytes);
};

vectorBinary("sse", "unpcklps", "NP 0F 14", interleaved(4, false));
vectorBinary("sse", "unpckhps", "NP 0F 15", interleaved(4, true));
vectorBinary("sse2", "unpcklpd", "66 0F 14", interleaved(8, false));
vectorBinary("sse2", "unpckhpd", "66 0F 15", interleaved(8, true));
vectorBinary("sse2", "punpcklbw", "66 0F 60", interleaved(1, false));
vectorBinary("sse2", "punpcklwd", "66 0F 61", interleaved(2, false));
vectorBinary("sse2", "punpckldq", "66 0F 62", interleaved(4, false));
vectorBinary("sse2", "punpcklqdq", "66 0F 6C", interleaved(8, false));
vectorBinary("sse2", "punpckhbw", "66 0F 68", interleaved(1, true));
vectorBinary("sse2", "punpckhwd", "66 0F 69", interleaved(2, true));
vectorBinary("sse2", "punpckhdq", "66 0F 6A", interleaved(4, true));
vectorBinary("sse2", "punpckhqdq", "66 0F 6D", interleaved(8, true));
vectorBinary("sse2", "packsswb", "66 0F 63", i8x16.narrow_i16x8_s);
vectorBinary("sse2", "packuswb", "66 0F 67", i8x16.narrow_i16x8_u);
vectorBinary("sse2", "packssdw", "66 0F 6B", i16x8.narrow_i32x4_s);

/**
 * Byte numbers for a swizzle: doubleword i comes from the doubleword that bits 2i and 2i+1 of the immediate name. (The interpreter
 * knows the immediate only at run time.)
 */
function doublewordNumbers(m: Machine, immediate: I32): V128 {
  const byteNumbers = (i: number) =>
    m.add(m.mul(m.and(m.shr(immediate, 2 * i), 3), 0x04040404), 0x03020100) as I32;
  const first = i32x4.splat(byteNumbers(0));
  return [1, 2, 3].reduce((v, i) => i32x4.replace_lane(v, i, byteNumbers(i)), first);
}

/** As doublewordNumbers, for the four words of one half; the other half stays. */
function wordNumbers(m: Machine, immediate: I32, half: 0 | 1): V128 {
  const pair = (i: number) => {
    const word = (j: number) => m.and(m.shr(immediate, 2 * j), 3);
    const low = m.mul(word(i), 0x0202);
    const high = m.shl(m.mul(word(i + 1), 0x0202), 16);
    return m.add(m.or(low, high), half ? 0x09080908 : 0x01000100) as I32;
  };
  const identity = i32x4.const(0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c);
  return i32x4.replace_lane(i32x4.replace_lane(identity, 2 * half, pair(0)), 2 * half + 1, pair(2));
}

function shuffle(name: string, prefix: string, numbers: (m: Machine, immediate: I32) => V128): void {
  sse("sse2", name, {
    encodings: [`${prefix} 0F 70 /r Vdq,Wdq,Ib`],
    access: ["w", "r", "r"],
    meaning(m, dst: Operand, src: Operand, immediate: Operand) {
      const indices = numbers(m, immediate.read() as I32);
      dst.writeVector(i8x16.swizzle(src.readVector(), indices));
    },
  });
}
shuffle("pshufd", "66", doublewordNumbers);
shuffle("pshufhw", "F3", (m, immediate) => wordNumbers(m, immediate, 1));
shuffle("pshuflw", "F2", (m, immediate) => wordNumbers(m, immediate, 0));

sse("sse", "shufps", {
  encodings: ["NP 0F C6 /r Vdq,Wdq,Ib"],
  access: ["rw", "r", "r"],
  meaning(m, dst, src, immediate) {
    const indices = m.let(doublewordNumbers(m, immediate.read() as I32));
    const b = i8x16.swizzle(src.readVector(), indices);
    const a = i8x16.swizzle(dst.readVector(), indices);
    dst.writeVector(i8x16.shuffle(a, b, lanes(4, 0, 1, 6, 7)));
  },
});
sse("sse2", "shufpd", {
  encodings: ["66 0F C6 /r Vdq,Wdq,Ib"],
  access: ["rw", "r", "r"],
  meaning(m, dst, src, immediate) {
    const order = immediate.read() as I32;
    const [a, b] = [dst.readVector(), src.readVector()];
    const chosen = (v: V128, bit: number) =>
      m.select(m.and(order, bit) as I32, i64x2.extract_lane(v, 1), i64x2.extract_lane(v, 0));
    dst.writeVector(i64x2.replace_lane(i64x2.splat(chosen(a, 1)), 1, chosen(b, 2)));
  },
});

sse("sse2", "pinsrw", {
  encodings: ["66 0F C4 /r Vdq,Rd/Mw,Ib"],
  access: ["rw", "r", "r"],
  meaning(m, dst, src, immediate) {
    const word = i16x8.splat(src.read() as I32);
    const place = m.and(immediate.read(), 7) as I32;
    const mask = i16x8.eq(i16x8.const(0, 1, 2, 3, 4, 5, 6, 7), i16x8.splat(place));
    dst.writeVector(v128.bitselect(word, dst.readVector(), mask));
  },
});
sse("sse2", "pextrw", {
  encodings: ["66 0F C5 /r Gd,Udq,Ib"],
  access: ["w", "r", "r"],
  meaning(m, dst, src, immediate) {
    const place = m.and(immediate.read(), 7);
    const indices = i16x8.splat(m.add(m.mul(place, 0x0202), 0x0100) as I32);
    dst.write(i16x8.extract_lane_u(i8x16.swizzle(src.readVector(), indices), 0));
  },
});
