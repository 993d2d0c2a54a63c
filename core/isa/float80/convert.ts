/** Conversions between 80-bit numbers and singles, doubles, integers and packed decimals. */
import { i32, i64, i64x2 } from "../../wasm/mod.ts";
import type { FuncRef, FunctionBuilder, I32, I64, V128 } from "../../wasm/mod.ts";
import {
  BIAS,
  Control,
  exponent,
  head,
  isInfinite,
  isOdd,
  isUnsupported,
  isZero,
  LEADING,
  MAXIMUM,
  raise,
  roundingControl,
  roundingStatus,
  significand,
  signOf,
  Status,
  takeDenormals,
  type Unit,
  withHead,
} from "./core.ts";

/** A narrower format: bits of the stored fraction, bias, how FCW names its precision. */
interface Narrow {
  readonly name: "Single" | "Double";
  readonly fraction: 23 | 52;
  readonly bias: number;
  readonly precision: number;
}
const SINGLE: Narrow = { name: "Single", fraction: 23, bias: 127, precision: Control.SINGLE };
const DOUBLE: Narrow = { name: "Double", fraction: 52, bias: 1023, precision: Control.DOUBLE };

type FromBits = FuncRef<readonly ["i64"], readonly ["v128"]>;
type ToBits = FuncRef<readonly ["v128", "i32"], readonly ["i64"]>;

/** Exact; a denormal is noted for the operation that takes it, a signalling NaN stays one. */
function defineWiden(unit: Unit, { name, fraction, bias }: Narrow): FromBits {
  const maximum = 2 * bias + 1;
  const signature = { name: `x87From${name}`, params: ["i64"], results: ["v128"] } as const;
  return unit.module.func(signature, (f, bits) => {
    const field = f.let(i32.and(i32.wrap_i64(i64.shr_u(bits, fraction)), maximum));
    const sign = f.let(i32.and(i32.wrap_i64(i64.shr_u(bits, fraction === 23 ? 31 : 63)), 1));
    const low = f.let(i64.and(i64.shl(bits, 63 - fraction), LEADING - 1n));
    f.if(i32.eqz(field), () => {
      f.if(i64.eqz(low), () => f.return(withHead(sign, 0, 0n)));
      raise(f, unit, Status.NARROW_DENORMAL);
      const shift = f.let(i64.clz(low));
      const exp = i32.sub(BIAS - bias + 1, i32.wrap_i64(shift));
      f.return(withHead(sign, exp, i64.shl(low, shift)));
    });
    const exp = i32.select(i32.eq(field, maximum), MAXIMUM, i32.add(field, BIAS - bias));
    f.return(withHead(sign, exp, i64.or(low, LEADING)));
  });
}

