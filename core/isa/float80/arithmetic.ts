/** Addition, multiplication, division and square root of 80-bit numbers, exact in results and exceptions for every FCW. */
import { i32, i64, i64x2 } from "../../wasm/mod.ts";
import type { FuncRef, FunctionBuilder, I32, I64, V128 } from "../../wasm/mod.ts";
import {
  BIAS,
  indefinite,
  infinity,
  isInfinite,
  isOdd,
  isZero,
  LEADING,
  raise,
  Rounding,
  roundingControl,
  signOf,
  Status,
  takeDenormals,
  type Unit,
  zero,
} from "./core.ts";

/** (a, b, fcw) */
export type BinaryFunction = FuncRef<readonly ["v128", "v128", "i32"], readonly ["v128"]>;
type Builder = FunctionBuilder<readonly ["v128", "v128", "i32"], readonly ["v128"]>;

function binary(
  unit: Unit,
  name: string,
  body: (f: Builder, a: V128, b: V128, fcw: I32) => void,
  checked = true,
): BinaryFunction {
  const signature = { name, params: ["v128", "v128", "i32"], results: ["v128"] } as const;
  return unit.module.func(signature, (f, a, b, fcw) => {
    f.if(i32.or(isOdd(a), isOdd(b)), () => f.return(f.call(unit.nan, [a, b])));
    if (checked) takeDenormals(f, unit, a, b);
    body(f, a, b, fcw);
  });
}

function invalid(f: Builder, unit: Unit): void {
  raise(f, unit, Status.IE);
  f.return(indefinite());
}

const negative = (v: V128): V128 => i64x2.replace_lane(v, 1, i64.xor(i64x2.extract_lane(v, 1), 0x8000n));

function defineSum(unit: Unit, name: string, negate: boolean): BinaryFunction {
  return binary(unit, name, (f, a, second, fcw) => {
    const b = negate ? f.let(negative(second)) : second;
    const differ = f.let(i32.ne(signOf(a), signOf(b)));
    const cancelled = () => zero(i32.eq(roundingControl(fcw), Rounding.down));
    const infiniteB = f.let(isInfinite(b));
    f.if(isInfinite(a), () => {
      f.if(i32.and(infiniteB, differ), () => invalid(f, unit));
      f.return(a);
    });
    f.if(infiniteB, () => f.return(b));
    const round = (sign: I32, exp: I32, hi: I64, lo: I64) =>
      f.return(f.call(unit.round, [sign, exp, hi, lo, fcw]));
    const alone = (v: V128) => {
      const [exp, sig] = f.call(unit.parts, [v]);
      round(signOf(v), exp, sig, i64.const(0));
    };
    f.if(isZero(a), () => {
      f.if(isZero(b), () => {
        f.if(differ, () => f.return(cancelled()));
        f.return(a);
      });
      alone(b);
    });
    f.if(isZero(b), () => alone(a));

    const [exponentA, sigA] = f.call(unit.parts, [a]);
    const [exponentB, sigB] = f.call(unit.parts, [b]);
    const swap = f.let(i32.or(
      i32.lt_s(exponentA, exponentB),
      i32.and(i32.eq(exponentA, exponentB), i64.lt_u(sigA, sigB)),
    ));
    const exp = f.let(i32.select(swap, exponentB, exponentA));
    const large = f.let(i64.select(swap, sigB, sigA));
    const distance = i32.sub(exp, i32.select(swap, exponentA, exponentB));
    const [hi, lo] = f.call(unit.shiftRightJam, [i64.select(swap, sigA, sigB), i64.const(0), distance]);
    const sign = f.let(i32.select(swap, signOf(b), signOf(a)));
    f.if(differ, () => {
      const low = f.let(i64.sub(0n, lo));
      const high = f.let(i64.sub(i64.sub(large, hi), i64.extend_i32_u(i64.ne(lo, 0))));
      f.if(i64.eqz(i64.or(high, low)), () => f.return(cancelled()));
      f.if(i64.eqz(high), () => {
        const shift = f.let(i64.clz(low));
        round(sign, i32.sub(i32.sub(exp, 64), i32.wrap_i64(shift)), i64.shl(low, shift), i64.const(0));
      });
      const shift = f.let(i64.clz(high));
      const carried = i64.select(i64.eqz(shift), i64.const(0), i64.shr_u(low, i64.sub(64, shift)));
      round(
        sign,
        i32.sub(exp, i32.wrap_i64(shift)),
        i64.or(i64.shl(high, shift), carried),
        i64.shl(low, shift),
      );
    });
    const sum = f.let(i64.add(large, hi));
    f.if(i64.lt_u(sum, large), () => {
      const low = i64.or(i64.or(i64.shl(sum, 63), i64.shr_u(lo, 1)), i64.and(lo, 1));
      round(sign, i32.add(exp, 1), i64.or(i64.shr_u(sum, 1), LEADING), low);
    });
    round(sign, exp, sum, lo);
  });
}

