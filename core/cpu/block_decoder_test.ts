import assert from "node:assert/strict";
import { exitName, ExitReason, Vector } from "./exit.ts";
import { TestMachine } from "./testing.ts";

const CODE = 0x400000n, DATA = 0x600000n;

// xor eax,eax; mov ecx,5; L: inc eax; jmp A; int3 x3; A: add rbx,[rsi]; jmp B; int3; B: dec ecx; jnz L; int3
const JUMPS = [0x31, 0xc0, 0xb9, 5, 0, 0, 0, 0xff, 0xc0, 0xeb, 3, 0xcc, 0xcc, 0xcc]
  .concat([0x48, 0x03, 0x1e, 0xeb, 1, 0xcc, 0xff, 0xc9, 0x75, 0xef, 0xcc]);
const RETIRED = 2 + 5 * 6;

function machine(code: readonly number[], offset = 0): TestMachine {
  const m = new TestMachine();
  m.map(CODE, 1);
  m.map(CODE + 0x1000n, 2);
  m.map(DATA, 3);
  m.put(1, offset, code);
  m.put(3, 0, [7]);
  m.rip = CODE + BigInt(offset);
  m.setReg(6, DATA);
  return m;
}

const state = (m: TestMachine) => [m.rip, m.retired, m.reg(0), m.reg(1), m.reg(3), m.flags];

Deno.test("jumps that a block follows count as instructions", () => {
  const m = machine(JUMPS);
  assert.equal(exitName(m.run()), "INT3");
  assert.deepEqual([m.reg(0), m.reg(3), m.retired, m.rip], [5n, 35n, RETIRED, CODE + 24n]);
  // A block each for the start and the head of the loop: the jumps end none.
  assert.equal(m.view.number(m.ctx, "blocksDecoded"), 2);
});

Deno.test("a budget ends at any instruction of a block that follows jumps", () => {
  for (let budget = 1; budget <= RETIRED; budget++) {
    const m = machine(JUMPS), stepped = machine(JUMPS);
    assert.equal(m.run(budget), ExitReason.BUDGET);
    for (let i = 0; i < budget; i++) assert.equal(stepped.step(), ExitReason.BUDGET);
    assert.deepEqual(state(m), state(stepped), `budget ${budget}`);
    assert.equal(exitName(m.run()), "INT3");
    assert.equal(m.retired, RETIRED);
  }
});

Deno.test("a fault behind a followed jump counts the jump", () => {
  const m = machine(JUMPS);
  m.setReg(6, DATA + 0x1000n);
  assert.equal(m.run(), ExitReason.FAULT);
  assert.deepEqual([m.fault.vector, m.rip, m.retired, m.reg(0)], [Vector.PF, CODE + 14n, 4, 1n]);
  m.setReg(6, DATA);
  assert.equal(exitName(m.run()), "INT3");
  assert.equal(m.retired, RETIRED);
});

Deno.test("a followed jump and its target can be written anew", () => {
  const m = machine(JUMPS);
  m.run();
  m.put(1, 10, [0]);
  m.rip = CODE;
  assert.equal(exitName(m.run()), "INT3");
  assert.deepEqual([m.rip, m.retired], [CODE + 11n, RETIRED + 4]);

  m.put(1, 10, [3]);
  m.put(1, 14, [0xcc]);
  m.rip = CODE;
  assert.equal(exitName(m.run()), "INT3");
  assert.deepEqual([m.rip, m.retired], [CODE + 14n, RETIRED + 8]);
});

Deno.test("a guest's store to the target of a jump in the same block is run", () => {
  // mov byte [rip+2+1],0xcc : the instruction behind the jump; jmp +1; nop; inc eax; int3
  const m = machine([0xc6, 0x05, 3, 0, 0, 0, 0xcc, 0xeb, 1, 0x90, 0xff, 0xc0, 0xcc]);
  assert.equal(exitName(m.run()), "INT3");
  assert.deepEqual([m.rip, m.reg(0), m.retired], [CODE + 10n, 0n, 2]);
});

Deno.test("jumps to what is no instruction, and to one that lies in two pages", () => {
  // inc eax; jmp +1; int3; ud2
  const m = machine([0xff, 0xc0, 0xeb, 1, 0xcc, 0x0f, 0xff]);
  assert.equal(m.run(), ExitReason.FAULT);
  assert.deepEqual([m.fault.vector, m.rip, m.retired], [Vector.UD, CODE + 5n, 2]);

  // inc eax; jmp to the last byte of the page: add ecx,eax; int3
  const n = machine([0xff, 0xc0, 0xeb, 0xb], 0xff0);
  n.put(1, 0xfff, [0x01]);
  n.put(2, 0, [0xc1, 0xcc]);
  assert.equal(exitName(n.run()), "INT3");
  assert.deepEqual([n.rip, n.reg(1), n.retired], [CODE + 0x1001n, 1n, 3]);
  for (let budget = 1; budget <= 3; budget++) {
    n.rip = CODE + 0xff0n;
    assert.equal(n.run(budget), ExitReason.BUDGET);
    assert.equal(n.rip, [0xff2n, 0xfffn, 0x1001n][budget - 1] + CODE);
  }
});
