/** Addition, multiplication, division and square root of one lane, exact in results and exceptions for every MXCSR. */
import { i32, i64 } from "../../wasm/mod.ts";
import type { FuncRef, FunctionBuilder, I32, I64 } from "../../wasm/mod.ts";
import {
  absorbCarry,
  type Body,
  countsAsZero,
  defaultNaN,
  Exception,
  type Format,
  handleNaNs,
  infinity,
  isInfinite,
  isNaN,
  isSignalling,
  isZero,
  normalise,
  quietBit,
  raise,
  Rounding,
  roundingControl,
  signed,
  signMask,
  signOf,
  type Soft,
  takeDenormal,
  unpack,
  withoutSign,
} from "./core.ts";

/** (a, b, mxcsr): bit patterns */
export type BinaryFunction = FuncRef<readonly ["i64", "i64", "i32"], readonly ["i64"]>;
export type UnaryFunction = FuncRef<readonly ["i64", "i32"], readonly ["i64"]>;
type Builder = FunctionBuilder<readonly ["i64", "i64", "i32"], readonly ["i64"]>;

export interface Arithmetic {
  readonly add: BinaryFunction;
  readonly subtract: BinaryFunction;
  readonly multiply: BinaryFunction;
  readonly divide: BinaryFunction;
  readonly squareRoot: UnaryFunction;
}

type BinaryBody = (f: Builder, a: I64, b: I64, mxcsr: I32) => void;

/** A binary operation whose body gets operands that are no NaNs, denormals taken care of; `early` comes before that care. */
function binary(
  soft: Soft,
  format: Format,
  name: string,
  body: BinaryBody,
  early?: BinaryBody,
): BinaryFunction {
  const signature = {
    name: `${format.name}${name}`,
    params: ["i64", "i64", "i32"],
    results: ["i64"],
  } as const;
  return soft.module.func(signature, (f, x, y, mxcsr) => {
    handleNaNs(f, soft, format, x, y, (nan) => f.return(nan));
    early?.(f, x, y, mxcsr);
    body(
      f,
      takeDenormal(f, soft, format, x, mxcsr),
      takeDenormal(f, soft, format, y, mxcsr),
      mxcsr,
    );
  });
}

function invalid(f: Builder, soft: Soft, format: Format): void {
  raise(f, soft, Exception.IE);
  f.return(defaultNaN(format));
}

const signedInfinity = (format: Format, sign: I32): I64 => i64.or(signed(format, sign), infinity(format));

/** Of two magnitudes with different signs that are equal. */
const zeroOfCancellation = (format: Format, mxcsr: I32): I64 =>
  signed(format, i32.eq(roundingControl(mxcsr), Rounding.down));

function defineSum(soft: Soft, format: Format, name: string, negate: boolean): BinaryFunction {
  return binary(soft, format, name, (f, a, second, mxcsr) => {
    const b = negate ? f.let(i64.xor(second, signMask(format))) : second;
    const differ = f.let(i32.ne(signOf(format, a), signOf(format, b)));
    const infiniteB = f.let(isInfinite(format, b));
    f.if(isInfinite(format, a), () => {
      f.if(i32.and(infiniteB, differ), () => invalid(f, soft, format));
      f.return(a);
    });
    f.if(infiniteB, () => f.return(b));

    const round = (sign: I32, exponent: I32, significand: I64) =>
      f.return(f.call(soft.round[format.name], [sign, exponent, significand, mxcsr]));
    /** The other operand is zero; the rounding is for what underflow does to a denormal. */
    const alone = (x: I64) => {
      const { exponent, significand } = unpack(f, format, x);
      round(signOf(format, x), exponent, significand);
    };
    f.if(isZero(format, a), () => {
      f.if(isZero(format, b), () => {
        f.return(i64.select(differ, zeroOfCancellation(format, mxcsr), a));
      });
      alone(b);
    });
    f.if(isZero(format, b), () => alone(a));

    const swap = f.let(i64.lt_u(withoutSign(format, a), withoutSign(format, b)));
    const larger = f.let(i64.select(swap, b, a));
    const smaller = f.let(i64.select(swap, a, b));
    const high = unpack(f, format, larger);
    const low = unpack(f, format, smaller);
    const distance = i32.sub(high.exponent, low.exponent);
    const aligned = f.let(f.call(soft.shiftRightJam, [low.significand, distance]));
    const sign = f.let(signOf(format, larger));
    f.if(differ, () => {
      const difference = f.let(i64.sub(high.significand, aligned));
      f.if(i64.eqz(difference), () => f.return(zeroOfCancellation(format, mxcsr)));
      const { exponent, significand } = normalise(f, difference, high.exponent);
      round(sign, exponent, significand);
    });
    const sum = f.let(i64.add(high.significand, aligned));
    const { exponent, significand } = absorbCarry(f, sum, high.exponent);
    round(sign, exponent, significand);
  });
}

