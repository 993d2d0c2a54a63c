import assert from "node:assert/strict";
import { f32x4, f64x2, i16x8, i32, i32x4, i64, i64x2, i8x16, ModuleBuilder, v128 } from "./mod.ts";
import type { Expr, V128 } from "./mod.ts";
import { evaluate, instantiate } from "./harness.ts";

type Lanes = number[];
const NAMESPACES = { i8x16, i16x8, i32x4, i64x2, f32x4, f64x2, v128 } as unknown as Record<
  string,
  Record<string, (...args: unknown[]) => Expr>
>;

const A = Uint8Array.from([
  0x80,
  0x7f,
  1,
  0xff,
  0,
  0,
  0xff,
  0x7f,
  0,
  0x80,
  0x34,
  0x12,
  0xfe,
  0xff,
  0xff,
  0xff,
]);
const B = Uint8Array.from([
  0x7f,
  0x80,
  2,
  0xff,
  0x10,
  0,
  0xff,
  0x7f,
  1,
  0x80,
  0x35,
  0x92,
  0xfe,
  0xff,
  0xff,
  0x7f,
]);
const FLOATS = [new Float32Array([1.5, -2.5, NaN, 1e10]), new Float32Array([-0, 2.5, 1, Infinity])];
const DOUBLES = [new Float64Array([-3.7, 1e300]), new Float64Array([0.25, -1e10])];
const bytesOf = (view: ArrayBufferView) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

/** Runs a vector instruction on operands in memory, so that nothing is known while building. */
function run(op: string, ...operands: (Uint8Array | number | bigint)[]): Uint8Array<ArrayBuffer> {
  const [namespace, name] = op.split(".");
  const m = new ModuleBuilder();
  const memory = m.memory({ initial: 1 });
  m.export("memory", memory);
  const value = (n: Uint8Array | number | bigint, i: number) => {
    if (n instanceof Uint8Array) m.data(memory, 16 * (i + 1), n);
    return n instanceof Uint8Array ? v128.load(16 * (i + 1)) : n;
  };
  const result = NAMESPACES[namespace][name](...operands.map(value));
  m.export(
    "run",
    m.func({}, (f) => {
      f.do(result.type === "v128" ? v128.store(0, result as V128) : i32.store(0, result as Expr<"i32">));
    }),
  );
  const exports = instantiate(m);
  exports.run();
  return Uint8Array.from(new Uint8Array((exports.memory as unknown as WebAssembly.Memory).buffer, 0, 16));
}

const ARRAYS = {
  8: [Int8Array, Uint8Array],
  16: [Int16Array, Uint16Array],
  32: [Int32Array, Uint32Array],
} as const;
type Width = keyof typeof ARRAYS;

function lanes(bytes: Uint8Array, width: number, signed: boolean): Lanes | bigint[] {
  const buffer = bytes.slice().buffer;
  if (width === 64) return [...(signed ? new BigInt64Array(buffer) : new BigUint64Array(buffer))];
  return [...new (ARRAYS[width as Width][signed ? 0 : 1])(buffer)];
}
const big = (bytes: Uint8Array, width: number, signed: boolean) =>
  [...lanes(bytes, width, signed)].map(BigInt);

function pack(values: readonly bigint[], width: number): Uint8Array {
  const out = new Uint8Array(16);
  values.forEach((value, i) => {
    for (let k = 0; k < width / 8; k++) out[i * width / 8 + k] = Number(value >> BigInt(8 * k) & 0xffn);
  });
  return out;
}

const clamp = (n: bigint, width: number, signed: boolean) => {
  const [low, high] = signed
    ? [-(1n << BigInt(width - 1)), (1n << BigInt(width - 1)) - 1n]
    : [0n, (1n << BigInt(width)) - 1n];
  return n < low ? low : n > high ? high : n;
};
const abs = (n: bigint) => n < 0n ? -n : n;
const truth = (t: boolean) => t ? -1n : 0n;

/** Lane by lane, of two operands. */
const LANEWISE: Record<string, (a: bigint, b: bigint, width: number, signed: boolean) => bigint> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  eq: (a, b) => truth(a === b),
  ne: (a, b) => truth(a !== b),
  lt: (a, b) => truth(a < b),
  gt: (a, b) => truth(a > b),
  le: (a, b) => truth(a <= b),
  ge: (a, b) => truth(a >= b),
  min: (a, b) => a < b ? a : b,
  max: (a, b) => a > b ? a : b,
  add_sat: (a, b, width, signed) => clamp(a + b, width, signed),
  sub_sat: (a, b, width, signed) => clamp(a - b, width, signed),
  avgr: (a, b) => (a + b + 1n) / 2n,
  q15mulr_sat: (a, b) => clamp((a * b + 0x4000n) >> 15n, 16, true),
  abs: (a) => abs(a),
  neg: (a) => -a,
  popcnt: (a) => BigInt(BigInt.asUintN(8, a).toString(2).replaceAll("0", "").length),
};

