/** Simplification as expressions are built: constants computed, neutral operands dropped, comparisons turned round. */
import { expr, Kind } from "./types.ts";
import type { Expr, I32, I64, NumType } from "./types.ts";

const SMALL_MIN = -64;
const SMALL: I32[] = [];
for (let n = SMALL_MIN; n <= 1024; n++) SMALL.push(expr(Kind.i32Const, "i32.const", 0x41, "i32", [], n));

/** An i32 constant; n is taken modulo 2^32. */
export function i32Const(n: number): I32 {
  n |= 0;
  return n >= SMALL_MIN && n <= 1024
    ? SMALL[n - SMALL_MIN]
    : expr(Kind.i32Const, "i32.const", 0x41, "i32", [], n);
}

/** An i64 constant; n is taken modulo 2^64. */
export function i64Const(n: bigint): I64 {
  return expr(Kind.i64Const, "i64.const", 0x42, "i64", [], BigInt.asIntN(64, n));
}

/** The value of an i32 constant (signed), undefined for every other expression. */
export function i32Value(e: Expr): number | undefined {
  return e.kind === Kind.i32Const ? e.imm as number : undefined;
}

/** The value of an i64 constant (signed), undefined for every other expression. */
export function i64Value(e: Expr): bigint | undefined {
  return e.kind === Kind.i64Const ? e.imm as bigint : undefined;
}

const TRAPS = /\.(div|rem)_|\.trunc_f/;

/** Evaluating it has no effect, cannot trap and reads no memory: it may be left out. */
export function isPure(e: Expr): boolean {
  switch (e.kind) {
    case Kind.i32Const:
    case Kind.i64Const:
    case Kind.f32Const:
    case Kind.f64Const:
    case Kind.v128Const:
    case Kind.localGet:
    case Kind.globalGet:
      return true;
    case Kind.plain:
      if (TRAPS.test(e.op)) return false;
      return e.args.every(isPure);
    case Kind.lane:
    case Kind.shuffle:
      return e.args.every(isPure);
    default:
      return false;
  }
}

type Unary = (a: Expr) => Expr | undefined;
type Binary = (a: Expr, b: Expr) => Expr | undefined;

const UNARY = new Map<string, Unary>();
const BINARY = new Map<string, Binary>();

/** The simplifier of a one-operand instruction. */
export const unaryFold = (op: string): Unary | undefined => UNARY.get(op);
/** The simplifier of a two-operand instruction; to be asked when an operand is a constant. */
export const binaryFold = (op: string): Binary | undefined => BINARY.get(op);

type Math32 = (a: number, b: number) => number | undefined;
type Math64 = (a: bigint, b: bigint) => bigint | undefined;

const u64 = (a: bigint) => BigInt.asUintN(64, a);
const MIN32 = -0x80000000;
const MIN64 = -(1n << 63n);

