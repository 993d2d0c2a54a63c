import assert from "node:assert/strict";
import { Flag } from "./context.ts";
import { exitName, ExitReason } from "./exit.ts";
import { TestMachine } from "./testing.ts";

const CODE = 0x400000n;
const ALIAS = 0x500000n;
// xor eax,eax; mov ecx,1000; L: add rax,rcx; dec ecx; jnz L; int3
const LOOP = [0x31, 0xc0, 0xb9, 0xe8, 3, 0, 0, 0x48, 0x01, 0xc8, 0xff, 0xc9, 0x75, 0xf9, 0xcc];

function machine(): TestMachine {
  const m = new TestMachine();
  m.map(CODE, 1);
  m.map(CODE + 0x1000n, 2);
  m.map(ALIAS, 1);
  m.put(1, 0, LOOP);
  m.put(2, 0, LOOP);
  m.rip = CODE;
  return m;
}

function runToEnd(m: TestMachine): void {
  assert.equal(exitName(m.run()), "INT3");
  assert.equal(m.reg(0), 500500n);
  assert.equal(m.retired, 2 + 3000);
}

Deno.test("a breakpoint at every instruction stops before it, with exact counts, and leaves no trace in memory", () => {
  for (const offset of [0, 2, 7, 10, 12, 14]) {
    for (const decodedBefore of [false, true]) {
      const m = machine();
      if (decodedBefore) {
        runToEnd(m);
        m.reset();
        m.rip = CODE;
      }
      const at = CODE + BigInt(offset);
      m.engine.setBreakpoints([at]);
      assert.equal(exitName(m.run()), "BREAKPOINT", `offset ${offset}`);
      assert.equal(m.rip, at);
      assert.equal(
        m.retired,
        [0, 2, 7, 10, 12].indexOf(offset) >= 0 ? [0, 2, 7, 10, 12].indexOf(offset) : 3002,
      );
      assert.deepEqual([...m.bytes(1, 0, LOOP.length)], LOOP);
      // It stays there until the instruction was stepped over.
      assert.equal(m.run(), ExitReason.BREAKPOINT);
      m.engine.setBreakpoints(undefined);
      runToEnd(m);
    }
  }
});

Deno.test("a breakpoint in a loop is met once a turn, by stepping over it", () => {
  const m = machine();
  m.engine.setBreakpoints([CODE + 10n]);
  let turns = 0;
  while (m.run() === ExitReason.BREAKPOINT) {
    turns++;
    assert.equal(m.engine.step(m.ctx), ExitReason.BUDGET);
  }
  assert.equal(turns, 1000);
  assert.equal(m.reg(0), 500500n);
  assert.equal(m.retired, 2 + 3000);
});

Deno.test("another page's instruction at the same offset, and another address of the same frame, run on", () => {
  const m = machine();
  m.engine.setBreakpoints([CODE + 10n]);
  for (const start of [CODE + 0x1000n, ALIAS]) {
    m.reset();
    m.rip = start;
    runToEnd(m);
  }
  m.reset();
  m.rip = CODE;
  assert.equal(m.run(), ExitReason.BREAKPOINT);
});

Deno.test("a small budget and a guest that single-steps itself do not run past a breakpoint", () => {
  for (let budget = 1; budget < 9; budget++) {
    const m = machine();
    m.engine.setBreakpoints([CODE + 12n]);
    let reason: number;
    do reason = m.run(budget); while (reason === ExitReason.BUDGET);
    assert.equal(reason, ExitReason.BREAKPOINT);
    assert.equal(m.retired, 4);
  }
  const m = machine();
  m.engine.setBreakpoints([CODE + 7n]);
  m.view.setFlags(m.ctx, m.view.flags(m.ctx) | Flag.TF);
  assert.equal(m.run(), ExitReason.TRAP_STEP);
  assert.equal(m.run(), ExitReason.TRAP_STEP);
  assert.equal(m.run(), ExitReason.BREAKPOINT);
});

Deno.test("code that is written anew keeps the breakpoint", () => {
  const m = machine();
  m.engine.setBreakpoints([CODE + 2n]);
  assert.equal(m.run(), ExitReason.BREAKPOINT);
  m.engine.writeFrame(1, 0, Uint8Array.from([0x90, 0x90, 0x90, 0xcc]));
  m.rip = CODE;
  assert.equal(m.run(), ExitReason.BREAKPOINT);
  assert.equal(m.rip, CODE + 2n);
  m.engine.setBreakpoints([]);
  assert.equal(exitName(m.run()), "INT3");
});

Deno.test("more breakpoints than there is room for are refused", () => {
  assert.throws(
    () => machine().engine.setBreakpoints(Array.from({ length: 257 }, (_, i) => CODE + BigInt(i))),
    RangeError,
  );
});