/** Rounded; where an unmasked exception keeps it from being stored the result means nothing. */
function defineNarrow(unit: Unit, { name, fraction, bias, precision }: Narrow): ToBits {
  const maximum = 2 * bias + 1;
  const distance = 63 - fraction;
  const infinity = BigInt(maximum) << BigInt(fraction);
  const signature = { name: `x87To${name}`, params: ["v128", "i32"], results: ["i64"] } as const;
  return unit.module.func(signature, (f, a, control) => {
    const fcw = f.let(i32.or(i32.and(control, ~Control.PRECISION), precision));
    const sign = f.let(i64.shl(i64.extend_i32_u(signOf(a)), fraction === 23 ? 31 : 63));
    const done = (bits: I64 | bigint) => f.return(i64.or(sign, bits));
    f.if(isOdd(a), () => {
      const nan = f.let(f.call(unit.nan, [a, a]));
      const payload = i64.shr_u(i64.and(significand(nan), LEADING - 1n), distance);
      const negative = i64.shl(i64.extend_i32_u(signOf(nan)), fraction === 23 ? 31 : 63);
      f.return(i64.or(i64.or(negative, infinity), payload));
    });
    f.if(isInfinite(a), () => done(infinity));
    f.if(isZero(a), () => done(0n));
    const [exponent80, sig] = f.call(unit.parts, [a]);
    const exp = f.let(i32.sub(exponent80, BIAS - bias));
    const isNegative = f.let(signOf(a));
    const [rounded, info] = f.call(unit.step, [isNegative, sig, i64.const(0), fcw]);
    const carry = f.let(i32.and(i32.shr_u(info, 2), 1));
    f.if(i32.le_s(exp, 0), () => {
      const tiny = f.let(i32.or(i32.lt_s(exp, 0), i32.eqz(carry)));
      f.if(i32.and(tiny, i32.eqz(i32.and(fcw, Status.UE))), () => {
        raise(f, unit, Status.UE);
        done(0n);
      });
      const [hi, lo] = f.call(unit.shiftRightJam, [sig, i64.const(0), i32.sub(1, exp)]);
      const [denormal, what] = f.call(unit.step, [isNegative, hi, lo, fcw]);
      raise(f, unit, i32.or(roundingStatus(what), i32.shl(i32.and(tiny, what), 4)));
      // A leading one that rounding brought becomes the exponent's lowest bit.
      done(i64.shr_u(denormal, distance));
    });
    const power = f.let(i32.add(exp, carry));
    f.if(i32.ge_s(power, maximum), () => {
      f.if(i32.eqz(i32.and(fcw, Status.OE)), () => {
        raise(f, unit, Status.OE);
        done(0n);
      });
      raise(f, unit, Status.OE | Status.PE);
      const rc = f.let(roundingControl(fcw));
      f.if(i32.or(i32.eqz(rc), i32.eq(rc, i32.sub(2, isNegative))), () => {
        raise(f, unit, Status.C1);
        done(infinity);
      });
      done(infinity - 1n);
    });
    raise(f, unit, roundingStatus(info));
    const stored = i64.shr_u(i64.and(rounded, LEADING - 1n), distance);
    done(i64.or(i64.shl(i64.extend_i32_u(power), fraction), stored));
  });
}

function defineFromInteger(unit: Unit): FromBits {
  return unit.module.func({ name: "x87FromInteger", params: ["i64"], results: ["v128"] }, (f, value) => {
    f.if(i64.eqz(value), () => f.return(withHead(0, 0, 0n)));
    const sign = f.let(i64.lt_s(value, 0));
    const magnitude = f.let(i64.select(sign, i64.sub(0n, value), value));
    const shift = f.let(i64.clz(magnitude));
    f.return(withHead(sign, i32.sub(BIAS + 63, i32.wrap_i64(shift)), i64.shl(magnitude, shift)));
  });
}

/** Magnitude of a finite number rounded to a whole one; -1 in the exponent's place where it has more than 64 bits. */
function whole(
  f: Pick<FunctionBuilder, "call" | "let" | "local" | "set" | "if">,
  unit: Unit,
  a: V128,
  fcw: I32,
): { magnitude: I64; info: I32 } {
  const magnitude = f.local("i64");
  const info = f.local("i32");
  const shift = f.let(i32.sub(BIAS + 63, exponent(a)));
  f.set(info, 4);
  f.if(i32.ge_s(shift, 0), () => {
    // Denormals are as good as any other small number.
    const [hi, lo] = f.call(unit.shiftRightJam, [significand(a), i64.const(0), shift]);
    const [rounded, what] = f.call(unit.step, [signOf(a), hi, lo, i32.or(fcw, Control.EXTENDED)]);
    f.set(magnitude, rounded);
    f.set(info, what);
  });
  return { magnitude: magnitude.get(), info: info.get() };
}

/** (value, fcw, bits of the integer): the integer, or the most negative one for what does not fit. */
function defineToInteger(unit: Unit): FuncRef<readonly ["v128", "i32", "i32"], readonly ["i64"]> {
  const signature = { name: "x87ToInteger", params: ["v128", "i32", "i32"], results: ["i64"] } as const;
  return unit.module.func(signature, (f, a, fcw, bits) => {
    const limit = f.let(i64.shl(1n, i64.extend_i32_u(i32.sub(bits, 1))));
    f.if(isZero(a), () => f.return(0n));
    const { magnitude, info } = whole(f, unit, a, fcw);
    const sign = f.let(signOf(a));
    const most = i64.sub(limit, i64.extend_i32_u(i32.eqz(sign)));
    const bad = i32.or(i32.or(isOdd(a), i32.and(info, 4)), i64.gt_u(magnitude, most));
    f.if(bad, () => {
      raise(f, unit, Status.IE);
      f.return(i64.sub(0n, limit));
    });
    raise(f, unit, roundingStatus(info));
    f.return(i64.select(sign, i64.sub(0n, magnitude), magnitude));
  });
}

