import assert from "node:assert/strict";
import { CTX, Flag } from "./context.ts";
import { exitName, ExitReason, Vector } from "./exit.ts";
import { Pte, TestMachine } from "./testing.ts";

const CODE = 0x400000n;
const DATA = 0x600000n;

function machine(code: number[], options = {}): TestMachine {
  const m = new TestMachine(options);
  m.map(CODE, 1);
  m.map(CODE + 0x1000n, 2);
  m.map(DATA, 3);
  m.map(DATA + 0x1000n, 4);
  m.put(1, 0, code);
  m.rip = CODE;
  return m;
}

Deno.test("a register loop runs, counts exactly and ends at INT3", () => {
  // xor eax,eax; mov ecx,1000; L: add rax,rcx; dec ecx; jnz L; int3
  const m = machine([0x31, 0xc0, 0xb9, 0xe8, 3, 0, 0, 0x48, 0x01, 0xc8, 0xff, 0xc9, 0x75, 0xf9, 0xcc]);
  assert.equal(exitName(m.run()), "INT3");
  assert.equal(m.reg(0), 500500n);
  assert.equal(m.reg(1), 0n);
  assert.equal(m.retired, 2 + 3000);
  assert.equal(m.rip, CODE + 14n);
  assert.equal(m.view.big(m.ctx, "nextRip"), CODE + 15n);
});

Deno.test("budgets are exact, whatever the blocks", () => {
  for (let budget = 1; budget < 40; budget++) {
    const m = machine([0x31, 0xc0, 0xb9, 0xe8, 3, 0, 0, 0x48, 0x01, 0xc8, 0xff, 0xc9, 0x75, 0xf9, 0xcc]);
    assert.equal(m.run(budget), ExitReason.BUDGET);
    assert.equal(m.retired, budget);
    const inLoop = budget - 2;
    if (inLoop > 0) assert.equal(m.reg(1), 1000n - BigInt(Math.floor((inLoop + 1) / 3)));
    assert.equal(m.run(1), ExitReason.BUDGET);
    assert.equal(m.retired, budget + 1);
  }
});

Deno.test("loads and stores, crossing pages too; a crossing store is checked before anything is written", () => {
  // mov rax,[rbx]; mov [rbx+8],rax; int3
  const m = machine([0x48, 0x8b, 0x03, 0x48, 0x89, 0x43, 0x08, 0xcc]);
  m.put(3, 0xffa, [1, 2, 3, 4, 5, 6]);
  m.put(4, 0, [7, 8]);
  m.setReg(3, DATA + 0xffan);
  assert.equal(exitName(m.run()), "INT3");
  assert.equal(m.reg(0), 0x0807060504030201n);
  assert.deepEqual([...m.bytes(4, 2, 8)], [1, 2, 3, 4, 5, 6, 7, 8]);

  const n = machine([0x48, 0x89, 0x03, 0xcc]);
  n.map(DATA + 0x1000n, 4, Pte.P | Pte.U);
  n.setReg(3, DATA + 0xffan);
  n.setReg(0, -1n);
  assert.equal(n.run(), ExitReason.FAULT);
  assert.deepEqual(n.fault, { vector: Vector.PF, errorCode: 7, address: DATA + 0x1000n });
  assert.deepEqual([...n.bytes(3, 0xffa, 6)], [0, 0, 0, 0, 0, 0]);
  assert.equal(n.rip, CODE);
  assert.equal(n.retired, 0);
});

Deno.test("a fault in the middle of a block counts what came before it", () => {
  // inc eax; inc eax; mov rcx,[rbx]; inc eax
  const m = machine([0xff, 0xc0, 0xff, 0xc0, 0x48, 0x8b, 0x0b, 0xff, 0xc0, 0xcc]);
  m.setReg(3, 0x123456789000n);
  assert.equal(m.run(), ExitReason.FAULT);
  assert.deepEqual(m.fault, { vector: Vector.PF, errorCode: 4, address: 0x123456789000n });
  assert.equal(m.retired, 2);
  assert.equal(m.rip, CODE + 4n);
  m.setReg(3, 0x8000000000000000n);
  assert.equal(m.run(), ExitReason.FAULT);
  assert.deepEqual([m.fault.vector, m.fault.errorCode], [Vector.GP, 0]);
});