function expected(width: number, name: string): Uint8Array | undefined {
  const signed = !name.endsWith("_u");
  const stem = name.replace(/_[su]$/, "");
  const [a, b] = [big(A, width, signed), big(B, width, signed)];
  if (stem in LANEWISE) return pack(a.map((x, i) => LANEWISE[stem](x, b[i], width, signed)), width);
  const half = width / 2;
  const part = (bytes: Uint8Array, high: boolean) => {
    const all = big(bytes, half, signed);
    return high ? all.slice(all.length / 2) : all.slice(0, all.length / 2);
  };
  const high = stem.includes("_high_");
  if (stem.startsWith("extend_")) return pack(part(A, high), width);
  if (stem.startsWith("extmul_")) return pack(part(A, high).map((x, i) => x * part(B, high)[i]), width);
  if (stem.startsWith("extadd_pairwise")) {
    const all = big(A, half, signed);
    return pack(a.map((_, i) => all[2 * i] + all[2 * i + 1]), width);
  }
  if (stem === "dot_i16x8") {
    const products = big(A, 16, true).map((x, i) => x * big(B, 16, true)[i]);
    return pack(a.map((_, i) => products[2 * i] + products[2 * i + 1]), width);
  }
  if (stem.startsWith("narrow_")) {
    const all = [...big(A, width * 2, true), ...big(B, width * 2, true)];
    return pack(all.map((n) => clamp(n, width, signed)), width);
  }
  return undefined;
}

for (const width of [8, 16, 32, 64]) {
  const namespace = `i${width}x${128 / width}`;
  Deno.test(`${namespace}: every lane-wise instruction agrees with a model`, () => {
    const others = /^(splat|swizzle|shuffle|const|all_true|bitmask|shl|shr_|extract|replace|trunc_sat)/;
    for (const name of Object.keys(NAMESPACES[namespace]).filter((name) => !others.test(name))) {
      const result = expected(width, name);
      assert(result, `no model of ${namespace}.${name}`);
      assert.deepEqual(run(`${namespace}.${name}`, A, B), result, `${namespace}.${name}`);
    }
  });

  Deno.test(`${namespace}: shifts, splat, lanes, tests`, () => {
    for (const count of [0, 3, width + 1]) {
      const n = BigInt(count % width);
      assert.deepEqual(
        run(`${namespace}.shl`, A, count),
        pack(big(A, width, false).map((x) => x << n), width),
      );
      assert.deepEqual(
        run(`${namespace}.shr_u`, A, count),
        pack(big(A, width, false).map((x) => x >> n), width),
      );
      assert.deepEqual(
        run(`${namespace}.shr_s`, A, count),
        pack(big(A, width, true).map((x) => x >> n), width),
      );
    }
    const splat = width === 64 ? 0x1122334455667788n : 0x55667788;
    assert.deepEqual(
      run(`${namespace}.splat`, splat),
      pack(big(A, width, true).map(() => BigInt(splat)), width),
    );
    const bits = big(A, width, true).reduce((set, x, i) => x < 0n ? set | 1n << BigInt(i) : set, 0n);
    assert.deepEqual(run(`${namespace}.bitmask`, A), pack([bits], 32));
    for (const bytes of [A, B, new Uint8Array(16).fill(1)]) {
      const all = big(bytes, width, false).every((x) => x !== 0n);
      assert.deepEqual(run(`${namespace}.all_true`, bytes), pack([all ? 1n : 0n], 32));
    }
    const ns = NAMESPACES[namespace];
    big(A, width, true).forEach((x, lane) => {
      const signed = ns[width < 32 ? "extract_lane_s" : "extract_lane"](v128.const(A), lane);
      assert.equal(BigInt(evaluate(signed)), x);
      if (width < 32) {
        assert.equal(BigInt(evaluate(ns.extract_lane_u(v128.const(A), lane))), BigInt.asUintN(width, x));
      }
      const changed = big(A, width, true).map((old, i) => i === lane ? 5n : old);
      assert.deepEqual(run(`${namespace}.replace_lane`, A, lane, 5), pack(changed, width));
    });
    assert.throws(
      () => ns[width < 32 ? "extract_lane_s" : "extract_lane"](v128.const(A), 128 / width),
      /lane/,
    );
  });
}

const FLOAT_MODEL: Record<string, (a: number, b: number) => number> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  min: Math.min,
  max: Math.max,
  pmin: (a, b) => b < a ? b : a,
  pmax: (a, b) => a < b ? b : a,
  abs: Math.abs,
  neg: (a) => -a,
  sqrt: Math.sqrt,
  ceil: Math.ceil,
  floor: Math.floor,
  trunc: Math.trunc,
  nearest: (a) => Math.abs(a) === 2.5 ? Math.sign(a) * 2 : a === 1.5 ? 2 : a === -3.7 ? -4 : a,
};
const FLOAT_COMPARE: Record<string, (a: number, b: number) => boolean> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt: (a, b) => a < b,
  gt: (a, b) => a > b,
  le: (a, b) => a <= b,
  ge: (a, b) => a >= b,
};