const MATH32: Record<string, Math32> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => Math.imul(a, b),
  div_s: (a, b) => b === 0 || (a === MIN32 && b === -1) ? undefined : a / b,
  div_u: (a, b) => b === 0 ? undefined : (a >>> 0) / (b >>> 0),
  rem_s: (a, b) => b === 0 ? undefined : a % b,
  rem_u: (a, b) => b === 0 ? undefined : (a >>> 0) % (b >>> 0),
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b) => a << b,
  shr_s: (a, b) => a >> b,
  shr_u: (a, b) => a >>> b,
  rotl: (a, b) => (a << b) | (a >>> -b),
  rotr: (a, b) => (a >>> b) | (a << -b),
};
const COMPARE32: Record<string, (a: number, b: number) => boolean> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt_s: (a, b) => a < b,
  lt_u: (a, b) => a >>> 0 < b >>> 0,
  gt_s: (a, b) => a > b,
  gt_u: (a, b) => a >>> 0 > b >>> 0,
  le_s: (a, b) => a <= b,
  le_u: (a, b) => a >>> 0 <= b >>> 0,
  ge_s: (a, b) => a >= b,
  ge_u: (a, b) => a >>> 0 >= b >>> 0,
};
const MATH64: Record<string, Math64> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div_s: (a, b) => b === 0n || (a === MIN64 && b === -1n) ? undefined : a / b,
  div_u: (a, b) => b === 0n ? undefined : u64(a) / u64(b),
  rem_s: (a, b) => b === 0n ? undefined : a % b,
  rem_u: (a, b) => b === 0n ? undefined : u64(a) % u64(b),
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b) => a << (b & 63n),
  shr_s: (a, b) => a >> (b & 63n),
  shr_u: (a, b) => u64(a) >> (b & 63n),
  rotl: (a, b) => (u64(a) << (b & 63n)) | (u64(a) >> (-b & 63n)),
  rotr: (a, b) => (u64(a) >> (b & 63n)) | (u64(a) << (-b & 63n)),
};
const COMPARE64: Record<string, (a: bigint, b: bigint) => boolean> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt_s: (a, b) => a < b,
  lt_u: (a, b) => u64(a) < u64(b),
  gt_s: (a, b) => a > b,
  gt_u: (a, b) => u64(a) > u64(b),
  le_s: (a, b) => a <= b,
  le_u: (a, b) => u64(a) <= u64(b),
  ge_s: (a, b) => a >= b,
  ge_u: (a, b) => u64(a) >= u64(b),
};

/** Operators for which the constant is moved to the right. */
const COMMUTATIVE = new Set(["add", "mul", "and", "or", "xor", "eq", "ne"]);
/** (x op c1) op c2 = x op (c1 op c2) */
const ASSOCIATIVE = new Set(["add", "mul", "and", "or", "xor"]);
/** x op value = x */
const NEUTRAL: Record<string, number> = {
  add: 0,
  sub: 0,
  mul: 1,
  div_s: 1,
  div_u: 1,
  and: -1,
  or: 0,
  xor: 0,
  shl: 0,
  shr_s: 0,
  shr_u: 0,
  rotl: 0,
  rotr: 0,
};
/** x op value = value */
const ABSORBING: Record<string, number> = { mul: 0, and: 0, or: -1 };

/** Bits that an instruction can set at all: masking with them changes nothing. */
const MASKS = new Map<string, bigint>();
for (const type of ["i32", "i64"]) {
  for (const access of ["load", "atomic.load"]) {
    MASKS.set(`${type}.${access}8_u`, 0xffn).set(`${type}.${access}16_u`, 0xffffn);
  }
  for (const name of [...Object.keys(COMPARE32), "eqz"]) MASKS.set(`${type}.${name}`, 1n);
}
for (const op of ["load32_u", "atomic.load32_u", "extend_i32_u"]) MASKS.set(`i64.${op}`, 0xffffffffn);

function constant(type: NumType, n: number | bigint): Expr {
  return type === "i64" ? i64Const(BigInt(n)) : i32Const(Number(n));
}

function rebuild(e: Expr, op: string, code: number, args: readonly Expr[]): Expr {
  return expr(Kind.plain, op, code, e.type, args);
}

const OPCODES: Record<"i32" | "i64", Record<string, number>> = {
  i32: { add: 0x6a, mul: 0x6c, and: 0x71, or: 0x72, xor: 0x73 },
  i64: { add: 0x7c, mul: 0x7e, and: 0x83, or: 0x84, xor: 0x85 },
};