Deno.test("accessed and dirty bits are set as the CPU does", () => {
  const m = machine([0x8b, 0x03, 0x89, 0x03, 0xcc]);
  m.setReg(3, DATA);
  assert.equal(m.entry(DATA) & 0x60n, 0n);
  m.step();
  assert.equal(m.entry(DATA) & 0x60n, 0x20n);
  m.step();
  assert.equal(m.entry(DATA) & 0x60n, 0x60n);
  assert.equal(m.entry(CODE) & 0x60n, 0x20n);
});

Deno.test("not executable, supervisor and missing pages fault at the fetch", () => {
  for (
    const [bits, errorCode] of [
      [BigInt(Pte.P | Pte.U) | Pte.NX, 0x15],
      [Pte.P | Pte.W, 0x15],
      [0, 0x14],
      [BigInt(Pte.P | Pte.U) | 1n << 50n, 0x1d],
    ] as const
  ) {
    const m = machine([0xe9, 0xfb, 0x0f, 0, 0]);
    m.map(CODE + 0x1000n, 2, bits);
    assert.equal(m.run(), ExitReason.FAULT);
    assert.deepEqual(m.fault, { vector: Vector.PF, errorCode, address: CODE + 0x1000n });
    assert.equal(m.rip, CODE + 0x1000n);
    assert.equal(m.retired, 1);
  }
});

Deno.test("RIP-relative addresses reach 2 GiB both ways from every place in a page", () => {
  for (const offset of [0, 1, 0x800, 0xfe8, 0xff8]) {
    for (const displacement of [0x7fffffff, 0x7ffff000, 0x7fffe801, 0x7ffff7fe, -0x80000000]) {
      for (const prefix of [[], [0x67]]) {
        const disp = [0, 8, 16, 24].map((shift) => displacement >> shift & 0xff);
        // mov eax, [rip+disp]; mov byte [rip+disp], 7; cmp byte [rip+disp], 7; int3
        const code: number[] = [];
        const ends: number[] = [];
        for (const [opcode, behind] of [[[0x8b, 0x05], []], [[0xc6, 0x05], [7]], [[0x80, 0x3d], [7]]]) {
          code.push(...prefix, ...opcode, ...disp, ...behind);
          ends.push(code.length);
        }
        const base = displacement < 0 ? 0x90000000n : CODE;
        const m = new TestMachine();
        m.map(base, 1);
        m.map(base + 0x1000n, 2);
        const bytes = [...code, 0xcc];
        m.put(1, offset, bytes.slice(0, 4096 - offset));
        m.put(2, 0, bytes.slice(4096 - offset));
        m.rip = base + BigInt(offset);
        const target = (end: number) => m.rip + BigInt(end + displacement);
        const [loaded, stored] = [target(ends[0]), target(ends[1])];
        const pages = new Set([loaded, loaded + 3n, stored, target(ends[2])].map((va) => va & ~0xfffn));
        [...pages].sort().forEach((va, i) => m.map(va, 8 + i));
        const first = [...pages].sort()[0];
        const place = (va: bigint) => 8 * 4096 + Number(va - first);
        for (let i = 0; i < 4; i++) m.view.u8[place(loaded) + i] = 0x11 * (i + 1);
        m.view.u8[place(target(ends[2]))] = 6;
        const where = `at ${offset.toString(16)}, displacement ${
          displacement.toString(16)
        }, ${prefix.length}`;
        assert.equal(exitName(m.run()), "INT3", where);
        assert.equal(m.reg(0), 0x44332211n, where);
        assert.equal(m.view.u8[place(stored)], 7, where);
        assert.equal((m.flags & Flag.ZF) !== 0, false, where);
      }
    }
  }
});

Deno.test("calls and returns, over a page boundary", () => {
  // call +0x1000-5; int3 at 5; at page 2: mov eax,7; ret
  const m = machine([0xe8, 0xfb, 0x0f, 0, 0, 0xcc]);
  m.put(2, 0, [0xb8, 7, 0, 0, 0, 0xc3]);
  m.setReg(4, DATA + 0x100n);
  assert.equal(exitName(m.run()), "INT3");
  assert.equal(m.reg(0), 7n);
  assert.equal(m.reg(4), DATA + 0x100n);
  assert.equal(m.rip, CODE + 5n);
});

