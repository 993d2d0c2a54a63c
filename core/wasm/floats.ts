/** f32 and f64: WebAssembly core specification, Instructions, numeric. */
import { select } from "./integers.ts";
import { accesses, constantOf, methods } from "./operators.ts";
import type { F32, F64, Operand } from "./types.ts";

const F32_TABLE = {
  eq: [0x5b, "ff:i"],
  ne: [0x5c, "ff:i"],
  lt: [0x5d, "ff:i"],
  gt: [0x5e, "ff:i"],
  le: [0x5f, "ff:i"],
  ge: [0x60, "ff:i"],
  abs: [0x8b, "f:f"],
  neg: [0x8c, "f:f"],
  ceil: [0x8d, "f:f"],
  floor: [0x8e, "f:f"],
  trunc: [0x8f, "f:f"],
  nearest: [0x90, "f:f"],
  sqrt: [0x91, "f:f"],
  add: [0x92, "ff:f"],
  sub: [0x93, "ff:f"],
  mul: [0x94, "ff:f"],
  div: [0x95, "ff:f"],
  min: [0x96, "ff:f"],
  max: [0x97, "ff:f"],
  copysign: [0x98, "ff:f"],
  convert_i32_s: [0xb2, "i:f"],
  convert_i32_u: [0xb3, "i:f"],
  convert_i64_s: [0xb4, "l:f"],
  convert_i64_u: [0xb5, "l:f"],
  demote_f64: [0xb6, "d:f"],
  reinterpret_i32: [0xbe, "i:f"],
} as const;

const F64_TABLE = {
  eq: [0x61, "dd:i"],
  ne: [0x62, "dd:i"],
  lt: [0x63, "dd:i"],
  gt: [0x64, "dd:i"],
  le: [0x65, "dd:i"],
  ge: [0x66, "dd:i"],
  abs: [0x99, "d:d"],
  neg: [0x9a, "d:d"],
  ceil: [0x9b, "d:d"],
  floor: [0x9c, "d:d"],
  trunc: [0x9d, "d:d"],
  nearest: [0x9e, "d:d"],
  sqrt: [0x9f, "d:d"],
  add: [0xa0, "dd:d"],
  sub: [0xa1, "dd:d"],
  mul: [0xa2, "dd:d"],
  div: [0xa3, "dd:d"],
  min: [0xa4, "dd:d"],
  max: [0xa5, "dd:d"],
  copysign: [0xa6, "dd:d"],
  convert_i32_s: [0xb7, "i:d"],
  convert_i32_u: [0xb8, "i:d"],
  convert_i64_s: [0xb9, "l:d"],
  convert_i64_u: [0xba, "l:d"],
  promote_f32: [0xbb, "f:d"],
  reinterpret_i64: [0xbf, "l:d"],
} as const;

export const f32 = {
  ...methods("f32", F32_TABLE),
  ...accesses("f32", { load: [0x2a, ":f", 4], store: [0x38, "f:", 4] }),
  /** n is rounded to single precision; for a NaN's payload use reinterpret_i32. */
  const: (n: number): F32 => constantOf("f32", n),
  /** a if cond, else b; both are evaluated. */
  select: (cond: Operand<"i32">, a: Operand<"f32">, b: Operand<"f32">): F32 => select("f32", cond, a, b),
};

export const f64 = {
  ...methods("f64", F64_TABLE),
  ...accesses("f64", { load: [0x2b, ":d", 8], store: [0x39, "d:", 8] }),
  /** For a NaN's payload use reinterpret_i64. */
  const: (n: number): F64 => constantOf("f64", n),
  /** a if cond, else b; both are evaluated. */
  select: (cond: Operand<"i32">, a: Operand<"f64">, b: Operand<"f64">): F64 => select("f64", cond, a, b),
};
