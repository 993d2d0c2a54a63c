import assert from "node:assert/strict";
import { f64, i32, i64, ModuleBuilder } from "./mod.ts";

// Each @ts-expect-error is checked by `deno check`; the run-time check of the same mistake is what the test runs.
Deno.test("operand types are checked while compiling and while running", () => {
  const m = new ModuleBuilder();
  const wide = m.func({ params: ["i64"], results: ["i32", "f64"] }, (f) => f.return(1, 2));
  const attempt = (build: () => void) => assert.throws(build, { name: "EmitError" });
  // @ts-expect-error an i64 operand of an i32 instruction
  attempt(() => i32.add(i64.const(1), 1));
  // @ts-expect-error a bigint is no i32
  attempt(() => i32.add(i32.const(1), 1n));
  // @ts-expect-error an i64 address of a 32-bit memory
  attempt(() => i32.load(i64.const(0)));
  // @ts-expect-error an i64 condition
  attempt(() => i32.select(i64.const(1), 1, 2));
  m.func({ params: ["i64"], results: ["i64"] }, (f, x) => {
    // @ts-expect-error a parameter of another type
    attempt(() => i32.eqz(x));
    // @ts-expect-error a result of another type
    attempt(() => f.return(i32.const(1)));
    // @ts-expect-error too many results
    attempt(() => f.return(1, 2));
    // @ts-expect-error an argument of another type
    attempt(() => f.call(wide, [f64.const(1)]));
    // @ts-expect-error too few arguments
    attempt(() => f.call(wide, []));
    // @ts-expect-error its results are others
    attempt(() => f.returnCall(wide, [x]));
    // @ts-expect-error a local of another type
    attempt(() => f.set(f.local("i32"), x));
    // @ts-expect-error an expression is no statement
    attempt(() => f.do(x));
    // @ts-expect-error a value for a label that takes none
    f.block((label) => attempt(() => f.br(label, x)));
    const [narrow, float] = f.call(wide, [x]);
    f.return(i64.add(i64.extend_i32_s(narrow), i64.trunc_f64_s(float)));
  });
});
