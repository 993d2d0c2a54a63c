import assert from "node:assert/strict";
import { ALL_STATUS, assemble, Decoded, Decoder, flagMasks, forms, Liveness } from "./mod.ts";

const decoder = new Decoder();

/** Form numbers of assembled instructions. */
function block(text: string): number[] {
  const { bytes } = assemble(text);
  const made: number[] = [];
  const d = new Decoded();
  for (let at = 0; at < bytes.length; at += d.length) {
    assert.equal(decoder.decode(bytes, at, bytes.length - at, 64, 8, d), 0);
    made.push(d.form);
  }
  return made;
}

/** Loads and stores can fault. */
const leaves = Uint8Array.from(forms(), (form) => form.memory ? 1 : 0);

function dead(text: string): string {
  const numbers = block(text);
  return new Liveness(leaves).find(numbers, numbers.length).subarray(0, numbers.length).join("");
}

Deno.test("a result is dead when all its flags are written again first", () => {
  assert.equal(dead("add eax, ebx\nsub ecx, edx"), "10");
  assert.equal(dead("add eax, ebx\nmov ecx, eax\nsub ecx, edx"), "100");
});

Deno.test("a reader, a flag left out, a possible fault and the end keep it alive", () => {
  assert.equal(dead("add eax, ebx\nadc ecx, edx\ncmp eax, 1"), "010");
  assert.equal(dead("add eax, ebx\ninc ecx"), "00", "INC leaves CF");
  assert.equal(dead("add eax, ebx\nmov [rdi], eax\ncmp eax, 1"), "000");
  assert.equal(dead("cmp eax, 1\nshl eax, cl"), "00", "a count of zero leaves the flags");
  assert.equal(dead("cmp eax, 1\nsete al\ntest al, al"), "000");
});

Deno.test("bytes that are no instruction fault", () => {
  const [add, sub] = block("add eax, ebx\nsub ecx, edx");
  assert.deepEqual([...new Liveness(leaves).find([add, -1, sub], 3).subarray(0, 3)], [0, 0, 0]);
});

Deno.test("masks come from the descriptions", () => {
  const of = (id: string) => flagMasks(forms().find((form) => form.id === id)!);
  assert.deepEqual(of("adc Ev,Gv o32 reg"), { reads: 1, writes: ALL_STATUS, touches: ALL_STATUS });
  assert.deepEqual(of("shl Ev,CL o32 reg"), { reads: 0, writes: 0, touches: ALL_STATUS });
  assert.deepEqual(of("mov Ev,Gv o32 reg"), { reads: 0, writes: 0, touches: 0 });
});
