/**
 * Signatures of the 80-bit helpers (see ../helpers.ts for what a helper is). Numbers are v128 as the registers are kept; `fcw` is the control
 * word. Every helper adds the exceptions and condition codes it meets to a pending set of FSW bits, which `x87Outcome` hands over and
 * empties. Results are those of the masked responses, but for an unmasked overflow or underflow the number with its exponent moved.
 */
const binary = { params: ["v128", "v128", "i32"], result: "v128" } as const;
const unary = { params: ["v128", "i32"], result: "v128" } as const;

export const float80Helpers = {
  /** The pending FSW bits: exceptions, C1 for rounding upwards, condition codes. */
  x87Outcome: { params: [], result: "i32" },
  /** (a, b, fcw) */
  x87Add: binary,
  x87Subtract: binary,
  x87Multiply: binary,
  x87Divide: binary,
  x87Remainder: binary,
  x87NearestRemainder: binary,
  x87Scale: binary,
  x87SquareRoot: unary,
  x87ToWhole: unary,
  x87Exponent: { params: ["v128"], result: "v128" },
  x87Significand: { params: ["v128"], result: "v128" },
  /** Bits to a number, exactly: a signalling NaN stays one, a denormal raises DE only when an operation takes it. */
  x87FromSingle: { params: ["i64"], result: "v128" },
  x87FromDouble: { params: ["i64"], result: "v128" },
  /** IE and DE of what was widened, a signalling NaN made quiet. */
  x87Loaded: { params: ["v128"], result: "v128" },
  x87FromInteger: { params: ["i64"], result: "v128" },
  x87ToSingle: { params: ["v128", "i32"], result: "i64" },
  x87ToDouble: { params: ["v128", "i32"], result: "i64" },
  /** (value, fcw, bits): the most negative integer when invalid. */
  x87ToInteger: { params: ["v128", "i32", "i32"], result: "i64" },
  /** Ten bytes of packed decimal digits, sign on top. */
  x87FromDecimal: { params: ["v128"], result: "v128" },
  x87ToDecimal: unary,
  /** (a, b, quiet): C0, C2, C3 of a comparison; quiet NaNs are invalid unless `quiet`. */
  x87Compare: { params: ["v128", "v128", "i32"], result: "i32" },
  /** (operation, a, b, fcw): a function of transcendental.ts; its C2 says that the operand is out of range. */
  x87Transcendental: { params: ["i32", "v128", "v128", "i32"], result: "v128" },
  /** FXAM's condition codes. */
  x87Examine: { params: ["v128"], result: "i32" },
} as const;

export type Float80Helper = keyof typeof float80Helpers;
