import assert from "node:assert/strict";
import { Flag } from "./context.ts";
import { exitName, ExitReason, Vector } from "./exit.ts";
import { TestMachine } from "./testing.ts";

const CODE = 0x400000n;
const DATA = 0x600000n;
const BS = 0x4000;

/** L0 to L3 with a kind (0 execution, 1 write, 3 access) and a length field (0 one byte, 1 two, 3 four, 2 eight). */
function control(
  ...breakpoints: readonly (readonly [number: number, kind: number, length: number])[]
): number {
  return breakpoints.reduce(
    (bits, [number, kind, length]) => bits | 1 << (number * 2) | (kind | length << 2) << (16 + number * 4),
    0,
  );
}

function machine(code: number[]): TestMachine {
  const m = new TestMachine();
  m.map(CODE, 1);
  m.map(DATA, 3);
  m.map(DATA + 0x1000n, 4);
  m.put(1, 0, code);
  m.rip = CODE;
  m.setReg(3, DATA);
  return m;
}

/** Runs to INT3. @returns for each #DB: how many bytes of code it came after, and DR6's bits */
function traps(m: TestMachine, resume = false): [number, number][] {
  const met: [number, number][] = [];
  for (let turn = 0; turn < 100; turn++) {
    const reason = m.run();
    if (exitName(reason) === "INT3") return met;
    assert.equal(exitName(reason), "TRAP_STEP");
    met.push([Number(m.rip - CODE), m.view.get(m.ctx, "exitInfo")]);
    if (resume) m.flags |= Flag.RF;
  }
  throw new Error("it never ends");
}

// mov eax,[rbx] (2); mov [rbx+4],eax (3); add [rbx+8],ecx (3); mov dl,[rbx+7] (3); int3
const ACCESSES = [0x8b, 0x03, 0x89, 0x43, 4, 0x01, 0x4b, 8, 0x8a, 0x53, 7, 0xcc];

function watch(m: TestMachine, addresses: readonly bigint[], bits: number): void {
  m.engine.setDebugRegisters(m.ctx, Array.from({ length: 4 }, (_, index) => addresses[index] ?? 0n), bits);
}

Deno.test("data breakpoints are met after the access, by what they overlap and by kind", () => {
  // The pages are in the TLB before anybody watches.
  const m = machine([...ACCESSES]);
  assert.deepEqual(traps(m), []);
  const run = (addresses: bigint[], bits: number) => {
    m.rip = CODE;
    watch(m, addresses, bits);
    return traps(m);
  };
  assert.deepEqual(run([DATA + 4n], control([0, 1, 3])), [[5, 1]], "a write of four bytes");
  assert.deepEqual(run([DATA + 7n], control([0, 1, 0])), [[5, 1]], "its last byte");
  assert.deepEqual(run([DATA + 7n], control([0, 3, 0])), [[5, 1], [11, 1]], "and the read of it");
  assert.deepEqual(run([DATA], control([0, 3, 3])), [[2, 1]]);
  assert.deepEqual(run([DATA], control([0, 1, 3])), [], "a read does not meet one for writing");
  assert.deepEqual(run([DATA + 3n], control([0, 1, 0])), []);
  assert.deepEqual(run([0n, 0n, 0n, DATA + 10n], control([3, 1, 1])), [[8, 8]], "read, changed and written");
  assert.deepEqual(
    run([DATA, DATA + 2n], control([0, 3, 2], [1, 3, 1])),
    [[2, 3], [5, 1], [11, 1]],
    "two at once; eight bytes",
  );
  assert.deepEqual(run([DATA], 0), [], "none is enabled");
  assert.deepEqual(run([DATA], control([0, 2, 3])), [], "I/O");
  assert.equal(m.view.get(m.ctx, "watching"), 0);
});

Deno.test("an instruction breakpoint stops before it, once RF is set it is run, and RF is gone after it", () => {
  const m = machine([0xff, 0xc0, 0xff, 0xc0, 0xff, 0xc0, 0xcc]);
  watch(m, [0n, CODE + 2n], control([1, 0, 0]));
  assert.equal(m.run(), ExitReason.TRAP_STEP);
  assert.deepEqual([m.rip, m.reg(0), m.view.get(m.ctx, "exitInfo"), m.retired], [CODE + 2n, 1n, 2, 1]);
  assert.equal(m.run(), ExitReason.TRAP_STEP, "it is still there");
  m.flags |= Flag.RF;
  assert.equal(exitName(m.run()), "INT3");
  assert.equal(m.reg(0), 3n);
  assert.equal(m.flags & Flag.RF, 0);
});

Deno.test("with TF too, DR6 has both", () => {
  const m = machine([...ACCESSES]);
  m.flags |= Flag.TF;
  watch(m, [DATA + 4n], control([0, 1, 3]));
  assert.deepEqual([m.run(), m.view.get(m.ctx, "exitInfo")], [ExitReason.TRAP_STEP, BS]);
  assert.deepEqual([m.run(), m.view.get(m.ctx, "exitInfo")], [ExitReason.TRAP_STEP, BS | 1]);
});

Deno.test("what an instruction touches that faults is not told; accesses across pages and string instructions are", () => {
  // mov [rbx],rax; int3: across the end of what is mapped
  const m = machine([0x48, 0x89, 0x03, 0xcc]);
  m.setReg(3, DATA + 0x1ffcn);
  watch(m, [DATA + 0x1ffcn], control([0, 1, 3]));
  assert.equal(m.run(), ExitReason.FAULT);
  assert.equal(m.fault.vector, Vector.PF);
  m.setReg(3, DATA + 0x100n);
  assert.deepEqual(traps(m), []);
  m.rip = CODE;
  m.setReg(3, DATA + 0xffcn);
  watch(m, [DATA + 0x1002n], control([0, 1, 1]));
  assert.deepEqual(traps(m), [[3, 1]]);

  // rep movsb; rep stosq; int3
  const s = machine([0xf3, 0xa4, 0xf3, 0x48, 0xab, 0xcc]);
  s.setReg(6, DATA);
  s.setReg(7, DATA + 0x1000n);
  s.setReg(1, 100n);
  watch(s, [DATA + 50n, DATA + 0x1000n + 50n], control([0, 3, 0], [1, 1, 0]));
  assert.deepEqual(traps(s), [[2, 3]]);
  assert.deepEqual([s.reg(1), s.reg(7)], [0n, DATA + 0x1064n]);
  s.rip = CODE + 2n;
  s.setReg(1, 10n);
  watch(s, [DATA + 0x1064n + 79n], control([0, 1, 0]));
  assert.deepEqual(traps(s), [[5, 1]]);
});

Deno.test("a kick and the budget end watched code, and accesses stay exact afterwards", () => {
  // L: inc dword [rbx]; jmp L
  const m = machine([0xff, 0x03, 0xeb, 0xfc]);
  watch(m, [DATA + 64n], control([0, 1, 3]));
  assert.equal(m.run(1000), ExitReason.BUDGET);
  assert.equal(m.retired, 1000);
  m.view.set(m.ctx, "kick", 6);
  assert.equal(m.run(), ExitReason.KICK);
  assert.equal(m.view.get(m.ctx, "exitInfo"), 6);
  watch(m, [DATA + 64n], 0);
  assert.equal(m.run(1000), ExitReason.BUDGET);
  assert.equal(m.view.data.getUint32(3 * 4096, true), 1000);
});