for (
  const [namespace, [a, b], FloatArray, width] of [
    ["f32x4", FLOATS, Float32Array, 32],
    ["f64x2", DOUBLES, Float64Array, 64],
  ] as const
) {
  Deno.test(`${namespace}: arithmetic and comparisons agree with JavaScript`, () => {
    const [x, y] = [[...a], [...b]];
    const modelled = /^(splat|const|extract|replace|convert|demote|promote)/;
    for (const name of Object.keys(NAMESPACES[namespace]).filter((name) => !modelled.test(name))) {
      const result = run(`${namespace}.${name}`, bytesOf(a), bytesOf(b));
      if (name in FLOAT_COMPARE) {
        assert.deepEqual(result, pack(x.map((n, i) => truth(FLOAT_COMPARE[name](n, y[i]))), width), name);
      } else {
        assert(name in FLOAT_MODEL, `no model of ${namespace}.${name}`);
        const values = [...new FloatArray(result.buffer)];
        assert.deepEqual(values, [...FloatArray.from(x.map((n, i) => FLOAT_MODEL[name](n, y[i])))], name);
      }
    }
    const ns = NAMESPACES[namespace];
    x.forEach((n, lane) => {
      assert.equal(evaluate(ns.extract_lane(v128.const(bytesOf(a)), lane)), n);
      const changed = FloatArray.from(x.map((old, i) => i === lane ? 0.5 : old));
      assert.deepEqual([...new FloatArray(run(`${namespace}.replace_lane`, bytesOf(a), lane, 0.5).buffer)], [
        ...changed,
      ]);
    });
    assert.deepEqual([...new FloatArray(run(`${namespace}.splat`, 0.5).buffer)], x.map(() => 0.5));
  });
}

Deno.test("vector conversions", () => {
  const ints = bytesOf(new Int32Array([-1, 7, 1 << 30, -0x80000000]));
  const [f, d] = [bytesOf(FLOATS[0]), bytesOf(DOUBLES[0])];
  const floats = (bytes: Uint8Array) => [...new Float32Array(bytes.buffer)];
  const doubles = (bytes: Uint8Array) => [...new Float64Array(bytes.buffer)];
  const words = (bytes: Uint8Array) => [...new Int32Array(bytes.buffer)];
  assert.deepEqual(floats(run("f32x4.convert_i32x4_s", ints)), [-1, 7, 2 ** 30, -(2 ** 31)]);
  assert.deepEqual(floats(run("f32x4.convert_i32x4_u", ints)), [2 ** 32, 7, 2 ** 30, 2 ** 31]);
  assert.deepEqual(doubles(run("f64x2.convert_low_i32x4_s", ints)), [-1, 7]);
  assert.deepEqual(doubles(run("f64x2.convert_low_i32x4_u", ints)), [2 ** 32 - 1, 7]);
  assert.deepEqual(floats(run("f32x4.demote_f64x2_zero", d)), [Math.fround(-3.7), Infinity, 0, 0]);
  assert.deepEqual(doubles(run("f64x2.promote_low_f32x4", f)), [1.5, -2.5]);
  assert.deepEqual(words(run("i32x4.trunc_sat_f32x4_s", f)), [1, -2, 0, 0x7fffffff]);
  assert.deepEqual(words(run("i32x4.trunc_sat_f32x4_u", f)), [1, 0, 0, -1]);
  assert.deepEqual(words(run("i32x4.trunc_sat_f64x2_s_zero", d)), [-3, 0x7fffffff, 0, 0]);
  assert.deepEqual(words(run("i32x4.trunc_sat_f64x2_u_zero", d)), [0, -1, 0, 0]);
});

