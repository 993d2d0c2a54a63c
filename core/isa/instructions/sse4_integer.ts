/** SSE4.1 and SSE4.2 on packed integers (AMD64 APM volume 4); CRC32 and POPCNT are in bit.ts, the text instructions in sse42_text.ts. */
import { i16x8, i32, i32x4, i64x2, i8x16, v128 } from "../../wasm/mod.ts";
import type { I32, I64, V128 } from "../../wasm/mod.ts";
import type { Machine, Operand } from "../meaning.ts";
import { byteNumbers, sse, vectorBinary, zeroVector } from "./sse_common.ts";

const EVEN_DOUBLEWORDS = [0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11];
const even = (v: V128): V128 => i8x16.shuffle(v, v, EVEN_DOUBLEWORDS);

vectorBinary("sse4_1", "pmuldq", "66 0F 38 28", (a, b) => i64x2.extmul_low_i32x4_s(even(a), even(b)));
vectorBinary("sse4_1", "pcmpeqq", "66 0F 38 29", i64x2.eq);
vectorBinary("sse4_1", "packusdw", "66 0F 38 2B", i16x8.narrow_i32x4_u);
vectorBinary("sse4_2", "pcmpgtq", "66 0F 38 37", i64x2.gt_s);
vectorBinary("sse4_1", "pminsb", "66 0F 38 38", i8x16.min_s);
vectorBinary("sse4_1", "pminsd", "66 0F 38 39", i32x4.min_s);
vectorBinary("sse4_1", "pminuw", "66 0F 38 3A", i16x8.min_u);
vectorBinary("sse4_1", "pminud", "66 0F 38 3B", i32x4.min_u);
vectorBinary("sse4_1", "pmaxsb", "66 0F 38 3C", i8x16.max_s);
vectorBinary("sse4_1", "pmaxsd", "66 0F 38 3D", i32x4.max_s);
vectorBinary("sse4_1", "pmaxuw", "66 0F 38 3E", i16x8.max_u);
vectorBinary("sse4_1", "pmaxud", "66 0F 38 3F", i32x4.max_u);
vectorBinary("sse4_1", "pmulld", "66 0F 38 40", i32x4.mul);

/** Lanes widened: name, opcode, bytes read, how. */
const extensions: [string, string, "q" | "d" | "w", (v: V128) => V128][] = [];
for (const [letter, first, s] of [["s", 0x20, true], ["z", 0x30, false]] as const) {
  const word = s ? i16x8.extend_low_i8x16_s : i16x8.extend_low_i8x16_u;
  const double = s ? i32x4.extend_low_i16x8_s : i32x4.extend_low_i16x8_u;
  const quad = s ? i64x2.extend_low_i32x4_s : i64x2.extend_low_i32x4_u;
  const add = (kind: string, n: number, size: "q" | "d" | "w", fn: (v: V128) => V128) =>
    extensions.push([`pmov${letter}x${kind}`, (first + n).toString(16), size, fn]);
  add("bw", 0, "q", word);
  add("bd", 1, "d", (v) => double(word(v)));
  add("bq", 2, "w", (v) => quad(double(word(v))));
  add("wd", 3, "q", double);
  add("wq", 4, "d", (v) => quad(double(v)));
  add("dq", 5, "q", quad);
}
/** A register's low bytes, or a narrow memory operand, in the low lanes. */
function low(m: Machine, src: Operand): V128 {
  return src.kind === "xmm" ? src.readVector() : i64x2.splat(m.i64(src.read()));
}
for (const [name, opcode, size, fn] of extensions) {
  sse("sse4_1", name, {
    encodings: [`66 0F 38 ${opcode} /r Vdq,Udq/M${size}`],
    access: ["w", "r"],
    meaning: (m, dst, src) => dst.writeVector(fn(low(m, src))),
  });
}

sse("sse4_1", "movntdqa", {
  encodings: ["66 0F 38 2A /r Vdq,Mdq"],
  access: ["w", "r"],
  meaning: (_m, dst, src) => dst.writeVector(src.readVector()),
});

