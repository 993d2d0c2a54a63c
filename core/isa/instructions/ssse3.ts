/** SSSE3, on XMM and MMX registers (AMD64 APM volumes 4 and 5). */
import { i16x8, i32x4, i64x2, i8x16, v128 } from "../../wasm/mod.ts";
import type { I32, V128 } from "../../wasm/mod.ts";
import { doubled, lowHalf, mmx, mmxBinary, writeMmx } from "./mmx_common.ts";
import { byteNumbers, sse, vectorBinary, zeroVector } from "./sse_common.ts";

type Binary = (a: V128, b: V128) => V128;

const EVEN_WORDS = [0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29];
const EVEN_DOUBLEWORDS = [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27];
/** Low half of the first, then of the second. */
const LOW_HALVES = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];

/** Neighbours combined: those of the first operand in the lower half, of the second in the upper. */
function horizontal(width: 2 | 4, combine: Binary): Binary {
  const even = width === 2 ? EVEN_WORDS : EVEN_DOUBLEWORDS;
  const odd = even.map((byte) => byte + width);
  return (a, b) => combine(i8x16.shuffle(a, b, even), i8x16.shuffle(a, b, odd));
}

/** The lanes of a with the signs of b, zero where b is zero. */
function signed(ops: typeof i8x16 | typeof i16x8 | typeof i32x4): Binary {
  return (a, b) => {
    const negative = ops.lt_s(b, zeroVector());
    return v128.and(ops.sub(v128.xor(a, negative), negative), ops.ne(b, zeroVector()));
  };
}

/** Unsigned bytes of a by signed bytes of b, neighbours added. */
const multiplyAdd: Binary = (a, b) => {
  const even = i16x8.mul(v128.and(a, i16x8.splat(0xff)), i16x8.shr_s(i16x8.shl(b, 8), 8));
  return i16x8.add_sat_s(even, i16x8.mul(i16x8.shr_u(a, 8), i16x8.shr_s(b, 8)));
};

/** wasm saturates the one product that overflows, here it wraps. */
const multiplyHighRounded: Binary = (a, b) => {
  const least = i16x8.splat(0x8000);
  const both = v128.and(i16x8.eq(a, least), i16x8.eq(b, least));
  return v128.xor(i16x8.q15mulr_sat_s(a, b), both);
};

interface Row {
  readonly name: string;
  readonly opcode: string;
  readonly wide: Binary;
  /** On two copies of each operand: the low half is the result; default: as wide. */
  readonly narrow?: Binary;
}
const inOne = (fn: Binary): Binary => (a, b) => {
  const both = i8x16.shuffle(a, b, LOW_HALVES);
  return fn(both, both);
};
const paired = (name: string, opcode: string, width: 2 | 4, combine: Binary): Row => {
  const wide = horizontal(width, combine);
  return { name, opcode, wide, narrow: inOne(wide) };
};
const rows: readonly Row[] = [
  {
    name: "pshufb",
    opcode: "00",
    wide: (a, b) => i8x16.swizzle(a, v128.and(b, i8x16.splat(0x8f))),
    narrow: (a, b) => i8x16.swizzle(a, v128.and(b, i8x16.splat(0x87))),
  },
  paired("phaddw", "01", 2, i16x8.add),
  paired("phaddd", "02", 4, i32x4.add),
  paired("phaddsw", "03", 2, i16x8.add_sat_s),
  { name: "pmaddubsw", opcode: "04", wide: multiplyAdd },
  paired("phsubw", "05", 2, i16x8.sub),
  paired("phsubd", "06", 4, i32x4.sub),
  paired("phsubsw", "07", 2, i16x8.sub_sat_s),
  { name: "psignb", opcode: "08", wide: signed(i8x16) },
  { name: "psignw", opcode: "09", wide: signed(i16x8) },
  { name: "psignd", opcode: "0A", wide: signed(i32x4) },
  { name: "pmulhrsw", opcode: "0B", wide: multiplyHighRounded },
];
for (const { name, opcode, wide, narrow } of rows) {
  vectorBinary("ssse3", name, `66 0F 38 ${opcode}`, wide);
  mmxBinary("ssse3", name, `38 ${opcode}`, narrow ?? wide);
}

for (
  const [name, opcode, abs] of [["pabsb", "1C", i8x16.abs], ["pabsw", "1D", i16x8.abs], [
    "pabsd",
    "1E",
    i32x4.abs,
  ]] as const
) {
  sse("ssse3", name, {
    encodings: [`66 0F 38 ${opcode} /r Vdq,Wdq`],
    access: ["w", "r"],
    meaning: (_m, dst, src) => dst.writeVector(abs(src.readVector())),
  });
  mmx("ssse3", name, {
    encodings: [`NP 0F 38 ${opcode} /r Pq,Qq [rare]`],
    access: ["w", "r"],
    meaning: (_m, dst, src) => writeMmx(dst, lowHalf(abs(doubled(src)))),
  });
}

sse("ssse3", "palignr", {
  encodings: ["66 0F 3A 0F /r Vdq,Wdq,Ib"],
  access: ["rw", "r", "r"],
  meaning(m, dst, src, immediate) {
    const numbers = m.let(i8x16.add_sat_u(byteNumbers(), i8x16.splat(immediate.read() as I32)));
    const low = i8x16.swizzle(src.readVector(), numbers);
    const high = i8x16.swizzle(dst.readVector(), i8x16.sub(numbers, i8x16.splat(16)));
    dst.writeVector(v128.or(low, high));
  },
});
mmx("ssse3", "palignr", {
  encodings: ["NP 0F 3A 0F /r Pq,Qq,Ib [rare]"],
  access: ["rw", "r", "r"],
  meaning(_m, dst, src, immediate) {
    const numbers = i8x16.add_sat_u(byteNumbers(), i8x16.splat(immediate.read() as I32));
    const both = i8x16.shuffle(doubled(src), doubled(dst), LOW_HALVES);
    writeMmx(dst, i64x2.extract_lane(i8x16.swizzle(both, numbers), 0));
  },
});
