/**
 * The transcendental functions of the x87 unit, in integers of some hundred bits: results good to far more than the 64 that are kept, so that
 * rounding them is correct but for ties no one will meet. JavaScript: these are rare, a call takes some microseconds.
 */
import { Status } from "./core.ts";

/** Which function: (a = ST(0), b = ST(1)). */
export const Operation = { exp2m1: 0, log2: 1, log2p1: 2, sin: 3, cos: 4, tan: 5, atan: 6 } as const;

/** A finite number that is not zero: (-1)^sign * significand * 2^exponent. */
interface Number80 {
  readonly negative: boolean;
  readonly significand: bigint;
  readonly exponent: number;
}
type Operand = Number80 | { readonly negative: boolean; readonly special: "zero" | "infinity" };

/** Exact: a number to be taken as it is. Otherwise a result to be rounded. */
type Outcome =
  | { readonly status: number }
  | { readonly special: "zero" | "infinity"; readonly negative: boolean; readonly status?: number }
  | {
    readonly negative: boolean;
    readonly significand: bigint;
    readonly exponent: number;
    readonly status?: number;
  };

const BIAS = 0x3fff;
const MAXIMUM = 0x7fff;
/** Fraction bits of fixed-point numbers. */
const F = 400;
const ONE = 1n << BigInt(F);
/** Below 2^-TINY the first terms of a series are enough. */
const TINY = 100;

const bitsOf = (n: bigint): number => n.toString(2).length;
const shift = (n: bigint, by: number): bigint => by >= 0 ? n << BigInt(by) : n >> BigInt(-by);
const multiply = (a: bigint, b: bigint): bigint => a * b >> BigInt(F);
const divide = (a: bigint, b: bigint): bigint => (a << BigInt(F)) / b;

function squareRoot(n: bigint): bigint {
  let x = 1n << BigInt((bitsOf(n) + 1) >> 1);
  for (;;) {
    const next = x + n / x >> 1n;
    if (next >= x) return x;
    x = next;
  }
}

/** t + t^3/3 + t^5/5 ..., or with alternating signs. */
function arcSeries(t: bigint, alternating: boolean): bigint {
  const square = alternating ? -multiply(t, t) : multiply(t, t);
  let power = t;
  let sum = t;
  for (let n = 3n; power !== 0n && power !== -1n; n += 2n) {
    power = multiply(power, square);
    sum += power / n;
  }
  return sum;
}
/** For 0 <= t <= 1. */
function arcTangent(t: bigint): bigint {
  let x = t;
  for (let i = 0; i < 3; i++) x = divide(x, ONE + squareRoot((ONE + multiply(x, x)) << BigInt(F)));
  return arcSeries(x, true) << 3n;
}
const PI = (arcSeries(ONE / 5n, true) * 4n - arcSeries(ONE / 239n, true)) * 4n;
/** What the unit reduces angles by: pi to 66 bits. */
const UNIT_PI = PI >> BigInt(F - 64) << BigInt(F - 64);
const LN2 = arcSeries(ONE / 3n, false) * 2n;

/** Natural logarithm of x in [1/2, 2], fixed point. */
const logarithm = (x: bigint): bigint => arcSeries(divide(x - ONE, x + ONE), false) * 2n;

/** e^y - 1 for small |y|. */
function exponentialLess1(y: bigint): bigint {
  let term = y;
  let sum = y;
  for (let n = 2n; term !== 0n && term !== -1n; n++) {
    term = multiply(term, y) / n;
    sum += term;
  }
  return sum;
}
function sineSeries(x: bigint, cosine: boolean): bigint {
  const square = -multiply(x, x);
  let term = cosine ? ONE : x;
  let sum = term;
  for (let n = cosine ? 1n : 2n; term !== 0n && term !== -1n; n += 2n) {
    term = multiply(term, square) / (n * (n + 1n));
    sum += term;
  }
  return sum;
}

const fixed = (x: Number80): bigint => shift(x.significand, x.exponent + F);
/** A result with its magnitude's bits; a sticky bit below says that it goes on. */
function result(value: bigint, exponent: number): Outcome {
  const negative = value < 0n;
  return { negative, significand: (negative ? -value : value) << 1n | 1n, exponent: exponent - 1 };
}
const exact = (negative: boolean, significand: bigint, exponent: number): Outcome => ({
  negative,
  significand,
  exponent,
});
/** Of the most significant bit. */
const magnitude = (x: Number80): number => x.exponent + bitsOf(x.significand) - 1;
const isSpecial = (x: Operand): x is Exclude<Operand, Number80> => "special" in x;
const signed = (x: Number80, value: bigint): bigint => x.negative ? -value : value;
const invalid: Outcome = { status: Status.IE };

/** x times a constant, less (or more) a little: the first term of a series, with bits below it that say on which side the rest lies. */
function firstTerm(x: Number80, factor: bigint, factorExponent: number, less: boolean): Outcome {
  const product = x.significand * factor << 256n;
  return {
    negative: x.negative,
    significand: less ? product - 1n : product + 1n,
    exponent: x.exponent + factorExponent - 256,
  };
}