Deno.test("an instruction that straddles pages follows both pages' changes", () => {
  // at 0xffd: mov eax, imm32 (5 bytes), then int3
  const m = machine([]);
  m.put(1, 0xffd, [0xb8, 1, 2]);
  m.put(2, 0, [3, 4, 0xcc]);
  for (let i = 0; i < 3; i++) {
    m.rip = CODE + 0xffdn;
    assert.equal(exitName(m.run()), "INT3");
    assert.equal(m.reg(0), 0x04030201n);
    assert.equal(m.retired, i + 1);
  }
  m.put(2, 0, [9]);
  m.rip = CODE + 0xffdn;
  assert.equal(exitName(m.run()), "INT3");
  assert.equal(m.reg(0), 0x04090201n);
  // Another frame in the second page.
  m.put(5, 0, [5, 6, 0xcc]);
  m.map(CODE + 0x1000n, 5);
  m.engine.flushPage(m.ctx, Number(CODE + 0x1000n), 0);
  m.rip = CODE + 0xffdn;
  assert.equal(exitName(m.run()), "INT3");
  assert.equal(m.reg(0), 0x06050201n);
  m.unmap(CODE + 0x1000n);
  m.engine.flushPage(m.ctx, Number(CODE + 0x1000n), 0);
  m.rip = CODE + 0xffdn;
  assert.equal(m.run(), ExitReason.FAULT);
  assert.deepEqual(m.fault, { vector: Vector.PF, errorCode: 0x14, address: CODE + 0x1000n });
  assert.equal(m.rip, CODE + 0xffdn);
});

Deno.test("self-modifying code: a store into its own block, and into code run before", () => {
  // mov byte [rip+1],0x42 ; mov eax,imm (the immediate's low byte is changed); int3
  const m = machine([0xc6, 0x05, 1, 0, 0, 0, 0x42, 0xb8, 1, 0, 0, 0, 0xcc]);
  assert.equal(exitName(m.run()), "INT3");
  assert.equal(m.reg(0), 0x42n);
  assert.equal(m.retired, 2);
  // A loop that writes its own immediate each turn: L: mov eax,0; inc byte [L+1]; cmp eax,5; jne L; int3
  const n = machine([
    ...[0xb8, 0, 0, 0, 0],
    ...[0xfe, 0x05, 0xf6, 0xff, 0xff, 0xff],
    ...[0x83, 0xf8, 5],
    ...[0x75, 0xf0, 0xcc],
  ]);
  assert.equal(exitName(n.run()), "INT3");
  assert.equal(n.reg(0), 5n);
  assert.equal(n.retired, 4 * 6);
});

Deno.test("writes from outside drop decoded code", () => {
  const m = machine([0xb8, 1, 0, 0, 0, 0xcc]);
  m.run();
  assert.equal(m.reg(0), 1n);
  m.put(1, 1, [2]);
  m.rip = CODE;
  m.run();
  assert.equal(m.reg(0), 2n);
});

Deno.test("data beside code in one page can be written without losing the code", () => {
  // L: mov [rip+0x800],ecx ; dec ecx ; jnz L ; int3
  const m = machine([0x89, 0x0d, 0, 8, 0, 0, 0xff, 0xc9, 0x75, 0xf6, 0xcc]);
  m.setReg(1, 100n);
  assert.equal(exitName(m.run()), "INT3");
  assert.equal(m.view.number(m.ctx, "invalidations"), 0);
  assert.equal(m.bytes(1, 0x806, 1)[0], 1);
});

Deno.test("LOCK forms, aligned and not", () => {
  // lock xadd [rbx],rax ; lock cmpxchg16b would be next; lock inc dword [rbx+3]; int3
  const m = machine([0xf0, 0x48, 0x0f, 0xc1, 0x03, 0xf0, 0xff, 0x43, 0x0d, 0xcc]);
  m.setReg(3, DATA);
  m.setReg(0, 5n);
  m.put(3, 0, [10]);
  m.put(3, 13, [0xff, 0xff]);
  assert.equal(exitName(m.run()), "INT3");
  assert.equal(m.reg(0), 10n);
  assert.equal(m.bytes(3, 0, 1)[0], 15);
  assert.deepEqual([...m.bytes(3, 13, 3)], [0, 0, 1]);
  assert.equal(m.retired, 2);
});