/** Upper 64 bits of the product, bit 0 sticky for the lower ones. */
function productHigh(f: Body, a: I64, b: I64): I64 {
  const low = (x: I64) => i64.and(x, 0xffffffffn);
  const high = (x: I64) => i64.shr_u(x, 32);
  const ll = f.let(i64.mul(low(a), low(b)));
  const lh = f.let(i64.mul(low(a), high(b)));
  const hl = f.let(i64.mul(high(a), low(b)));
  const middle = f.let(i64.add(i64.add(high(ll), low(lh)), low(hl)));
  const upper = i64.add(i64.add(i64.mul(high(a), high(b)), high(lh)), i64.add(high(hl), high(middle)));
  const lower = i64.or(low(ll), low(middle));
  return f.let(i64.or(upper, i64.extend_i32_u(i64.ne(lower, 0))));
}

function defineProduct(soft: Soft, format: Format): BinaryFunction {
  return binary(soft, format, "Multiply", (f, a, b, mxcsr) => {
    const sign = f.let(i32.xor(signOf(format, a), signOf(format, b)));
    const zero = f.let(i32.or(isZero(format, a), isZero(format, b)));
    f.if(i32.or(isInfinite(format, a), isInfinite(format, b)), () => {
      f.if(zero, () => invalid(f, soft, format));
      f.return(signedInfinity(format, sign));
    });
    f.if(zero, () => f.return(signed(format, sign)));
    const x = unpack(f, format, a);
    const y = unpack(f, format, b);
    const product = productHigh(f, i64.shl(x.significand, 1), i64.shl(y.significand, 1));
    const sum = f.let(i32.sub(i32.add(x.exponent, y.exponent), format.bias));
    const { exponent, significand } = absorbCarry(f, product, sum);
    f.return(f.call(soft.round[format.name], [sign, exponent, significand, mxcsr]));
  });
}

/** Of a finite number by zero. ZE alone: a denormal dividend is not looked at. */
function divideByZero(f: Builder, soft: Soft, format: Format, a: I64, b: I64, mxcsr: I32): void {
  f.if(countsAsZero(format, a, mxcsr), () => invalid(f, soft, format));
  raise(f, soft, i32.mul(i32.eqz(isInfinite(format, a)), Exception.ZE));
  f.return(signedInfinity(format, i32.xor(signOf(format, a), signOf(format, b))));
}

