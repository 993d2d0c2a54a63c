/** SSE and SSE2 conversions between singles, doubles and integers (forms on MMX registers are not here). */
import { f32, f32x4, f64, f64x2, i32, i32x4, i64, i64x2, v128 } from "../../wasm/mod.ts";
import type { Expr, F64, I32, I64, V128 } from "../../wasm/mod.ts";
import type { Machine, Operand } from "../meaning.ts";
import { sse, zeroVector } from "./sse_common.ts";
import {
  everyLane,
  packedDouble,
  packedSingle,
  precisionKnown,
  roundsToNearest,
  scalarDouble,
  scalarSingle,
  settle,
  usualControl,
} from "./sse_float.ts";

/** Doubles that become normal singles: from the least normal one to below what rounds to infinity. */
const LEAST_SINGLE = 2 ** -126;
const ABOVE_SINGLES = 2 ** 128 - 2 ** 103;

/** `fast` unless `known` is 0, then what `slow` gives. */
function choose<T extends "i32" | "i64" | "v128">(
  m: Machine,
  type: T,
  known: I32,
  fast: Expr<T>,
  slow: () => Expr<T>,
  mxcsr: I32,
): Expr<T> {
  const result = m.variable(type, fast);
  m.if(i32.eqz(known), () => {
    result.set(slow());
    settle(m, mxcsr);
  });
  return result.get();
}
const mxcsrOf = (m: Machine): I32 => m.let(m.state("mxcsr"));

// Integers to floating point: PE is the only exception, and there is none where every integer fits.
sse("sse", "cvtsi2ss", {
  encodings: ["F3 0F 2A /r Vss,Ey"],
  access: ["w", "r"],
  meaning(m, dst, src) {
    const mxcsr = mxcsrOf(m);
    const wide = src.size === 8;
    const value = src.read();
    const fast = wide ? f32.convert_i64_s(value as I64) : f32.convert_i32_s(value as I32);
    const fits = m.leu(m.add(value, 1 << 24), 1 << 25);
    const slow = () => m.helper("i64ToF32", wide ? value as I64 : i64.extend_i32_s(value as I32), mxcsr);
    const known = i32.or(usualControl(mxcsr), fits);
    dst.write(choose(m, "i32", known, i32.reinterpret_f32(fast), slow, mxcsr));
  },
});
sse("sse2", "cvtsi2sd", {
  encodings: ["F2 0F 2A /r Vsd,Ey"],
  access: ["w", "r"],
  meaning(m, dst, src) {
    const value = src.read();
    if (src.size === 4) {
      dst.write(i64.reinterpret_f64(f64.convert_i32_s(value as I32)));
      return;
    }
    const mxcsr = mxcsrOf(m);
    const fits = i64.le_u(i64.add(value as I64, 1n << 53n), 1n << 54n);
    const known = i32.or(usualControl(mxcsr), fits);
    const fast = i64.reinterpret_f64(f64.convert_i64_s(value as I64));
    dst.write(choose(m, "i64", known, fast, () => m.helper("i64ToF64", value as I64, mxcsr), mxcsr));
  },
});
sse("sse2", "cvtdq2ps", {
  encodings: ["NP 0F 5B /r Vdq,Wdq"],
  access: ["w", "r"],
  meaning(m, dst, src) {
    const a = src.readVector();
    const mxcsr = mxcsrOf(m);
    const slow = () =>
      lanes(4, zeroVector(), (result, lane) => {
        const value = m.helper("i64ToF32", i64.extend_i32_s(i32x4.extract_lane(a, lane)), mxcsr);
        return i32x4.replace_lane(result, lane, value);
      });
    const known = usualControl(mxcsr);
    dst.writeVector(choose(m, "v128", known, f32x4.convert_i32x4_s(a), slow, mxcsr));
  },
});
sse("sse2", "cvtdq2pd", {
  encodings: ["F3 0F E6 /r Vdq,Wq"],
  access: ["w", "r"],
  meaning: (_m, dst, src) => dst.writeVector(f64x2.convert_low_i32x4_s(i64x2.splat(src.read() as I64))),
});