Deno.test("REP MOVS and STOS: bulk, backwards, overlapping, faulting half-way", () => {
  const m = machine([0xf3, 0xa4, 0xcc]);
  m.put(3, 0, Array.from({ length: 100 }, (_, i) => i));
  m.setReg(6, DATA);
  m.setReg(7, DATA + 0x800n);
  m.setReg(1, 100n);
  assert.equal(exitName(m.run()), "INT3");
  assert.equal(m.bytes(3, 0x800 + 99, 1)[0], 99);
  assert.deepEqual([m.reg(1), m.reg(6), m.reg(7)], [0n, DATA + 100n, DATA + 0x864n]);
  assert.equal(m.retired, 1);
  // A pattern: destination one byte after the source.
  m.setReg(6, DATA);
  m.setReg(7, DATA + 1n);
  m.setReg(1, 50n);
  m.rip = CODE;
  m.run();
  assert.deepEqual([...m.bytes(3, 0, 52)], [...new Array(51).fill(0), 51]);
  // Faulting at the end of the second data page.
  m.setReg(6, DATA);
  m.setReg(7, DATA + 0x1ff0n);
  m.setReg(1, 0x20n);
  m.rip = CODE;
  assert.equal(m.run(), ExitReason.FAULT);
  assert.equal(m.fault.address, DATA + 0x2000n);
  assert.deepEqual([m.reg(1), m.reg(6), m.reg(7)], [0x10n, DATA + 16n, DATA + 0x2000n]);
  assert.equal(m.rip, CODE);
});

Deno.test("TF: one instruction, then TRAP_STEP", () => {
  const m = machine([0xff, 0xc0, 0xff, 0xc0, 0xcc]);
  m.flags = Flag.TF | 2;
  assert.equal(m.run(), ExitReason.TRAP_STEP);
  assert.equal(m.reg(0), 1n);
  assert.equal(m.rip, CODE + 2n);
  assert.equal(m.retired, 1);
});

Deno.test("kick ends run between blocks and is handed over", () => {
  const m = machine([0xeb, 0xfe]);
  m.view.set(m.ctx, "kick", 6);
  assert.equal(m.run(), ExitReason.KICK);
  assert.equal(m.view.get(m.ctx, "exitInfo"), 6);
  assert.equal(m.view.get(m.ctx, "kick"), 0);
  assert.equal(m.retired, 0);
});

Deno.test("large pages, and flushPage drops all of one", () => {
  const m = machine([0x8b, 0x03, 0xcc], { frames: 1024 + 64 });
  const big = 0x40000000n;
  m.map(big, 512, Pte.P | Pte.W | Pte.U | Pte.PS, 1);
  m.put(512 + 5, 0x10, [0x11, 0x22, 0x33, 0x44]);
  m.setReg(3, big + 0x5010n);
  assert.equal(exitName(m.run()), "INT3");
  assert.equal(m.reg(0), 0x44332211n);
  m.map(big, 0, 0, 1);
  m.engine.flushPage(m.ctx, Number(big), 0);
  m.rip = CODE;
  assert.equal(m.run(), ExitReason.FAULT);
});

