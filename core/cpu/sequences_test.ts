import assert from "node:assert/strict";
import { encodeText } from "../isa/mod.ts";
import { HOT_SEQUENCES } from "./hot_sequences.ts";
import { REC_SLOT, RECORD_BYTES } from "./record.ts";
import { SequenceMatcher, sequenceTable } from "./sequences.ts";
import { testImage, TestMachine } from "./testing.ts";

const CODE = 0x400000n;
const DATA = 0x600000n;
const ABSENT = 0x700000n;

Deno.test("the longest sequence that starts at a record is found", () => {
  const names = ["a", "b", "c"];
  const matcher = new SequenceMatcher(sequenceTable(names, [["a", "b"], ["a", "b", "c", "a"], ["c", "c"]]));
  const longest = (text: string, from = 0, end = text.length) =>
    matcher.longest(Uint16Array.from(text, (name) => names.indexOf(name) + 1), from, end);
  assert.equal(longest("ab"), 4);
  assert.equal(longest("abca"), 5);
  assert.equal(longest("abcb"), 4);
  assert.equal(longest("abca", 0, 3), 4);
  assert.equal(longest("abcc", 2), 6);
  assert.equal(longest("bbb"), 0);
  assert.equal(longest("a"), 0);
  assert.equal(new SequenceMatcher(new Uint16Array(0)).longest(Uint16Array.of(1, 2), 0, 2), 0);
});

/** What the kernel's hottest blocks are made of. */
const INSTRUCTIONS = [
  ...["push rbx", "push rbp", "push r12", "pop rbx", "pop rbp", "pop r12", "mov rax, rbx", "mov ebx, eax"],
  ...["mov rax, [rsi]", "mov rbx, [rsi+rdx*8]", "mov [rsi+8], rax", "mov ecx, [rsi+4]", "mov [rsi], ebx"],
  ...["add rax, rbx", "add rbx, 8", "sub rax, rbx", "add ecx, 1", "inc rax", "inc ecx", "dec ebx"],
  ...["xor eax, eax", "xor ebx, ecx", "and ecx, 15", "shr rax, 32", "shl rbx, 3", "imul rax, rbx"],
  ...["cmp rax, rbx", "cmp eax, 7", "test rax, rax", "test ecx, ecx", "movsxd rax, ecx", "movzx eax, bl"],
  ...["lea rbx, [rax+rcx*2]", "lea rax, [rsi+16]", "adc rax, rbx", "setb cl", "cmovae rax, rbx", "nop"],
];

function generator(seed: number): (below: number) => number {
  return (below) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % below;
  };
}

Deno.test("sequences do what their handlers do apart, with faults and budgets in the middle of them", () => {
  const image = testImage();
  const apart = new TestMachine({ image: { ...image, sequences: new Uint16Array(0) } });
  const joined = new TestMachine();
  const machines = [apart, joined];
  for (const m of machines) {
    m.map(CODE, 1);
    m.map(DATA, 3);
  }
  const random = generator(11);
  let sequences = 0, faults = 0;
  const kinds = new Set<number>();
  for (let round = 0; round < 3000; round++) {
    const body = Array.from({ length: 8 + random(16) }, () => INSTRUCTIONS[random(INSTRUCTIONS.length)]);
    // Some jump out of the middle.
    if (round % 3 === 0) body.splice(random(body.length), 0, ["je 2", "jne 4", "jb 1"][random(3)]);
    const code = [...body.flatMap((text) => [...encodeText(text, { mode: 64 })]), 0xcc];
    const registers = Array.from({ length: 8 }, () => BigInt(random(1 << 24)) * BigInt(random(1 << 16)));
    registers[4] = DATA + 0x800n;
    registers[6] = random(8) === 0 ? ABSENT : DATA + BigInt(random(0x100));
    registers[2] = BigInt(random(4));
    const flags = random(0x1000) & 0x8d5 | 2;
    const budgets = Array.from({ length: 4 }, () => 1 + random(24));
    const outcomes = machines.map((m) => {
      m.put(1, 0, code);
      m.put(3, 0, Uint8Array.from({ length: 4096 }, (_, i) => i * 7 + round));
      registers.forEach((value, n) => m.setReg(n, value));
      m.rip = CODE;
      m.flags = flags;
      return budgets.map((budget) => {
        const reason = m.run(budget);
        return [reason, m.rip, m.flags, m.retired, ...registers.map((_, n) => m.reg(n))];
      });
    });
    // Retired instructions are counted from the machine's start.
    assert.deepEqual(outcomes[1], outcomes[0], `round ${round}: ${body.join("; ")}`);
    if (registers[6] === ABSENT) faults++;
    const slots = machines.map((m) => {
      m.rip = CODE;
      const record = m.engine.decode(m.ctx);
      return body.map((_, i) => m.view.data.getInt32(record + i * RECORD_BYTES + REC_SLOT, true));
    });
    const different = slots[1].filter((slot, i) => slot !== slots[0][i]);
    sequences += different.length;
    for (const slot of different) kinds.add(slot);
  }
  assert.ok(sequences > 1500 && kinds.size > 30, `${sequences} sequences of ${kinds.size} kinds were met`);
  assert.ok(faults > 100, `${faults} rounds with faults`);
});

Deno.test("every sequence of the list has a slot of its own", () => {
  const { sequences } = testImage();
  let count = 0;
  const slots = new Set<number>();
  for (let at = 0; at < sequences.length; at += sequences[at] + 2, count++) {
    slots.add(sequences[at + sequences[at] + 1]);
  }
  assert.deepEqual([count, slots.size], [HOT_SEQUENCES.length, HOT_SEQUENCES.length]);
});
