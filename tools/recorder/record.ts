/**
 * Records what this machine's processor makes of every instruction form into tests/vectors/data. By hand, on a physical x86-64 Linux machine with gcc:
 *
 *     deno run -A tools/recorder/record.ts [instruction ...]
 */
import { forms } from "../../core/isa/mod.ts";
import { casesOf, notRecorded, recordedBits } from "../../tests/vectors/cases.ts";
import { decodeOutcome, encodeCase } from "../../tests/vectors/format.ts";
import { encodeFile, fileOf, type Section, SectionWriter } from "../../tests/vectors/outcomes.ts";

const directory = new URL(".", import.meta.url);

async function build(): Promise<string> {
  const binary = await Deno.makeTempFile({ prefix: "recorder-" });
  const { success, stderr } = await new Deno.Command("gcc", {
    args: [
      "-O2",
      "-Wall",
      "-fno-stack-protector",
      "-mno-red-zone",
      "-fcf-protection=none",
      "-o",
      binary,
      "recorder.c",
    ],
    cwd: directory,
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return binary;
}

/** Runs the recorder over one batch of encoded cases. */
async function run(binary: string, input: Uint8Array): Promise<Uint8Array> {
  const child = new Deno.Command(binary, { stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  const written = writer.write(input).then(() => writer.close());
  const { success, stdout, stderr, code, signal } = await child.output();
  await written;
  if (!success) throw new Error(`recorder: ${signal ?? code} ${new TextDecoder().decode(stderr)}`);
  return stdout;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const wanted = new Set(Deno.args);
const binary = await build();
await Deno.mkdir(new URL("../../tests/vectors/data", directory), { recursive: true });
const byInstruction = new Map<string, Section[]>();
let total = 0;
for (const form of forms()) {
  const name = form.instruction.name;
  if (wanted.size > 0 && !wanted.has(name)) continue;
  if (notRecorded(form)) continue;
  for (const bits of recordedBits(form)) {
    const cases = [...casesOf(form, bits)];
    const output = await run(binary, concat(cases.map(encodeCase))).catch((error) => {
      throw new Error(`${form.id} in ${bits}-bit code: ${error.message}`);
    });
    const writer = new SectionWriter();
    let at = 0;
    for (const one of cases) {
      const [outcome, next] = decodeOutcome(output, at);
      at = next;
      writer.add(one, outcome);
    }
    const sections = byInstruction.get(name) ?? [];
    sections.push(writer.finish(form.id, bits));
    byInstruction.set(name, sections);
    total += cases.length;
  }
}
let bytes = 0;
for (const [name, sections] of byInstruction) {
  const file = encodeFile(sections);
  bytes += file.length;
  await Deno.writeFile(fileOf(name), file);
}
await Deno.remove(binary);
console.log(`${total} vectors of ${byInstruction.size} instructions, ${(bytes / 1e6).toFixed(2)} MB`);
