import assert from "node:assert/strict";
import * as fc from "fast-check";
import { fold, i32, i32Value, i64, isPure, ModuleBuilder } from "./mod.ts";
import type { Expr, I32, I64, NumType } from "./mod.ts";
import { build, instantiate } from "./harness.ts";
import { expr, Kind } from "./types.ts";

const ALIKE = [
  "add",
  "sub",
  "mul",
  "and",
  "or",
  "xor",
  "shl",
  "shr_s",
  "shr_u",
  "rotl",
  "rotr",
  "div_u",
  "rem_s",
] as const;
const COMPARISONS = ["eq", "ne", "lt_s", "lt_u", "gt_s", "ge_u", "le_s"] as const;

interface Leaf {
  known: boolean;
  value: number;
}
interface Tree {
  op: string;
  args: (Tree | Leaf)[];
}

const leaf: fc.Arbitrary<Leaf> = fc.record({
  known: fc.boolean(),
  value: fc.oneof(fc.constantFrom(0, 1, -1, 255, 31, 0x80000000 | 0), fc.integer()),
});
const { i32Tree } = fc.letrec<{ i32Tree: Tree | Leaf; i64Tree: Tree | Leaf }>((tie) => {
  const node = (ops: readonly string[], ...args: fc.Arbitrary<Tree | Leaf>[]) =>
    fc.record({ op: fc.constantFrom(...ops), args: fc.tuple(...args) });
  const [narrow, wide] = [tie("i32Tree"), tie("i64Tree")];
  const named = (type: string, names: readonly string[]) => names.map((name) => `${type}.${name}`);
  return {
    i32Tree: fc.oneof(
      { depthSize: "medium" },
      leaf,
      node(named("i32", [...ALIKE, ...COMPARISONS]), narrow, narrow),
      node(["i32.eqz"], narrow),
      node(["i64.eqz", "i32.wrap_i64"], wide),
      node(named("i64", COMPARISONS), wide, wide),
      node(["i32.select"], narrow, narrow, narrow),
    ),
    i64Tree: fc.oneof(
      { depthSize: "medium" },
      node(["i64.extend_i32_u", "i64.extend_i32_s"], narrow),
      node(named("i64", ALIKE), wide, wide),
      node(["i64.extend8_s", "i64.popcnt"], wide),
    ),
  };
});

/** @param known make the leaves that are known constants; else all are parameters */
function make(tree: Tree | Leaf, params: readonly Expr[], next: { leaf: number }, known: boolean): Expr {
  if ("value" in tree) {
    const param = params[next.leaf++];
    return known && tree.known ? i32.const(tree.value) : param;
  }
  const args = tree.args.map((arg) => make(arg, params, next, known));
  const [type, name] = tree.op.split(".");
  const table = (type === "i32" ? i32 : i64) as unknown as Record<string, (...args: Expr[]) => Expr>;
  return table[name](...args);
}

function leaves(tree: Tree | Leaf): Leaf[] {
  return "value" in tree ? [tree] : tree.args.flatMap(leaves);
}

function outcome(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    assert(error instanceof WebAssembly.RuntimeError);
    return "trap";
  }
}

Deno.test("a tree with constants gives what it gives with the same values as parameters", () => {
  fc.assert(
    fc.property(i32Tree, (tree) => {
      const values = leaves(tree).map(({ value }) => value);
      const m = new ModuleBuilder();
      const params: readonly NumType[] = values.map(() => "i32" as const);
      for (const known of [true, false]) {
        const fn = m.func<readonly NumType[], readonly NumType[]>(
          { params, results: ["i32"] },
          (f, ...args) => f.return(make(tree, args, { leaf: 0 }, known)),
        );
        m.export(`${known}`, fn);
      }
      const run = instantiate(m);
      assert.equal(outcome(() => run.true(...values)), outcome(() => run.false(...values)));
    }),
    { numRuns: 1500 },
  );
});

const X = build; // a function around an expression, for what must not be folded

Deno.test("address arithmetic collapses", () => {
  const run = X(["i64"], ["i64"], (f, rsp) => {
    const value = i64.sub(i64.add(i64.sub(rsp as I64, 8), 24), 16);
    assert.equal(value, rsp);
    const moved = i64.add(i64.add(5, rsp as I64), i64.const(-7n));
    assert.equal(moved.op, "i64.add");
    assert.equal(moved.args[0], rsp);
    f.return(moved);
  });
  assert.equal(run(10n), 8n);
});

Deno.test("masks that change nothing disappear, others stay", () => {
  const byte = i32.load8_u(0);
  assert.equal(i32.and(byte, 0xff), byte);
  assert.equal(i32.and(byte, -1), byte);
  assert.equal(i32.and(byte, 0x7f).op, "i32.and");
  const wide = i64.extend_i32_u(i32.load(0));
  assert.equal(i64.and(wide, 0xffffffffn), wide);
  assert.equal(i64.and(i64.load32_s(0), 0xffffffffn).op, "i64.and");
  assert.equal(i32.wrap_i64(wide), wide.args[0]);
});

Deno.test("what has an effect, or may trap, is not folded away", () => {
  const load = i32.load(8);
  assert(!isPure(load));
  assert.notEqual(i32Value(i32.and(load, 0)), 0);
  assert.equal(i32Value(i32.and(i32.clz(i32.const(3)), 0)), 0);
  assert.equal(i32.select(1, i32.const(3), load).op, "select");
  assert.equal(i32Value(i32.select(0, i32.const(3), 4)), 4);
  assert.equal(i32.mul(i32.div_u(load, 3), 0).op, "i32.mul");
});

Deno.test("eqz turns integer comparisons round, never float ones", () => {
  X(["i32", "i32"], [], (_f, a, b) => {
    assert.equal(i32.eqz(i32.lt_u(a as I32, b as I32)).op, "i32.ge_u");
    assert.equal(i32.eq(a as I32, 0).op, "i32.eqz");
    assert.equal(i32.eqz(i32.eq(0, a as I32)).op, "i32.eqz");
  });
});

Deno.test("fold simplifies a tree that a pass has made", () => {
  const raw = expr(Kind.plain, "i32.add", 0x6a, "i32", [i32.const(2), i32.const(3)]);
  const tree = expr(Kind.plain, "i32.clz", 0x67, "i32", [raw]);
  assert.equal(i32Value(fold(tree)), 29);
});
