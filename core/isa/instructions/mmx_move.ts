/** Moves, shuffles and conversions with MMX registers (AMD64 APM volumes 4 and 5). */
import { i16x8, i32, i32x4, i64, i64x2, i8x16, v128 } from "../../wasm/mod.ts";
import type { I32, I64, V128 } from "../../wasm/mod.ts";
import { instruction } from "../instruction.ts";
import { type Machine, type Operand, Reg } from "../meaning.ts";
import { doubled, enterMmx, lowHalf, mmx, pair, requireMmx, waitForX87, writeMmx } from "./mmx_common.ts";
import { requireSse, zeroVector } from "./sse_common.ts";
import { settle } from "./sse_float.ts";

mmx("mmx", "movd", {
  encodings: ["NP 0F 6E /r Pq,Ey [rare]"],
  access: ["w", "r"],
  aliases: ["movq"],
  meaning: (m, dst, src) => writeMmx(dst, m.i64(src.read())),
});
mmx("mmx", "movd", {
  encodings: ["NP 0F 7E /r Ey,Pq [rare]"],
  access: ["w", "r"],
  aliases: ["movq"],
  meaning: (_m, dst, src) => dst.write(src.read()),
});
mmx("mmx", "movq", {
  encodings: ["NP 0F 6F /r Pq,Qq", "NP 0F 7F /r Qq,Pq"],
  access: ["w", "r"],
  meaning: (_m, dst, src) => writeMmx(dst, src.read() as I64),
});
mmx("sse", "movntq", {
  encodings: ["NP 0F E7 /r Mq,Pq [rare]"],
  access: ["w", "r"],
  meaning: (_m, dst, src) => dst.write(src.read()),
});
mmx("sse2", "movq2dq", {
  encodings: ["F3 0F D6 /r Vdq,Nq"],
  access: ["w", "r"],
  meaning: (_m, dst, src) => dst.writeVector(i64x2.replace_lane(zeroVector(), 0, src.read() as I64)),
});
mmx("sse2", "movdq2q", {
  encodings: ["F2 0F D6 /r Pq,Udq"],
  access: ["w", "r"],
  meaning: (_m, dst, src) => writeMmx(dst, lowHalf(src.readVector())),
});

instruction("emms", {
  encodings: ["NP 0F 77"],
  feature: "mmx",
  meaning(m) {
    requireMmx(m);
    m.setState("fsw", i32.and(m.state("fsw"), ~0x3800));
    m.setState("ftw", i32.const(0));
  },
});

mmx("sse", "pshufw", {
  encodings: ["NP 0F 70 /r Pq,Qq,Ib [rare]"],
  access: ["w", "r", "r"],
  meaning(m, dst, src, immediate) {
    const order = immediate.read() as I32;
    const word = (i: number) => m.mul(m.and(m.shr(order, 2 * i), 3), 0x0202) as I32;
    const half = (i: number) => i32.add(i32.or(word(i), i32.shl(word(i + 1), 16)), 0x01000100);
    const numbers = i32x4.replace_lane(i32x4.splat(half(0)), 1, half(2));
    writeMmx(dst, lowHalf(i8x16.swizzle(doubled(src), numbers)));
  },
});
mmx("sse", "pinsrw", {
  encodings: ["NP 0F C4 /r Pq,Rd/Mw,Ib [rare]"],
  access: ["rw", "r", "r"],
  meaning(m, dst, src, immediate) {
    const place = m.and(immediate.read(), 3) as I32;
    const mask = i16x8.eq(i16x8.const(0, 1, 2, 3, 4, 5, 6, 7), i16x8.splat(place));
    writeMmx(dst, lowHalf(v128.bitselect(i16x8.splat(src.read() as I32), doubled(dst), mask)));
  },
});
mmx("sse", "pextrw", {
  encodings: ["NP 0F C5 /r Gd,Nq,Ib"],
  access: ["w", "r", "r"],
  meaning(m, dst, src, immediate) {
    const shift = i64.extend_i32_u(i32.shl(m.and(immediate.read(), 3) as I32, 4));
    dst.write(i32.and(i32.wrap_i64(i64.shr_u(src.read() as I64, shift)), 0xffff));
  },
});
mmx("sse", "pmovmskb", {
  encodings: ["NP 0F D7 /r Gd,Nq"],
  access: ["w", "r"],
  meaning: (_m, dst, src) => dst.write(i32.and(i8x16.bitmask(doubled(src)), 0xff)),
});
mmx("sse", "maskmovq", {
  encodings: ["NP 0F F7 /r Pq,Nq"],
  access: ["r", "r"],
  addressed: true,
  meaning(m, src, mask) {
    // A page fault finds the registers MMX's already.
    enterMmx(m);
    const size = m.addrSize;
    const bits = m.let(i32.and(i8x16.bitmask(doubled(mask)), 0xff));
    const base = m.reg(Reg.rdi, size);
    // Also where the mask leaves nothing to write.
    m.probeWrite(8, "data", base);
    m.if(bits, () => {
      const bytes = doubled(src);
      const left = m.variable("i32", bits);
      m.loop(({ again }) => {
        const index = m.let(m.ctz(left.get()) as I32);
        const byte = i8x16.extract_lane_u(i8x16.swizzle(bytes, i8x16.splat(index)), 0);
        m.store(1, "data", m.let(m.truncate(m.add(base, index), size)), byte);
        left.set(m.and(left.get(), m.sub(left.get(), 1)) as I32);
        m.if(m.ne(left.get(), 0), again);
      });
    });
  },
});

