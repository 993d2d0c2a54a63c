/**
 * When wasm's own arithmetic is enough. It rounds to nearest, reports no exceptions and leaves NaN bits open, so its result is taken
 * only where the rest is known: MXCSR as almost always (nearest, no DAZ, no FZ, all exceptions masked) with PE already set, which being
 * sticky makes inexactness no news; operands and results normal or zero, which leaves no other exception and no NaN. All else
 * goes to the soft float, whose exceptions `settle` puts into MXCSR.
 */
import { f32, f32x4, f64, f64x2, i32, i64, v128 } from "../../wasm/mod.ts";
import type { Expr, F32, F64, I32, I64, V128 } from "../../wasm/mod.ts";
import { type Int, type Machine, Vector } from "../meaning.ts";
import { Cr4 } from "./system_common.ts";

/** Rounding, DAZ, FZ and masks at their reset values, PE set; the other sticky bits do not matter. */
const CONTROL = 0xffe0;
const USUAL = 0x1fa0;
export const usualControl = (mxcsr: I32): I32 => i32.eq(i32.and(mxcsr, CONTROL), USUAL);

/** PE is set and masked. */
export const precisionKnown = (mxcsr: I32): I32 => i32.eq(i32.and(mxcsr, 0x1020), 0x1020);
/** MXCSR.RC is round to nearest. */
export const roundsToNearest = (mxcsr: I32): I32 => i32.eqz(i32.and(mxcsr, 0x6000));

/**
 * After the soft float: its exceptions into MXCSR, and #XM (#UD while CR4.OSXMMEXCPT is clear) when one of them is unmasked, before
 * anything is written.
 */
export function settle(m: Machine, mxcsr: I32): void {
  const outcome = m.let(m.helper("floatOutcome", mxcsr));
  m.setState("mxcsr", i32.and(outcome, 0xffff));
  m.if(i32.lt_s(outcome, 0), () => {
    m.faultIf(m.eqz(m.and(m.state("cr4"), Cr4.OSXMMEXCPT)), Vector.UD);
    m.fault(Vector.XM);
  });
}

/** One lane as the bits of an integer register: what read() and write() of a scalar operand carry. */
export interface ScalarType<T extends "i32" | "i64"> {
  readonly type: T;
  /** Operand notation. */
  readonly suffix: "ss" | "sd";
  readonly prefix: "F3" | "F2";
  readonly format: "f32" | "f64";
  /** Not denormal (NaNs and infinities pass). */
  notDenormal(bits: Expr<T>): I32;
  /** Neither zero, denormal, infinite nor a NaN. */
  normal(bits: Expr<T>): I32;
  isZero(bits: Expr<T>): I32;
  isNaN(bits: Expr<T>): I32;
  binary(operation: Operation, a: Expr<T>, b: Expr<T>): Expr<T>;
  sqrt(a: Expr<T>): Expr<T>;
  less(a: Expr<T>, b: Expr<T>): I32;
  equal(a: Expr<T>, b: Expr<T>): I32;
}
export type Operation = "add" | "sub" | "mul" | "div";

const single = (bits: I32): F32 => f32.reinterpret_i32(bits);
const double = (bits: I64): F64 => f64.reinterpret_i64(bits);
const singleBits = (value: F32): I32 => i32.reinterpret_f32(value);
const doubleBits = (value: F64): I64 => i64.reinterpret_f64(value);

export const scalarSingle: ScalarType<"i32"> = {
  type: "i32",
  suffix: "ss",
  prefix: "F3",
  format: "f32",
  notDenormal: (bits) => i32.ge_u(i32.sub(i32.shl(bits, 1), 1), 0x00ffffff),
  normal: (bits) => i32.lt_u(i32.sub(i32.shl(bits, 1), 0x01000000), 0xfe000000),
  isZero: (bits) => i32.eqz(i32.shl(bits, 1)),
  isNaN: (bits) => i32.gt_u(i32.shl(bits, 1), 0xff000000),
  binary: (operation, a, b) => singleBits(f32[operation](single(a), single(b))),
  sqrt: (a) => singleBits(f32.sqrt(single(a))),
  less: (a, b) => f32.lt(single(a), single(b)),
  equal: (a, b) => f32.eq(single(a), single(b)),
};
export const scalarDouble: ScalarType<"i64"> = {
  type: "i64",
  suffix: "sd",
  prefix: "F2",
  format: "f64",
  notDenormal: (bits) => i64.ge_u(i64.sub(i64.shl(bits, 1), 1), (1n << 53n) - 1n),
  normal: (bits) => i64.lt_u(i64.sub(i64.shl(bits, 1), 1n << 53n), 2046n << 53n),
  isZero: (bits) => i64.eqz(i64.shl(bits, 1)),
  isNaN: (bits) => i64.gt_u(i64.shl(bits, 1), 2047n << 53n),
  binary: (operation, a, b) => doubleBits(f64[operation](double(a), double(b))),
  sqrt: (a) => doubleBits(f64.sqrt(double(a))),
  less: (a, b) => f64.lt(double(a), double(b)),
  equal: (a, b) => f64.eq(double(a), double(b)),
};

/** All lanes of a register. */
export interface PackedType {
  readonly suffix: "ps" | "pd";
  readonly prefix: "NP" | "66";
  readonly feature: "sse" | "sse2";
  readonly ops: typeof f32x4 | typeof f64x2;
  /** Lane masks, as of ScalarType. Zero or normal or infinite: neither NaN nor denormal. */
  ordinary(v: V128): V128;
  normal(v: V128): V128;
  isZero(v: V128): V128;
}

function packed(
  suffix: "ps" | "pd",
  ops: typeof f32x4 | typeof f64x2,
  least: V128,
  infinity: V128,
): PackedType {
  const zero = v128.const(new Uint8Array(16));
  return {
    suffix,
    prefix: suffix === "ps" ? "NP" : "66",
    feature: suffix === "ps" ? "sse" : "sse2",
    ops,
    ordinary: (v) => v128.or(ops.ge(ops.abs(v), least), ops.eq(v, zero)),
    normal: (v) => v128.and(ops.ge(ops.abs(v), least), ops.lt(ops.abs(v), infinity)),
    isZero: (v) => ops.eq(v, zero),
  };
}
const four = (n: number): V128 => f32x4.const(n, n, n, n);
const two = (n: number): V128 => f64x2.const(n, n);
export const packedSingle = packed("ps", f32x4, four(2 ** -126), four(Infinity));
export const packedDouble = packed("pd", f64x2, two(2 ** -1022), two(Infinity));

/** A mask of full lanes: are all of them set? */
export const everyLane = (mask: V128): I32 => i32.eqz(v128.any_true(v128.not(mask)));

export const bitsOf = <T extends "i32" | "i64">(value: Int): Expr<T> => value as unknown as Expr<T>;
