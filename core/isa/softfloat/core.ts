/**
 * Unpacking, NaNs and rounding, common to all operations. Numbers travel as bit patterns in i64 (singles in the low half); inside an
 * operation a finite nonzero number is sig * 2^(exponent - bias - 62) with the significand's leading one at bit 62 and a sticky bit 0.
 *
 * Follows IEEE 754-2008 and AMD64 APM volume 1, 4.7 (x87 aside): tininess is detected after rounding, NaN results are the first
 * operand's, quieted, the default NaN is negative.
 */
import { i32, i64 } from "../../wasm/mod.ts";
import type { Expr, FuncRef, FunctionBuilder, GlobalRef, I32, I64, ModuleBuilder } from "../../wasm/mod.ts";

export interface Format {
  readonly name: "f32" | "f64";
  readonly bits: 32 | 64;
  /** Significand bits, the leading one included. */
  readonly precision: 24 | 53;
  readonly bias: number;
  /** Exponent field of infinities and NaNs. */
  readonly maximum: number;
}
export const F32: Format = { name: "f32", bits: 32, precision: 24, bias: 127, maximum: 255 };
export const F64: Format = { name: "f64", bits: 64, precision: 53, bias: 1023, maximum: 2047 };

export const signMask = (format: Format): bigint => 1n << BigInt(format.bits - 1);
/** Stored fraction bits. */
export const fractionBits = (format: Format): number => format.precision - 1;
export const fractionMask = (format: Format): bigint => (1n << BigInt(fractionBits(format))) - 1n;
export const infinity = (format: Format): bigint => BigInt(format.maximum) << BigInt(fractionBits(format));
export const quietBit = (format: Format): bigint => 1n << BigInt(fractionBits(format) - 1);
export const defaultNaN = (format: Format): bigint => signMask(format) | infinity(format) | quietBit(format);

/** Exceptions: flag bits of MXCSR; the mask bits stand 7 higher. */
export const Exception = { IE: 1, DE: 2, ZE: 4, OE: 8, UE: 16, PE: 32 } as const;
export const Mxcsr = { DAZ: 0x40, UM: 0x800, OM: 0x400, FZ: 0x8000 } as const;
/** MXCSR.RC */
export const Rounding = { nearest: 0, down: 1, up: 2, zero: 3 } as const;

/** A function under construction, whatever its signature. */
export type Body = Pick<
  FunctionBuilder,
  "let" | "local" | "set" | "if" | "ifExpr" | "do" | "globalSet" | "call" | "loop" | "brIf" | "unreachable"
>;
/** A body whose function gives an i64. */
export type Body64 = FunctionBuilder<readonly ["i64", "i64", "i32"], readonly ["i64"]>;

export type RoundFunction = FuncRef<readonly ["i32", "i32", "i64", "i32"], readonly ["i64"]>;

/** The module's part that all float helpers share. */
export interface Soft {
  readonly module: ModuleBuilder;
  /** Exceptions met since floatOutcome last took them. */
  readonly pending: GlobalRef<"i32">;
  /** (x, n): x >> n with every bit shifted out kept in bit 0; n from 0 to any. */
  readonly shiftRightJam: FuncRef<readonly ["i64", "i32"], readonly ["i64"]>;
  /** (sign, exponent, significand, mxcsr): the rounded number. */
  readonly round: Readonly<Record<"f32" | "f64", RoundFunction>>;
}

export function raise(f: Body, soft: { readonly pending: GlobalRef<"i32"> }, exceptions: I32 | number): void {
  f.globalSet(soft.pending, i32.or(soft.pending.get(), exceptions));
}

/** Which of the bits are set, as 0 or not 0. */
export const has = (mxcsr: I32, bits: number): I32 => i32.and(mxcsr, bits);
export const roundingControl = (mxcsr: I32): I32 => i32.and(i32.shr_u(mxcsr, 13), 3);

export const exponentField = (format: Format, x: I64): I32 =>
  i32.and(i32.wrap_i64(i64.shr_u(x, fractionBits(format))), format.maximum);
