import assert from "node:assert/strict";
import { reciprocal, reciprocalSquareRoot } from "./mod.ts";
import { type EmittedFloatHelper } from "./helpers.ts";
import { instantiate } from "./testing.ts";

const call = instantiate();
const DEFAULT = 0x1f80;
const view = new DataView(new ArrayBuffer(16));
const bits64 = (x: number): bigint => {
  view.setFloat64(0, x, true);
  return view.getBigUint64(0, true);
};
const bits32 = (x: number): bigint => {
  view.setFloat32(0, x, true);
  return BigInt(view.getUint32(0, true));
};
const quad = (bytes: Uint8Array, i = 0): bigint => new DataView(bytes.buffer).getBigUint64(i * 8, true);
const long = (bytes: Uint8Array, i = 0): bigint => BigInt(new DataView(bytes.buffer).getUint32(i * 4, true));
const asDouble = (bits: bigint): number => {
  view.setBigUint64(0, bits, true);
  return view.getFloat64(0, true);
};
const asSingle = (bits: bigint): number => {
  view.setUint32(0, Number(bits), true);
  return view.getFloat32(0, true);
};

/** xorshift64*, from a fixed seed. */
function randomBits(seed: bigint): () => bigint {
  let state = seed;
  return () => {
    state ^= BigInt.asUintN(64, state << 13n);
    state ^= state >> 7n;
    state ^= BigInt.asUintN(64, state << 17n);
    return BigInt.asUintN(64, state * 0x2545f4914f6cdd1dn);
  };
}

const operations: [
  name: "Add" | "Subtract" | "Multiply" | "Divide",
  exact: (a: number, b: number) => number,
][] = [
  ["Add", (a, b) => a + b],
  ["Subtract", (a, b) => a - b],
  ["Multiply", (a, b) => a * b],
  ["Divide", (a, b) => a / b],
];

Deno.test("doubles rounded to nearest are the host's", () => {
  const random = randomBits(1n);
  for (let i = 0; i < 3000; i++) {
    // Near exponents half of the time, so that sums are not one-sided.
    const a = random();
    const b = i & 1 ? random() : (random() & 0x800fffffffffffffn) | (a & 0x7fe0000000000000n);
    for (const [name, exact] of operations) {
      const want = exact(asDouble(a), asDouble(b));
      const got = quad(call(`f64${name}`, DEFAULT, a, b, BigInt(DEFAULT)).result);
      if (Number.isNaN(want)) assert.ok(Number.isNaN(asDouble(got)));
      else assert.equal(got, bits64(want), `${name} ${a.toString(16)} ${b.toString(16)}`);
    }
    const root = quad(call("f64SquareRoot", DEFAULT, a & ~(1n << 63n), BigInt(DEFAULT)).result);
    const want = Math.sqrt(asDouble(a & ~(1n << 63n)));
    if (!Number.isNaN(want)) assert.equal(root, bits64(want));
  }
});

Deno.test("singles rounded to nearest are the host's", () => {
  const random = randomBits(2n);
  for (let i = 0; i < 3000; i++) {
    const a = random() & 0xffffffffn;
    const b = i & 1 ? random() & 0xffffffffn : (random() & 0x807fffffn) | (a & 0x7f000000n);
    for (const [name, exact] of operations) {
      // Double rounding is harmless from double to single for these four.
      const want = Math.fround(exact(asSingle(a), asSingle(b)));
      const got = long(call(`f32${name}`, DEFAULT, a, b, BigInt(DEFAULT)).result);
      if (Number.isNaN(want)) assert.ok(Number.isNaN(asSingle(got)));
      else assert.equal(got, bits32(want), `${name} ${a.toString(16)} ${b.toString(16)}`);
    }
  }
});

Deno.test("directed rounding encloses the exact value, and PE tells when it is not reached", () => {
  const random = randomBits(3n);
  const control = { nearest: 0x1f80, down: 0x3f80, up: 0x5f80, zero: 0x7f80 };
  for (let i = 0; i < 2000; i++) {
    const exponents = 0x3800000000000000n + (random() & 0x0ff0000000000000n);
    const a = (random() & 0x800fffffffffffffn) | exponents;
    const b = (random() & 0x800fffffffffffffn) | (exponents + ((random() & 0x3fn) << 52n));
    for (const [name] of operations) {
      const run = (mxcsr: number) => call(`f64${name}`, mxcsr, a, b, BigInt(mxcsr));
      const down = asDouble(quad(run(control.down).result));
      const up = asDouble(quad(run(control.up).result));
      const near = run(control.nearest);
      const zero = asDouble(quad(run(control.zero).result));
      const exact = (near.outcome & 0x20) === 0;
      assert.equal(down === up, exact);
      const nearest = asDouble(quad(near.result));
      assert.ok(nearest === down || nearest === up);
      assert.equal(zero, Math.abs(down) < Math.abs(up) ? down : up);
      if (!exact) assert.equal(Math.abs(Number(bits64(down) - bits64(up))), 1);
    }
  }
});

