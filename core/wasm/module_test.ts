import assert from "node:assert/strict";
import { EmitError, i32, i64, ModuleBuilder } from "./mod.ts";
import type { FuncRef } from "./mod.ts";
import { instantiate } from "./harness.ts";

Deno.test("a loop with locals, calls and a declared function", () => {
  const m = new ModuleBuilder();
  const twice = m.declareFunc({ params: ["i64"], results: ["i64"] });
  const sum = m.func({ params: ["i32"], results: ["i64"] }, (f, n) => {
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
  assert.equal(instantiate(m).sum(100), 10100n);
});

Deno.test("calls: no result, several, imported, indirect", () => {
  const m = new ModuleBuilder();
  const log = m.importFunc("env", "log", ["i32", "i64"], []);
  const pair = m.importFunc("env", "pair", ["i32"], ["i32", "f64"]);
  const swap = m.func({ params: ["i32", "i64"], results: ["i64", "i32"] }, (f, a, b) => f.return(b, a));
  const table = m.table({ initial: 4 });
  m.elem(table, 1, [swap, log]);
  m.export(
    "run",
    m.func({ params: ["i32"], results: ["i32"] }, (f, x) => {
      f.call(log, [x, 5n]);
      const [wide, narrow] = f.call(swap, [x, i64.extend_i32_s(i32.add(x, 1))]);
      f.callIndirect(table, log.signature, [narrow, wide], 2);
      const [again, same] = f.callIndirect(table, swap.signature, [narrow, wide], 1);
      const [count] = f.call(pair, [same]);
      f.return(i32.add(i32.wrap_i64(again), count));
    }),
  );
  const seen: unknown[] = [];
  const env = { log: (...args: unknown[]) => void seen.push(args), pair: (n: number) => [n * 100, 0.5] };
  assert.equal(instantiate(m, { env }).run(7), 708);
  assert.deepEqual(seen, [[7, 5n], [7, 8n]]);
});

Deno.test("tail calls take no stack: direct, indirect, and between modules through a shared table", () => {
  const table = new WebAssembly.Table({ initial: 4, element: "anyfunc" });
  const make = (slot: number, next: number): void => {
    const m = new ModuleBuilder();
    const shared = m.importTable("env", "table", { initial: 4 });
    const step = m.declareFunc({ name: `step ${slot}`, params: ["i32", "i64"], results: ["i64"] });
    const direct = m.func(
      { params: ["i32", "i64"], results: ["i64"] },
      (f, n, total) => f.returnCallIndirect(shared, step.signature, [n, total], next),
    );
    m.define(step, (f, n, total) => {
      f.if(i32.eqz(n), () => f.return(total));
      f.returnCall(direct, [i32.sub(n, 1), i64.add(total, i64.extend_i32_u(n))]);
    });
    m.elem(shared, slot, [step]);
    m.export("step", step);
    instantiate(m, { env: { table } });
  };
  make(0, 3);
  make(3, 0);
  const n = 1_000_000;
  const step = table.get(0) as (n: number, total: bigint) => bigint;
  assert.equal(step(n, 0n), BigInt(n) * BigInt(n + 1) / 2n);
});

Deno.test("imports after bodies move every index that refers to the module's own things", () => {
  const m = new ModuleBuilder();
  const memory = m.memory({ initial: 1 });
  const table = m.table({ initial: 2 });
  const counter = m.global("i32", true, 40);
  const plus = m.func({ name: "plus", params: ["i32"], results: ["i32"] }, (f, x) => f.return(i32.add(x, 1)));
  const run = m.func({ name: "run", results: ["i32"] }, (f) => {
    f.globalSet(counter, f.call(plus, [counter.get()]));
    f.do(i32.store(0, counter.get(), 8, 4, memory));
    f.return(f.callIndirect(table, plus.signature, [i32.load(8, 0, 4, memory)], 1));
  });
  m.elem(table, 1, [plus]);
  m.export("run", run);
  for (let i = 0; i < 200; i++) m.importFunc("env", "nothing", [], []); // past one LEB byte
  const base = m.importGlobal("env", "base", "i32");
  m.importTable("env", "table", { initial: 1 });
  m.importMemory("env", "memory", { initial: 1 });
  m.export("late", m.func({ results: ["i32"] }, (f) => f.return(i32.add(f.call(run, []), base.get()))));
  const env = {
    nothing() {},
    base: 1000,
    table: new WebAssembly.Table({ initial: 1, element: "anyfunc" }),
    memory: new WebAssembly.Memory({ initial: 1 }),
  };
  const exports = instantiate(m, { env });
  assert.equal(exports.run(), 42);
  assert.equal(exports.late(), 1043);
  assert.equal(new Uint8Array(env.memory.buffer)[8], 0);
});

Deno.test("globals, start function, passive elements, table copies, exports of every sort", () => {
  const m = new ModuleBuilder();
  const base = m.importGlobal("env", "base", "i64");
  const cell = m.importGlobal("env", "cell", "i32", true);
  const copy = m.global("i64", false, base.get());
  const table = m.table({ initial: 6, maximum: 6 });
  const memory = m.memory({ initial: 1, maximum: 3, shared: true });
  const five = m.func({ results: ["i32"] }, (f) => f.return(5));
  const six = m.func({ results: ["i32"] }, (f) => f.return(6));
  const passive = m.passiveElem([five, six]);
  m.start(m.func({}, (f) => {
    f.tableInit(table, 2, passive, 1, 1);
    f.elemDrop(passive);
    f.tableCopy(4, 2, 1, table);
    f.globalSet(cell, f.tableSize(table));
  }));
  m.export(
    "run",
    m.func(
      { results: ["i32", "i64"] },
      (f) => f.return(f.callIndirect(table, five.signature, [], 4), copy.get()),
    ),
  );
  m.export("table", table);
  m.export("memory", memory);
  m.export("copy", copy);
  const env = {
    base: new WebAssembly.Global({ value: "i64" }, 77n),
    cell: new WebAssembly.Global({ value: "i32", mutable: true }, 0),
  };
  const exports = instantiate(m, { env }) as unknown as {
    run(): unknown;
    table: WebAssembly.Table;
    memory: WebAssembly.Memory;
    copy: WebAssembly.Global;
  };
  assert.deepEqual(exports.run(), [6, 77n]);
  assert.equal(env.cell.value, 6);
  assert.equal(exports.table.length, 6);
  assert(exports.memory.buffer instanceof SharedArrayBuffer);
  assert.equal(exports.copy.value, 77n);
});

Deno.test("names reach stack traces", () => {
  const m = new ModuleBuilder("gate");
  const inner = m.func({ name: "mov Ev,Gv" }, (f) => f.unreachable());
  m.export("run", m.func({ name: "größe" }, (f) => f.call(inner, [])));
  const { run } = instantiate(m);
  assert.throws(() => run(), (error: Error) => {
    const [, first, second] = error.stack!.split("\n");
    assert.match(first, /at mov Ev,Gv .*gate/);
    assert.match(second, /at größe .*gate/);
    return true;
  });
});

Deno.test("things of another module are refused", () => {
  const other = new ModuleBuilder();
  const foreign = other.func({ name: "foreign" }, () => {});
  const table = other.table({ initial: 1 });
  const global = other.global("i32", true, 1);
  const memory = other.memory({ initial: 1 });
  const m = new ModuleBuilder();
  const own = m.table({ initial: 1 });
  const refused = (body: Parameters<typeof m.func<[], []>>[1], message: RegExp) =>
    assert.throws(() => m.func({}, body), message);
  refused((f) => f.call(foreign, []), /foreign belongs to another module/);
  refused((f) => f.callIndirect(own, foreign.signature, [], 0), /a type of another module/);
  refused((f) => f.callIndirect(table, m.type([], []), [], 0), /table 0 belongs to another module/);
  refused((f) => f.globalSet(global, 1), /global 0 belongs/);
  refused((f) => f.drop(i32.load(0, 0, 4, memory)), /memory 0 belongs/);
});

Deno.test("4,000 functions of an interpreter's size are built and written within 200 ms", () => {
  const once = (): number => {
    const start = performance.now();
    const m = new ModuleBuilder();
    m.importMemory("env", "memory", { initial: 1 });
    const table = m.table({ initial: 4000 });
    const handler = m.type(["i32", "i32"], ["i32"]);
    for (let k = 0; k < 4000; k++) {
      m.func({ name: `handler ${k}`, params: ["i32", "i32"], results: ["i32"] }, (f, ctx, rec) => {
        const reg = f.let(i32.add(ctx, i32.shl(i32.load8_u(rec, 4), 3)));
        const a = f.let(i64.load(reg, 128));
        const sum = f.let(
          i64.add(a, f.ifExpr("i64", i32.load(rec, 8), () => i64.load(ctx, k), () => i64.const(k))),
        );
        f.do(i64.store(reg, sum, 128));
        f.do(i64.store(ctx, sum, 16));
        f.do(i64.store(ctx, a, 24));
        f.returnCallIndirect(table, handler, [ctx, i32.add(rec, 16)], i32.load(rec, 16));
      });
    }
    m.toBytes();
    return performance.now() - start;
  };
  assert(Math.min(once(), once(), once()) < 200);
});

Deno.test("mistakes in a module are named", () => {
  const m = new ModuleBuilder();
  const later = m.declareFunc({ name: "later", params: ["i32"] });
  assert.throws(() => m.toBytes(), /later is declared but has no body/);
  m.define(later, () => {});
  assert.throws(() => m.define(later, () => {}), /later has a body already/);
  assert.throws(() => new ModuleBuilder().define(later, () => {}), /later is not this module's/);
  m.export("x", later);
  assert.throws(() => m.export("x", later), /two exports named x/);
  assert.throws(() => m.memory({ initial: 1, shared: true }), EmitError);
  const constant = m.global("i32", false, 1);
  assert.throws(() => m.func({}, (f) => f.globalSet(constant, 2)), /not mutable/);
  const untyped = later as unknown as FuncRef<[], []>;
  assert.throws(() => m.func({}, (f) => f.call(untyped, [])), /call later: 0 values, expected 1/);
  const gives = m.func({ name: "gives", results: ["i64"] }, (f) => f.return(1));
  assert.throws(
    () => m.func({ name: "tail" }, (f) => f.returnCall(gives as unknown as FuncRef<[], []>, [])),
    /tail: return_call gives: gives \(i64\), this function \(\)/,
  );
});