// Conversions: SSE's rules for being enabled, then MMX's.
const mxcsrOf = (m: Machine): I32 => m.let(m.state("mxcsr"));

instruction("cvtpi2ps", {
  encodings: ["NP 0F 2A /r Vq,Qq [rare]"],
  access: ["w", "r"],
  feature: "sse",
  meaning(m, dst, src) {
    requireSse(m);
    // From memory it is no MMX instruction.
    if (src.kind === "mm") waitForX87(m);
    const value = m.let(src.read() as I64);
    const mxcsr = mxcsrOf(m);
    const single = (integer: I64) => i64.extend_i32_u(m.helper("i64ToF32", integer, mxcsr));
    const low = m.let(single(i64.extend32_s(value)));
    const high = m.let(single(i64.shr_s(value, 32)));
    if (src.kind === "mm") enterMmx(m);
    settle(m, mxcsr);
    dst.write(i64.or(low, i64.shl(high, 32)));
  },
});
instruction("cvtpi2pd", {
  encodings: ["66 0F 2A /r Vdq,Qq [rare]"],
  access: ["w", "r"],
  feature: "sse2",
  meaning(m, dst, src) {
    requireSse(m);
    if (src.kind === "mm") waitForX87(m);
    const value = m.let(src.read() as I64);
    const mxcsr = mxcsrOf(m);
    const low = m.helper("i64ToF64", i64.extend32_s(value), mxcsr);
    const high = m.helper("i64ToF64", i64.shr_s(value, 32), mxcsr);
    dst.writeVector(pair(low, high));
    if (src.kind === "mm") enterMmx(m);
  },
});

function toMmx(name: string, encoding: string, truncate: boolean, single: boolean): void {
  instruction(name, {
    encodings: [`${encoding} /r Pq,${single ? "Wq" : "Wdq"} [rare]`],
    access: ["w", "r"],
    feature: single ? "sse" : "sse2",
    meaning(m: Machine, dst: Operand, src: Operand) {
      requireSse(m);
      waitForX87(m);
      const a: V128 = single ? m.let(i64x2.splat(src.read() as I64)) : src.readVector();
      const mxcsr = mxcsrOf(m);
      const control = i32.const(truncate ? 1 : 0);
      const lane = (i: number) =>
        single
          ? m.helper("f32ToI32", i32x4.extract_lane(a, i), mxcsr, control)
          : m.helper("f64ToI32", i64x2.extract_lane(a, i), mxcsr, control);
      const low = m.let(i64.extend_i32_u(lane(0)));
      const high = m.let(i64.extend_i32_u(lane(1)));
      // An exception finds the registers MMX's already.
      enterMmx(m);
      settle(m, mxcsr);
      writeMmx(dst, i64.or(low, i64.shl(high, 32)));
    },
  });
}
toMmx("cvttps2pi", "NP 0F 2C", true, true);
toMmx("cvtps2pi", "NP 0F 2D", false, true);
toMmx("cvttpd2pi", "66 0F 2C", true, false);
toMmx("cvtpd2pi", "66 0F 2D", false, false);
