/**
 * Signatures of the floating-point helpers (see ../helpers.ts for what a helper is). `mxcsr` parameters are the register's value before the
 * instruction. Every helper adds the exceptions it meets to a pending set; `floatOutcome` hands that set over and empties it, so a meaning
 * calls it once after its last helper. Results are those of the masked responses; after an unmasked exception they mean nothing.
 */
import type { HelperType } from "../helpers.ts";

const f32Binary = { params: ["i32", "i32", "i32"], result: "i32" } as const;
const f64Binary = { params: ["i64", "i64", "i32"], result: "i64" } as const;
const vectorBinary = { params: ["v128", "v128", "i32"], result: "v128" } as const;
const vectorUnary = { params: ["v128", "i32"], result: "v128" } as const;

export const floatHelpers = {
  /**
   * (mxcsr): its new value, with the pending exceptions added as the processor does; bit 31 when one of them is unmasked, so that the
   * instruction raises #XM and writes no result.
   */
  floatOutcome: { params: ["i32"], result: "i32" },

  // One lane: (a, b, mxcsr), bit patterns.
  f32Add: f32Binary,
  f32Subtract: f32Binary,
  f32Multiply: f32Binary,
  f32Divide: f32Binary,
  f32Minimum: f32Binary,
  f32Maximum: f32Binary,
  f32SquareRoot: { params: ["i32", "i32"], result: "i32" },
  f64Add: f64Binary,
  f64Subtract: f64Binary,
  f64Multiply: f64Binary,
  f64Divide: f64Binary,
  f64Minimum: f64Binary,
  f64Maximum: f64Binary,
  f64SquareRoot: { params: ["i64", "i32"], result: "i64" },
  /** (a, b, mxcsr, signalling): 0 a > b, 1 a < b, 2 equal, 4 unordered. Quiet NaNs are invalid only when signalling. */
  f32Compare: { params: ["i32", "i32", "i32", "i32"], result: "i32" },
  f64Compare: { params: ["i64", "i64", "i32", "i32"], result: "i32" },

  // All lanes: (a, b, mxcsr).
  psAdd: vectorBinary,
  psSubtract: vectorBinary,
  psMultiply: vectorBinary,
  psDivide: vectorBinary,
  psMinimum: vectorBinary,
  psMaximum: vectorBinary,
  psSquareRoot: vectorUnary,
  pdAdd: vectorBinary,
  pdSubtract: vectorBinary,
  pdMultiply: vectorBinary,
  pdDivide: vectorBinary,
  pdMinimum: vectorBinary,
  pdMaximum: vectorBinary,
  pdSquareRoot: vectorUnary,
  /** (a, b, mxcsr, predicate 0..7 as CMPPS encodes it): all ones in the lanes where it holds. */
  psCompare: { params: ["v128", "v128", "i32", "i32"], result: "v128" },
  pdCompare: { params: ["v128", "v128", "i32", "i32"], result: "v128" },

  // Conversions of one lane: (value, mxcsr).
  f32ToF64: { params: ["i32", "i32"], result: "i64" },
  f64ToF32: { params: ["i64", "i32"], result: "i32" },
  i64ToF32: { params: ["i64", "i32"], result: "i32" },
  i64ToF64: { params: ["i64", "i32"], result: "i64" },
  /** (value, mxcsr, truncate): toward zero when truncate is not 0, else by MXCSR.RC; 0x80000000 when invalid. */
  f32ToI32: { params: ["i32", "i32", "i32"], result: "i32" },
  f64ToI32: { params: ["i64", "i32", "i32"], result: "i32" },
  /** 0x8000000000000000 when invalid. */
  f32ToI64: { params: ["i32", "i32", "i32"], result: "i64" },
  f64ToI64: { params: ["i64", "i32", "i32"], result: "i64" },

  /** Approximations of RCPSS and RSQRTSS: bit pattern to bit pattern; no exceptions, nothing of MXCSR counts. JavaScript. */
  reciprocal: { params: ["i32"], result: "i32" },
  reciprocalSquareRoot: { params: ["i32"], result: "i32" },
} as const satisfies Record<string, HelperType>;

export type FloatHelperName = keyof typeof floatHelpers;
/** Those that are wasm functions. */
export type EmittedFloatHelper = Exclude<FloatHelperName, "reciprocal" | "reciprocalSquareRoot">;