Deno.test("foreign frames go through the hook", () => {
  const log: unknown[] = [];
  const far = new Uint8Array(4096).fill(0xab);
  const m: TestMachine = machine([0x48, 0x8b, 0x03, 0x48, 0x89, 0x43, 0x08, 0xcc], {
    hooks: {
      foreign(_ctx: number, mfn: number, offset: number, size: number, write: boolean, data: number) {
        log.push([mfn, offset, size, write]);
        if (write) far.set(m.view.u8.subarray(data, data + size), offset);
        else m.view.u8.set(far.subarray(offset, offset + size), data);
        return 0;
      },
    },
  });
  m.mapMfn(DATA, 0x123456789);
  m.setReg(3, DATA + 0x10n);
  far.set([1, 2, 3, 4, 5, 6, 7, 8], 0x10);
  assert.equal(exitName(m.run()), "INT3");
  assert.equal(m.reg(0), 0x0807060504030201n);
  assert.deepEqual([...far.subarray(0x18, 0x20)], [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual(log, [[0x123456789, 0x10, 8, false], [0x123456789, 0x18, 8, true]]);
});

Deno.test("the arena is emptied when it is full, and code goes on", () => {
  // 3,000 blocks of `jmp next`, round and round
  const m = new TestMachine({ frames: 64, codeBytes: 64 << 10 });
  for (let page = 0; page < 8; page++) m.map(CODE + BigInt(page * 4096), 1 + page);
  const code = new Uint8Array(8 * 4096);
  for (let at = 0; at < code.length; at += 16) {
    code.set([0xff, 0xc0, 0xeb, 12], at);
  }
  // the last one jumps back
  code.set([0xff, 0xc0, 0xe9], code.length - 16);
  new DataView(code.buffer).setInt32(code.length - 13, -(code.length - 9), true);
  m.view.u8.set(code, 4096);
  m.rip = CODE;
  assert.equal(m.run(200_000), ExitReason.BUDGET);
  assert.equal(m.reg(0), 100_000n);
  assert.ok(m.engine.cache.used < 64 << 10);
});

Deno.test("32-bit code: flat and with a segment base and limit", () => {
  // mov eax,[ebx] ; push eax ; pop ecx ; jmp $+2; int3
  const m = machine([0x8b, 0x03, 0x50, 0x59, 0xeb, 0, 0xcc], { mode: 32 });
  m.put(3, 0, [1, 2, 3, 4]);
  m.setReg(3, DATA);
  m.setReg(4, DATA + 0x100n);
  assert.equal(exitName(m.run()), "INT3");
  assert.deepEqual([m.reg(0), m.reg(1), m.reg(4)], [0x04030201n, 0x04030201n, DATA + 0x100n]);
  m.rip = CODE;
  m.view.data.setBigUint64(m.ctx + CTX.ds + 16, DATA, true);
  m.view.data.setUint32(m.ctx + CTX.ds + 8, 0xff, true);
  m.engine.segmentsChanged(m.ctx);
  m.setReg(3, 2n);
  m.put(3, 4, [5, 6]);
  assert.equal(exitName(m.run()), "INT3");
  assert.equal(m.reg(0), 0x06050403n);
  m.rip = CODE;
  m.setReg(3, 0xfdn);
  assert.equal(m.run(), ExitReason.FAULT);
  assert.deepEqual([m.fault.vector, m.fault.errorCode], [Vector.GP, 0]);
});

Deno.test("a domain with more than 2 GiB", () => {
  const high = 540_000;
  const m = new TestMachine({ frames: 560_000 });
  m.map(CODE, high);
  m.map(CODE + 0x1000n, high + 1);
  m.map(DATA, high + 2);
  m.map(DATA + 0x1000n, 3);
  // call +0x1000-5; mov [rbx+0xffe],eax; inc byte [rip]; int3, whose byte that is no more
  m.put(high, 0, [
    ...[0xe8, 0xfb, 0x0f, 0, 0],
    ...[0x89, 0x83, 0xfe, 0x0f, 0, 0],
    ...[0xfe, 0x0d, 0, 0, 0, 0],
    ...[0xcd, 0xcc],
  ]);
  m.put(high + 1, 0, [0x8b, 0x43, 0x10, 0xf0, 0xff, 0x43, 0x11, 0xc3]);
  m.put(high + 2, 0x10, [1, 2, 3, 4]);
  m.setReg(3, DATA);
  m.setReg(4, DATA + 0x800n);
  m.rip = CODE;
  assert.equal(exitName(m.run()), "INT3");
  assert.equal(m.reg(0), 0x04030201n);
  assert.deepEqual([...m.bytes(high + 2, 0xffe, 2), ...m.bytes(3, 0, 2)], [1, 2, 3, 4]);
  assert.deepEqual([...m.bytes(high + 2, 0x10, 4)], [1, 3, 3, 4]);
  m.engine.dropFrame(high + 2);
  m.engine.staleAll();
  m.unmap(DATA);
  m.engine.flushAll(m.ctx);
  m.rip = CODE;
  assert.equal(m.run(), ExitReason.FAULT);
});
