import assert from "node:assert/strict";
import { i32, i64, isConst, ModuleBuilder } from "./mod.ts";
import type { Expr, I32, I64 } from "./mod.ts";
import { instantiate } from "./harness.ts";

const VALUES32 = [
  0,
  1,
  -1,
  2,
  7,
  31,
  32,
  33,
  127,
  128,
  255,
  0x8000,
  0xffff,
  0x12345678,
  -0x80000000,
  0x7fffffff,
];
const VALUES64 = [
  ...VALUES32.map(BigInt),
  63n,
  64n,
  1n << 31n,
  1n << 32n,
  -(1n << 63n),
  (1n << 63n) - 1n,
  0x123456789abcdef0n,
];

/** What an instruction of the given width gives for unsigned inputs; "trap" where it has no result. */
function model(name: string, bits: number, x: bigint, y: bigint): bigint | "trap" {
  const [s, u] = [(n: bigint) => BigInt.asIntN(bits, n), (n: bigint) => BigInt.asUintN(bits, n)];
  const [a, b, count] = [u(x), u(y), y & BigInt(bits - 1)];
  const truth = (t: boolean) => t ? 1n : 0n;
  const digits = a.toString(2).padStart(bits, "0");
  switch (name) {
    case "eqz":
      return truth(a === 0n);
    case "eq":
      return truth(a === b);
    case "ne":
      return truth(a !== b);
    case "lt_s":
      return truth(s(a) < s(b));
    case "lt_u":
      return truth(a < b);
    case "gt_s":
      return truth(s(a) > s(b));
    case "gt_u":
      return truth(a > b);
    case "le_s":
      return truth(s(a) <= s(b));
    case "le_u":
      return truth(a <= b);
    case "ge_s":
      return truth(s(a) >= s(b));
    case "ge_u":
      return truth(a >= b);
    case "clz":
      return BigInt(digits.length - digits.replace(/^0*/, "").length);
    case "ctz":
      return BigInt(digits.length - digits.replace(/0*$/, "").length);
    case "popcnt":
      return BigInt(digits.replaceAll("0", "").length);
    case "add":
      return u(a + b);
    case "sub":
      return u(a - b);
    case "mul":
      return u(a * b);
    case "div_s":
      return b === 0n || s(a) / s(b) === 1n << BigInt(bits - 1) ? "trap" : u(s(a) / s(b));
    case "div_u":
      return b === 0n ? "trap" : a / b;
    case "rem_s":
      return b === 0n ? "trap" : u(s(a) % s(b));
    case "rem_u":
      return b === 0n ? "trap" : a % b;
    case "and":
      return a & b;
    case "or":
      return a | b;
    case "xor":
      return a ^ b;
    case "shl":
      return u(a << count);
    case "shr_u":
      return a >> count;
    case "shr_s":
      return u(s(a) >> count);
    case "rotl":
      return u(a << count | a >> (BigInt(bits) - count));
    case "rotr":
      return u(a >> count | a << (BigInt(bits) - count));
    case "extend8_s":
      return u(BigInt.asIntN(8, a));
    case "extend16_s":
      return u(BigInt.asIntN(16, a));
    case "extend32_s":
      return u(BigInt.asIntN(32, a));
    default:
      throw new Error(`no model of ${name}`);
  }
}

const UNARY = ["eqz", "clz", "ctz", "popcnt", "extend8_s", "extend16_s"] as const;
const BINARY = [
  "eq",
  "ne",
  "lt_s",
  "lt_u",
  "gt_s",
  "gt_u",
  "le_s",
  "le_u",
  "ge_s",
  "ge_u",
  "add",
  "sub",
  "mul",
  "div_s",
  "div_u",
  "rem_s",
  "rem_u",
  "and",
  "or",
  "xor",
  "shl",
  "shr_s",
  "shr_u",
  "rotl",
  "rotr",
] as const;

const unsigned = (n: number | bigint) => BigInt.asUintN(typeof n === "bigint" ? 64 : 32, BigInt(n));

type Run = (...args: (number | bigint)[]) => number | bigint;
function outcome(run: Run, ...args: (number | bigint)[]): bigint | "trap" {
  try {
    return unsigned(run(...args));
  } catch (error) {
    assert(error instanceof WebAssembly.RuntimeError);
    return "trap";
  }
}

/** Every mix of operands known while building and operands known only at run time. */
function checkAll<T extends Expr>(
  type: "i32" | "i64",
  values: readonly (number | bigint)[],
  names: readonly string[],
  apply: (name: string, ...operands: T[]) => Expr,
  constant: (n: number | bigint) => T,
): void {
  const bits = type === "i32" ? 32 : 64;
  const m = new ModuleBuilder();
  const cases: [name: string, x: bigint, y: bigint, run: string, args: (number | bigint)[]][] = [];
  for (const name of names) {
    const arity = (UNARY as readonly string[]).includes(name) || name === "extend32_s" ? 1 : 2;
    const add = (id: string, params: ("i32" | "i64")[], make: (...operands: T[]) => Expr) => {
      const sample = make(...params.map(() => constant(1)));
      m.export(
        id,
        m.func({ params, results: [sample.type] }, (f) => f.return(make(...f.params() as unknown as T[]))),
      );
    };
    add(name, arity === 1 ? [type] : [type, type], (...operands) => apply(name, ...operands));
    for (const x of values) {
      for (const y of arity === 1 ? [x] : values) {
        const [a, b] = [BigInt(x), BigInt(y)];
        cases.push([name, a, b, name, [x, y]]);
      }
      const id = `${name} ${x}`;
      if (arity === 1) {
        add(`= ${id}`, [], () => apply(name, constant(x)));
        cases.push([name, BigInt(x), 0n, `= ${id}`, []]);
        continue;
      }
      add(`left ${id}`, [type], (b) => apply(name, constant(x), b));
      add(`right ${id}`, [type], (a) => apply(name, a, constant(x)));
      for (const y of values) {
        cases.push([name, BigInt(x), BigInt(y), `left ${id}`, [y]]);
        cases.push([name, BigInt(y), BigInt(x), `right ${id}`, [y]]);
        const folded = apply(name, constant(x), constant(y));
        const expected = model(name, bits, BigInt(x), BigInt(y));
        if (expected === "trap") assert(!isConst(folded), `${type}.${name} ${x} ${y} must still trap`);
        else {assert.equal(
            unsigned(folded.imm as number | bigint),
            expected,
            `${type}.${name} ${x} ${y} folded`,
          );}
      }
    }
  }
  const exports = instantiate(m) as Record<string, Run>;
  for (const [name, x, y, run, args] of cases) {
    assert.equal(
      outcome(exports[run], ...args),
      model(name, bits, x, y),
      `${type} ${run} (${args}) of ${x}, ${y}`,
    );
  }
}

Deno.test("i32 arithmetic agrees with a model, folded and not", () => {
  const apply = (name: string, ...operands: I32[]) =>
    (i32[name as "add"] as (...args: I32[]) => I32)(...operands);
  checkAll<I32>("i32", VALUES32, [...UNARY, ...BINARY], apply, (n) => i32.const(Number(n)));
});

Deno.test("i64 arithmetic agrees with a model, folded and not", () => {
  const apply = (name: string, ...operands: I64[]) =>
    (i64[name as "add"] as (...args: I64[]) => I64)(...operands);
  checkAll<I64>("i64", VALUES64, [...UNARY, "extend32_s", ...BINARY], apply, (n) => i64.const(BigInt(n)));
});
