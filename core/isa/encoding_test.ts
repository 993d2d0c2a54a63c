import assert from "node:assert/strict";
import { EncodingError, forms, instructions, operandSize, parseEncoding } from "./mod.ts";

Deno.test("an encoding string becomes data", () => {
  const add = parseEncoding("83 /0 Ev,Ibs");
  assert.deepEqual(
    [add.prefix, add.map, add.opcode, add.modrm, add.extension, add.sized, add.sizing],
    ["", 0, 0x83, true, 0, true, "normal"],
  );
  assert.deepEqual(add.operands.map(({ place, file, size, signed }) => ({ place, file, size, signed })), [
    { place: "rm", file: "gpr", size: "v", signed: false },
    { place: "imm", file: undefined, size: "b", signed: true },
  ]);
  const tzcnt = parseEncoding("F3 0F BC /r Gv,Ev");
  assert.deepEqual([tzcnt.prefix, tzcnt.map, tzcnt.opcode, tzcnt.extension], ["F3", 1, 0xbc, -1]);
  const crc32 = parseEncoding("F2 0F 38 F0 /r Gy,Eb");
  assert.deepEqual([crc32.map, crc32.opcode, crc32.sizing], [2, 0xf0, "ignored"]);
  const rdtscp = parseEncoding("0F 01 F9");
  assert.deepEqual([rdtscp.fixedModrm, rdtscp.register, rdtscp.memory], [0xf9, true, false]);
  const pause = parseEncoding("F3 90 [rexb0]");
  assert.deepEqual([pause.prefix, pause.opcode, pause.modrm], ["F3", 0x90, false]);
  const selector = parseEncoding("8C /r Rv/Mw,Sw").operands[0];
  assert.deepEqual([selector.register, selector.memory, selector.size, selector.memorySize], [
    true,
    true,
    "v",
    "w",
  ]);
  assert.equal(parseEncoding("62 /r Gv,Ma [i64]").modes, 1);
});

Deno.test("what is outside the grammar is an error", () => {
  for (
    const text of [
      "",
      "/r Ev",
      "01 Ev,Gv",
      "01 /r Ev,K",
      "01 /r Ev,Gk",
      "01 /3 Ev,Gv",
      "50 Zv",
      "50+r Ev",
      "01 /r Ev,Gv extra",
      "01 /r Ev [what]",
      "01 /r Gv/Mw",
    ]
  ) assert.throws(() => parseEncoding(text), EncodingError, text);
});

Deno.test("operand sizes", () => {
  assert.equal(operandSize("normal", 64, true, true), 8);
  assert.equal(operandSize("default64", 64, false, false), 8);
  assert.equal(operandSize("default64", 64, true, false), 2);
  assert.equal(operandSize("forced64", 64, true, false), 8);
  assert.equal(operandSize("forced64", 32, true, false), 2);
  assert.equal(operandSize("ignored", 16, true, false), 4);
  assert.equal(operandSize("narrow", 64, false, true), 4);
  assert.equal(operandSize("mode", 32, true, false), 4);
});

Deno.test("forms have ids of their own and count up", () => {
  const all = forms();
  assert.equal(new Set(all.map((form) => form.id)).size, all.length);
  all.forEach((form, i) => assert.equal(form.number, i));
  const add = all.filter((form) => form.instruction.name === "add" && form.encoding.text === "01 /r Ev,Gv");
  assert.deepEqual(add.map((form) => form.id), [
    "add Ev,Gv o16 reg",
    "add Ev,Gv o16 mem",
    "add Ev,Gv o16 mem lock",
    "add Ev,Gv o32 reg",
    "add Ev,Gv o32 mem",
    "add Ev,Gv o32 mem lock",
    "add Ev,Gv o64 reg",
    "add Ev,Gv o64 mem",
    "add Ev,Gv o64 mem lock",
  ]);
  assert.deepEqual(add.at(-1)!.modes, [64]);
});

Deno.test("no two descriptions claim the same bytes", () => {
  const seen = new Map<string, string>();
  for (const { name, parsed } of instructions()) {
    for (const one of parsed) {
      const kinds = one.modrm ? [one.register && "reg", one.memory && "mem"].filter(Boolean) : [""];
      for (const kind of kinds) {
        for (let r = 0; r < (one.plusR ? 8 : 1); r++) {
          for (const size of one.opSizes) {
            for (const address of one.addrSizes) {
              for (const mode of [1, 2]) {
                if ((one.modes & mode) === 0) continue;
                const opcode = `${one.map}:${one.opcode + r}/${one.extension}/${one.fixedModrm}`;
                const flags = `${one.flags.has("rexb0")} ${mode} o${size} a${address}`;
                const key = `${one.prefix === "NP" ? "" : one.prefix} ${opcode} ${kind} ${flags}`;
                const other = seen.get(key);
                assert.equal(other, undefined, `${name} ${one.text} and ${other}`);
                seen.set(key, `${name} ${one.text}`);
              }
            }
          }
        }
      }
    }
  }
});
