/**
 * Functions that a meaning may call by name with `m.helper(name, ...args)`: work too long to be emitted into each handler. Each has one result
 * and touches no vCPU state unless its docstring says so. The integer ones are wasm functions, made by `defineIntegerHelpers` (arithmetic.ts); the Machine
 * imports the others from JavaScript (rare work, where a call of some 10 ns does not matter).
 */
import type { Expr, NumType } from "../wasm/types.ts";
import { float80Helpers } from "./float80/helpers.ts";
import { floatHelpers } from "./softfloat/helpers.ts";
import { vectorHelpers } from "./vector_helpers.ts";

export const helpers = {
  /** High 64 bits of the unsigned 128-bit product. */
  mulHighUnsigned: { params: ["i64", "i64"], result: "i64" },
  /** High 64 bits of the signed 128-bit product. */
  mulHighSigned: { params: ["i64", "i64"], result: "i64" },
  /** Quotient of (high:low) / divisor, unsigned; only for high < divisor (which makes it fit). */
  divide128: { params: ["i64", "i64", "i64"], result: "i64" },
  /** CRC-32C (iSCSI polynomial) of the old value and `bytes` (third argument) low bytes of the data. */
  crc32c: { params: ["i32", "i64", "i32"], result: "i32" },
  /** 64 random bits (RDRAND, RDSEED). JavaScript. */
  random: { params: [], result: "i64" },
  /** MFENCE: an atomic.fence; gives 0. A wasm function, made by defineFloatHelpers. */
  memoryFence: { params: [], result: "i32" },
  /** Wasm functions made by `defineFloatHelpers(module)` (softfloat/mod.ts), but for the two that say JavaScript. */
  ...floatHelpers,
  /** Wasm functions made by `defineVectorHelpers(module)`. */
  ...vectorHelpers,
  /** JavaScript, see float80/transcendental.ts; what they give is for `x87Transcendental`. */
  transcendental: { params: ["i32", "i64", "i32", "i64", "i32"], result: "i32" },
  transcendentalPart: { params: ["i32"], result: "i64" },
  /** Wasm functions made by `defineFloat80Helpers(module, integer helpers)`. */
  ...float80Helpers,
} as const satisfies Record<string, HelperType>;

export interface HelperType {
  readonly params: readonly NumType[];
  readonly result: NumType;
}

export type HelperName = keyof typeof helpers;
export type HelperResult<N extends HelperName> = Expr<(typeof helpers)[N]["result"]>;
export type HelperArguments<N extends HelperName> = ArgumentsOf<(typeof helpers)[N]["params"]>;
type ArgumentsOf<P extends readonly NumType[]> = { -readonly [I in keyof P]: Expr<P[I]> };