function defineQuotient(soft: Soft, format: Format): BinaryFunction {
  const early: BinaryBody = (f, a, b, mxcsr) =>
    f.if(countsAsZero(format, b, mxcsr), () => divideByZero(f, soft, format, a, b, mxcsr));
  return binary(soft, format, "Divide", (f, a, b, mxcsr) => {
    const sign = f.let(i32.xor(signOf(format, a), signOf(format, b)));
    f.if(isInfinite(format, a), () => {
      f.if(isInfinite(format, b), () => invalid(f, soft, format));
      f.return(signedInfinity(format, sign));
    });
    f.if(isInfinite(format, b), () => f.return(signed(format, sign)));
    f.if(isZero(format, a), () => f.return(signed(format, sign)));

    const x = unpack(f, format, a);
    const y = unpack(f, format, b);
    // Integers of `precision` bits (one more for a dividend that was the smaller): the quotient's first digit is 1.
    const narrow = 63 - format.precision;
    const less = f.let(i64.lt_u(x.significand, y.significand));
    const dividend = i64.shl(i64.shr_u(x.significand, narrow), i64.extend_i32_u(less));
    const divisor = f.let(i64.shr_u(y.significand, narrow));
    const remainder = f.local("i64");
    const quotient = f.local("i64");
    f.set(remainder, i64.sub(dividend, divisor));
    f.set(quotient, 1n);
    // The remainder is below the divisor, so 63 - precision more bits fit a step.
    const steps = format.name === "f32" ? [39] : [10, 10, 10, 10, 10, 10];
    for (const bits of steps) {
      const shifted = f.let(i64.shl(remainder.get(), bits));
      const digits = f.let(i64.div_u(shifted, divisor));
      f.set(remainder, i64.sub(shifted, i64.mul(digits, divisor)));
      f.set(quotient, i64.or(i64.shl(quotient.get(), bits), digits));
    }
    const made = steps.reduce((sum, bits) => sum + bits, 0);
    const sticky = i64.extend_i32_u(i64.ne(remainder.get(), 0));
    const significand = i64.or(i64.shl(quotient.get(), 62 - made), sticky);
    const exponent = i32.sub(i32.add(i32.sub(x.exponent, y.exponent), format.bias), less);
    f.return(f.call(soft.round[format.name], [sign, exponent, significand, mxcsr]));
  }, early);
}

function defineSquareRoot(soft: Soft, format: Format): UnaryFunction {
  const signature = {
    name: `${format.name}SquareRoot`,
    params: ["i64", "i32"],
    results: ["i64"],
  } as const;
  return soft.module.func(signature, (f, given, mxcsr) => {
    f.if(isNaN(format, given), () => {
      raise(f, soft, isSignalling(format, given));
      f.return(i64.or(given, quietBit(format)));
    });
    const negative = f.let(signOf(format, given));
    // A negative denormal that counts is invalid before it is denormal.
    f.if(i32.and(negative, i32.eqz(countsAsZero(format, given, mxcsr))), () => {
      raise(f, soft, Exception.IE);
      f.return(defaultNaN(format));
    });
    const x = takeDenormal(f, soft, format, given, mxcsr);
    f.if(i32.or(isZero(format, x), isInfinite(format, x)), () => f.return(x));

    const { exponent, significand } = unpack(f, format, x);
    const power = f.let(i32.sub(exponent, format.bias));
    const odd = f.let(i32.and(power, 1));
    // A radicand from 1 to below 4, its integer in the two top bits: one result bit for each two.
    const radicand = f.local("i64");
    const root = f.local("i64");
    const remainder = f.local("i64");
    const left = f.local("i32");
    f.set(radicand, i64.shl(significand, i64.extend_i32_u(odd)));
    const digits = format.precision + 2;
    f.set(left, digits);
    f.loop((again) => {
      f.set(remainder, i64.or(i64.shl(remainder.get(), 2), i64.shr_u(radicand.get(), 62)));
      f.set(radicand, i64.shl(radicand.get(), 2));
      const trial = f.let(i64.or(i64.shl(root.get(), 2), 1n));
      const fits = f.let(i64.ge_u(remainder.get(), trial));
      f.set(remainder, i64.sub(remainder.get(), i64.select(fits, trial, i64.const(0))));
      f.set(root, i64.or(i64.shl(root.get(), 1), i64.extend_i32_u(fits)));
      f.set(left, i32.sub(left.get(), 1));
      f.brIf(again, left.get());
    });
    const sticky = i64.extend_i32_u(i64.ne(i64.or(remainder.get(), radicand.get()), 0));
    const result = i64.or(i64.shl(root.get(), 63 - digits), sticky);
    const half = i32.add(i32.shr_s(i32.sub(power, odd), 1), format.bias);
    f.return(f.call(soft.round[format.name], [0, half, result, mxcsr]));
  });
}

export function defineArithmetic(soft: Soft, format: Format): Arithmetic {
  return {
    add: defineSum(soft, format, "Add", false),
    subtract: defineSum(soft, format, "Subtract", true),
    multiply: defineProduct(soft, format),
    divide: defineQuotient(soft, format),
    squareRoot: defineSquareRoot(soft, format),
  };
}
