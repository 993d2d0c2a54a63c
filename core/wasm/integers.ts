/** i32 and i64: WebAssembly core specification, Instructions, numeric; threads proposal, atomic memory accesses. */
import { condition, i32Value, selectFold } from "./fold.ts";
import { accesses, atomics, constantOf, methods, operand, prefixed } from "./operators.ts";
import { expr, Kind } from "./types.ts";
import type { Expr, I32, I64, NumType, Operand } from "./types.ts";

/** `a` if `cond` is not zero, else `b`. Both are evaluated, then the condition. */
export function select<T extends NumType>(
  type: T,
  cond: Operand<"i32">,
  a: Operand<T>,
  b: Operand<T>,
): Expr<T> {
  const op = "select";
  const [x, y] = [operand(a, type, op, 1), operand(b, type, op, 2)];
  const test = condition(operand(cond, "i32", op, 0));
  const folded = i32Value(test) === undefined ? undefined : selectFold(test, x, y);
  return (folded as Expr<T> | undefined) ?? expr(Kind.plain, op, 0x1b, type, [x, y, test]);
}

const fc = (code: number) => prefixed(0xfc, code);
const fe = (code: number) => prefixed(0xfe, code);

const I32_TABLE = {
  eqz: [0x45, "i:i"],
  eq: [0x46, "ii:i"],
  ne: [0x47, "ii:i"],
  lt_s: [0x48, "ii:i"],
  lt_u: [0x49, "ii:i"],
  gt_s: [0x4a, "ii:i"],
  gt_u: [0x4b, "ii:i"],
  le_s: [0x4c, "ii:i"],
  le_u: [0x4d, "ii:i"],
  ge_s: [0x4e, "ii:i"],
  ge_u: [0x4f, "ii:i"],
  clz: [0x67, "i:i"],
  ctz: [0x68, "i:i"],
  popcnt: [0x69, "i:i"],
  add: [0x6a, "ii:i"],
  sub: [0x6b, "ii:i"],
  mul: [0x6c, "ii:i"],
  div_s: [0x6d, "ii:i"],
  div_u: [0x6e, "ii:i"],
  rem_s: [0x6f, "ii:i"],
  rem_u: [0x70, "ii:i"],
  and: [0x71, "ii:i"],
  or: [0x72, "ii:i"],
  xor: [0x73, "ii:i"],
  shl: [0x74, "ii:i"],
  shr_s: [0x75, "ii:i"],
  shr_u: [0x76, "ii:i"],
  rotl: [0x77, "ii:i"],
  rotr: [0x78, "ii:i"],
  wrap_i64: [0xa7, "l:i"],
  trunc_f32_s: [0xa8, "f:i"],
  trunc_f32_u: [0xa9, "f:i"],
  trunc_f64_s: [0xaa, "d:i"],
  trunc_f64_u: [0xab, "d:i"],
  reinterpret_f32: [0xbc, "f:i"],
  extend8_s: [0xc0, "i:i"],
  extend16_s: [0xc1, "i:i"],
  trunc_sat_f32_s: [fc(0), "f:i"],
  trunc_sat_f32_u: [fc(1), "f:i"],
  trunc_sat_f64_s: [fc(2), "d:i"],
  trunc_sat_f64_u: [fc(3), "d:i"],
} as const;

const I32_ACCESS = {
  load: [0x28, ":i", 4],
  load8_s: [0x2c, ":i", 1],
  load8_u: [0x2d, ":i", 1],
  load16_s: [0x2e, ":i", 2],
  load16_u: [0x2f, ":i", 2],
  store: [0x36, "i:", 4],
  store8: [0x3a, "i:", 1],
  store16: [0x3b, "i:", 2],
} as const;