function integerFold(type: "i32" | "i64", name: string): Binary {
  const op = `${type}.${name}`;
  const math = type === "i32" ? MATH32[name] as unknown as Math64 : MATH64[name];
  const kind = type === "i32" ? Kind.i32Const : Kind.i64Const;
  const lift = (n: number | undefined) =>
    n === undefined ? undefined : type === "i64" ? BigInt(n) : n as unknown as bigint;
  const neutral = lift(NEUTRAL[name]);
  const absorbing = lift(ABSORBING[name]);
  const commutes = COMMUTATIVE.has(name);
  const associates = ASSOCIATIVE.has(name);
  const opcode = OPCODES[type][name];
  const fold: Binary = (a, b) => {
    if (a.kind === kind) {
      if (b.kind === kind) {
        const n = math(a.imm as bigint, b.imm as bigint);
        return n === undefined ? undefined : constant(type, n);
      }
      if (!commutes) return undefined;
      return fold(b, a) ?? rebuild(b, op, opcode, [b, a]);
    }
    const c = b.imm as bigint;
    if (c === neutral) return a;
    if (c === absorbing && isPure(a)) return b;
    if (name === "sub") {
      const minus = constant(type, type === "i32" ? -Number(c) : -c);
      return BINARY.get(`${type}.add`)?.(a, minus) ??
        rebuild(a, `${type}.add`, OPCODES[type].add, [a, minus]);
    }
    if (associates && a.op === op && a.args[1].kind === kind) {
      const merged = constant(type, math(a.args[1].imm as bigint, c)!);
      return fold(a.args[0], merged) ?? rebuild(a, op, opcode, [a.args[0], merged]);
    }
    if (name === "and") {
      const mask = MASKS.get(a.op);
      if (mask !== undefined && (mask & BigInt(c)) === mask) return a;
    }
    return undefined;
  };
  return fold;
}

function comparisonFold(type: "i32" | "i64", name: string): Binary {
  const kind = type === "i32" ? Kind.i32Const : Kind.i64Const;
  const compare = (type === "i32" ? COMPARE32[name] : COMPARE64[name]) as (
    a: Expr["imm"],
    b: Expr["imm"],
  ) => boolean;
  const fold: Binary = (a, b) => {
    if (a.kind === kind && b.kind === kind) return i32Const(compare(a.imm, b.imm) ? 1 : 0);
    if (name !== "eq") return undefined;
    if (a.kind === kind) [a, b] = [b, a];
    if (b.imm === 0 || b.imm === 0n) {
      return unaryFold(`${type}.eqz`)?.(a) ??
        expr(Kind.plain, `${type}.eqz`, type === "i32" ? 0x45 : 0x50, "i32", [a]);
    }
    return undefined;
  };
  return fold;
}

for (const type of ["i32", "i64"] as const) {
  for (const name of Object.keys(MATH32)) BINARY.set(`${type}.${name}`, integerFold(type, name));
  for (const name of Object.keys(COMPARE32)) BINARY.set(`${type}.${name}`, comparisonFold(type, name));
}

/** Opcode and opposite of every integer comparison (a comparison of floats has no opposite: NaN). */
const INVERSE = new Map<string, [op: string, code: number]>();
for (const [type, base] of [["i32", 0x46], ["i64", 0x51]] as const) {
  const names = ["eq", "ne", "lt_s", "lt_u", "gt_s", "gt_u", "le_s", "le_u", "ge_s", "ge_u"];
  const opposite = ["ne", "eq", "ge_s", "ge_u", "le_s", "le_u", "gt_s", "gt_u", "lt_s", "lt_u"];
  names.forEach((name, i) =>
    INVERSE.set(`${type}.${name}`, [`${type}.${opposite[i]}`, base + names.indexOf(opposite[i])])
  );
}

function unary32(name: string, compute: (n: number) => number): void {
  UNARY.set(`i32.${name}`, (a) => a.kind === Kind.i32Const ? i32Const(compute(a.imm as number)) : undefined);
}
function unary64(name: string, compute: (n: bigint) => bigint): void {
  UNARY.set(`i64.${name}`, (a) => a.kind === Kind.i64Const ? i64Const(compute(a.imm as bigint)) : undefined);
}

