import assert from "node:assert/strict";
import { conditions, encodeText } from "../isa/mod.ts";
import { pairs } from "./fusion.ts";
import { REC_SLOT } from "./record.ts";
import { testImage, TestMachine } from "./testing.ts";

const CODE = 0x400000n;
const DATA = 0x600000n;
const FIRSTS = [
  ...["rax, rbx", "eax, ebx", "al, bl", "ah, cl", "rax, [rsi]", "ebx, [rsi+4]", "[rsi], ecx", "[rsi+8], rdx"]
    .flatMap((operands) => [`cmp ${operands}`, operands.includes(", [") ? "" : `test ${operands}`]),
  ...["al, 5", "eax, 0x12345", "rax, -3", "rbx, 7", "ecx, 0x7fffffff", "byte [rsi], 1", "qword [rsi], 0"]
    .flatMap((operands) => [`cmp ${operands}`, `test ${operands}`]),
  ...["rax", "ebx", "cl"].flatMap((register) => [`dec ${register}`, `inc ${register}`]),
  ...["sub", "add", "and"].flatMap((name) => [`${name} rax, rbx`, `${name} ecx, 1`, `${name} rdx, -1`]),
].filter((text) => text !== "");
const VALUES = [
  0n,
  1n,
  2n,
  5n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x7fffffffffffffffn,
  0x8000000000000000n,
  -1n,
  -3n,
  0x12345n,
  0x0123456789abcdefn,
];

Deno.test("pairs of a comparison and a jump do what the two do apart", () => {
  const image = testImage();
  const apart = new TestMachine({ image: { ...image, fused: new Uint16Array(image.fused.length) } });
  const fused = new TestMachine();
  const machines = [apart, fused];
  for (const m of machines) {
    m.map(CODE, 1);
    m.map(DATA, 3);
  }
  let seed = 7;
  const value = () => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return VALUES[(seed >>> 16) % VALUES.length];
  };
  let together = 0;
  for (const text of FIRSTS) {
    for (const [name] of conditions) {
      const first = encodeText(text, { mode: 64 });
      const jump = encodeText(`j${name} 4`, { mode: 64 });
      for (const m of machines) m.put(1, 0, [...first, ...jump, 0x90, 0xcc, 0x90, 0xcc]);
      for (let round = 0; round < 12; round++) {
        const registers = Array.from({ length: 5 }, (_, n) => n === 4 ? DATA : value());
        const memory = new BigInt64Array([value(), value()]);
        const outcomes = machines.map((m) => {
          [0, 1, 2, 3, 6].forEach((n, i) => m.setReg(n, registers[i]));
          m.put(3, 0, new Uint8Array(memory.buffer));
          m.rip = CODE;
          m.flags = seed & 0x8d5 | 2;
          m.run(100);
          return [m.rip, m.flags, ...[0, 1, 2, 3].map((n) => m.reg(n)), m.retired];
        });
        assert.deepEqual(outcomes[1], outcomes[0], `${text}; j${name} with ${registers}`);
      }
      fused.rip = CODE;
      const slots = machines.map((m) => {
        m.rip = CODE;
        return m.view.data.getInt32(m.engine.decode(m.ctx) + REC_SLOT, true);
      });
      if (slots[0] !== slots[1]) together++;
    }
  }
  assert.ok(together > 200, `${together} of ${pairs().length} kinds met`);
});

Deno.test("a pair faults and stops at a budget as its parts do", () => {
  // cmp rax,[rbx]; je +0; int3
  const m = new TestMachine();
  m.map(CODE, 1);
  m.put(1, 0, [0x48, 0x3b, 0x03, 0x74, 0x00, 0xcc]);
  m.setReg(3, DATA);
  m.rip = CODE;
  m.run(10);
  assert.deepEqual([m.rip, m.retired, m.fault.address], [CODE, 0, DATA]);
  m.map(DATA, 3);
  m.run(1);
  assert.deepEqual([m.rip, m.retired], [CODE + 3n, 1]);
  m.run(1);
  assert.deepEqual([m.rip, m.retired], [CODE + 5n, 2]);
});
