import assert from "node:assert/strict";
import { f64, FunctionBuilder, FuncType, i32, i64, ModuleBuilder } from "./mod.ts";
import type { Expr, I32, I64 } from "./mod.ts";
import { build, instantiate } from "./harness.ts";

Deno.test("an if without else, with else, nested, with a known condition", () => {
  const run = build(["i32"], ["i32"], (f, x) => {
    const r = f.local("i32");
    f.if(x as I32, () => f.set(r, 1));
    f.if(i32.gt_s(x as I32, 10), () => {
      f.if(i32.gt_s(x as I32, 20), () => f.set(r, 3), () => f.set(r, 2));
    }, () => f.set(r, i32.add(r.get(), 100)));
    f.if(0, () => f.set(r, -1));
    f.if(1, () => f.set(r, i32.mul(r.get(), 2)), () => f.unreachable());
    f.return(r.get());
  });
  assert.deepEqual([0, 5, 15, 25].map((x) => run(x)), [200, 202, 4, 6]);
});

Deno.test("an if with a value: operands, callbacks, an arm that leaves", () => {
  const run = build(["i32"], ["i64"], (f, x) => {
    const a = f.ifExpr("i64", x as I32, 7n, () => {
      const n = f.let(i64.const(3));
      return i64.add(n, 1);
    });
    const b = f.ifExpr("i64", i32.lt_s(x as I32, 9), () => a, () => {
      f.return(-1);
    });
    f.return(i64.add(a, b));
  });
  assert.deepEqual([0, 1, 9].map((x) => run(x)), [8n, 14n, -1n]);
});

Deno.test("blocks with values, branches that carry them", () => {
  const run = build(["i32"], ["f64"], (f, x) => {
    f.return(f.blockExpr("f64", (label) => {
      f.brIf(label, i32.eq(x as I32, 1), 1.5);
      f.if(i32.eq(x as I32, 2), () => f.br(label, 2.5));
      return f64.convert_i32_s(x as I32);
    }));
  });
  assert.deepEqual([1, 2, 3].map((x) => run(x)), [1.5, 2.5, 3]);
});

Deno.test("a branch table inside a loop inside a block", () => {
  const run = build(["i32"], ["i32"], (f, start) => {
    const [state, count] = [f.local("i32"), f.local("i32")];
    f.set(state, start as I32);
    f.block((done) => {
      f.loop((again) => {
        f.set(count, i32.add(count.get(), 1));
        f.block((two) => {
          f.block((one) => {
            f.block((zero) => f.brTable([zero, one, two], done, state.get()));
            f.set(state, 2);
            f.br(again);
          });
          f.set(state, 0);
          f.br(again);
        });
        f.set(state, 77);
        f.br(again);
      });
    });
    f.return(count.get());
  });
  assert.deepEqual([0, 1, 2, 3, -1].map((x) => run(x)), [3, 4, 2, 1, 1]);
});

Deno.test("let evaluates once, now; tee assigns where it is used", () => {
  const m = new ModuleBuilder();
  m.memory({ initial: 1 });
  m.export(
    "run",
    m.func({ params: ["i32"], results: ["i32", "i32", "i32", "i32"] }, (f, x) => {
      const v = f.local("i32");
      f.set(v, x);
      const late = v.get();
      const early = f.let(v.get());
      const added = f.let(i32.add(i32.load(0), 1));
      f.do(i32.store(0, 50));
      f.set(v, i32.add(f.tee(v, 9), v.get()));
      f.return(late, early, added, i32.add(added, i32.load(0)));
    }),
  );
  assert.deepEqual(instantiate(m).run(4), [18, 4, 1, 51]);
});

Deno.test("a let of a constant or of another let costs nothing", () => {
  const f = new FunctionBuilder(new FuncType([], [], 0, {}), "f");
  const one = f.let(i32.load(4));
  assert.equal(f.let(one), one);
  assert.equal(f.let(i64.const(5)).op, "i64.const");
  assert.equal(f.locals.length, 1);
});

Deno.test("what cannot be reached is left out", () => {
  build(["i32"], ["i32"], (f, x) => {
    f.block((label) => {
      f.if(x as I32, () => f.br(label), () => f.return(1));
      assert.equal(f.live, false);
      f.drop(i32.load(0)); // would not even validate: there is no memory
    });
    assert.equal(f.live, true);
    f.loop((again) => f.br(again));
    assert.equal(f.live, false);
    f.return(i32.load(0));
  });
});

Deno.test("mistakes are named when they are made", () => {
  const body = (f: (f: FunctionBuilder<["i32"], ["i32"]>) => void) => () => {
    const m = new ModuleBuilder();
    m.func({ name: "wrong", params: ["i32"], results: ["i32"] }, f);
  };
  assert.throws(body(() => {}), /wrong: reaches its end without returning i32/);
  assert.throws(body((f) => f.if(f.param(0), () => f.return(1))), /reaches its end/);
  assert.throws(
    body((f) => f.return(i64.const(1) as unknown as I32)),
    /return: operand 1 is i64, expected i32/,
  );
  assert.throws(body((f) => f.param(0, "i64")), /parameter 0 is i32, expected i64/);
  assert.throws(body((f) => f.param(1)), /no parameter 1/);
  assert.throws(
    body((f) => f.set(f.local("i64"), i32.const(1) as unknown as I64)),
    /local\.set: operand 1 is i32/,
  );
  assert.throws(
    body((f) => {
      let kept: Parameters<typeof f.br>[0] | undefined;
      f.block((label) => {
        kept = label;
      });
      f.br(kept!);
    }),
    /br: its block has ended/,
  );
  assert.throws(
    body((f) => f.do(i32.const(1) as unknown as ReturnType<typeof i32.store>)),
    /not a statement/,
  );
  assert.throws(
    body((f) => f.ifExpr("i32", f.param(0), 1, () => {})),
    /an arm reaches its end without a value/,
  );
  assert.throws(() => {
    const m = new ModuleBuilder();
    let foreign: Expr<"i32"> | undefined;
    m.func({ results: ["i32"] }, (f) => {
      foreign = f.local("i32").get();
      f.return(1);
    });
    m.func({ results: ["i32"] }, (f) => f.return(foreign!));
  }, /belongs to another function/);
});

Deno.test("every value type as parameter, local and result", () => {
  const m = new ModuleBuilder();
  const types = ["i32", "i64", "f32", "f64"] as const;
  const run = m.func({ params: types, results: types }, (f, a, b, c, d) => {
    const [p, q, r, s] = [f.local("i32"), f.local("i64"), f.local("f32"), f.local("f64")];
    f.set(p, a);
    f.set(q, b);
    f.set(r, c);
    f.set(s, d);
    f.return(p.get(), q.get(), r.get(), s.get());
  });
  m.export("run", run);
  assert.deepEqual(instantiate(m).run(1, 2n, 3.5, 4.25), [1, 2n, 3.5, 4.25]);
});

Deno.test("locals are used again by the parts of a long function", () => {
  let made = 0;
  const run = build(["i32"], ["i32"], (f, x) => {
    const sum = f.local("i32");
    for (let i = 0; i < 50; i++) {
      f.reusing(() => {
        const twice = f.let(i32.mul(x as I32, 2));
        const wide = f.let(i64.extend_i32_u(twice));
        f.set(sum, i32.add(sum.get(), i32.wrap_i64(wide)));
      });
    }
    made = f.locals.length;
    f.return(sum.get());
  });
  assert.equal(made, 3);
  assert.equal(run(7), 700);
});