function lanes(count: number, initial: V128, step: (result: V128, lane: number) => V128): V128 {
  let result = initial;
  for (let lane = 0; lane < count; lane++) result = step(result, lane);
  return result;
}

// Between the formats.
sse("sse2", "cvtss2sd", {
  encodings: ["F3 0F 5A /r Vsd,Wss"],
  access: ["w", "r"],
  meaning(m, dst, src) {
    const a = src.read() as I32;
    const mxcsr = mxcsrOf(m);
    const known = i32.and(scalarSingle.notDenormal(a), i32.eqz(scalarSingle.isNaN(a)));
    const fast = i64.reinterpret_f64(f64.promote_f32(f32.reinterpret_i32(a)));
    dst.write(choose(m, "i64", known, fast, () => m.helper("f32ToF64", a, mxcsr), mxcsr));
  },
});
sse("sse2", "cvtps2pd", {
  encodings: ["NP 0F 5A /r Vdq,Wq"],
  access: ["w", "r"],
  meaning(m, dst, src) {
    // Both halves hold the two singles, so that checking all lanes checks them.
    const a = m.let(i64x2.splat(src.read() as I64));
    const mxcsr = mxcsrOf(m);
    const slow = () =>
      lanes(
        2,
        zeroVector(),
        (result, lane) =>
          i64x2.replace_lane(result, lane, m.helper("f32ToF64", i32x4.extract_lane(a, lane), mxcsr)),
      );
    const known = everyLane(packedSingle.ordinary(a));
    dst.writeVector(choose(m, "v128", known, f64x2.promote_low_f32x4(a), slow, mxcsr));
  },
});
sse("sse2", "cvtsd2ss", {
  encodings: ["F2 0F 5A /r Vss,Wsd"],
  access: ["w", "r"],
  meaning(m, dst, src) {
    const a = src.read() as I64;
    const mxcsr = mxcsrOf(m);
    const value = f64.reinterpret_i64(a);
    const magnitude = m.let(i64.reinterpret_f64(f64.abs(value)));
    const size = f64.reinterpret_i64(magnitude);
    const inRange = i32.and(f64.ge(size, LEAST_SINGLE), f64.lt(size, ABOVE_SINGLES));
    const known = i32.and(usualControl(mxcsr), i32.or(inRange, scalarDouble.isZero(a)));
    const fast = i32.reinterpret_f32(f32.demote_f64(value));
    dst.write(choose(m, "i32", known, fast, () => m.helper("f64ToF32", a, mxcsr), mxcsr));
  },
});
sse("sse2", "cvtpd2ps", {
  encodings: ["66 0F 5A /r Vdq,Wdq"],
  access: ["w", "r"],
  meaning(m, dst, src) {
    const a = src.readVector();
    const mxcsr = mxcsrOf(m);
    const magnitude = m.let(f64x2.abs(a));
    const inRange = v128.and(
      f64x2.ge(magnitude, f64x2.const(LEAST_SINGLE, LEAST_SINGLE)),
      f64x2.lt(magnitude, f64x2.const(ABOVE_SINGLES, ABOVE_SINGLES)),
    );
    const known = i32.and(usualControl(mxcsr), everyLane(v128.or(inRange, packedDouble.isZero(a))));
    const slow = () =>
      lanes(
        2,
        zeroVector(),
        (result, lane) =>
          i32x4.replace_lane(result, lane, m.helper("f64ToF32", i64x2.extract_lane(a, lane), mxcsr)),
      );
    dst.writeVector(choose(m, "v128", known, f32x4.demote_f64x2_zero(a), slow, mxcsr));
  },
});

/** The value rounded to a whole number, or truncated. */
const whole = (value: F64, truncate: boolean): F64 => truncate ? f64.trunc(value) : f64.nearest(value);