/** 2^a - 1; beyond -1 to 1 what the series gives. */
function exp2m1(a: Operand): Outcome {
  if (isSpecial(a)) {
    if (a.special === "zero" || !a.negative) return a;
    return exact(true, 1n, 0);
  }
  const size = magnitude(a);
  if (size < -TINY) return firstTerm(a, LN2, -F, a.negative);
  if (size >= 0) {
    if (size === 0 && a.significand === 1n << BigInt(bitsOf(a.significand) - 1)) {
      return {
        ...(a.negative ? { negative: true, exponent: -1 } : { negative: false, exponent: 0 }),
        significand: 1n,
        status: Status.PE,
      };
    }
    // Undefined: the operand comes back.
    return { ...a, status: Status.PE };
  }
  return result(exponentialLess1(signed(a, multiply(fixed(a), LN2))), -F);
}

/** log2 of a positive number: fixed point. */
function log2(a: Number80): bigint {
  const bits = bitsOf(a.significand);
  let power = a.exponent + bits - 1;
  let m = shift(a.significand, F - bits + 1);
  if (m > ONE + (ONE >> 1n)) {
    m >>= 1n;
    power++;
  }
  return BigInt(power) * ONE + divide(logarithm(m), LN2);
}

/** b * log2(a) */
function yLog2(a: Operand, b: Operand): Outcome {
  const zeroA = isSpecial(a) && a.special === "zero";
  if (a.negative && !zeroA) return invalid;
  if (zeroA) {
    if (isSpecial(b)) return b.special === "zero" ? invalid : { special: "infinity", negative: !b.negative };
    return { special: "infinity", negative: !b.negative, status: Status.ZE };
  }
  if (isSpecial(a)) {
    if (isSpecial(b) && b.special === "zero") return invalid;
    return { special: "infinity", negative: b.negative };
  }
  const log = log2(a);
  if (isSpecial(b)) {
    if (b.special === "zero") return { special: "zero", negative: b.negative !== log < 0n };
    return log === 0n ? invalid : { special: "infinity", negative: b.negative !== log < 0n };
  }
  if (log === 0n) return { special: "zero", negative: b.negative };
  const product = signed(b, log * b.significand);
  const whole = log % ONE === 0n;
  return whole
    // Said to be inexact all the same.
    ? {
      negative: product < 0n,
      significand: product < 0n ? -product : product,
      exponent: b.exponent - F,
      status: Status.PE,
    }
    : result(product, b.exponent - F);
}

/** b * log2(1 + a) */
function yLog2p1(a: Operand, b: Operand): Outcome {
  const negative = a.negative !== b.negative;
  if (isSpecial(a)) {
    if (a.special === "zero") {
      return isSpecial(b) && b.special === "infinity" ? invalid : { special: "zero", negative };
    }
    if (a.negative || (isSpecial(b) && b.special === "zero")) return invalid;
    return { special: "infinity", negative: b.negative };
  }
  if (isSpecial(b)) return { special: b.special, negative };
  const size = magnitude(a);
  if (size < -TINY) {
    const product = {
      negative,
      significand: a.significand * b.significand,
      exponent: a.exponent + b.exponent,
    };
    return firstTerm(product, (1n << 800n) / LN2, F - 800, !a.negative);
  }
  // Undefined: the operand comes back.
  if (a.negative && size >= 0) return { ...a, status: Status.PE };
  if (size >= -2) {
    // Far enough from 1 that nothing cancels; also beyond the defined range.
    const sum = signed(a, fixed(a)) + ONE;
    return result(
      signed(b, log2({ negative: false, significand: sum, exponent: -F }) * b.significand),
      b.exponent - F,
    );
  }
  const x = signed(a, fixed(a));
  const log = divide(arcSeries(divide(x, 2n * ONE + x), false) * 2n, LN2);
  return result(signed(b, log * b.significand), b.exponent - F);
}

/** Angle less a multiple of pi/2 between -pi/4 and pi/4, and the multiple modulo 4. */
function reduced(a: Number80): { rest: bigint; quadrant: number } {
  const x = fixed(a);
  const half = UNIT_PI >> 1n;
  const count = (x + (half >> 1n)) / half;
  const rest = x - count * half;
  const quadrant = Number(count & 3n);
  return a.negative ? { rest: -rest, quadrant: -quadrant & 3 } : { rest, quadrant };
}

