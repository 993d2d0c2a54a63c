import assert from "node:assert/strict";
import { i32, i64, ModuleBuilder } from "./mod.ts";

Deno.test("a loop with locals, calls and a declared function", async () => {
  const m = new ModuleBuilder("first");
  const twice = m.declareFunc({ name: "twice", params: ["i64"], results: ["i64"] });
  const sum = m.func({ name: "sum", params: ["i32"], results: ["i64"] }, (f, n) => {
    const total = f.local("i64");
    const i = f.local("i32");
    f.block((done) => {
      f.loop((again) => {
        f.brIf(done, i32.ge_u(i.get(), n));
        f.set(i, i32.add(i.get(), 1));
        f.set(total, i64.add(total.get(), i64.extend_i32_u(i.get())));
        f.br(again);
      });
    });
    f.return(f.call(twice, [total.get()]));
  });
  m.define(twice, (f, x) => f.return(i64.shl(x, 1)));
  m.export("sum", sum);
  const { instance } = await WebAssembly.instantiate(m.toBytes());
  assert.equal((instance.exports.sum as (n: number) => bigint)(100), 10100n);
});