const clz64 = (n: bigint) => n < 0n ? 0 : 64 - (n === 0n ? 0 : n.toString(2).length);
const ones = (n: bigint) => n.toString(2).replaceAll("0", "").length;
const lowBit = (n: bigint) => (n & -n).toString(2).length - 1;

unary32("clz", (n) => Math.clz32(n));
unary32("ctz", (n) => n === 0 ? 32 : 31 - Math.clz32(n & -n));
unary32("popcnt", (n) => ones(BigInt(n >>> 0)));
unary32("extend8_s", (n) => n << 24 >> 24);
unary32("extend16_s", (n) => n << 16 >> 16);
unary64("clz", (n) => BigInt(clz64(n)));
unary64("ctz", (n) => n === 0n ? 64n : BigInt(lowBit(u64(n))));
unary64("popcnt", (n) => BigInt(ones(u64(n))));
unary64("extend8_s", (n) => BigInt.asIntN(8, n));
unary64("extend16_s", (n) => BigInt.asIntN(16, n));
unary64("extend32_s", (n) => BigInt.asIntN(32, n));
UNARY.set(
  "i64.extend_i32_s",
  (a) => a.kind === Kind.i32Const ? i64Const(BigInt(a.imm as number)) : undefined,
);
UNARY.set(
  "i64.extend_i32_u",
  (a) => a.kind === Kind.i32Const ? i64Const(BigInt((a.imm as number) >>> 0)) : undefined,
);
UNARY.set("i32.wrap_i64", (a) => {
  if (a.kind === Kind.i64Const) return i32Const(Number(BigInt.asIntN(32, a.imm as bigint)));
  if (a.op === "i64.extend_i32_u" || a.op === "i64.extend_i32_s") return a.args[0];
  return undefined;
});
for (const type of ["i32", "i64"] as const) {
  UNARY.set(`${type}.eqz`, (a) => {
    if (a.kind === Kind.i32Const || a.kind === Kind.i64Const) return i32Const(a.imm == 0 ? 1 : 0);
    const inverse = INVERSE.get(a.op);
    return inverse && expr(Kind.plain, inverse[0], inverse[1], "i32", a.args);
  });
}

/** The same truth value, possibly another number: what a branch, an if or a select may test instead. */
export function condition(e: I32): I32 {
  for (;;) {
    if (e.op === "i32.ne" && i32Value(e.args[1]) === 0) e = e.args[0] as I32;
    else if (e.op === "i32.eqz" && e.args[0].op === "i32.eqz") e = e.args[0].args[0] as I32;
    else return e;
  }
}

/** a if cond, else b; undefined when the condition is not known, or the arm not taken must still be evaluated. */
export function selectFold(cond: Expr, a: Expr, b: Expr): Expr | undefined {
  const known = i32Value(cond);
  if (known === undefined) return undefined;
  const [taken, left] = known ? [a, b] : [b, a];
  return isPure(left) ? taken : undefined;
}

/** Simplifies a whole tree, innermost first (what the builders do at construction, for a tree that a pass has made). */
export function fold<T extends NumType>(e: Expr<T>): Expr<T> {
  if (e.args.length === 0 || e.body) return e;
  const args = e.args.map((arg) => fold(arg));
  let folded: Expr | undefined;
  if (e.kind === Kind.plain) {
    if (args.length === 1) folded = UNARY.get(e.op)?.(args[0]);
    else if (args.length === 2 && (isConst(args[0]) || isConst(args[1]))) {
      folded = BINARY.get(e.op)?.(args[0], args[1]);
    } else if (e.op === "select") folded = selectFold(args[2], args[0], args[1]);
  }
  if (folded) return folded as Expr<T>;
  return args.some((arg, i) => arg !== e.args[i])
    ? expr(e.kind, e.op, e.code, e.type, args, e.imm, e.body)
    : e;
}

/** An i32 or i64 constant, the ones that are folded. */
export function isConst(e: Expr): boolean {
  return e.kind === Kind.i32Const || e.kind === Kind.i64Const;
}