const I32_ATOMIC = {
  atomic_load: [fe(0x10), ":i", 4],
  atomic_load8_u: [fe(0x12), ":i", 1],
  atomic_load16_u: [fe(0x13), ":i", 2],
  atomic_store: [fe(0x17), "i:", 4],
  atomic_store8: [fe(0x19), "i:", 1],
  atomic_store16: [fe(0x1a), "i:", 2],
  atomic_rmw_add: [fe(0x1e), "i:i", 4],
  atomic_rmw8_add_u: [fe(0x20), "i:i", 1],
  atomic_rmw16_add_u: [fe(0x21), "i:i", 2],
  atomic_rmw_sub: [fe(0x25), "i:i", 4],
  atomic_rmw8_sub_u: [fe(0x27), "i:i", 1],
  atomic_rmw16_sub_u: [fe(0x28), "i:i", 2],
  atomic_rmw_and: [fe(0x2c), "i:i", 4],
  atomic_rmw8_and_u: [fe(0x2e), "i:i", 1],
  atomic_rmw16_and_u: [fe(0x2f), "i:i", 2],
  atomic_rmw_or: [fe(0x33), "i:i", 4],
  atomic_rmw8_or_u: [fe(0x35), "i:i", 1],
  atomic_rmw16_or_u: [fe(0x36), "i:i", 2],
  atomic_rmw_xor: [fe(0x3a), "i:i", 4],
  atomic_rmw8_xor_u: [fe(0x3c), "i:i", 1],
  atomic_rmw16_xor_u: [fe(0x3d), "i:i", 2],
  atomic_rmw_xchg: [fe(0x41), "i:i", 4],
  atomic_rmw8_xchg_u: [fe(0x43), "i:i", 1],
  atomic_rmw16_xchg_u: [fe(0x44), "i:i", 2],
  /** (addr, expected, replacement): the value found. */
  atomic_cmpxchg: [fe(0x48), "ii:i", 4],
  atomic_cmpxchg8_u: [fe(0x4a), "ii:i", 1],
  atomic_cmpxchg16_u: [fe(0x4b), "ii:i", 2],
  /** (addr, expected, timeout in ns, negative for none): 0 woken, 1 not equal, 2 timed out. Traps on a memory that is not shared. */
  atomic_wait: [fe(0x01), "il:i", 4],
  /** (addr, how many): how many were woken. */
  atomic_notify: [fe(0x00), "i:i", 4],
} as const;

export const i32 = {
  ...methods("i32", I32_TABLE),
  ...accesses("i32", I32_ACCESS),
  ...atomics("i32", I32_ATOMIC),
  /** n is taken modulo 2^32. */
  const: (n: number): I32 => constantOf("i32", n),
  /** a if cond, else b; both are evaluated. */
  select: (cond: Operand<"i32">, a: Operand<"i32">, b: Operand<"i32">): I32 => select("i32", cond, a, b),
};

const I64_TABLE = {
  eqz: [0x50, "l:i"],
  eq: [0x51, "ll:i"],
  ne: [0x52, "ll:i"],
  lt_s: [0x53, "ll:i"],
  lt_u: [0x54, "ll:i"],
  gt_s: [0x55, "ll:i"],
  gt_u: [0x56, "ll:i"],
  le_s: [0x57, "ll:i"],
  le_u: [0x58, "ll:i"],
  ge_s: [0x59, "ll:i"],
  ge_u: [0x5a, "ll:i"],
  clz: [0x79, "l:l"],
  ctz: [0x7a, "l:l"],
  popcnt: [0x7b, "l:l"],
  add: [0x7c, "ll:l"],
  sub: [0x7d, "ll:l"],
  mul: [0x7e, "ll:l"],
  div_s: [0x7f, "ll:l"],
  div_u: [0x80, "ll:l"],
  rem_s: [0x81, "ll:l"],
  rem_u: [0x82, "ll:l"],
  and: [0x83, "ll:l"],
  or: [0x84, "ll:l"],
  xor: [0x85, "ll:l"],
  shl: [0x86, "ll:l"],
  shr_s: [0x87, "ll:l"],
  shr_u: [0x88, "ll:l"],
  rotl: [0x89, "ll:l"],
  rotr: [0x8a, "ll:l"],
  extend_i32_s: [0xac, "i:l"],
  extend_i32_u: [0xad, "i:l"],
  trunc_f32_s: [0xae, "f:l"],
  trunc_f32_u: [0xaf, "f:l"],
  trunc_f64_s: [0xb0, "d:l"],
  trunc_f64_u: [0xb1, "d:l"],
  reinterpret_f64: [0xbd, "d:l"],
  extend8_s: [0xc2, "l:l"],
  extend16_s: [0xc3, "l:l"],
  extend32_s: [0xc4, "l:l"],
  trunc_sat_f32_s: [fc(4), "f:l"],
  trunc_sat_f32_u: [fc(5), "f:l"],
  trunc_sat_f64_s: [fc(6), "d:l"],
  trunc_sat_f64_u: [fc(7), "d:l"],
} as const;

