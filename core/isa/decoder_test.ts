import assert from "node:assert/strict";
import { Decoded, Decoder, DecodeResult, forms } from "./mod.ts";

const decoder = new Decoder();

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.split(" "), (byte) => parseInt(byte, 16));
}

function decode(hex: string, mode: 16 | 32 | 64 = 64): Decoded {
  const d = new Decoded();
  const bytes = bytesOf(hex);
  assert.equal(decoder.decode(bytes, 0, bytes.length, mode, mode / 8, d), DecodeResult.ok, hex);
  return d;
}
const id = (hex: string, mode: 16 | 32 | 64 = 64) => forms()[decode(hex, mode).form].id;

function result(hex: string, mode: 16 | 32 | 64 = 64): DecodeResult {
  const bytes = bytesOf(hex);
  return decoder.decode(bytes, 0, bytes.length, mode, mode / 8, new Decoded());
}
const isUndefined = (hex: string, mode: 16 | 32 | 64 = 64) =>
  assert.equal(result(hex, mode), DecodeResult.undefined, hex);

Deno.test("operand size by mode, 66 and REX.W", () => {
  assert.equal(id("01 d8", 16), "add Ev,Gv o16 reg");
  assert.equal(id("66 01 d8", 16), "add Ev,Gv o32 reg");
  assert.equal(id("01 d8", 32), "add Ev,Gv o32 reg");
  assert.equal(id("01 d8"), "add Ev,Gv o32 reg");
  assert.equal(id("48 01 d8"), "add Ev,Gv o64 reg");
  assert.equal(id("66 48 01 d8"), "add Ev,Gv o64 reg", "W wins");
  assert.equal(id("66 50"), "push Zv o16 s64");
  assert.equal(id("50"), "push Zv o64 s64");
  assert.equal(id("66 e8 00 00 00 00"), "call Jz o64 s64", "near branches ignore 66 in 64-bit mode");
});

Deno.test("a REX prefix counts only directly before the opcode", () => {
  assert.equal(id("48 66 01 d8"), "add Ev,Gv o16 reg");
  assert.equal(decode("41 48 01 d8").registers[0], 0);
  assert.equal(id("48 01 d8", 32), "dec Zv o32", "outside 64-bit mode it is an instruction");
});

Deno.test("byte registers: AH and its like only without REX", () => {
  assert.equal(decode("88 e0").registers[1], 16);
  assert.equal(decode("40 88 e0").registers[1], 4);
});

Deno.test("mandatory prefixes", () => {
  assert.equal(id("0f bc c1"), "bsf Gv,Ev o32 reg");
  assert.equal(id("f3 0f bc c1"), "tzcnt Gv,Ev o32 reg");
  assert.equal(id("66 f3 0f bc c1"), "tzcnt Gv,Ev o16 reg");
  assert.equal(id("f2 0f bc c1"), "bsf Gv,Ev o32 reg", "not claimed: ignored");
  assert.equal(id("f2 f3 0f b8 c1"), "popcnt Gv,Ev o32 reg", "the last of F2 and F3 counts");
  assert.equal(id("66 f2 0f 38 f1 c1"), "crc32 Gy,Ev o16 reg");
  assert.equal(id("90"), "nop");
  assert.equal(id("f3 90"), "pause");
  assert.equal(id("41 90"), "xchg Zv,rAX o32");
  assert.equal(id("f3 0f 1e fa").split(" ")[0], "nop", "ENDBR64");
});

Deno.test("LOCK", () => {
  assert.equal(id("f0 01 18"), "add Ev,Gv o32 mem lock");
  isUndefined("f0 01 d8");
  isUndefined("f0 03 18");
  isUndefined("f0 39 18");
  isUndefined("f0 90");
  isUndefined("f0 87 d8");
  assert.equal(id("87 18"), id("f0 87 18"), "XCHG with memory is atomic anyway");
});

Deno.test("REP belongs to string instructions", () => {
  assert.equal(id("f3 a4"), "movsb Yb,Xb a64 rep");
  assert.equal(id("f2 a4"), "movsb Yb,Xb a64 rep");
  assert.equal(id("f2 a6"), "cmpsb Xb,Yb a64 repne");
  assert.equal(id("67 f3 48 ab"), "stosq Yv,rAX o64 a32 rep");
  assert.equal(id("f3 c3"), "ret o64 s64");
});

Deno.test("MOV of control and debug registers takes ModRM.mod as 3", () => {
  for (const opcode of ["20", "21", "22", "23"]) {
    for (const [modrm, mod] of [["18", 0], ["5c", 1], ["9d", 2], ["d8", 3]] as const) {
      const d = decode(`0f ${opcode} ${modrm} 24 11 22 33 44`);
      assert.equal(d.length, 3, `mod ${mod}`);
      assert.equal(forms()[d.form].memory, false);
      const number = parseInt(modrm, 16) & 7;
      assert.deepEqual([...d.registers.slice(0, 2)].sort(), [3, number].sort());
    }
  }
  assert.equal(decode("41 0f 20 04").registers[0], 12);
  isUndefined("0f 20 08");
});

Deno.test("what exists only in or outside 64-bit mode", () => {
  for (
    const hex of [
      "06",
      "27",
      "37",
      "60",
      "61",
      "62 00",
      "82 c0 01",
      "9a 00 00 00 00 00 00",
      "c4 00",
      "ce",
      "d4 0a",
    ]
  ) {
    isUndefined(hex);
    assert.equal(result(`${hex} 00 00 00 00`, 32), DecodeResult.ok, hex);
  }
  assert.equal(id("63 c8", 32).split(" ")[0], "arpl");
  assert.equal(id("63 c8").split(" ")[0], "movsxd");
  assert.equal(id("82 c0 01", 32), "add Eb,Ib reg (82 /0)");
});