/** What the recorded rows call: the helper and how operands and result lie. */
function perform(name: string, mxcsr: number, a: Uint8Array, b: Uint8Array, integer: bigint) {
  const control = BigInt(mxcsr);
  const helperNames: Record<string, string> = {
    add: "Add",
    sub: "Subtract",
    mul: "Multiply",
    div: "Divide",
    min: "Minimum",
    max: "Maximum",
    sqrt: "SquareRoot",
  };
  const result = a.slice();
  let register = integer;
  const lane = (from: Uint8Array, wide: boolean) => wide ? quad(from) : long(from);
  const scalar = (helper: string, wide: boolean, ...args: bigint[]) => {
    const made = call(helper as EmittedFloatHelper, mxcsr, ...args);
    result.set(made.result.subarray(0, wide ? 8 : 4));
    return made.outcome;
  };
  const packed = (helper: string, ...args: (bigint | Uint8Array)[]) => {
    const made = call(helper as EmittedFloatHelper, mxcsr, ...args);
    result.set(made.result);
    return made.outcome;
  };
  const done = (outcome: number) => ({ result, register, outcome });

  let match = /^(add|sub|mul|div|min|max|sqrt)(ps|pd|ss|sd)$/.exec(name);
  if (match) {
    const [, operation, type] = match;
    const wide = type.endsWith("d");
    const helper = helperNames[operation];
    const unary = operation === "sqrt";
    if (type[0] === "p") {
      return done(unary ? packed(type + helper, b, control) : packed(type + helper, a, b, control));
    }
    const format = wide ? "f64" : "f32";
    const args = unary ? [lane(b, wide)] : [lane(a, wide), lane(b, wide)];
    return done(scalar(format + helper, wide, ...args, control));
  }
  if ((match = /^cmp(ps|pd)(\d)$/.exec(name))) {
    return done(packed(`${match[1]}Compare`, a, b, control, BigInt(match[2])));
  }
  if ((match = /^(u?)comis([sd])$/.exec(name))) {
    const wide = match[2] === "d";
    const helper = wide ? "f64Compare" : "f32Compare";
    const made = call(helper, mxcsr, lane(a, wide), lane(b, wide), control, match[1] ? 0n : 1n);
    register = { 0: 0n, 1: 1n, 2: 0x40n, 4: 0x45n }[made.result[0]]!;
    return done(made.outcome);
  }
  if ((match = /^cvt(t?)s([sd])2si(32|64)$/.exec(name))) {
    const wide = match[2] === "d";
    const helper = `${wide ? "f64" : "f32"}ToI${match[3]}` as EmittedFloatHelper;
    const made = call(helper, mxcsr, lane(b, wide), control, match[1] ? 1n : 0n);
    register = match[3] === "64" ? quad(made.result) : long(made.result);
    return done(made.outcome);
  }
  if ((match = /^cvtsi2s([sd])(32|64)$/.exec(name))) {
    const value = match[2] === "32" ? BigInt.asIntN(32, integer) : integer;
    const wide = match[1] === "d";
    return done(scalar(wide ? "i64ToF64" : "i64ToF32", wide, value, control));
  }
  if (name === "cvtsd2ss") return done(scalar("f64ToF32", false, quad(b), control));
  if (name === "cvtss2sd") return done(scalar("f32ToF64", true, long(b), control));
  const approximation = { rcpps: reciprocal, rsqrtps: reciprocalSquareRoot }[name];
  assert.ok(approximation, `no operation ${name}`);
  const lanes = new DataView(result.buffer);
  for (let i = 0; i < 4; i++) lanes.setInt32(4 * i, approximation(Number(long(b, i)) | 0), true);
  return done(mxcsr);
}

const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g)!.reverse(), (byte) => parseInt(byte, 16));
const hexOf = (bytes: Uint8Array): string =>
  [...bytes].reverse().map((byte) => byte.toString(16).padStart(2, "0")).join("");

Deno.test("results and exceptions are those recorded from a processor", () => {
  const text = Deno.readTextFileSync(new URL("./recorded.txt", import.meta.url));
  const rows = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  assert.ok(rows.length > 200);
  for (const row of rows) {
    const [given, wanted] = row.split(" | ").map((part) => part.split(" "));
    const [name, mxcsr, a, b, integer] = given;
    const [result, register, after, taken] = wanted;
    const got = perform(name, parseInt(mxcsr, 16), bytesOf(a), bytesOf(b), BigInt(`0x${integer}`));
    assert.equal((got.outcome & 0xffff).toString(16), after, row);
    assert.equal(got.outcome < 0, taken === "1", row);
    if (taken === "1") continue;
    assert.equal(hexOf(got.result), result, row);
    assert.equal(got.register.toString(16), register, row);
  }
});

Deno.test("approximations stay within their bound over every interval", () => {
  for (let i = 0; i < 4096; i++) {
    for (const exponent of [1, 100, 127, 128, 200, 252]) {
      for (const low of [0, 0x3ff, 0x7ff]) {
        const bits = exponent << 23 | i << 11 | low;
        const x = asSingle(BigInt(bits));
        const bound = 1.5 * 2 ** -12;
        const inverse = asSingle(BigInt(reciprocal(bits) >>> 0));
        assert.ok(Math.abs(inverse * x - 1) <= bound, `rcp ${bits.toString(16)}`);
        const root = asSingle(BigInt(reciprocalSquareRoot(bits) >>> 0));
        assert.ok(Math.abs(root * Math.sqrt(x) - 1) <= bound, `rsqrt ${bits.toString(16)}`);
      }
    }
  }
});