export const fraction = (format: Format, x: I64): I64 => i64.and(x, fractionMask(format));
/** 0 or 1 */
export const signOf = (format: Format, x: I64): I32 => i32.wrap_i64(i64.shr_u(x, format.bits - 1));
export const withoutSign = (format: Format, x: I64): I64 => i64.and(x, signMask(format) - 1n);
export const isNaN = (format: Format, x: I64): I32 => i64.gt_u(withoutSign(format, x), infinity(format));
export const isInfinite = (format: Format, x: I64): I32 => i64.eq(withoutSign(format, x), infinity(format));
export const isZero = (format: Format, x: I64): I32 => i64.eqz(withoutSign(format, x));
/** Of a NaN: 0 or 1. */
export const isSignalling = (format: Format, x: I64): I32 => i64.eqz(i64.and(x, quietBit(format)));

/** What counts as zero: a zero, and with DAZ a denormal. */
export const countsAsZero = (format: Format, x: I64, mxcsr: I32): I32 =>
  i64.lt_u(
    withoutSign(format, x),
    i64.select(has(mxcsr, Mxcsr.DAZ), i64.const(fractionMask(format) + 1n), i64.const(1)),
  );

const isDenormal = (format: Format, x: I64): I32 => {
  const magnitude = withoutSign(format, x);
  return i64.lt_u(i64.sub(magnitude, 1n), fractionMask(format));
};

/** When an operand is a NaN: raises IE for a signalling one and runs `found` with the quiet NaN that is the result. */
export function handleNaNs(
  f: Body,
  soft: Soft,
  format: Format,
  a: I64,
  b: I64,
  found: (nan: I64) => void,
): void {
  const nanA = f.let(isNaN(format, a));
  const nanB = f.let(isNaN(format, b));
  f.if(i32.or(nanA, nanB), () => {
    const signalling = i32.or(
      i32.and(nanA, isSignalling(format, a)),
      i32.and(nanB, isSignalling(format, b)),
    );
    raise(f, soft, signalling);
    found(i64.or(i64.select(nanA, a, b), quietBit(format)));
  });
}

/** A number that is no NaN: with DAZ a denormal becomes zero, else it raises DE. */
export function takeDenormal(f: Body, soft: Soft, format: Format, x: I64, mxcsr: I32): I64 {
  return f.ifExpr("i64", isDenormal(format, x), () => {
    return f.ifExpr(
      "i64",
      has(mxcsr, Mxcsr.DAZ),
      () => i64.and(x, signMask(format)),
      () => {
        raise(f, soft, Exception.DE);
        return x;
      },
    );
  }, x);
}

/** Exponent and normalised significand of a finite number that is not zero. */
export function unpack(f: Body, format: Format, x: I64): { exponent: I32; significand: I64 } {
  const field = f.let(exponentField(format, x));
  const raw = f.let(
    i64.or(
      fraction(format, x),
      i64.select(field, i64.const(1n << BigInt(fractionBits(format))), i64.const(0)),
    ),
  );
  const shift = f.let(i32.sub(i32.wrap_i64(i64.clz(raw)), 1));
  const significand = f.let(i64.shl(raw, i64.extend_i32_u(shift)));
  // A normal number is shifted by 63 - precision; a denormal has the exponent of field 1.
  const distance = 63 - format.precision;
  const exponent = f.let(i32.sub(i32.select(field, field, 1), i32.sub(shift, distance)));
  return { exponent, significand };
}

/** A significand with its leading one anywhere but bit 63, brought to bit 62. */
export function normalise(f: Body, significand: I64, exponent: I32): { exponent: I32; significand: I64 } {
  const shift = f.let(i32.sub(i32.wrap_i64(i64.clz(significand)), 1));
  return {
    significand: f.let(i64.shl(significand, i64.extend_i32_u(shift))),
    exponent: f.let(i32.sub(exponent, shift)),
  };
}

/** One step down for a significand that may have reached bit 63. */
export function absorbCarry(f: Body, significand: I64, exponent: I32): { exponent: I32; significand: I64 } {
  const carry = f.let(i64.lt_s(significand, 0));
  const shifted = i64.or(i64.shr_u(significand, 1), i64.and(significand, 1));
  return {
    significand: f.let(i64.select(carry, shifted, significand)),
    exponent: f.let(i32.add(exponent, carry)),
  };
}

export const signed = (format: Format, sign: I32): I64 => i64.shl(i64.extend_i32_u(sign), format.bits - 1);