const DIGITS = 10n ** 18n;

/** (value, fcw): 18 decimal digits and the sign, as ten bytes. */
function defineToDecimal(unit: Unit): FuncRef<readonly ["v128", "i32"], readonly ["v128"]> {
  const signature = { name: "x87ToDecimal", params: ["v128", "i32"], results: ["v128"] } as const;
  return unit.module.func(signature, (f, a, fcw) => {
    const { magnitude, info } = whole(f, unit, a, fcw);
    const sign = f.let(i64.shl(i64.extend_i32_u(signOf(a)), 15));
    f.if(i32.or(i32.or(isOdd(a), i32.and(info, 4)), i64.ge_u(magnitude, DIGITS)), () => {
      raise(f, unit, Status.IE);
      f.return(i64x2.const(BigInt.asIntN(64, 0xc000000000000000n), 0xffffn));
    });
    raise(f, unit, roundingStatus(info));
    const digits = f.local("i64");
    const left = f.local("i64");
    const place = f.local("i64");
    f.set(left, i64.rem_u(magnitude, 10n ** 16n));
    f.loop((again) => {
      f.set(digits, i64.or(digits.get(), i64.shl(i64.rem_u(left.get(), 10), place.get())));
      f.set(left, i64.div_u(left.get(), 10));
      f.set(place, i64.add(place.get(), 4));
      f.brIf(again, i64.lt_u(place.get(), 64));
    });
    const top = f.let(i64.div_u(magnitude, 10n ** 16n));
    const upper = i64.or(i64.shl(i64.div_u(top, 10), 4), i64.rem_u(top, 10));
    f.return(i64x2.replace_lane(i64x2.splat(digits.get()), 1, i64.or(sign, upper)));
  });
}

/** Ten bytes of decimal digits: exact. Digits above nine count as what they are. */
function defineFromDecimal(unit: Unit, fromInteger: FromBits): FuncRef<readonly ["v128"], readonly ["v128"]> {
  const signature = { name: "x87FromDecimal", params: ["v128"], results: ["v128"] } as const;
  return unit.module.func(signature, (f, packed) => {
    const value = f.local("i64");
    const place = f.local("i64");
    const low = f.let(i64x2.extract_lane(packed, 0));
    const high = f.let(i64x2.extract_lane(packed, 1));
    const digit = (word: I64, at: I64 | number): I64 => i64.and(i64.shr_u(word, at), 15);
    f.set(value, i64.add(i64.mul(digit(high, 4), 10), digit(high, 0)));
    f.set(place, 60);
    f.loop((again) => {
      f.set(value, i64.add(i64.mul(value.get(), 10), digit(low, place.get())));
      f.set(place, i64.sub(place.get(), 4));
      f.brIf(again, i64.ge_s(place.get(), 0));
    });
    const made = f.let(f.call(fromInteger, [value.get()]));
    const sign = i64.and(high, 0x8000n);
    f.return(i64x2.replace_lane(made, 1, i64.or(i64x2.extract_lane(made, 1), sign)));
  });
}

/** What FLD makes of a widened operand: IE and DE now, a NaN quiet. */
function defineLoaded(unit: Unit): FuncRef<readonly ["v128"], readonly ["v128"]> {
  return unit.module.func({ name: "x87Loaded", params: ["v128"], results: ["v128"] }, (f, a) => {
    f.if(isOdd(a), () => f.return(f.call(unit.nan, [a, a])));
    takeDenormals(f, unit);
    f.return(a);
  });
}

