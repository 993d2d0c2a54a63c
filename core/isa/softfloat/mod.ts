/**
 * Floating point exact to the last bit, as functions of the module that handlers live in: what SSE descriptions fall back to when wasm's
 * own arithmetic cannot tell the result, or the exceptions that MXCSR collects.
 */
import { i32, i32x4, i64, i64x2, v128 } from "../../wasm/mod.ts";
import type { FuncRef, ModuleBuilder, V128 } from "../../wasm/mod.ts";
import { type BinaryFunction, defineArithmetic, type UnaryFunction } from "./arithmetic.ts";
import { type CompareFunction, defineComparison } from "./compare.ts";
import { defineConversion } from "./convert.ts";
import { defineCore, F32, F64, type Soft, widen } from "./core.ts";
import { type EmittedFloatHelper, floatHelpers } from "./helpers.ts";
import { predicateHolds, signallingPredicate } from "./predicates.ts";

export { reciprocal, reciprocalSquareRoot } from "./approximation.ts";

type Emitted = { [N in EmittedFloatHelper]: FuncRef };

interface Lanes {
  readonly count: number;
  get(v: V128, lane: number): ReturnType<typeof widen>;
  replace(v: V128, lane: number, value: ReturnType<typeof widen>): V128;
}
const singles: Lanes = {
  count: 4,
  get: (v, lane) => widen(i32x4.extract_lane(v, lane)),
  replace: (v, lane, value) => i32x4.replace_lane(v, lane, i32.wrap_i64(value)),
};
const doubles: Lanes = { count: 2, get: i64x2.extract_lane, replace: i64x2.replace_lane };

function eachLane(lanes: Lanes, lane: (i: number) => ReturnType<typeof widen>): V128 {
  let result: V128 = v128.const(new Uint8Array(16));
  for (let i = 0; i < lanes.count; i++) result = lanes.replace(result, i, lane(i));
  return result;
}

function vectorBinary(soft: Soft, name: string, lanes: Lanes, fn: BinaryFunction): FuncRef {
  const signature = { name, params: ["v128", "v128", "i32"], results: ["v128"] } as const;
  return soft.module.func(signature, (f, a, b, mxcsr) => {
    f.return(eachLane(lanes, (i) => f.call(fn, [lanes.get(a, i), lanes.get(b, i), mxcsr])));
  }) as unknown as FuncRef;
}
function vectorUnary(soft: Soft, name: string, lanes: Lanes, fn: UnaryFunction): FuncRef {
  const signature = { name, params: ["v128", "i32"], results: ["v128"] } as const;
  return soft.module.func(signature, (f, a, mxcsr) => {
    f.return(eachLane(lanes, (i) => f.call(fn, [lanes.get(a, i), mxcsr])));
  }) as unknown as FuncRef;
}

function vectorCompare(soft: Soft, name: string, lanes: Lanes, fn: CompareFunction): FuncRef {
  const signature = { name, params: ["v128", "v128", "i32", "i32"], results: ["v128"] } as const;
  return soft.module.func(signature, (f, a, b, mxcsr, predicate) => {
    const signalling = f.let(signallingPredicate(predicate));
    f.return(eachLane(lanes, (i) => {
      const relation = f.call(fn, [lanes.get(a, i), lanes.get(b, i), mxcsr, signalling]);
      return i64.sub(0n, i64.extend_i32_u(predicateHolds(predicate, relation)));
    }));
  }) as unknown as FuncRef;
}

/** (a, b, mxcsr) on i32 patterns for a function on i64 ones. */
function single(soft: Soft, name: string, fn: BinaryFunction): FuncRef {
  const signature = { name, params: ["i32", "i32", "i32"], results: ["i32"] } as const;
  return soft.module.func(signature, (f, a, b, mxcsr) => {
    f.return(i32.wrap_i64(f.call(fn, [widen(a), widen(b), mxcsr])));
  }) as unknown as FuncRef;
}

function defineOutcome(soft: Soft): FuncRef {
  const signature = { name: "floatOutcome", params: ["i32"], results: ["i32"] } as const;
  return soft.module.func(signature, (f, mxcsr) => {
    const met = f.let(soft.pending.get());
    f.globalSet(soft.pending, 0);
    const unmasked = f.let(i32.and(met, i32.xor(i32.shr_u(mxcsr, 7), -1)));
    // IE, DE and ZE are found before computing: when one of them is taken, the others do not come to be.
    const reported = i32.select(i32.and(unmasked, 7), i32.and(met, 7), met);
    f.return(i32.or(i32.or(mxcsr, reported), i32.shl(i32.ne(unmasked, 0), 31)));
  }) as unknown as FuncRef;
}