sse("sse4_1", "ptest", {
  encodings: ["66 0F 38 17 /r Vdq,Wdq"],
  access: ["r", "r"],
  flags: { writes: "OSZAPC" },
  meaning(m, first, second) {
    const b = second.readVector();
    const a = first.readVector();
    m.flags.set({
      ZF: i32.eqz(v128.any_true(v128.and(a, b))),
      CF: i32.eqz(v128.any_true(v128.andnot(b, a))),
      OF: 0,
      SF: 0,
      AF: 0,
      PF: 0,
    });
  },
});

sse("sse4_1", "phminposuw", {
  encodings: ["66 0F 38 41 /r Vdq,Wdq"],
  access: ["w", "r"],
  meaning(m, dst, src) {
    const a = src.readVector();
    let least = a;
    for (const shift of [8, 4, 2]) {
      const bytes = Array.from({ length: 16 }, (_, i) => (i + shift) & 15);
      const bound = m.let(least);
      least = i16x8.min_u(bound, i8x16.shuffle(bound, bound, bytes));
    }
    const value = m.let(i16x8.extract_lane_u(least, 0));
    const place = m.ctz(i16x8.bitmask(i16x8.eq(a, i16x8.splat(value)))) as I32;
    const both = i32.or(value, i32.shl(place, 16));
    dst.writeVector(i32x4.replace_lane(zeroVector(), 0, both));
  },
});

sse("sse4_1", "mpsadbw", {
  encodings: ["66 0F 3A 42 /r Vdq,Wdq,Ib"],
  access: ["rw", "r", "r"],
  meaning(m, dst, src, immediate) {
    const control = immediate.read() as I32;
    const [a, b] = [dst.readVector(), src.readVector()];
    const first = m.let(i32.and(control, 4));
    const block = m.let(i32.shl(i32.and(control, 3), 2));
    let sum: V128 = zeroVector();
    for (let k = 0; k < 4; k++) {
      const window = m.let(i8x16.swizzle(a, i8x16.add(byteNumbers(), i8x16.splat(i32.add(first, k)))));
      const byte = m.let(i8x16.swizzle(b, i8x16.splat(i32.add(block, k))));
      const difference = v128.or(i8x16.sub_sat_u(window, byte), i8x16.sub_sat_u(byte, window));
      sum = i16x8.add(sum, i16x8.extend_low_i8x16_u(difference));
    }
    dst.writeVector(sum);
  },
});

/** The lanes whose bit of the immediate is set. */
const chosenWords = (bits: I32): V128 =>
  i16x8.ne(v128.and(i16x8.splat(bits), i16x8.const(1, 2, 4, 8, 16, 32, 64, 128)), zeroVector());
const chosenDoublewords = (bits: I32): V128 =>
  i32x4.ne(v128.and(i32x4.splat(bits), i32x4.const(1, 2, 4, 8)), zeroVector());
const chosenQuadwords = (bits: I32): V128 =>
  i32x4.ne(v128.and(i32x4.splat(bits), i32x4.const(1, 1, 2, 2)), zeroVector());

for (
  const [name, opcode, chosen] of [
    ["blendps", "0C", chosenDoublewords],
    ["blendpd", "0D", chosenQuadwords],
    ["pblendw", "0E", chosenWords],
  ] as const
) {
  sse("sse4_1", name, {
    encodings: [`66 0F 3A ${opcode} /r Vdq,Wdq,Ib`],
    access: ["rw", "r", "r"],
    meaning(_m, dst, src, immediate) {
      const mask = chosen(immediate.read() as I32);
      dst.writeVector(v128.bitselect(src.readVector(), dst.readVector(), mask));
    },
  });
}
for (
  const [name, opcode, mask] of [
    ["pblendvb", "10", (v: V128) => i8x16.shr_s(v, 7)],
    ["blendvps", "14", (v: V128) => i32x4.shr_s(v, 31)],
    ["blendvpd", "15", (v: V128) => i64x2.shr_s(v, 63)],
  ] as const
) {
  sse("sse4_1", name, {
    encodings: [`66 0F 38 ${opcode} /r Vdq,Wdq,XMM0`],
    access: ["rw", "r", "r"],
    meaning: (_m, dst, src, control) =>
      dst.writeVector(v128.bitselect(src.readVector(), dst.readVector(), mask(control.readVector()))),
  });
}