Deno.test("C4, C5 and 62 are VEX and EVEX where ModRM says register: #UD", () => {
  assert.equal(id("c4 00", 32).split(" ")[0], "les");
  assert.equal(id("c5 00", 32).split(" ")[0], "lds");
  assert.equal(id("62 00", 32).split(" ")[0], "bound");
  for (const hex of ["c4 c0 00", "c5 c0 00", "62 c0 00"]) {
    isUndefined(hex, 32);
    isUndefined(hex, 64);
  }
});

Deno.test("addresses: SIB, rip, default segments, overrides", () => {
  let d = decode("48 8b 44 8b 10");
  assert.deepEqual([d.base, d.index, d.scale, d.disp, d.segment], [3, 1, 2, 16, 3]);
  d = decode("8b 04 25 78 56 34 12");
  assert.deepEqual([d.base, d.index, d.disp, d.ripRelative], [16, 16, 0x12345678, false]);
  d = decode("8b 05 78 56 34 12");
  assert.deepEqual([d.base, d.ripRelative], [16, true]);
  assert.equal(decode("8b 05 78 56 34 12", 32).ripRelative, false);
  assert.equal(decode("8b 04 24").segment, 2);
  assert.equal(decode("8b 45 00").segment, 2);
  d = decode("43 8b 44 25 00");
  assert.deepEqual([d.base, d.index, d.segment], [13, 12, 3], "r12 can be an index; r13 is not rBP");
  assert.equal(decode("26 8b 45 00").segment, 2, "ES, CS, SS and DS override nothing in 64-bit mode");
  assert.equal(decode("26 8b 45 00", 32).segment, 0);
  assert.equal(decode("64 36 8b 00").segment, 4);
  assert.equal(decode("67 8b 00").addrSize, 4);
  d = decode("8b 42 fe", 16);
  assert.deepEqual([d.base, d.index, d.disp, d.segment], [5, 6, -2, 2]);
  d = decode("8f 44 24 08");
  assert.deepEqual([d.base, d.disp], [4, 16], "POP addresses after rSP has moved");
});

Deno.test("immediates have their operand's size", () => {
  let d = decode("48 83 c0 ff");
  assert.deepEqual([d.immediate, d.immediateHigh], [-1, -1]);
  d = decode("66 83 c0 ff");
  assert.deepEqual([d.immediate, d.immediateHigh], [0xffff, 0]);
  d = decode("48 b8 01 02 03 04 05 06 07 08");
  assert.deepEqual([d.immediate, d.immediateHigh], [0x04030201, 0x08070605]);
  d = decode("48 05 00 00 00 80");
  assert.deepEqual([d.immediate, d.immediateHigh], [-0x80000000, -1]);
  d = decode("c8 34 12 05");
  assert.deepEqual([d.immediate, d.second], [0x1234, 5]);
  d = decode("ea 78 56 34 12 10 00", 32);
  assert.deepEqual([d.immediate, d.second], [0x12345678, 0x10]);
  d = decode("48 a1 01 02 03 04 05 06 07 08");
  assert.deepEqual([d.disp, d.dispHigh], [0x04030201, 0x08070605]);
  assert.equal(decode("74 fe").immediate, -2);
});

Deno.test("registers that do not exist", () => {
  isUndefined("8e c8");
  isUndefined("8e f0");
  isUndefined("8c f8");
  isUndefined("0f 20 c8");
  isUndefined("0f 22 e8");
  assert.equal(id("8e d8").split(" ")[0], "mov");
});

Deno.test("length: 15 bytes at most, and all of them must be there", () => {
  const nops = (n: number) => `${"66 ".repeat(n)}90`;
  assert.equal(result(nops(14)), DecodeResult.ok);
  assert.equal(result(nops(15)), DecodeResult.tooLong);
  assert.equal(result(`${"2e ".repeat(9)}48 c7 04 25 00 00 00 00 00 00 00 00`), DecodeResult.tooLong);
  const whole = "48 c7 84 8b 01 02 03 04 05 06 07 08".split(" ");
  for (let n = 1; n < whole.length; n++) {
    assert.equal(result(whole.slice(0, n).join(" ")), DecodeResult.more, `${n}`);
  }
  assert.equal(result(whole.join(" ")), DecodeResult.ok);
});

Deno.test("undefined opcodes and groups", () => {
  for (
    const hex of ["0f 04", "0f 24 00", "0f a6 00", "fe d0", "ff f8", "8f c8", "c6 c8 00", "0f c7 c0", "d6"]
  ) isUndefined(hex);
});

Deno.test("random bytes decode without surprises", () => {
  const bytes = new Uint8Array(32);
  let x = 12345;
  const d = new Decoded();
  for (let i = 0; i < 50_000; i++) {
    for (let j = 0; j < 16; j++) bytes[j] = (x = Math.imul(x, 1103515245) + 12345) >>> 16;
    for (const mode of [16, 32, 64]) {
      const got = decoder.decode(bytes, 0, 16, mode, mode / 8, d);
      assert.notEqual(got, DecodeResult.more);
      if (got !== DecodeResult.ok) continue;
      assert.ok(d.length >= 1 && d.length <= 15);
      assert.ok(forms()[d.form].modes.includes(mode), `${forms()[d.form].id} in ${mode}-bit code`);
      // The same with no byte to spare, and one too few.
      assert.equal(decoder.decode(bytes, 0, d.length, mode, mode / 8, d), DecodeResult.ok);
      assert.equal(decoder.decode(bytes, 0, d.length - 1, mode, mode / 8, d), DecodeResult.more);
    }
  }
});