function defineProduct(unit: Unit): BinaryFunction {
  return binary(unit, "x87Multiply", (f, a, b, fcw) => {
    const sign = f.let(i32.xor(signOf(a), signOf(b)));
    const isNothing = f.let(i32.or(isZero(a), isZero(b)));
    f.if(i32.or(isInfinite(a), isInfinite(b)), () => {
      f.if(isNothing, () => invalid(f, unit));
      f.return(infinity(sign));
    });
    f.if(isNothing, () => f.return(zero(sign)));
    const [exponentA, sigA] = f.call(unit.parts, [a]);
    const [exponentB, sigB] = f.call(unit.parts, [b]);
    const hi = f.call(unit.mulHigh, [sigA, sigB]);
    const lo = f.let(i64.mul(sigA, sigB));
    const exp = f.let(i32.sub(i32.add(exponentA, exponentB), BIAS - 1));
    f.if(i64.ge_s(hi, 0), () => {
      const shifted = i64.or(i64.shl(hi, 1), i64.shr_u(lo, 63));
      f.return(f.call(unit.round, [sign, i32.sub(exp, 1), shifted, i64.shl(lo, 1), fcw]));
    });
    f.return(f.call(unit.round, [sign, exp, hi, lo, fcw]));
  });
}

function defineQuotient(unit: Unit): BinaryFunction {
  return binary(unit, "x87Divide", (f, a, b, fcw) => {
    const sign = f.let(i32.xor(signOf(a), signOf(b)));
    f.if(isZero(b), () => {
      f.if(isZero(a), () => invalid(f, unit));
      // A finite dividend's denormality is not looked at.
      raise(f, unit, i32.select(isInfinite(a), 0, Status.ZE));
      f.return(infinity(sign));
    });
    takeDenormals(f, unit, a, b);
    f.if(isInfinite(a), () => {
      f.if(isInfinite(b), () => invalid(f, unit));
      f.return(infinity(sign));
    });
    f.if(i32.or(isInfinite(b), isZero(a)), () => f.return(zero(sign)));
    const [exponentA, sigA] = f.call(unit.parts, [a]);
    const [exponentB, divisor] = f.call(unit.parts, [b]);
    const less = f.let(i64.lt_u(sigA, divisor));
    // The dividend is brought below the divisor, so that the quotient's first bit is bit 63.
    const high = f.let(i64.select(less, sigA, i64.shr_u(sigA, 1)));
    const low = f.let(i64.select(less, i64.const(0), i64.shl(sigA, 63)));
    const quotient = f.call(unit.divide128, [high, low, divisor]);
    const remainder = f.let(i64.sub(low, i64.mul(quotient, divisor)));
    const next = f.call(unit.divide128, [remainder, i64.const(0), divisor]);
    const sticky = i64.extend_i32_u(i64.ne(i64.mul(next, divisor), 0));
    const exp = i32.sub(i32.add(i32.sub(exponentA, exponentB), BIAS), less);
    f.return(f.call(unit.round, [sign, exp, quotient, i64.or(next, sticky), fcw]));
  }, false);
}