/** All bytes of the lane that the immediate names, brought to the lowest place. */
function lane(src: Operand, immediate: Operand, size: 1 | 2 | 4 | 8): V128 {
  const place = i32.and(immediate.read() as I32, 16 / size - 1);
  return i8x16.swizzle(src.readVector(), i8x16.add(byteNumbers(), i8x16.splat(i32.mul(place, size))));
}
sse("sse4_1", "pextrb", {
  encodings: ["66 0F 3A 14 /r Rd/Mb,Vdq,Ib"],
  access: ["w", "r", "r"],
  meaning: (_m, dst, src, immediate) => dst.write(i8x16.extract_lane_u(lane(src, immediate, 1), 0)),
});
sse("sse4_1", "pextrw", {
  encodings: ["66 0F 3A 15 /r Rd/Mw,Vdq,Ib"],
  access: ["w", "r", "r"],
  meaning: (_m, dst, src, immediate) => dst.write(i16x8.extract_lane_u(lane(src, immediate, 2), 0)),
});
sse("sse4_1", "pextrd", {
  encodings: ["66 0F 3A 16 /r Ey,Vdq,Ib"],
  access: ["w", "r", "r"],
  aliases: ["pextrq"],
  meaning(_m, dst, src, immediate) {
    if (dst.size === 8) dst.write(i64x2.extract_lane(lane(src, immediate, 8), 0));
    else dst.write(i32x4.extract_lane(lane(src, immediate, 4), 0));
  },
});
sse("sse4_1", "extractps", {
  encodings: ["66 0F 3A 17 /r Ed,Vdq,Ib"],
  access: ["w", "r", "r"],
  meaning: (_m, dst, src, immediate) => dst.write(i32x4.extract_lane(lane(src, immediate, 4), 0)),
});

sse("sse4_1", "pinsrb", {
  encodings: ["66 0F 3A 20 /r Vdq,Rd/Mb,Ib"],
  access: ["rw", "r", "r"],
  meaning(m, dst, src, immediate) {
    const mask = i8x16.eq(byteNumbers(), i8x16.splat(m.and(immediate.read(), 15) as I32));
    dst.writeVector(v128.bitselect(i8x16.splat(src.read() as I32), dst.readVector(), mask));
  },
});
sse("sse4_1", "pinsrd", {
  encodings: ["66 0F 3A 22 /r Vdq,Ey,Ib"],
  access: ["rw", "r", "r"],
  aliases: ["pinsrq"],
  meaning(m, dst, src, immediate) {
    const wide = src.size === 8;
    const place = immediate.read() as I32;
    const bit = m.shl(i32.const(1), m.and(place, wide ? 1 : 3)) as I32;
    const mask = wide ? chosenQuadwords(bit) : chosenDoublewords(bit);
    const value = wide ? i64x2.splat(src.read() as I64) : i32x4.splat(src.read() as I32);
    dst.writeVector(v128.bitselect(value, dst.readVector(), mask));
  },
});
sse("sse4_1", "insertps", {
  encodings: ["66 0F 3A 21 /r Vdq,Udq/Md,Ib"],
  access: ["rw", "r", "r"],
  meaning(m, dst, src, immediate) {
    const control = immediate.read() as I32;
    let value: V128;
    if (src.kind === "mem") value = i32x4.splat(src.read() as I32);
    else {
      const from = i32.shl(i32.shr_u(control, 6), 2);
      const numbers = v128.and(byteNumbers(), i8x16.splat(3));
      value = i8x16.swizzle(src.readVector(), i8x16.add(numbers, i8x16.splat(from)));
    }
    const bit = m.shl(i32.const(1), m.and(m.shr(control, 4), 3)) as I32;
    const inserted = v128.bitselect(value, dst.readVector(), chosenDoublewords(bit));
    dst.writeVector(v128.andnot(inserted, chosenDoublewords(control)));
  },
});
