/** Conversions of one lane: between the two formats, from and to integers (AMD64 APM volume 4, CVT*). */
import { f32, f64, i32, i64 } from "../../wasm/mod.ts";
import type { F64, FuncRef, I64 } from "../../wasm/mod.ts";
import type { UnaryFunction } from "./arithmetic.ts";
import {
  Exception,
  F32,
  F64 as Double,
  type Format,
  fraction,
  has,
  infinity,
  isInfinite,
  isNaN,
  isSignalling,
  isZero,
  Mxcsr,
  quietBit,
  raise,
  roundingControl,
  signed,
  signOf,
  type Soft,
  takeDenormal,
  unpack,
} from "./core.ts";

/** (value, mxcsr, truncate) */
export type ToI32 = FuncRef<readonly ["i64", "i32", "i32"], readonly ["i32"]>;
export type ToI64 = FuncRef<readonly ["i64", "i32", "i32"], readonly ["i64"]>;

export interface Conversion {
  readonly widen: UnaryFunction;
  readonly narrow: UnaryFunction;
  readonly fromInteger: Readonly<Record<"f32" | "f64", UnaryFunction>>;
  readonly toI32: Readonly<Record<"f32" | "f64", ToI32>>;
  readonly toI64: Readonly<Record<"f32" | "f64", ToI64>>;
}

/** Between formats: NaNs keep the upper bits of their payload, infinities and zeros their sign. */
function defineFormatChange(soft: Soft, from: Format, to: Format): UnaryFunction {
  const distance = to.precision - from.precision;
  const rescaled = (x: I64): I64 => distance > 0 ? i64.shl(x, distance) : i64.shr_u(x, -distance);
  const signature = { name: `${from.name}To${to.name}`, params: ["i64", "i32"], results: ["i64"] } as const;
  return soft.module.func(signature, (f, given, mxcsr) => {
    const sign = f.let(signOf(from, given));
    f.if(isNaN(from, given), () => {
      raise(f, soft, isSignalling(from, given));
      const payload = i64.or(rescaled(fraction(from, given)), infinity(to) | quietBit(to));
      f.return(i64.or(signed(to, sign), payload));
    });
    const x = takeDenormal(f, soft, from, given, mxcsr);
    f.if(isInfinite(from, x), () => f.return(i64.or(signed(to, sign), infinity(to))));
    f.if(isZero(from, x), () => f.return(signed(to, sign)));
    const { exponent, significand } = unpack(f, from, x);
    const moved = i32.add(exponent, to.bias - from.bias);
    f.return(f.call(soft.round[to.name], [sign, moved, significand, mxcsr]));
  });
}

function defineFromInteger(soft: Soft, format: Format): UnaryFunction {
  const signature = { name: `i64To${format.name}`, params: ["i64", "i32"], results: ["i64"] } as const;
  return soft.module.func(signature, (f, value, mxcsr) => {
    f.if(i64.eqz(value), () => f.return(0n));
    const sign = f.let(i64.lt_s(value, 0));
    const magnitude = f.let(i64.select(sign, i64.sub(0n, value), value));
    const zeros = f.let(i32.wrap_i64(i64.clz(magnitude)));
    // Leading one to bit 63, then down to bit 62 without losing the last bit.
    const top = f.let(i64.shl(magnitude, i64.extend_i32_u(zeros)));
    const significand = i64.or(i64.shr_u(top, 1), i64.and(top, 1));
    const exponent = i32.sub(63 + format.bias, zeros);
    f.return(f.call(soft.round[format.name], [sign, exponent, significand, mxcsr]));
  });
}

/**
 * To integers by f64 arithmetic, which is exact here. No DE; a denormal is inexact unless DAZ makes it zero.
 * `bits`: of the integer. The function's body past the range check is `finish`.
 */
function defineToInteger<const R extends "i32" | "i64">(
  soft: Soft,
  format: Format,
  result: R,
): FuncRef<readonly ["i64", "i32", "i32"], readonly [R]> {
  const limit = result === "i32" ? 2 ** 31 : 2 ** 63;
  const signature = {
    name: `${format.name}To${result}`,
    params: ["i64", "i32", "i32"],
    results: [result],
  } as const;
  return soft.module.func(signature, (f, given, mxcsr, truncate) => {
    const x = f.ifExpr(
      "i64",
      i32.and(i32.ne(has(mxcsr, Mxcsr.DAZ), 0), i64.eqz(i64.and(given, infinity(format)))),
      0n,
      given,
    );
    const value: F64 = f.let(
      format.name === "f32" ? f64.promote_f32(f32.reinterpret_i32(i32.wrap_i64(x))) : f64.reinterpret_i64(x),
    );
    const control = f.let(i32.select(truncate, 3, roundingControl(mxcsr)));
    const whole = f.local("f64");
    f.set(whole, f64.trunc(value));
    f.if(i32.eqz(control), () => f.set(whole, f64.nearest(value)));
    f.if(i32.eq(control, 1), () => f.set(whole, f64.floor(value)));
    f.if(i32.eq(control, 2), () => f.set(whole, f64.ceil(value)));
    const inRange = i32.and(f64.ge(whole.get(), -limit), f64.lt(whole.get(), limit));
    f.if(inRange, () => {
      raise(f, soft, i32.mul(f64.ne(whole.get(), value), Exception.PE));
      const integer = result === "i32" ? i32.trunc_sat_f64_s(whole.get()) : i64.trunc_sat_f64_s(whole.get());
      (f.return as (value: unknown) => void)(integer);
    });
    raise(f, soft, Exception.IE);
    const indefinite = result === "i32" ? i32.const(0x80000000) : i64.const(1n << 63n);
    (f.return as (value: unknown) => void)(indefinite);
  });
}

export function defineConversion(soft: Soft): Conversion {
  return {
    widen: defineFormatChange(soft, F32, Double),
    narrow: defineFormatChange(soft, Double, F32),
    fromInteger: { f32: defineFromInteger(soft, F32), f64: defineFromInteger(soft, Double) },
    toI32: { f32: defineToInteger(soft, F32, "i32"), f64: defineToInteger(soft, Double, "i32") },
    toI64: { f32: defineToInteger(soft, F32, "i64"), f64: defineToInteger(soft, Double, "i64") },
  };
}
