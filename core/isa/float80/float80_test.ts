import assert from "node:assert/strict";
import { f64, i64, ModuleBuilder, v128 } from "../../wasm/mod.ts";
import type { Expr, FuncRef } from "../../wasm/mod.ts";
import { defineIntegerHelpers } from "../arithmetic.ts";
import { defineFloat80Helpers } from "./mod.ts";
import { Operation, transcendental, transcendentalPart } from "./transcendental.ts";

/** (fcw, a, b) on doubles: widened, `x87Add` and the like, narrowed; also what was met. */
function instantiate() {
  const module = new ModuleBuilder("float80 test");
  const memory = module.memory({ initial: 1 });
  module.export("memory", memory);
  const imported = (name: "transcendental" | "transcendentalPart") =>
    module.importFunc(
      "helpers",
      name,
      name === "transcendental" ? ["i32", "i64", "i32", "i64", "i32"] : ["i32"],
      [name === "transcendental" ? "i32" : "i64"],
    ) as unknown as FuncRef;
  const imports = {
    transcendental: imported("transcendental"),
    transcendentalPart: imported("transcendentalPart"),
  };
  const made = defineFloat80Helpers(module, { ...defineIntegerHelpers(module), ...imports });
  for (const name of ["x87Add", "x87Subtract", "x87Multiply", "x87Divide", "x87Remainder"] as const) {
    const wrapper = module.func({ name, params: ["i32"], results: ["i32"] }, (f, fcw) => {
      const widened = (at: number) =>
        f.call(made.x87FromDouble, [i64.load(at)] as never) as unknown as Expr<"v128">;
      const [a, b] = [f.let(widened(0)), f.let(widened(8))];
      const result = f.let(f.call(made[name], [a, b, fcw] as never) as unknown as Expr<"v128">);
      const met = f.let(f.call(made.x87Outcome, [] as never) as unknown as Expr<"i32">);
      f.do(v128.store(32, result));
      const narrow = f.call(made.x87ToDouble, [result, fcw] as never) as unknown as Expr<"i64">;
      f.do(f64.store(16, f64.reinterpret_i64(narrow)));
      f.call(made.x87Outcome, [] as never);
      f.return(met);
    });
    module.export(name, wrapper as never);
  }
  const helpers = { transcendental, transcendentalPart };
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.toBytes()), { helpers });
  const view = new DataView((instance.exports.memory as WebAssembly.Memory).buffer);
  return (name: string, fcw: number, a: number, b: number) => {
    view.setFloat64(0, a, true);
    view.setFloat64(8, b, true);
    const met = (instance.exports[name] as (fcw: number) => number)(fcw);
    return { result: view.getFloat64(16, true), met, significand: view.getBigUint64(32, true) };
  };
}
const call = instantiate();
/** All masked: 53-bit precision, 64-bit precision. */
const DOUBLE = 0x27f;
const EXTENDED = 0x37f;

Deno.test("at 53 bits of precision doubles give what doubles give", () => {
  let seed = 12345;
  const next = () => {
    seed = Math.imul(seed, 1103515245) + 12345 | 0;
    return (seed / 2 ** 31) * 2 ** (seed >> 8 & 15);
  };
  for (let i = 0; i < 3000; i++) {
    const [a, b] = [next(), next()];
    assert.equal(call("x87Add", DOUBLE, a, b).result, a + b);
    assert.equal(call("x87Subtract", DOUBLE, a, b).result, a - b);
    assert.equal(call("x87Multiply", DOUBLE, a, b).result, a * b);
    assert.equal(call("x87Divide", DOUBLE, a, b).result, a / b);
    assert.equal(call("x87Remainder", DOUBLE, a, b).result, a % b);
  }
});

Deno.test("exceptions are told: inexact, division by zero, invalid", () => {
  assert.equal(call("x87Add", EXTENDED, 1, 2).met, 0);
  assert.equal(call("x87Divide", EXTENDED, 1, 3).met & 0x3f, 0x20);
  assert.equal(call("x87Divide", EXTENDED, 1, 0).met, 4);
  assert.equal(call("x87Subtract", EXTENDED, Infinity, Infinity).met, 1);
  assert.equal(call("x87Add", EXTENDED, 5e-324, 1).met & 2, 2);
});

Deno.test("a third has 64 bits, rounded as FCW says", () => {
  assert.equal(call("x87Divide", EXTENDED, 1, 3).significand, 0xaaaaaaaaaaaaaaabn);
  assert.equal(call("x87Divide", EXTENDED | 0x400, 1, 3).significand, 0xaaaaaaaaaaaaaaaan);
  assert.equal(call("x87Divide", 0x7f, 1, 3).significand, 0xaaaaab0000000000n);
});

Deno.test("transcendental functions agree with the host's doubles", () => {
  const value = (operation: number, a: number, b = 1): number => {
    const parts = (x: number): [bigint, number] => {
      const e = Math.floor(Math.log2(Math.abs(x)));
      const head = e + 16383 | (x < 0 ? 0x8000 : 0);
      return [BigInt.asIntN(64, BigInt(Math.abs(x) * 2 ** (52 - e)) << 11n), head];
    };
    assert.equal(transcendental(operation, ...parts(a), ...parts(b)) & ~0x20020, 0);
    const [hi, , exponent, sign] = [0, 1, 2, 3].map(transcendentalPart);
    return Number(BigInt.asUintN(64, hi)) * 2 ** (Number(exponent) - 16383 - 63) * (sign ? -1 : 1);
  };
  const near = (got: number, wanted: number) =>
    assert.ok(Math.abs(got - wanted) <= Math.abs(wanted) * 1e-14, `${got} ${wanted}`);
  for (const x of [0.1, 0.9, -0.3, 1e-9, 0.5000001, -0.99]) {
    near(value(Operation.exp2m1, x), Math.abs(x) < 0.01 ? Math.expm1(x * Math.LN2) : 2 ** x - 1);
    near(value(Operation.sin, x), Math.sin(x));
    near(value(Operation.cos, x * 7), Math.cos(x * 7));
    near(value(Operation.tan, x * 3), Math.tan(x * 3));
    near(value(Operation.log2, Math.abs(x), 3), 3 * Math.log2(Math.abs(x)));
    near(value(Operation.atan, x, 0.7), Math.atan2(0.7, x));
    near(value(Operation.log2p1, x / 4, 2), 2 * Math.log1p(x / 4) / Math.LN2);
  }
});
