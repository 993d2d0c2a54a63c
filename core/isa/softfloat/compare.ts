/** Minimum, maximum and comparison of one lane (AMD64 APM volume 4, MINSS, MAXSS, CMPSS, COMISS, UCOMISS). */
import { i32, i64 } from "../../wasm/mod.ts";
import type { FuncRef, I32, I64 } from "../../wasm/mod.ts";
import type { BinaryFunction } from "./arithmetic.ts";
import {
  countsAsZero,
  Exception,
  type Format,
  isNaN,
  isSignalling,
  raise,
  signMask,
  type Soft,
  takeDenormal,
  withoutSign,
} from "./core.ts";

export const Relation = { greater: 0, less: 1, equal: 2, unordered: 4 } as const;

/** (a, b, mxcsr, signalling): a Relation */
export type CompareFunction = FuncRef<readonly ["i64", "i64", "i32", "i32"], readonly ["i32"]>;

export interface Comparison {
  readonly minimum: BinaryFunction;
  readonly maximum: BinaryFunction;
  readonly compare: CompareFunction;
}

/** a < b of two numbers, as integers: neither is a NaN, they are not both zero. */
function lessThan(format: Format, a: I64, b: I64): I32 {
  // Sign and magnitude to two's complement: 0 - magnitude of negatives.
  const order = (x: I64) =>
    i64.select(i64.ne(i64.and(x, signMask(format)), 0), i64.sub(0n, withoutSign(format, x)), x);
  return i64.lt_s(order(a), order(b));
}
const bothZero = (format: Format, a: I64, b: I64): I32 => i64.eqz(withoutSign(format, i64.or(a, b)));

function defineExtreme(soft: Soft, format: Format, maximum: boolean): BinaryFunction {
  const signature = {
    name: `${format.name}${maximum ? "Maximum" : "Minimum"}`,
    params: ["i64", "i64", "i32"],
    results: ["i64"],
  } as const;
  return soft.module.func(signature, (f, x, y, mxcsr) => {
    // Any NaN is invalid, and the second operand is the result as it is, but for DAZ.
    f.if(i32.or(isNaN(format, x), isNaN(format, y)), () => {
      raise(f, soft, Exception.IE);
      f.return(i64.select(countsAsZero(format, y, mxcsr), i64.and(y, signMask(format)), y));
    });
    const a = takeDenormal(f, soft, format, x, mxcsr);
    const b = takeDenormal(f, soft, format, y, mxcsr);
    const first = maximum ? lessThan(format, b, a) : lessThan(format, a, b);
    f.return(i64.select(i32.and(first, i32.eqz(bothZero(format, a, b))), a, b));
  });
}

function defineCompare(soft: Soft, format: Format): CompareFunction {
  const signature = {
    name: `${format.name}Compare`,
    params: ["i64", "i64", "i32", "i32"],
    results: ["i32"],
  } as const;
  return soft.module.func(signature, (f, x, y, mxcsr, signalling) => {
    const nanX = f.let(isNaN(format, x));
    const nanY = f.let(isNaN(format, y));
    f.if(i32.or(nanX, nanY), () => {
      const signals = i32.or(
        i32.and(nanX, isSignalling(format, x)),
        i32.and(nanY, isSignalling(format, y)),
      );
      raise(f, soft, i32.or(i32.ne(signalling, 0), signals));
      f.return(Relation.unordered);
    });
    const a = takeDenormal(f, soft, format, x, mxcsr);
    const b = takeDenormal(f, soft, format, y, mxcsr);
    f.if(i32.or(i64.eq(a, b), bothZero(format, a, b)), () => f.return(Relation.equal));
    f.return(lessThan(format, a, b));
  });
}

export function defineComparison(soft: Soft, format: Format): Comparison {
  return {
    minimum: defineExtreme(soft, format, false),
    maximum: defineExtreme(soft, format, true),
    compare: defineCompare(soft, format),
  };
}
