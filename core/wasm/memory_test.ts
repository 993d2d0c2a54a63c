import assert from "node:assert/strict";
import { EmitError, i32, i64, ModuleBuilder, v128 } from "./mod.ts";
import type { Expr, I32, I64 } from "./mod.ts";
import { instantiate } from "./harness.ts";

const BYTES = Uint8Array.from({ length: 64 }, (_, i) => i * 37 + 0x81);

function fresh(
  shared: boolean,
): { memory: WebAssembly.Memory; view: DataView; m: ModuleBuilder; imports: WebAssembly.Imports } {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared });
  new Uint8Array(memory.buffer).set(BYTES);
  const m = new ModuleBuilder();
  m.importMemory("env", "memory", { initial: 1, maximum: 1, shared });
  return { memory, view: new DataView(memory.buffer), m, imports: { env: { memory } } };
}

const mask = (n: number | bigint, bits: number) => BigInt.asUintN(bits, BigInt(n));

function reads(type: "i32" | "i64"): [name: string, bits: number, signed: boolean][] {
  const full = type === "i32" ? 32 : 64;
  const narrow = [8, 16, 32].filter((bits) => bits < full);
  return [
    ["load", full, true],
    ...narrow.flatMap((bits): [string, number, boolean][] => [
      [`load${bits}_s`, bits, true],
      [`load${bits}_u`, bits, false],
    ]),
  ];
}

for (const type of ["i32", "i64"] as const) {
  const table = (type === "i32" ? i32 : i64) as unknown as Record<string, (...args: unknown[]) => Expr>;
  const full = type === "i32" ? 32 : 64;

  Deno.test(`${type} loads: width, sign, offset, any alignment`, () => {
    const { m, view, imports } = fresh(false);
    for (const [name] of reads(type)) {
      m.export(
        name,
        m.func({ params: ["i32"], results: [type] }, (f, a) => f.return(table[name](a, 3, 1) as never)),
      );
    }
    const run = instantiate(m, imports);
    for (const [name, bits, signed] of reads(type)) {
      for (let at = 0; at < 20; at++) {
        const raw = view.getBigUint64(at + 3, true);
        const expected = signed ? BigInt.asIntN(bits, raw) : mask(raw, bits);
        assert.equal(BigInt(run[name](at) as number), expected, `${name} at ${at}`);
      }
    }
  });

  Deno.test(`${type} stores write their width only`, () => {
    for (const bits of [8, 16, 32, 64].filter((bits) => bits <= full)) {
      for (const atomic of [false, true]) {
        const name = `${atomic ? "atomic_" : ""}store${bits === full ? "" : bits}`;
        const { m, view, imports } = fresh(atomic);
        const fn = m.func({ params: ["i32", type] }, (f, a, v) => f.do(table[name](a, v, 8) as never));
        m.export("run", fn);
        const value = 0x1122334455667788n;
        instantiate(m, imports).run(8, type === "i32" ? Number(BigInt.asIntN(32, value)) : value);
        const before = new DataView(BYTES.buffer);
        const kept = bits === 64 ? 0n : before.getBigUint64(16, true) >> BigInt(bits) << BigInt(bits);
        assert.equal(view.getBigUint64(16, true), kept | mask(value, bits), name);
        assert.equal(view.getBigUint64(8, true), before.getBigUint64(8, true));
        assert.equal(view.getBigUint64(24, true), before.getBigUint64(24, true));
      }
    }
  });

  Deno.test(`${type} atomic loads and read-modify-writes`, () => {
    const operations: Record<string, (a: bigint, b: bigint) => bigint> = {
      add: (a, b) => a + b,
      sub: (a, b) => a - b,
      and: (a, b) => a & b,
      or: (a, b) => a | b,
      xor: (a, b) => a ^ b,
      xchg: (_, b) => b,
    };
    const operand = 0x6fedcba987654321n;
    const given = type === "i32" ? Number(BigInt.asIntN(32, operand)) : operand;
    for (const bits of [8, 16, 32, 64].filter((bits) => bits <= full)) {
      const [w, u] = bits === full ? ["", ""] : [`${bits}`, "_u"];
      for (const [name, compute] of Object.entries(operations)) {
        const { m, view, imports } = fresh(true);
        m.export(
          "load",
          m.func(
            { params: ["i32"], results: [type] },
            (f, a) => f.return(table[`atomic_load${w}${u}`](a, 16) as never),
          ),
        );
        m.export(
          "rmw",
          m.func(
            { params: ["i32", type], results: [type] },
            (f, a, v) => f.return(table[`atomic_rmw${w}_${name}${u}`](a, v, 16) as never),
          ),
        );
        const run = instantiate(m, imports);
        const old = mask(view.getBigUint64(24, true), bits);
        assert.equal(mask(run.load(8) as number, bits), old);
        assert.equal(
          BigInt.asUintN(full, BigInt(run.rmw(8, given) as number)),
          old,
          `${name}${bits} gives the old value`,
        );
        assert.equal(
          mask(view.getBigUint64(24, true), bits),
          mask(compute(old, operand), bits),
          `${name}${bits}`,
        );
        assert.equal(view.getUint8(24 + bits / 8), BYTES[24 + bits / 8]);
      }
      const { m, view, imports } = fresh(true);
      m.export(
        "swap",
        m.func(
          { params: ["i32", type, type], results: [type] },
          (f, a, old, v) => f.return(table[`atomic_cmpxchg${w}${u}`](a, old, v, 16) as never),
        ),
      );
      const { swap } = instantiate(m, imports);
      const old = mask(view.getBigUint64(24, true), bits);
      const found = type === "i32" ? Number(BigInt.asIntN(32, old)) : BigInt.asIntN(64, old);
      const wrong = type === "i32" ? Number(found) ^ 1 : BigInt(found) ^ 1n;
      assert.equal(swap(8, wrong, given), found);
      assert.equal(mask(view.getBigUint64(24, true), bits), old);
      assert.equal(swap(8, found, given), found);
      assert.equal(mask(view.getBigUint64(24, true), bits), mask(operand, bits));
    }
  });
}

