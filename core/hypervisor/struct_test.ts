import assert from "node:assert/strict";
import { array, at, struct, Views } from "./struct.ts";

const Inner = struct("inner", { flags: "u8", cs: "u16", address: "u64" });
const Outer = struct("outer", {
  domid: "u16",
  port: "i32",
  time: "u64",
  seconds: "f64",
  traps: array(Inner, 3),
  bytes: array("u8", 5),
  words: array("u64", 2),
  one: Inner,
  asPort: at(4, "u32"),
});

Deno.test("offsets follow C's natural alignment", () => {
  assert.deepEqual(Inner.offsets, { flags: 0, cs: 2, address: 8 });
  assert.equal(Inner.size, 16);
  assert.deepEqual(Outer.offsets, {
    domid: 0,
    port: 4,
    time: 8,
    seconds: 16,
    traps: 24,
    bytes: 72,
    words: 80,
    one: 96,
    asPort: 4,
  });
  assert.equal(Outer.size, 112);
  assert.equal(Outer.alignment, 8);
});

Deno.test("accessors read and write their own bytes only", () => {
  const views = new Views(new SharedArrayBuffer(1024));
  const outer = Outer.view(views, 256);
  outer.domid = 0x1ffff;
  assert.equal(outer.domid, 0xffff);
  outer.port = -2;
  assert.equal(outer.port, -2);
  assert.equal(outer.asPort, 0xfffffffe);
  outer.time = 2 ** 52 + 5;
  assert.equal(outer.time, 2 ** 52 + 5);
  assert.equal(outer.timeLo, 5);
  assert.equal(outer.timeHi, 2 ** 20);
  outer.timeLo = -1;
  outer.timeHi = 0;
  assert.equal(outer.time, 0xffffffff);
  outer.time = 0xfedcba98 * 2 ** 12;
  assert.equal(outer.time, 0xfedcba98 * 2 ** 12);
  outer.seconds = 1.5;
  assert.equal(outer.seconds, 1.5);
  outer.setBytes(4, 0x1ab);
  assert.equal(outer.bytes(4), 0xab);
  assert.equal(outer.bytes(3), 0);
  outer.setWords(1, 7, -8);
  assert.deepEqual([outer.wordsLo(1), outer.wordsHi(1), outer.wordsLo(0)], [7, -8, 0]);
  const inner = Inner.view(views, outer.trapsBase(2));
  inner.cs = 0xe033;
  assert.equal(views.u16[(256 + 24 + 32 + 2) >>> 1], 0xe033);
  assert.equal(outer.oneBase, 256 + 96);
  assert.equal(views.u8.slice(0, 256).some((byte) => byte !== 0), false);
});

Deno.test("bad declarations are refused", () => {
  assert.throws(() => struct("bad", { base: "u8" }), /bad field name/);
  assert.throws(() => struct("bad", { x: at(3, "u32") }), /misaligned/);
  assert.throws(() => Outer.view(new Views(new ArrayBuffer(256)), 4), /misaligned/);
});

Deno.test("fresh gives a zeroed structure of its own", () => {
  const one = Inner.fresh(), two = Inner.fresh();
  one.cs = 5;
  assert.equal(two.cs, 0);
  assert.equal(one.views.buffer.byteLength, 16);
});
