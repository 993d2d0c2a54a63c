/** Partial remainders, scaling and taking apart of 80-bit numbers. */
import { i32, i64 } from "../../wasm/mod.ts";
import type { FuncRef, I32 } from "../../wasm/mod.ts";
import type { BinaryFunction } from "./arithmetic.ts";
import {
  BIAS,
  Control,
  exponent,
  indefinite,
  infinity,
  isInfinite,
  isOdd,
  isZero,
  MAXIMUM,
  raise,
  signOf,
  Status,
  takeDenormals,
  type Unit,
  withHead,
  zero,
} from "./core.ts";

/** Quotient bits 0, 1, 2 to C1, C3, C0. */
const quotientBits = (q: I32): I32 =>
  i32.or(
    i32.or(i32.shl(i32.and(q, 1), 9), i32.shl(i32.and(q, 2), 13)),
    i32.shl(i32.and(q, 4), 6),
  );

/** (a, b, fcw): FPREM, or FPREM1 where `nearest`. Quotient and incompleteness go to the status bits. */
function defineRemainder(unit: Unit, name: string, nearest: boolean): BinaryFunction {
  const signature = { name, params: ["v128", "v128", "i32"], results: ["v128"] } as const;
  return unit.module.func(signature, (f, a, b, fcw) => {
    f.if(i32.or(isOdd(a), isOdd(b)), () => f.return(f.call(unit.nan, [a, b])));
    f.if(i32.or(isInfinite(a), isZero(b)), () => {
      raise(f, unit, Status.IE);
      f.return(indefinite());
    });
    takeDenormals(f, unit, a, b);
    f.if(isZero(a), () => f.return(a));
    const [exponentA, sigA] = f.call(unit.parts, [a]);
    const control = f.let(i32.or(fcw, Control.EXTENDED));
    f.if(
      isInfinite(b),
      () => f.return(f.call(unit.round, [signOf(a), exponentA, sigA, i64.const(0), control])),
    );
    const [exponentB, divisor] = f.call(unit.parts, [b]);
    const distance = f.let(i32.sub(exponentA, exponentB));
    const sign = f.local("i32");
    f.set(sign, signOf(a));
    const rest = f.local("i64");
    const quotient = f.local("i64");
    const left = f.local("i32");
    const exp = f.local("i32");
    f.set(rest, sigA);
    f.set(exp, exponentA);
    f.if(i32.ge_s(distance, 0), () => {
      const partial = f.let(i32.ge_s(distance, 64));
      // Of a long quotient some 32 to 63 bits at once.
      const bits = f.let(i32.select(partial, i32.or(i32.and(distance, 31), 32), distance));
      f.set(exp, i32.sub(exponentA, bits));
      f.set(left, bits);
      const carry = f.local("i32");
      f.loop((again) => {
        f.set(quotient, i64.shl(quotient.get(), 1));
        f.if(i32.or(carry.get(), i64.ge_u(rest.get(), divisor)), () => {
          f.set(rest, i64.sub(rest.get(), divisor));
          f.set(quotient, i64.or(quotient.get(), 1n));
        });
        f.if(left.get(), () => {
          f.set(carry, i64.lt_s(rest.get(), 0));
          f.set(rest, i64.shl(rest.get(), 1));
          f.set(left, i32.sub(left.get(), 1));
          f.br(again);
        });
      });
      f.if(partial, () => {
        raise(f, unit, Status.C2);
        f.if(i64.eqz(rest.get()), () => f.return(zero(sign.get())));
        const shift = f.let(i64.clz(rest.get()));
        f.return(f.call(unit.round, [
          sign.get(),
          i32.sub(exp.get(), i32.wrap_i64(shift)),
          i64.shl(rest.get(), shift),
          i64.const(0),
          control,
        ]));
      });
    });
    if (nearest) {
      const turn = () => {
        f.set(sign, i32.xor(sign.get(), 1));
        f.set(quotient, i64.add(quotient.get(), 1n));
      };
      f.if(i32.ge_s(distance, 0), () => {
        const other = f.let(i64.sub(divisor, rest.get()));
        const even = i64.eqz(i64.and(quotient.get(), 1n));
        const up = i32.or(
          i64.gt_u(rest.get(), other),
          i32.and(i64.eq(rest.get(), other), i32.eqz(even)),
        );
        f.if(up, () => {
          f.set(rest, other);
          turn();
        });
      }, () => {
        f.if(i32.and(i32.eq(distance, -1), i64.gt_u(sigA, divisor)), () => {
          f.set(rest, i64.sub(i64.shl(divisor, 1), sigA));
          turn();
        });
      });
    }
    raise(f, unit, quotientBits(i32.wrap_i64(quotient.get())));
    f.if(i64.eqz(rest.get()), () => f.return(zero(sign.get())));
    const shift = f.let(i64.clz(rest.get()));
    f.return(f.call(unit.round, [
      sign.get(),
      i32.sub(exp.get(), i32.wrap_i64(shift)),
      i64.shl(rest.get(), shift),
      i64.const(0),
      control,
    ]));
  });
}