/** To a whole number in the same format. */
function defineToWhole(unit: Unit): FuncRef<readonly ["v128", "i32"], readonly ["v128"]> {
  return unit.module.func({ name: "x87ToWhole", params: ["v128", "i32"], results: ["v128"] }, (f, a, fcw) => {
    f.if(isOdd(a), () => f.return(f.call(unit.nan, [a, a])));
    f.if(i32.or(isZero(a), i32.ge_s(exponent(a), BIAS + 63)), () => f.return(a));
    takeDenormals(f, unit, a);
    const { magnitude, info } = whole(f, unit, a, fcw);
    raise(f, unit, roundingStatus(info));
    const sign = f.let(signOf(a));
    f.if(i64.eqz(magnitude), () => f.return(withHead(sign, 0, 0n)));
    const shift = f.let(i64.clz(magnitude));
    f.return(withHead(sign, i32.sub(BIAS + 63, i32.wrap_i64(shift)), i64.shl(magnitude, shift)));
  });
}

/** Relation as C0, C2, C3; `quiet`: only signalling NaNs are invalid. */
function defineCompare(unit: Unit): FuncRef<readonly ["v128", "v128", "i32"], readonly ["i32"]> {
  const signature = { name: "x87Compare", params: ["v128", "v128", "i32"], results: ["i32"] } as const;
  return unit.module.func(signature, (f, a, b, quiet) => {
    f.if(i32.or(isOdd(a), isOdd(b)), () => {
      f.call(unit.nan, [a, b]);
      raise(f, unit, i32.eqz(quiet));
      f.return(Status.C0 | Status.C2 | Status.C3);
    });
    takeDenormals(f, unit, a, b);
    const bothZero = i32.and(isZero(a), isZero(b));
    const equal = i32.and(i64.eq(significand(a), significand(b)), i32.eq(head(a), head(b)));
    f.if(i32.or(bothZero, equal), () => f.return(Status.C3));
    const sign = f.let(signOf(a));
    f.if(i32.ne(sign, signOf(b)), () => f.return(i32.shl(sign, 8)));
    // A denormal with its leading one has the value that exponent 1 gives it.
    const field = (v: V128) => f.let(i32.select(exponent(v), exponent(v), 1));
    const [x, y] = [field(a), field(b)];
    const [s, t] = [significand(a), significand(b)];
    f.if(i32.and(i32.eq(x, y), i64.eq(s, t)), () => f.return(Status.C3));
    const less = i32.or(i32.lt_u(x, y), i32.and(i32.eq(x, y), i64.lt_u(s, t)));
    f.return(i32.shl(i32.xor(less, sign), 8));
  });
}

/** FXAM's C0, C2, C3 and the sign in C1, of a register that is in use. */
function defineExamine(unit: Unit): FuncRef<readonly ["v128"], readonly ["i32"]> {
  return unit.module.func({ name: "x87Examine", params: ["v128"], results: ["i32"] }, (f, a) => {
    const sign = f.let(i32.shl(signOf(a), 9));
    const done = (bits: number) => f.return(i32.or(sign, bits));
    f.if(isUnsupported(a), () => done(0));
    f.if(isOdd(a), () => done(Status.C0));
    f.if(isInfinite(a), () => done(Status.C0 | Status.C2));
    f.if(isZero(a), () => done(Status.C3));
    f.if(i32.eqz(exponent(a)), () => done(Status.C2 | Status.C3));
    done(Status.C2);
  });
}

export function defineConversion(unit: Unit) {
  const fromInteger = defineFromInteger(unit);
  return {
    x87FromSingle: defineWiden(unit, SINGLE),
    x87FromDouble: defineWiden(unit, DOUBLE),
    x87ToSingle: defineNarrow(unit, SINGLE),
    x87ToDouble: defineNarrow(unit, DOUBLE),
    x87FromInteger: fromInteger,
    x87ToInteger: defineToInteger(unit),
    x87FromDecimal: defineFromDecimal(unit, fromInteger),
    x87ToDecimal: defineToDecimal(unit),
    x87Loaded: defineLoaded(unit),
    x87ToWhole: defineToWhole(unit),
    x87Compare: defineCompare(unit),
    x87Examine: defineExamine(unit),
  };
}