Deno.test("v128: bitwise, shuffle, swizzle, select, constants", () => {
  const bytewise = (f: (a: number, b: number) => number) => A.map((a, i) => f(a, B[i]));
  assert.deepEqual(run("v128.and", A, B), bytewise((a, b) => a & b));
  assert.deepEqual(run("v128.or", A, B), bytewise((a, b) => a | b));
  assert.deepEqual(run("v128.xor", A, B), bytewise((a, b) => a ^ b));
  assert.deepEqual(run("v128.andnot", A, B), bytewise((a, b) => a & ~b));
  assert.deepEqual(run("v128.not", A), bytewise((a) => ~a));
  const mask = A.map((_, i) => i * 17);
  assert.deepEqual(run("v128.bitselect", A, B, mask), A.map((a, i) => a & mask[i] | B[i] & ~mask[i]));
  assert.deepEqual(run("v128.any_true", new Uint8Array(16)), new Uint8Array(16));
  assert.deepEqual(run("v128.any_true", A), pack([1n], 32));
  const picks = [31, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 15];
  const [m, both] = [new ModuleBuilder(), [...A, ...B]];
  m.export("memory", m.memory({ initial: 1 }));
  m.export(
    "run",
    m.func({ params: ["i32"] }, (f, cond) => {
      const [a, b] = [v128.const(A), f.let(v128.const(B))];
      f.do(v128.store(0, i8x16.shuffle(a, b, picks)));
      f.do(v128.store(16, v128.select(cond, a, b)));
      f.do(v128.store(32, i64x2.const(-1n, 5)));
      f.do(v128.store(48, f64x2.const(1.5, -0)));
      f.do(v128.store(64, i16x8.const(1, -2, 3, -4, 5, -6, 7, -8)));
    }),
  );
  const exports = instantiate(m);
  exports.run(1);
  const { buffer } = exports.memory as unknown as WebAssembly.Memory;
  assert.deepEqual([...new Uint8Array(buffer, 0, 16)], picks.map((lane) => both[lane]));
  assert.deepEqual(new Uint8Array(buffer, 16, 16), A);
  assert.deepEqual([...new BigInt64Array(buffer, 32, 2)], [-1n, 5n]);
  assert.deepEqual([...new Float64Array(buffer, 48, 2)], [1.5, -0]);
  assert.deepEqual([...new Int16Array(buffer, 64, 8)], [1, -2, 3, -4, 5, -6, 7, -8]);
  exports.run(0);
  assert.deepEqual(new Uint8Array(buffer, 16, 16), B);
  const indices = A.map((_, i) => i * 3);
  assert.deepEqual(run("i8x16.swizzle", A, indices), A.map((_, i) => i * 3 < 16 ? A[i * 3] : 0));
});

Deno.test("vector loads and stores of every kind", () => {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const bytes = new Uint8Array(memory.buffer);
  const m = new ModuleBuilder();
  m.importMemory("env", "memory", { initial: 1 });
  const loads: Record<string, Uint8Array> = { load: A };
  for (const width of [8, 16, 32]) {
    for (const sign of ["s", "u"]) {
      loads[`load${width}x${64 / width}_${sign}`] = pack(
        big(A, width, sign === "s").slice(0, 64 / width),
        width * 2,
      );
    }
  }
  for (const width of [8, 16, 32, 64]) {
    const first = big(A, width, false)[0];
    loads[`load${width}_splat`] = pack(big(A, width, false).map(() => first), width);
    if (width >= 32) loads[`load${width}_zero`] = pack([first], width);
  }
  const table = v128 as unknown as Record<string, (...args: unknown[]) => Expr>;
  for (const name of Object.keys(loads)) {
    m.export(name, m.func({}, (f) => f.do(v128.store(96, table[name](60, 4, 1) as V128))));
  }
  for (const width of [8, 16, 32, 64]) {
    m.export(
      `load ${width}`,
      m.func({}, (f) => f.do(v128.store(96, table[`load${width}_lane`](60, v128.const(B), 1, 4, 1) as V128))),
    );
    m.export(
      `store ${width}`,
      m.func({}, (f) => f.do(table[`store${width}_lane`](90, v128.const(B), 1, 6) as never)),
    );
  }
  const run = instantiate(m, { env: { memory } });
  bytes.set(A, 64);
  for (const [name, expected] of Object.entries(loads)) {
    run[name]();
    assert.deepEqual(bytes.slice(96, 112), expected, name);
  }
  for (const width of [8, 16, 32, 64]) {
    run[`load ${width}`]();
    const merged = big(B, width, false).map((old, i) => i === 1 ? big(A, width, false)[0] : old);
    assert.deepEqual(bytes.slice(96, 112), pack(merged, width));
    bytes.fill(0xee, 96, 112);
    run[`store ${width}`]();
    const stored = pack([big(B, width, false)[1]], width);
    assert.deepEqual(bytes.slice(96, 112), stored.map((byte, i) => i < width / 8 ? byte : 0xee));
  }
});

Deno.test("64-bit lanes take numbers and bigints", () => {
  assert.equal(evaluate(i64x2.extract_lane(i64x2.splat(i64.const(-3)), 1)), -3n);
  assert.equal(evaluate(i64x2.extract_lane(i64x2.replace_lane(i64x2.const(1, 2), 0, 9), 0)), 9n);
  assert.equal(evaluate(f32x4.extract_lane(f32x4.const(1, 2, 3, 4), 2)), 3);
  assert.equal(evaluate(i32x4.extract_lane(i32x4.const(1, 2, 3, -4), 3)), -4);
});
