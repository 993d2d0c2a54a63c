import assert from "node:assert/strict";
import { buildInterpreter, type InterpreterImage } from "./engine.ts";
import { exitName, ExitReason, Vector } from "./exit.ts";
import { Pte, testImage, TestMachine } from "./testing.ts";

const CODE = 0x400000n;
const DATA = 0x600000n;
const checking = buildInterpreter({ checkTlb: true });

function machine(code: number[], image: InterpreterImage | undefined = checking): TestMachine {
  const m = new TestMachine({ image });
  m.map(CODE, 1);
  m.map(DATA, 3);
  m.put(1, 0, code);
  m.rip = CODE;
  m.setReg(3, DATA);
  return m;
}

Deno.test("checkTlb: ordinary code agrees with the page tables, a stale entry is found", () => {
  // mov eax,[rbx]; mov [rbx+4],eax; int3
  const m = machine([0x8b, 0x03, 0x89, 0x43, 0x04, 0xcc]);
  for (let i = 0; i < 3; i++) {
    m.rip = CODE;
    assert.equal(exitName(m.run()), "INT3");
  }
  m.map(DATA, 4);
  m.rip = CODE;
  assert.throws(() => m.run(), /TLB of context/);
});

Deno.test("supervisor and user rights, WP, and the error codes they give", () => {
  const cases: [cpl: number, wp: boolean, bits: number, write: boolean, errorCode: number | undefined][] = [
    [3, true, Pte.P | Pte.W | Pte.U, true, undefined],
    [3, true, Pte.P | Pte.W, false, 5],
    [3, true, Pte.P | Pte.U, true, 7],
    [3, true, Pte.W | Pte.U, true, 6],
    [0, true, Pte.P | Pte.U, true, 3],
    [0, false, Pte.P, true, undefined],
    [0, true, Pte.P, false, undefined],
    [1, true, 0, false, 0],
  ];
  for (const [cpl, wp, bits, write, errorCode] of cases) {
    const m = machine(write ? [0x89, 0x03, 0xcc] : [0x8b, 0x03, 0xcc]);
    m.map(DATA, 3, bits);
    m.view.set(m.ctx, "cpl", cpl);
    if (!wp) m.view.setBig(m.ctx, "cr0", m.view.big(m.ctx, "cr0") & ~0x10000n);
    m.engine.segmentsChanged(m.ctx);
    const reason = m.run();
    if (errorCode === undefined) assert.equal(exitName(reason), "INT3");
    else {
      assert.equal(reason, ExitReason.FAULT);
      assert.deepEqual(m.fault, { vector: Vector.PF, errorCode, address: DATA });
    }
  }
});

Deno.test("SMEP and SMAP", () => {
  const m = machine([0x8b, 0x03, 0xcc]);
  m.map(CODE, 1, Pte.P);
  m.view.set(m.ctx, "cpl", 0);
  m.view.setBig(m.ctx, "cr4", m.view.big(m.ctx, "cr4") | 3n << 20n);
  m.engine.segmentsChanged(m.ctx);
  assert.equal(m.run(), ExitReason.FAULT);
  assert.deepEqual(m.fault, { vector: Vector.PF, errorCode: 1, address: DATA });
  m.view.set(m.ctx, "eflags", 2 | 1 << 18);
  assert.equal(exitName(m.run()), "INT3");
  m.map(CODE, 1);
  m.engine.flushAll(m.ctx);
  m.rip = CODE;
  assert.equal(m.run(), ExitReason.FAULT);
  assert.deepEqual(m.fault, { vector: Vector.PF, errorCode: 0x11, address: CODE });
});

Deno.test("spaces keep their translations and are emptied by staleAll", () => {
  const m = machine([0x8b, 0x03, 0xcc], testImage());
  const other = m.root;
  assert.equal(exitName(m.run()), "INT3");
  const walks = m.view.number(m.ctx, "walks");
  m.engine.selectSpace(m.ctx, m.layout.mfnBase + 7, 1);
  m.engine.selectSpace(m.ctx, m.layout.mfnBase + other, 1);
  m.rip = CODE;
  assert.equal(exitName(m.run()), "INT3");
  assert.equal(m.view.number(m.ctx, "walks"), walks);
  m.engine.staleAll();
  m.rip = CODE;
  assert.equal(exitName(m.run()), "INT3");
  assert.ok(m.view.number(m.ctx, "walks") > walks);
});

Deno.test("translate, readVirtual and writeVirtual", () => {
  const m = machine([], testImage());
  m.map(DATA + 0x1000n, 4, Pte.P | Pte.U);
  const low = Number(DATA);
  assert.equal(m.engine.translate(m.ctx, low + 5, 0, 0), 3 * 4096 + 5);
  assert.equal(m.engine.translate(m.ctx, low + 0x1005, 0, 1), -1);
  assert.equal(m.fault.address, DATA + 0x1005n);
  assert.equal(m.engine.translate(m.ctx, low, 0x10000000, 0), -1);
  assert.equal(m.fault.vector, Vector.GP);
  const bytes = Uint8Array.of(1, 2, 3, 4);
  assert.equal(m.engine.writeVirtual(m.ctx, low + 0xffe, 0, bytes), false);
  assert.deepEqual([...m.bytes(3, 0xffe, 2)], [0, 0]);
  assert.equal(m.engine.writeVirtual(m.ctx, low + 0xffc, 0, bytes), true);
  const back = new Uint8Array(6);
  assert.equal(m.engine.readVirtual(m.ctx, low + 0xffc, 0, back), true);
  assert.deepEqual([...back], [1, 2, 3, 4, 0, 0]);
});
