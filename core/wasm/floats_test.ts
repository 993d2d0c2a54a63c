import assert from "node:assert/strict";
import { f32, f64, i32, i64, ModuleBuilder } from "./mod.ts";
import type { Expr, NumType } from "./mod.ts";
import { evaluate, instantiate } from "./harness.ts";

const VALUES = [
  0,
  -0,
  1,
  -1,
  0.5,
  1.5,
  2.5,
  -2.5,
  1e10,
  -3.75,
  1e300,
  Infinity,
  -Infinity,
  NaN,
  2 ** 31,
  2 ** 63,
];

function nearest(x: number): number {
  if (!Number.isFinite(x) || Math.abs(x) >= 2 ** 52) return x;
  const floor = Math.floor(x);
  const rounded = x - floor === 0.5 ? floor + Math.abs(floor % 2) : Math.round(x);
  return rounded === 0 && (x < 0 || Object.is(x, -0)) ? -0 : rounded;
}
const negative = (x: number) => x < 0 || Object.is(x, -0);

const UNARY: Record<string, (a: number) => number> = {
  abs: Math.abs,
  neg: (a) => -a,
  ceil: Math.ceil,
  floor: Math.floor,
  trunc: Math.trunc,
  nearest,
  sqrt: Math.sqrt,
};
const BINARY: Record<string, (a: number, b: number) => number> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  min: Math.min,
  max: Math.max,
  copysign: (a, b) => negative(a) === negative(b) ? a : -a,
  eq: (a, b) => Number(a === b),
  ne: (a, b) => Number(a !== b),
  lt: (a, b) => Number(a < b),
  gt: (a, b) => Number(a > b),
  le: (a, b) => Number(a <= b),
  ge: (a, b) => Number(a >= b),
};

for (const type of ["f32", "f64"] as const) {
  Deno.test(`${type} arithmetic agrees with JavaScript`, () => {
    const table = (type === "f32" ? f32 : f64) as unknown as Record<string, (...args: unknown[]) => Expr>;
    const round = type === "f32" ? Math.fround : (n: number) => n;
    const m = new ModuleBuilder();
    const values = VALUES.map(round);
    for (const name of Object.keys({ ...UNARY, ...BINARY })) {
      const params: NumType[] = name in UNARY ? [type] : [type, type];
      const build = (...args: unknown[]) => table[name](...args);
      const results = [build(...params.map(() => 1)).type];
      m.export(
        name,
        m.func<NumType[], NumType[]>({ params, results }, (f, ...args) => f.return(build(...args))),
      );
      values.forEach((a, i) => {
        const one = m.func<NumType[], NumType[]>(
          { params: [type], results },
          (f, b) => f.return(name in UNARY ? build(a) : build(a, b)),
        );
        m.export(`${name} ${i}`, one);
      });
    }
    const run = instantiate(m);
    for (const name of Object.keys(UNARY)) {
      values.forEach((a, i) => {
        assert(Object.is(run[name](a), round(UNARY[name](a))), `${type}.${name}(${a}) = ${run[name](a)}`);
        assert(Object.is(run[`${name} ${i}`](0), round(UNARY[name](a))));
      });
    }
    for (const name of Object.keys(BINARY)) {
      values.forEach((a, i) => {
        for (const b of values) {
          if (name === "copysign" && (Number.isNaN(a) || Number.isNaN(b))) continue; // JavaScript hides a NaN's sign
          assert(Object.is(run[name](a, b), round(BINARY[name](a, b))), `${type}.${name}(${a}, ${b})`);
          assert(Object.is(run[`${name} ${i}`](b), round(BINARY[name](a, b))));
        }
      });
    }
  });
}

const X = 3_000_000_000.75;

Deno.test("conversions", () => {
  const cases: [Expr, number | bigint][] = [
    [i32.trunc_f32_s(-3.5), -3],
    [i32.trunc_f32_u(Math.fround(3e9)), -1294967296],
    [i32.trunc_f64_s(-1e9 - 0.5), -1e9],
    [i32.trunc_f64_u(X), -1294967296],
    [i32.trunc_sat_f32_s(NaN), 0],
    [i32.trunc_sat_f32_s(1e20), 0x7fffffff],
    [i32.trunc_sat_f32_u(-5), 0],
    [i32.trunc_sat_f64_s(-1e20), -0x80000000],
    [i32.trunc_sat_f64_u(1e20), -1],
    [i64.trunc_f32_s(-3.5), -3n],
    [i64.trunc_f32_u(2 ** 63), -(2n ** 63n)],
    [i64.trunc_f64_s(-X), -3000000000n],
    [i64.trunc_f64_u(2 ** 63), -(2n ** 63n)],
    [i64.trunc_sat_f32_s(1e30), 2n ** 63n - 1n],
    [i64.trunc_sat_f32_u(1e30), -1n],
    [i64.trunc_sat_f64_s(-1e30), -(2n ** 63n)],
    [i64.trunc_sat_f64_u(-1), 0n],
    [i32.reinterpret_f32(1), 0x3f800000],
    [i64.reinterpret_f64(1), 0x3ff0000000000000n],
    [f32.reinterpret_i32(0x40490fdb), Math.fround(Math.PI)],
    [f64.reinterpret_i64(0x400921fb54442d18n), Math.PI],
    [f32.convert_i32_s(-1), -1],
    [f32.convert_i32_u(-1), 2 ** 32],
    [f32.convert_i64_s(-1), -1],
    [f32.convert_i64_u(-1), 2 ** 64],
    [f64.convert_i32_s(-1), -1],
    [f64.convert_i32_u(-1), 2 ** 32 - 1],
    [f64.convert_i64_s(-(2n ** 53n)), -(2 ** 53)],
    [f64.convert_i64_u(-1), 2 ** 64],
    [f32.demote_f64(Math.PI), Math.fround(Math.PI)],
    [f64.promote_f32(0.1), Math.fround(0.1)],
    [f32.select(0, 1.5, 2.5), 2.5],
    [f64.select(1, 1.5, 2.5), 1.5],
    [i64.extend_i32_s(i32.trunc_f64_s(-1)), -1n],
  ];
  for (const [expression, expected] of cases) {
    assert.equal(evaluate(expression), expected, expression.op);
  }
  assert.throws(() => evaluate(i32.trunc_f64_s(1e10)), WebAssembly.RuntimeError);
});

Deno.test("float loads and stores", () => {
  const m = new ModuleBuilder();
  m.memory({ initial: 1 });
  m.export(
    "run",
    m.func({ params: ["f32", "f64"], results: ["f32", "f64", "i32", "i64"] }, (f, a, b) => {
      f.do(f32.store(8, a, 4));
      f.do(f64.store(16, b, 1, 1));
      f.return(f32.load(12), f64.load(17, 0, 1), i32.load(12), i64.load(17)); // 17: unaligned
    }),
  );
  assert.deepEqual(instantiate(m).run(1.5, Math.PI), [1.5, Math.PI, 0x3fc00000, 0x400921fb54442d18n]);
});
