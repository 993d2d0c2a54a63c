import assert from "node:assert/strict";
import { CTX } from "./context.ts";
import { exitName, ExitReason, Vector } from "./exit.ts";
import type { Descriptor } from "./segmentation.ts";
import { TestMachine } from "./testing.ts";

const CODE = 0x400000n;
const STACK = 0x600000n;

/** Ring 3 code64, code32, data; ring 0 data; absent data; data of base 0x600000 and limit 0xff. */
const GDT: Record<number, Descriptor> = {
  0x08: { low: 0x0000ffff, high: 0x00affb00 },
  0x10: { low: 0x0000ffff, high: 0x00cffb00 },
  0x18: { low: 0x0000ffff, high: 0x00cff200 },
  0x20: { low: 0x0000ffff, high: 0x00cf9200 },
  0x28: { low: 0x0000ffff, high: 0x00cf7200 },
  0x30: { low: 0x000000ff, high: 0x0040f260 },
};

function machine(code: number[]): TestMachine & { accessed: number[] } {
  const accessed: number[] = [];
  const m = new TestMachine({
    hooks: {
      descriptors: {
        descriptor: (_ctx, selector) => GDT[selector & ~7],
        setAccessed: (_ctx, selector) => void accessed.push(selector),
      },
    },
  });
  m.map(CODE, 1);
  m.map(STACK, 3);
  m.put(1, 0, code);
  m.rip = CODE;
  m.setReg(4, STACK + 0x800n);
  return Object.assign(m, { accessed });
}

const field = (m: TestMachine, name: keyof typeof CTX, at: number) =>
  m.view.data.getInt32(m.ctx + CTX[name] + at, true);

Deno.test("segment loads check and fill the hidden parts", () => {
  // mov fs,eax ; mov ecx,fs:[4] ; int3
  const m = machine([0x8e, 0xe0, 0x64, 0x8b, 0x0c, 0x25, 4, 0, 0, 0, 0xcc]);
  m.setReg(0, 0x33n);
  m.put(3, 4, [1, 2, 3, 4]);
  assert.equal(exitName(m.run()), "INT3");
  assert.equal(m.reg(1), 0x04030201n);
  assert.deepEqual([field(m, "fs", 0), field(m, "fs", 8), field(m, "fs", 16)], [0x33, 0xff, 0x600000]);
  assert.deepEqual(m.accessed, [0x33]);
  assert.equal(m.retired, 2);

  for (
    const [selector, vector, code] of [
      [0x23n, Vector.GP, 0x20],
      [0x2bn, Vector.NP, 0x28],
      [0x43n, Vector.GP, 0x40],
    ] as const
  ) {
    const n = machine([0x8e, 0xe0, 0xcc]);
    n.setReg(0, selector);
    assert.equal(n.run(), ExitReason.FAULT);
    assert.deepEqual([n.fault.vector, n.fault.errorCode, n.rip], [vector, code, CODE]);
  }
});

Deno.test("IRETQ to the same ring, and to 32-bit code", () => {
  const m = machine([0x48, 0xcf]);
  const frame = new BigUint64Array([CODE + 0x100n, 0x0bn, 0x8d7n, STACK + 0xf00n, 0x1bn]);
  m.put(3, 0x800, new Uint8Array(frame.buffer));
  m.put(1, 0x100, [0xcc]);
  assert.equal(exitName(m.run()), "INT3");
  assert.equal(m.rip, CODE + 0x100n);
  assert.equal(m.reg(4), STACK + 0xf00n);
  assert.equal(m.flags & 0x8d5, 0x8d5);
  assert.equal(m.retired, 1);

  frame[1] = 0x13n;
  m.put(3, 0x800, new Uint8Array(frame.buffer));
  // inc eax; mov eax,[esp]: 40 is REX in 64-bit code
  m.put(1, 0x100, [0x40, 0x8b, 0x04, 0x24, 0xcc]);
  m.rip = CODE;
  m.setReg(4, STACK + 0x800n);
  m.setReg(0, 0xffffffffn);
  m.put(3, 0xf00, [5]);
  assert.equal(exitName(m.run()), "INT3");
  assert.equal(m.view.get(m.ctx, "mode"), 32);
  assert.equal(m.reg(0), 5n);
  assert.equal(m.rip, CODE + 0x104n);
});

Deno.test("far return and far jump switch modes; an inner ring is refused", () => {
  // lretq to 32-bit code, which jumps far to 64-bit code
  const m = machine([0x48, 0xcb]);
  m.put(3, 0x800, new Uint8Array(new BigUint64Array([CODE + 0x40n, 0x13n]).buffer));
  m.put(1, 0x40, [0xea, 0x80, 0x00, 0x40, 0x00, 0x0b, 0x00]);
  m.put(1, 0x80, [0x48, 0xff, 0xc0, 0xcc]);
  m.setReg(0, 0xffffffffn);
  assert.equal(exitName(m.run()), "INT3");
  assert.equal(m.reg(0), 0x100000000n);
  assert.equal(m.reg(4), STACK + 0x810n);
  assert.equal(m.retired, 3);

  const n = machine([0x48, 0xcb]);
  n.put(3, 0x800, new Uint8Array(new BigUint64Array([CODE, 0x08n]).buffer));
  assert.equal(n.run(), ExitReason.FAULT);
  assert.deepEqual([n.fault.vector, n.fault.errorCode], [Vector.GP, 8]);
});

Deno.test("LAR, LSL, VERR and VERW", () => {
  // lar ecx,eax ; lsl edx,eax ; verw ax ; int3
  const m = machine([0x0f, 0x02, 0xc8, 0x0f, 0x03, 0xd0, 0x0f, 0x00, 0xe8, 0xcc]);
  m.setReg(0, 0x1bn);
  assert.equal(exitName(m.run()), "INT3");
  assert.deepEqual([m.reg(1), m.reg(2)], [0x00cff200n, 0xffffffffn]);
  assert.ok(m.flags & 0x40);
  m.rip = CODE;
  m.setReg(0, 0x23n);
  assert.equal(exitName(m.run()), "INT3");
  assert.equal(m.flags & 0x40, 0);
});