function defineShiftRightJam(module: ModuleBuilder) {
  const signature = { name: "shiftRightJam", params: ["i64", "i32"], results: ["i64"] } as const;
  return module.func(signature, (f, x, n) => {
    f.if(i32.eqz(n), () => f.return(x));
    f.if(i32.gt_u(n, 63), () => f.return(i64.extend_i32_u(i64.ne(x, 0))));
    const lost = i64.ne(i64.shl(x, i64.extend_i32_u(i32.sub(64, n))), 0);
    f.return(i64.or(i64.shr_u(x, i64.extend_i32_u(n)), i64.extend_i32_u(lost)));
  });
}

function defineRound(
  module: ModuleBuilder,
  soft: Pick<Soft, "pending" | "shiftRightJam">,
  format: Format,
): RoundFunction {
  const dropped = 63 - format.precision;
  const mask = (1n << BigInt(dropped)) - 1n;
  const half = 1n << BigInt(dropped - 1);
  const signature = {
    name: `${format.name}Round`,
    params: ["i32", "i32", "i64", "i32"],
    results: ["i64"],
  } as const;
  return module.func(signature, (f, sign, exponent, significand, mxcsr) => {
    const control = f.let(roundingControl(mxcsr));
    const away = i32.or(
      i32.and(i32.eq(control, Rounding.down), sign),
      i32.and(i32.eq(control, Rounding.up), i32.eqz(sign)),
    );
    const directed = i64.select(away, i64.const(mask), i64.const(0));
    const increment = f.let(i64.select(i32.eqz(control), i64.const(half), directed));
    /** The significand without the dropped bits; to even when exactly between two. */
    const rounded = (value: I64): I64 => {
      const up = i64.shr_u(i64.add(value, increment), dropped);
      const tie = i32.and(i32.eqz(control), i64.eq(i64.and(value, mask), half));
      return i64.and(up, i64.xor(i64.extend_i32_u(tie), -1n));
    };
    const inexact = (value: I64): I32 => i64.ne(i64.and(value, mask), 0);
    const precisionIf = (condition: I32): I32 => i32.mul(condition, Exception.PE);

    f.if(i32.lt_s(exponent, 1), () => {
      // Tiny: below the least normal number even after rounding as if the exponent had no bound.
      const tiny = f.let(
        i32.or(i32.lt_s(exponent, 0), i64.ge_s(i64.add(significand, increment), 0)),
      );
      f.if(tiny, () => {
        f.if(i32.eqz(has(mxcsr, Mxcsr.UM)), () => {
          raise(f, soft, i32.or(Exception.UE, precisionIf(inexact(significand))));
          f.return(0n);
        });
        f.if(has(mxcsr, Mxcsr.FZ), () => {
          raise(f, soft, Exception.UE | Exception.PE);
          f.return(signed(format, sign));
        });
      });
      const denormal = f.let(f.call(soft.shiftRightJam, [significand, i32.sub(1, exponent)]));
      f.if(inexact(denormal), () => raise(f, soft, i32.or(Exception.PE, i32.mul(tiny, Exception.UE))));
      f.return(i64.or(signed(format, sign), rounded(denormal)));
    });

    const bits = f.let(i64.add(
      i64.shl(i64.extend_i32_u(i32.sub(exponent, 1)), fractionBits(format)),
      rounded(significand),
    ));
    const lost = f.let(precisionIf(inexact(significand)));
    f.if(
      i32.or(
        i32.ge_s(exponent, format.maximum),
        i64.ge_u(bits, infinity(format)),
      ),
      () => {
        const masked = has(mxcsr, Mxcsr.OM);
        raise(f, soft, i32.or(Exception.OE, i32.select(masked, i32.const(Exception.PE), lost)));
        const toInfinity = i64.ne(increment, 0);
        const huge = i64.select(toInfinity, i64.const(infinity(format)), i64.const(infinity(format) - 1n));
        f.return(i64.or(signed(format, sign), huge));
      },
    );
    raise(f, soft, lost);
    f.return(i64.or(signed(format, sign), bits));
  });
}

/** The shared functions, added to the module. */
export function defineCore(module: ModuleBuilder): Soft {
  const pending = module.global("i32", true, 0);
  const shiftRightJam = defineShiftRightJam(module);
  const parts = { pending, shiftRightJam };
  const round = { f32: defineRound(module, parts, F32), f64: defineRound(module, parts, F64) };
  return { module, pending, shiftRightJam, round };
}

/** An i32 bit pattern as an i64 one. */
export const widen = (x: Expr<"i32">): I64 => i64.extend_i32_u(x);