const I64_ACCESS = {
  load: [0x29, ":l", 8],
  load8_s: [0x30, ":l", 1],
  load8_u: [0x31, ":l", 1],
  load16_s: [0x32, ":l", 2],
  load16_u: [0x33, ":l", 2],
  load32_s: [0x34, ":l", 4],
  load32_u: [0x35, ":l", 4],
  store: [0x37, "l:", 8],
  store8: [0x3c, "l:", 1],
  store16: [0x3d, "l:", 2],
  store32: [0x3e, "l:", 4],
} as const;

const I64_ATOMIC = {
  atomic_load: [fe(0x11), ":l", 8],
  atomic_load8_u: [fe(0x14), ":l", 1],
  atomic_load16_u: [fe(0x15), ":l", 2],
  atomic_load32_u: [fe(0x16), ":l", 4],
  atomic_store: [fe(0x18), "l:", 8],
  atomic_store8: [fe(0x1b), "l:", 1],
  atomic_store16: [fe(0x1c), "l:", 2],
  atomic_store32: [fe(0x1d), "l:", 4],
  atomic_rmw_add: [fe(0x1f), "l:l", 8],
  atomic_rmw8_add_u: [fe(0x22), "l:l", 1],
  atomic_rmw16_add_u: [fe(0x23), "l:l", 2],
  atomic_rmw32_add_u: [fe(0x24), "l:l", 4],
  atomic_rmw_sub: [fe(0x26), "l:l", 8],
  atomic_rmw8_sub_u: [fe(0x29), "l:l", 1],
  atomic_rmw16_sub_u: [fe(0x2a), "l:l", 2],
  atomic_rmw32_sub_u: [fe(0x2b), "l:l", 4],
  atomic_rmw_and: [fe(0x2d), "l:l", 8],
  atomic_rmw8_and_u: [fe(0x30), "l:l", 1],
  atomic_rmw16_and_u: [fe(0x31), "l:l", 2],
  atomic_rmw32_and_u: [fe(0x32), "l:l", 4],
  atomic_rmw_or: [fe(0x34), "l:l", 8],
  atomic_rmw8_or_u: [fe(0x37), "l:l", 1],
  atomic_rmw16_or_u: [fe(0x38), "l:l", 2],
  atomic_rmw32_or_u: [fe(0x39), "l:l", 4],
  atomic_rmw_xor: [fe(0x3b), "l:l", 8],
  atomic_rmw8_xor_u: [fe(0x3e), "l:l", 1],
  atomic_rmw16_xor_u: [fe(0x3f), "l:l", 2],
  atomic_rmw32_xor_u: [fe(0x40), "l:l", 4],
  atomic_rmw_xchg: [fe(0x42), "l:l", 8],
  atomic_rmw8_xchg_u: [fe(0x45), "l:l", 1],
  atomic_rmw16_xchg_u: [fe(0x46), "l:l", 2],
  atomic_rmw32_xchg_u: [fe(0x47), "l:l", 4],
  /** (addr, expected, replacement): the value found. */
  atomic_cmpxchg: [fe(0x49), "ll:l", 8],
  atomic_cmpxchg8_u: [fe(0x4c), "ll:l", 1],
  atomic_cmpxchg16_u: [fe(0x4d), "ll:l", 2],
  atomic_cmpxchg32_u: [fe(0x4e), "ll:l", 4],
  /** As i32.atomic_wait. */
  atomic_wait: [fe(0x02), "ll:i", 8],
} as const;

export const i64 = {
  ...methods("i64", I64_TABLE),
  ...accesses("i64", I64_ACCESS),
  ...atomics("i64", I64_ATOMIC),
  /** n is taken modulo 2^64; a number must be an exact integer. */
  const: (n: bigint | number): I64 => constantOf("i64", n),
  /** a if cond, else b; both are evaluated. */
  select: (cond: Operand<"i32">, a: Operand<"i64">, b: Operand<"i64">): I64 => select("i64", cond, a, b),
};
