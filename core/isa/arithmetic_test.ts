import assert from "node:assert/strict";
import { ModuleBuilder } from "../wasm/mod.ts";
import { defineIntegerHelpers } from "./arithmetic.ts";

function build() {
  const module = new ModuleBuilder();
  for (const [name, ref] of Object.entries(defineIntegerHelpers(module))) module.export(name, ref);
  const { exports } = new WebAssembly.Instance(
    new WebAssembly.Module(module.toBytes() as Uint8Array<ArrayBuffer>),
  );
  return exports as Record<string, (...args: (bigint | number)[]) => bigint | number>;
}

const u64 = (n: bigint) => BigInt.asUintN(64, n);
const s64 = (n: bigint) => BigInt.asIntN(64, n);
const CORNERS = [
  0n,
  1n,
  2n,
  0xffffffffn,
  0x100000000n,
  0x100000001n,
  0x7fffffffffffffffn,
  1n << 63n,
  (1n << 64n) - 1n,
];

function* numbers(): Generator<bigint> {
  yield* CORNERS;
  let x = 0x9e3779b97f4a7c15n;
  for (let i = 0; i < 40; i++) {
    x = u64(x * 6364136223846793005n + 1442695040888963407n);
    yield x >> BigInt(i);
  }
}

Deno.test("high halves of products", () => {
  const { mulHighUnsigned, mulHighSigned } = build();
  for (const a of numbers()) {
    for (const b of numbers()) {
      assert.equal(u64(mulHighUnsigned(a, b) as bigint), a * b >> 64n, `${a} * ${b}`);
      assert.equal(mulHighSigned(a, b), s64(s64(a) * s64(b) >> 64n), `${s64(a)} * ${s64(b)}`);
    }
  }
});

Deno.test("128 by 64 bits", () => {
  const { divide128 } = build();
  let tried = 0;
  for (const divisor of numbers()) {
    for (const high of numbers()) {
      if (high >= divisor) continue;
      for (const low of [...CORNERS, divisor, u64(divisor - 1n), u64(~divisor)]) {
        const quotient = u64(divide128(high, low, divisor) as bigint);
        assert.equal(quotient, (high << 64n | low) / divisor, `${high}:${low} / ${divisor}`);
        tried++;
      }
    }
  }
  assert.ok(tried > 5000);
});

Deno.test("CRC-32C of the check string", () => {
  const { crc32c } = build();
  let sum = 0xffffffff;
  for (const byte of new TextEncoder().encode("123456789")) sum = crc32c(sum, BigInt(byte), 1) as number;
  assert.equal(~sum >>> 0, 0xe3069283);
  // The same in words.
  const low = new DataView(new TextEncoder().encode("12345678").buffer).getBigUint64(0, true);
  sum = crc32c(crc32c(0xffffffff, low, 8) as number, 0x39n, 1) as number;
  assert.equal(~sum >>> 0, 0xe3069283);
});