/** a * 2^(b truncated) */
function defineScale(unit: Unit): BinaryFunction {
  const signature = { name: "x87Scale", params: ["v128", "v128", "i32"], results: ["v128"] } as const;
  return unit.module.func(signature, (f, a, b, fcw) => {
    f.if(i32.or(isOdd(a), isOdd(b)), () => f.return(f.call(unit.nan, [a, b])));
    const infinite = f.let(isInfinite(a));
    const none = f.let(isZero(a));
    f.if(isInfinite(b), () => {
      f.if(i32.select(signOf(b), infinite, none), () => {
        raise(f, unit, Status.IE);
        f.return(indefinite());
      });
      takeDenormals(f, unit, a);
      f.if(signOf(b), () => f.return(zero(signOf(a))));
      f.return(infinity(signOf(a)));
    });
    takeDenormals(f, unit, a, b);
    f.if(i32.or(infinite, none), () => f.return(a));
    const control = f.let(i32.or(fcw, Control.EXTENDED));
    const [exp, sig] = f.call(unit.parts, [a]);
    const finish = (power: I32) =>
      f.return(f.call(unit.round, [signOf(a), power, sig, i64.const(0), control]));
    f.if(i32.or(i32.lt_u(exponent(b), BIAS), isZero(b)), () => finish(exp));
    f.if(i32.gt_u(exponent(b), BIAS + 15), () => finish(i32.select(signOf(b), -BIAS, MAXIMUM)));
    const [exponentB, sigB] = f.call(unit.parts, [b]);
    const count = f.let(i32.wrap_i64(i64.shr_u(sigB, i64.extend_i32_u(i32.sub(BIAS + 63, exponentB)))));
    finish(i32.add(exp, i32.select(signOf(b), i32.sub(0, count), count)));
  });
}

/** FXTRACT's two results: the exponent as a number, with its exceptions, and the significand with the exponent of 1. */
function defineExtract(unit: Unit, fromInteger: FuncRef<readonly ["i64"], readonly ["v128"]>) {
  const one = (name: string) => ({ name, params: ["v128"], results: ["v128"] }) as const;
  const x87Exponent = unit.module.func(one("x87Exponent"), (f, a) => {
    f.if(isOdd(a), () => f.return(f.call(unit.nan, [a, a])));
    f.if(isInfinite(a), () => f.return(infinity(i32.const(0))));
    f.if(isZero(a), () => {
      raise(f, unit, Status.ZE);
      f.return(infinity(i32.const(1)));
    });
    takeDenormals(f, unit, a);
    const [exp] = f.call(unit.parts, [a]);
    f.return(f.call(fromInteger, [i64.extend_i32_s(i32.sub(exp, BIAS))]));
  });
  const x87Significand = unit.module.func(one("x87Significand"), (f, a) => {
    f.if(isOdd(a), () => f.return(f.call(unit.nan, [a, a])));
    f.if(i32.or(isInfinite(a), isZero(a)), () => f.return(a));
    const [, sig] = f.call(unit.parts, [a]);
    f.return(withHead(signOf(a), BIAS, sig));
  });
  return { x87Exponent, x87Significand };
}

export function defineRemainders(unit: Unit, fromInteger: FuncRef<readonly ["i64"], readonly ["v128"]>) {
  return {
    x87Remainder: defineRemainder(unit, "x87Remainder", false),
    x87NearestRemainder: defineRemainder(unit, "x87NearestRemainder", true),
    x87Scale: defineScale(unit),
    ...defineExtract(unit, fromInteger),
  };
}