function trigonometric(a: Operand, operation: number): Outcome {
  const cosine = operation === Operation.cos;
  if (isSpecial(a)) {
    if (a.special === "infinity") return invalid;
    return cosine ? exact(false, 1n, 0) : a;
  }
  const size = magnitude(a);
  if (size >= 63) return { status: Status.C2 };
  if (size < -TINY) {
    if (cosine) return { negative: false, significand: (1n << 200n) - 1n, exponent: -200 };
    // Also the tangent, which is a little larger: processors do so.
    return firstTerm(a, 1n, 0, true);
  }
  const { rest, quadrant } = reduced(a);
  if (operation === Operation.tan) {
    const [s, c] = [sineSeries(rest, false), sineSeries(rest, true)];
    return result(quadrant & 1 ? -divide(c, s) : divide(s, c), -F);
  }
  const turn = cosine ? quadrant + 1 & 3 : quadrant;
  const value = sineSeries(rest, (turn & 1) !== 0);
  return result(turn & 2 ? -value : value, -F);
}

/** The angle of the point (a, b). */
function angle(a: Operand, b: Operand): Outcome {
  const times = (multiple: bigint, eighths: number): Outcome => {
    const value = PI * multiple;
    return result(b.negative ? -value : value, -F - eighths);
  };
  const infinite = (x: Operand) => isSpecial(x) && x.special === "infinity";
  const zero = (x: Operand) => isSpecial(x) && x.special === "zero";
  if (zero(b) || (infinite(a) && !infinite(b))) {
    return a.negative ? times(1n, 0) : { special: "zero", negative: b.negative };
  }
  if (infinite(b)) return infinite(a) ? times(a.negative ? 3n : 1n, 2) : times(1n, 1);
  if (isSpecial(a) || isSpecial(b)) return times(1n, 1);
  const distance = magnitude(b) - magnitude(a);
  if (distance < -TINY && !a.negative) {
    // Only the quotient counts; exact ones lie above the angle.
    const quotient = (b.significand << 300n) / a.significand;
    return {
      negative: b.negative,
      significand: (quotient << 64n) - 1n,
      exponent: b.exponent - a.exponent - 364,
    };
  }
  let value: bigint;
  const scaled = (x: Number80, y: Number80) => {
    const by = x.exponent - y.exponent + F;
    return by < -2 * F
      ? 0n
      : by >= 0
      ? (x.significand << BigInt(by)) / y.significand
      : x.significand / (y.significand << BigInt(-by));
  };
  if (distance > 0 || (distance === 0 && scaled(b, a) > ONE)) value = (PI >> 1n) - arcTangent(scaled(a, b));
  else value = arcTangent(scaled(b, a));
  if (a.negative) value = PI - value;
  return result(b.negative ? -value : value, -F);
}

function operand(significand: bigint, head: number): Operand {
  const negative = (head & 0x8000) !== 0;
  const sig = BigInt.asUintN(64, significand);
  const field = head & MAXIMUM;
  if (field === MAXIMUM) return { negative, special: "infinity" };
  if (sig === 0n) return { negative, special: "zero" };
  return { negative, significand: sig, exponent: (field || 1) - BIAS - 63 };
}

/** Bits of what `transcendental` gives beside FSW's: the number is exact as it stands, not to be rounded. */
export const AS_IT_IS = 0x20000;

let parts: [hi: bigint, lo: bigint, exponent: bigint, sign: bigint] = [0n, 0n, 0n, 0n];

/**
 * Computes (operation, a's significand and head, b's), operands no NaNs. Gives FSW bits; with IE or C2 there is no number, otherwise `transcendentalPart` has
 * its parts: with AS_IT_IS significand and exponent field, else 128 bits to be rounded and the biased exponent.
 */
export function transcendental(
  operation: number,
  significandA: bigint,
  headA: number,
  significandB: bigint,
  headB: number,
): number {
  const a = operand(significandA, headA);
  const b = operand(significandB, headB);
  const made = compute(operation, a, b);
  if ("special" in made) {
    const infinite = made.special === "infinity";
    parts = [infinite ? -(1n << 63n) : 0n, 0n, infinite ? BigInt(MAXIMUM) : 0n, made.negative ? 1n : 0n];
    return (made.status ?? 0) | AS_IT_IS;
  }
  if (!("significand" in made)) return made.status;
  const bits = bitsOf(made.significand);
  const wide = shift(made.significand, 128 - bits);
  const sticky = bits > 128 && shift(wide, bits - 128) !== made.significand ? 1n : 0n;
  parts = [
    BigInt.asIntN(64, wide >> 64n),
    BigInt.asIntN(64, wide) | sticky,
    BigInt(made.exponent + bits - 1 + BIAS),
    made.negative ? 1n : 0n,
  ];
  return made.status ?? 0;
}

function compute(operation: number, a: Operand, b: Operand): Outcome {
  switch (operation) {
    case Operation.exp2m1:
      return exp2m1(a);
    case Operation.log2:
      return yLog2(a, b);
    case Operation.log2p1:
      return yLog2p1(a, b);
    case Operation.atan:
      return angle(a, b);
    default:
      return trigonometric(a, operation);
  }
}

/** 0: significand, 1: the 64 bits below, 2: exponent, 3: sign. */
export function transcendentalPart(which: number): bigint {
  return parts[which];
}
