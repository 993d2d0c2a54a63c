/** Width-generic value operations of a Machine: they need nothing but the emitter. */
import type { Int, IntLike, Size, Variable } from "../isa/meaning.ts";
import { type Expr, type FunctionBuilder, type I32, i32, type I64, i64, select } from "../wasm/mod.ts";

type Bound = "i32" | "i64" | "v128";

function as32(value: IntLike): I32 | number {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(BigInt.asIntN(32, value));
  return value.type === "i32" ? value as I32 : i32.wrap_i64(value as I64);
}
function as64(value: IntLike): I64 | bigint {
  if (typeof value === "number") return BigInt(value);
  if (typeof value === "bigint") return value;
  return value.type === "i64" ? value as I64 : i64.extend_i32_u(value as I32);
}

const NAMES = {
  add: "add",
  sub: "sub",
  mul: "mul",
  and: "and",
  or: "or",
  xor: "xor",
  shl: "shl",
  shr: "shr_u",
  sar: "shr_s",
  rotl: "rotl",
  rotr: "rotr",
} as const;

function binary(name: keyof typeof NAMES, a: Int, b: IntLike): Int {
  const op = NAMES[name];
  return a.type === "i64" ? i64[op](a as I64, as64(b)) : i32[op](a as I32, as32(b));
}
function compare(op: "eq" | "ne" | "lt_u" | "lt_s" | "le_u" | "le_s", a: Int, b: IntLike): I32 {
  return a.type === "i64" ? i64[op](a as I64, as64(b)) : i32[op](a as I32, as32(b));
}

export abstract class MachineValues {
  constructor(readonly f: FunctionBuilder) {}

  let<T extends Bound>(value: Expr<T>): Expr<T>;
  let(value: Int): Int;
  let(value: Expr): Expr {
    return this.f.let(value);
  }
  variable<T extends Bound>(type: T, initial: Expr<T>): Variable<T> {
    const { f } = this;
    const local = f.local(type);
    f.set(local as never, initial as never);
    return { get: () => local.get() as Expr<T>, set: (value) => f.set(local as never, value as never) };
  }
  const(size: Size, value: number | bigint): Int {
    return size === 8 ? i64.const(value) : i32.const(Number(BigInt.asIntN(32, BigInt(value))));
  }
  add(a: Int, b: IntLike): Int {
    return binary("add", a, b);
  }
  sub(a: Int, b: IntLike): Int {
    return binary("sub", a, b);
  }
  mul(a: Int, b: IntLike): Int {
    return binary("mul", a, b);
  }
  and(a: Int, b: IntLike): Int {
    return binary("and", a, b);
  }
  or(a: Int, b: IntLike): Int {
    return binary("or", a, b);
  }
  xor(a: Int, b: IntLike): Int {
    return binary("xor", a, b);
  }
  not(a: Int): Int {
    return binary("xor", a, -1);
  }
  neg(a: Int): Int {
    return a.type === "i64" ? i64.sub(0n, a as I64) : i32.sub(0, a as I32);
  }
  shl(a: Int, count: IntLike): Int {
    return binary("shl", a, count);
  }
  shr(a: Int, count: IntLike): Int {
    return binary("shr", a, count);
  }
  sar(a: Int, count: IntLike): Int {
    return binary("sar", a, count);
  }
  rotl(a: Int, count: IntLike): Int {
    return binary("rotl", a, count);
  }
  rotr(a: Int, count: IntLike): Int {
    return binary("rotr", a, count);
  }
  clz(a: Int): Int {
    return a.type === "i64" ? i64.clz(a as I64) : i32.clz(a as I32);
  }
  ctz(a: Int): Int {
    return a.type === "i64" ? i64.ctz(a as I64) : i32.ctz(a as I32);
  }
  popcnt(a: Int): Int {
    return a.type === "i64" ? i64.popcnt(a as I64) : i32.popcnt(a as I32);
  }
  eq(a: Int, b: IntLike): I32 {
    return compare("eq", a, b);
  }
  ne(a: Int, b: IntLike): I32 {
    return compare("ne", a, b);
  }
  eqz(a: Int): I32 {
    return a.type === "i64" ? i64.eqz(a as I64) : i32.eqz(a as I32);
  }
  ltu(a: Int, b: IntLike): I32 {
    return compare("lt_u", a, b);
  }
  lts(a: Int, b: IntLike): I32 {
    return compare("lt_s", a, b);
  }
  leu(a: Int, b: IntLike): I32 {
    return compare("le_u", a, b);
  }
  les(a: Int, b: IntLike): I32 {
    return compare("le_s", a, b);
  }
  select<T extends Bound>(condition: I32, a: Expr<T>, b: Expr<T>): Expr<T>;
  select(condition: I32, a: Int, b: Int): Int;
  select(condition: I32, a: Expr, b: Expr): Expr {
    return select(a.type, condition, a as never, b as never);
  }
  truncate(value: Int, size: Size): Int {
    if (size === 8) return this.i64(value);
    const low = this.i32(value);
    return size === 4 ? low : i32.and(low, size === 2 ? 0xffff : 0xff);
  }
  signExtend(value: Int, from: Size, to: Size): Int {
    if (to === 8) {
      const wide = this.i64(value);
      if (from === 8) return wide;
      if (from === 4) return i64.extend32_s(wide);
      return from === 2 ? i64.extend16_s(wide) : i64.extend8_s(wide);
    }
    const low = this.i32(value);
    if (from >= to) return this.truncate(low, to);
    return from === 2 ? i32.extend16_s(low) : this.truncate(i32.extend8_s(low), to);
  }
  zeroExtend(value: Int, to: Size): Int {
    return to === 8 ? this.i64(value) : this.i32(value);
  }
  i64(value: Int): I64 {
    return value.type === "i64" ? value as I64 : i64.extend_i32_u(value as I32);
  }
  i32(value: Int): I32 {
    return value.type === "i32" ? value as I32 : i32.wrap_i64(value as I64);
  }
}