/** Floating point to an integer register: IE and PE only. */
function toInteger(name: string, encoding: string, single: boolean, truncate: boolean): void {
  sse(single ? "sse" : "sse2", name, {
    encodings: [`${encoding} /r Gy,W${single ? "ss" : "sd"}`],
    access: ["w", "r"],
    meaning(m, dst, src) {
      const bits = src.read();
      const mxcsr = mxcsrOf(m);
      // Doubles have no expression type that m.let takes: their bits do.
      const valueBits = single
        ? m.let(i64.reinterpret_f64(f64.promote_f32(f32.reinterpret_i32(bits as I32))))
        : bits as I64;
      const value = f64.reinterpret_i64(valueBits);
      const roundedBits = m.let(i64.reinterpret_f64(whole(value, truncate)));
      const rounded = f64.reinterpret_i64(roundedBits);
      const limit = dst.size === 8 ? 2 ** 63 : 2 ** 31;
      const inRange = i32.and(f64.ge(rounded, -limit), f64.lt(rounded, limit));
      const noNews = i32.or(precisionKnown(mxcsr), f64.eq(rounded, value));
      const inMode = truncate ? inRange : i32.and(inRange, roundsToNearest(mxcsr));
      const known = i32.and(inMode, noNews);
      const control = i32.const(truncate ? 1 : 0);
      if (dst.size === 8) {
        const slow = () =>
          single
            ? m.helper("f32ToI64", bits as I32, mxcsr, control)
            : m.helper("f64ToI64", bits as I64, mxcsr, control);
        dst.write(choose(m, "i64", known, i64.trunc_sat_f64_s(rounded), slow, mxcsr));
      } else {
        const slow = () =>
          single
            ? m.helper("f32ToI32", bits as I32, mxcsr, control)
            : m.helper("f64ToI32", bits as I64, mxcsr, control);
        dst.write(choose(m, "i32", known, i32.trunc_sat_f64_s(rounded), slow, mxcsr));
      }
    },
  });
}
toInteger("cvttss2si", "F3 0F 2C", true, true);
toInteger("cvtss2si", "F3 0F 2D", true, false);
toInteger("cvttsd2si", "F2 0F 2C", false, true);
toInteger("cvtsd2si", "F2 0F 2D", false, false);

/** Floating point to packed doublewords; from doubles the upper two become zero. */
function toDoublewords(name: string, encoding: string, single: boolean, truncate: boolean): void {
  const ops = single ? f32x4 : f64x2;
  const constant = (n: number) => single ? f32x4.const(n, n, n, n) : f64x2.const(n, n);
  sse("sse2", name, {
    encodings: [`${encoding} /r Vdq,Wdq`],
    access: ["w", "r"],
    meaning(m: Machine, dst: Operand, src: Operand) {
      const a = src.readVector();
      const mxcsr = mxcsrOf(m);
      const rounded = m.let(truncate ? ops.trunc(a) : ops.nearest(a));
      const inRange = v128.and(ops.ge(rounded, constant(-(2 ** 31))), ops.lt(rounded, constant(2 ** 31)));
      const exact = everyLane(ops.eq(rounded, a));
      const noNews = i32.and(everyLane(inRange), i32.or(precisionKnown(mxcsr), exact));
      const known = truncate ? noNews : i32.and(noNews, roundsToNearest(mxcsr));
      const control = i32.const(truncate ? 1 : 0);
      const slow = () =>
        lanes(single ? 4 : 2, zeroVector(), (result, lane) => {
          const value = single
            ? m.helper("f32ToI32", i32x4.extract_lane(a, lane), mxcsr, control)
            : m.helper("f64ToI32", i64x2.extract_lane(a, lane), mxcsr, control);
          return i32x4.replace_lane(result, lane, value);
        });
      const fast = single ? i32x4.trunc_sat_f32x4_s(rounded) : i32x4.trunc_sat_f64x2_s_zero(rounded);
      dst.writeVector(choose(m, "v128", known, fast, slow, mxcsr));
    },
  });
}
toDoublewords("cvtps2dq", "66 0F 5B", true, false);
toDoublewords("cvttps2dq", "F3 0F 5B", true, true);
toDoublewords("cvtpd2dq", "F2 0F E6", false, false);
toDoublewords("cvttpd2dq", "66 0F E6", false, true);