/** Adds the functions to a module. Floating-point state is one global of the module, empty between instructions. */
export function defineFloatHelpers(module: ModuleBuilder): Emitted & { memoryFence: FuncRef } {
  const soft = defineCore(module);
  const made: Partial<Emitted> = { floatOutcome: defineOutcome(soft) };
  for (const [format, lanes, prefix] of [[F32, singles, "ps"], [F64, doubles, "pd"]] as const) {
    const { add, subtract, multiply, divide, squareRoot } = defineArithmetic(soft, format);
    const { minimum, maximum, compare } = defineComparison(soft, format);
    const pairs = {
      Add: add,
      Subtract: subtract,
      Multiply: multiply,
      Divide: divide,
      Minimum: minimum,
      Maximum: maximum,
    };
    for (const [operation, fn] of Object.entries(pairs)) {
      const scalar = `${format.name}${operation as keyof typeof pairs}` as const;
      const packed = `${prefix}${operation as keyof typeof pairs}` as const;
      made[scalar] = format === F64 ? fn as unknown as FuncRef : single(soft, `${scalar}Helper`, fn);
      made[packed] = vectorBinary(soft, packed, lanes, fn);
    }
    made[`${prefix}SquareRoot`] = vectorUnary(soft, `${prefix}SquareRoot`, lanes, squareRoot);
    made[`${prefix}Compare`] = vectorCompare(soft, `${prefix}Compare`, lanes, compare);
    if (format === F64) {
      made.f64SquareRoot = squareRoot as unknown as FuncRef;
      made.f64Compare = compare as unknown as FuncRef;
    } else {
      made.f32SquareRoot = module.func(
        { name: "f32SquareRootHelper", params: ["i32", "i32"], results: ["i32"] },
        (f, a, mxcsr) => f.return(i32.wrap_i64(f.call(squareRoot, [widen(a), mxcsr]))),
      ) as unknown as FuncRef;
      made.f32Compare = module.func(
        { name: "f32CompareHelper", params: ["i32", "i32", "i32", "i32"], results: ["i32"] },
        (f, a, b, mxcsr, signalling) => f.return(f.call(compare, [widen(a), widen(b), mxcsr, signalling])),
      ) as unknown as FuncRef;
    }
  }
  Object.assign(made, conversions(soft));
  const fence = module.func({ name: "memoryFence", results: ["i32"] }, (f) => {
    f.atomicFence();
    f.return(0);
  });
  return { ...checked(made), memoryFence: fence as unknown as FuncRef };
}

function conversions(soft: Soft): Partial<Emitted> {
  const { widen: toDouble, narrow, fromInteger, toI32, toI64 } = defineConversion(soft);
  const { module } = soft;
  const f32To = <R extends "i32" | "i64">(
    name: string,
    result: R,
    fn: FuncRef<readonly ["i64", "i32", "i32"], readonly [R]>,
  ) =>
    module.func(
      { name, params: ["i32", "i32", "i32"], results: [result] },
      (f, value, mxcsr, truncate) => f.returnCall(fn, [widen(value), mxcsr, truncate]),
    ) as unknown as FuncRef;
  return {
    f32ToF64: module.func(
      { name: "f32ToF64Helper", params: ["i32", "i32"], results: ["i64"] },
      (f, value, mxcsr) => f.returnCall(toDouble, [widen(value), mxcsr]),
    ) as unknown as FuncRef,
    f64ToF32: module.func(
      { name: "f64ToF32Helper", params: ["i64", "i32"], results: ["i32"] },
      (f, value, mxcsr) => f.return(i32.wrap_i64(f.call(narrow, [value, mxcsr]))),
    ) as unknown as FuncRef,
    i64ToF32: module.func(
      { name: "i64ToF32Helper", params: ["i64", "i32"], results: ["i32"] },
      (f, value, mxcsr) => f.return(i32.wrap_i64(f.call(fromInteger.f32, [value, mxcsr]))),
    ) as unknown as FuncRef,
    i64ToF64: fromInteger.f64 as unknown as FuncRef,
    f32ToI32: f32To("f32ToI32Helper", "i32", toI32.f32),
    f32ToI64: f32To("f32ToI64Helper", "i64", toI64.f32),
    f64ToI32: toI32.f64 as unknown as FuncRef,
    f64ToI64: toI64.f64 as unknown as FuncRef,
  };
}

/** Every declared function exists, with its declared signature. */
function checked(made: Partial<Emitted>): Emitted {
  for (const [name, { params, result }] of Object.entries(floatHelpers)) {
    const fn = made[name as EmittedFloatHelper];
    if (fn === undefined) {
      if (name.startsWith("reciprocal")) continue;
      throw new Error(`no float helper ${name}`);
    }
    const { signature } = fn;
    if (signature.params.join() !== params.join() || signature.results.join() !== result) {
      throw new Error(`float helper ${name} has another signature than declared`);
    }
  }
  return made as Emitted;
}
