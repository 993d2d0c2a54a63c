import assert from "node:assert/strict";
import { Decoded, Decoder, DecodeResult, disassemble, encodeText, type Form, forms } from "./mod.ts";
import { Random, sample } from "./sampling.ts";

const decoder = new Decoder();
const ADDRESS = 0x1234n;

function decode(bytes: Uint8Array, mode: number, stackSize: number): Decoded {
  const d = new Decoded();
  const result = decoder.decode(bytes, 0, bytes.length, mode, stackSize, d);
  assert.equal(result, DecodeResult.ok, `${[...bytes].map((b) => b.toString(16)).join(" ")}: ${result}`);
  assert.equal(d.length, bytes.length);
  return d;
}

/** Every field but those that depend on the chosen bytes. */
function essence(d: Decoded): unknown {
  const { prefixes: _p, length: _l, ...rest } = d;
  return rest;
}

/** Hints without operands in text: what they had in ModRM cannot be written down. */
const unwritable = ({ encoding }: Form) =>
  encoding.modrm && encoding.fixedModrm < 0 && encoding.operands.length === 0;

const stackSizeOf = (form: Form, mode: number) => form.stackSize || (mode === 64 ? 8 : mode / 8);

Deno.test("every form: disassembled, assembled and decoded again it is the same", () => {
  const r = new Random(20240607);
  let samples = 0;
  for (const form of forms()) {
    if (unwritable(form)) continue;
    for (const mode of form.modes as (16 | 32 | 64)[]) {
      for (let i = 0; i < 12; i++) {
        const wanted = sample(form, mode, r);
        const text = disassemble(wanted, mode, ADDRESS);
        const where = `${form.id}, ${mode}-bit: ${text}`;
        try {
          const relative = form.operands.some((one) => one.kind === "rel");
          // How far a target is depends on the length, which only the assembler knows: wanted.length is 0 here.
          const bytes = encodeText(text, { mode, origin: ADDRESS - 0n, encoding: form.encoding });
          const d = decode(bytes, mode, stackSizeOf(form, mode));
          if (!relative) assert.deepEqual(essence(d), essence(wanted));
          assert.equal(d.form, form.number);
          assert.equal(disassemble(d, mode, ADDRESS), text);
          samples++;
        } catch (error) {
          throw new Error(`${where}: ${error instanceof Error ? error.message : error}`, { cause: error });
        }
      }
    }
  }
  assert.ok(samples > 20000, `${samples} samples`);
});

Deno.test("without being told the encoding the assembler gives an instruction that reads the same", () => {
  const r = new Random(7);
  for (const form of forms()) {
    if (form.encoding.flags.has("noasm")) continue;
    for (const mode of form.modes as (16 | 32 | 64)[]) {
      for (let i = 0; i < 4; i++) {
        const text = disassemble(sample(form, mode, r), mode, ADDRESS);
        let again = "";
        try {
          const bytes = encodeText(text, { mode, origin: ADDRESS });
          again = disassemble(decode(bytes, mode, stackSizeOf(form, mode)), mode, ADDRESS);
        } catch (error) {
          throw new Error(
            `${form.id}, ${mode}-bit: ${text}: ${error instanceof Error ? error.message : error}`,
            {
              cause: error,
            },
          );
        }
        assert.equal(again, text, `${form.id}, ${mode}-bit`);
      }
    }
  }
});