Deno.test("wait, notify, fence", () => {
  const { m, imports, view } = fresh(true);
  m.export(
    "wait32",
    m.func(
      { params: ["i32", "i32", "i64"], results: ["i32"] },
      (f, a, v, ns) => f.return(i32.atomic_wait(a, v, ns, 8)),
    ),
  );
  m.export(
    "wait64",
    m.func(
      { params: ["i32", "i64", "i64"], results: ["i32"] },
      (f, a, v, ns) => f.return(i64.atomic_wait(a, v, ns)),
    ),
  );
  m.export(
    "notify",
    m.func({ params: ["i32"], results: ["i32"] }, (f, a) => {
      f.atomicFence();
      f.return(i32.atomic_notify(a, 1, 8));
    }),
  );
  const run = instantiate(m, imports);
  assert.equal(run.wait32(0, view.getInt32(8, true) ^ 1, -1n), 1, "another value: at once");
  assert.equal(run.wait32(0, view.getInt32(8, true), 1000n), 2, "timed out");
  assert.equal(run.wait64(8, view.getBigInt64(8, true), 1000n), 2);
  assert.equal(run.notify(0), 0);
});

Deno.test("several memories, one of 64-bit addresses", () => {
  const m = new ModuleBuilder();
  const first = m.memory({ initial: 1 });
  const second = m.memory({ initial: 2 });
  const wide = m.memory({ initial: 1, memory64: true });
  m.data(first, 100, Uint8Array.of(1, 2, 3, 4));
  m.data(second, 0, Uint8Array.of(9));
  const later = m.passiveData(Uint8Array.of(5, 6, 7, 8));
  m.export(
    "run",
    m.func({ params: ["i32"], results: ["i32", "i32", "i32", "i32"] }, (f, a) => {
      f.memoryCopy(16, a, 4, second, first);
      f.memoryInit(20, later, 1, 2, second);
      f.dataDrop(later);
      f.memoryFill(22, 0x55, 1, second);
      f.do(i32.store(i64.const(0x10), i32.load(16, 0, 4, second), 8, 4, wide));
      f.drop(f.memoryGrow(1, second));
      f.return(i32.load(16, 4, 1, second), i32.load(8n, 16, 4, wide), f.memorySize(second), i32.load(100));
    }),
  );
  assert.deepEqual(instantiate(m).run(100), [0x00550706, 0x04030201, 3, 0x04030201]);
});

Deno.test("a wrong memory operand is refused with its name", () => {
  const m = new ModuleBuilder();
  const wide = m.memory({ initial: 1, memory64: true });
  assert.throws(() => i32.load(i32.const(1), 0, 4, wide), /i32\.load: operand 1 is i32, expected i64/);
  assert.throws(() => i64.load(i64.const(1) as unknown as I32), /i64\.load: operand 1 is i64, expected i32/);
  assert.throws(
    () => i64.store(0, i32.const(1) as unknown as I64),
    /i64\.store: operand 2 is i32, expected i64/,
  );
  assert.throws(() => i32.load(0, -1), /offset -1/);
  assert.throws(() => i32.load(0, 0, 8), /alignment 8/);
  assert.throws(() => v128.store8_lane(0, v128.const(BYTES.subarray(0, 16)), 16), /lane 16/);
  assert.throws(() => i32.add(i64.const(1) as unknown as I32, 1), EmitError);
});
