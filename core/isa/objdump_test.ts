import assert from "node:assert/strict";
import { disassemble, encodeText, forms } from "./mod.ts";
import { Random, sample } from "./sampling.ts";

const ARCHITECTURES = { 16: "i8086", 32: "i386", 64: "i386:x86-64" } as const;

function hasObjdump(): boolean {
  try {
    return new Deno.Command("objdump", { args: ["--version"], stdout: "null" }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Where objdump sees instructions begin, with its text. */
function objdump(bytes: Uint8Array, mode: 16 | 32 | 64): Map<number, string> {
  const file = Deno.makeTempFileSync();
  try {
    Deno.writeFileSync(file, bytes);
    const args = [
      "-D",
      "-b",
      "binary",
      "-m",
      ARCHITECTURES[mode],
      "-M",
      "intel",
      "-w",
      "--no-show-raw-insn",
      file,
    ];
    const { stdout } = new Deno.Command("objdump", { args }).outputSync();
    const made = new Map<number, string>();
    for (const [, at, text] of new TextDecoder().decode(stdout).matchAll(/^\s*([0-9a-f]+):\s*(.*)$/gm)) {
      made.set(parseInt(at, 16), text);
    }
    return made;
  } finally {
    Deno.removeSync(file);
  }
}

/** Registers of an instruction in the order of the text: what two disassemblers write alike. */
function registers(text: string): string {
  const plain = text.toLowerCase().replace(/[<#].*/, "").replaceAll(/\b[er]iz\*1/g, "").replaceAll(
    /\b[cdefgs]s:/g,
    "",
  );
  const found = plain.match(
    /\b([er]?[abcd]x|[abcd][hl]|[er]?[sbi]pl?|[er]?[sd]il?|r\d+[dwb]?|xmm\d+|[cd]r\d)\b/g,
  );
  return (found ?? []).join();
}

/** objdump shows implicit operands of these, or registers of another size. */
const WRITTEN_OTHERWISE = /^(movs|cmps|scas|lods|stos|ins|outs|xlatb|movsxd|mov S|lar|lsl|str|rep)/;

Deno.test("objdump sees the same instructions in what the assembler makes of every form", () => {
  if (!hasObjdump()) {
    console.log("skipped: no objdump here");
    return;
  }
  const r = new Random(4711);
  for (const mode of [16, 32, 64] as const) {
    const bytes: number[] = [];
    const made: { at: number; text: string; id: string }[] = [];
    for (const form of forms()) {
      const { encoding } = form;
      if (
        !form.modes.includes(mode) ||
        (encoding.modrm && encoding.fixedModrm < 0 && encoding.operands.length === 0) ||
        // It knows no second encodings of x87 instructions.
        (encoding.flags.has("noasm") && encoding.operands.some((one) => one.file === "st"))
      ) continue;
      for (let i = 0; i < 2; i++) {
        const text = disassemble(sample(form, mode, r), mode, BigInt(bytes.length));
        made.push({ at: bytes.length, text, id: form.id });
        bytes.push(...encodeText(text, { mode, origin: bytes.length, encoding }));
        // objdump reads FWAIT together with an x87 instruction that follows.
        if (text === "fwait") bytes.push(0x90);
      }
    }
    const seen = objdump(Uint8Array.from(bytes), mode);
    for (const { at, text, id } of made) {
      const theirs = seen.get(at);
      assert.ok(theirs !== undefined, `${mode}-bit ${id}: ${text} does not begin at ${at}`);
      assert.ok(!theirs.includes("(bad)"), `${mode}-bit ${id}: ${text} is ${theirs}`);
      if (!WRITTEN_OTHERWISE.test(id)) {
        assert.equal(registers(text), registers(theirs), `${id}: ${text} is ${theirs}`);
      }
    }
    assert.ok(made.length > 2500);
  }
});