function defineSquareRoot(unit: Unit): FuncRef<readonly ["v128", "i32"], readonly ["v128"]> {
  const signature = { name: "x87SquareRoot", params: ["v128", "i32"], results: ["v128"] } as const;
  return unit.module.func(signature, (f, a, fcw) => {
    f.if(isOdd(a), () => f.return(f.call(unit.nan, [a, a])));
    f.if(isZero(a), () => f.return(a));
    f.if(signOf(a), () => {
      raise(f, unit, Status.IE);
      f.return(indefinite());
    });
    takeDenormals(f, unit, a);
    f.if(isInfinite(a), () => f.return(a));
    const [exp, sig] = f.call(unit.parts, [a]);
    const power = f.let(i32.sub(exp, BIAS));
    // The radicand's whole part in the two top bits of 128: one bit of the root for each two of it.
    const odd = f.let(i32.and(power, 1));
    const radicandHigh = f.local("i64");
    const radicandLow = f.local("i64");
    f.set(radicandHigh, i64.select(odd, sig, i64.shr_u(sig, 1)));
    f.set(radicandLow, i64.select(odd, i64.const(0), i64.shl(sig, 63)));
    const root = f.local("i64");
    // Below 2 * root + 1: 65 bits.
    const high = f.local("i64");
    const low = f.local("i64");
    const left = f.local("i32");
    f.set(left, 64);
    f.loop((again) => {
      f.set(high, i64.or(i64.shl(high.get(), 2), i64.shr_u(low.get(), 62)));
      f.set(low, i64.or(i64.shl(low.get(), 2), i64.shr_u(radicandHigh.get(), 62)));
      f.set(radicandHigh, i64.or(i64.shl(radicandHigh.get(), 2), i64.shr_u(radicandLow.get(), 62)));
      f.set(radicandLow, i64.shl(radicandLow.get(), 2));
      const trialHigh = f.let(i64.shr_u(root.get(), 62));
      const trialLow = f.let(i64.or(i64.shl(root.get(), 2), 1n));
      const fits = f.let(i32.or(
        i64.gt_u(high.get(), trialHigh),
        i32.and(i64.eq(high.get(), trialHigh), i64.ge_u(low.get(), trialLow)),
      ));
      f.set(root, i64.or(i64.shl(root.get(), 1), i64.extend_i32_u(fits)));
      f.if(fits, () => {
        const borrow = f.let(i64.extend_i32_u(i64.lt_u(low.get(), trialLow)));
        f.set(low, i64.sub(low.get(), trialLow));
        f.set(high, i64.sub(i64.sub(high.get(), trialHigh), borrow));
      });
      f.set(left, i32.sub(left.get(), 1));
      f.brIf(again, left.get());
    });
    // More than half a unit is left when the remainder is above the root; exactly half cannot be.
    const above = i32.or(i64.ne(high.get(), 0), i64.gt_u(low.get(), root.get()));
    const some = i64.ne(i64.or(high.get(), low.get()), 0);
    const rest = i64.select(above, i64.const(LEADING | 1n), i64.extend_i32_u(some));
    const half = i32.add(i32.shr_s(i32.sub(power, odd), 1), BIAS);
    f.return(f.call(unit.round, [0, half, root.get(), rest, fcw]));
  });
}

export function defineArithmetic(unit: Unit) {
  return {
    x87Add: defineSum(unit, "x87Add", false),
    x87Subtract: defineSum(unit, "x87Subtract", true),
    x87Multiply: defineProduct(unit),
    x87Divide: defineQuotient(unit),
    x87SquareRoot: defineSquareRoot(unit),
  };
}
