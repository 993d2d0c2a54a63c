import assert from "node:assert/strict";
import { CONTEXT_BYTES } from "./context.ts";
import { exitName, ExitReason } from "./exit.ts";
import { testImage, TestMachine } from "./testing.ts";
import type { WorkerJob } from "./testing_worker.ts";

const CODE = 0x400000n;
const DATA = 0x600000n;

/** Starts vCPU 1 on a worker; the promise gives its exit reason. */
function start(m: TestMachine, ctx: number, budget: number): { done: Promise<number>; stop(): void } {
  const worker = new Worker(new URL("./testing_worker.ts", import.meta.url), { type: "module" });
  const done = new Promise<number>((resolve, reject) => {
    worker.onmessage = (event: MessageEvent<number>) => resolve(event.data);
    worker.onerror = (event) => reject(new Error(event.message));
  });
  const job: WorkerJob = { image: testImage(), memory: m.memory, layout: m.layout, ctx, budget };
  worker.postMessage(job);
  return { done, stop: () => worker.terminate() };
}

Deno.test("two workers: locked read-modify-writes that no atomic covers lose nothing", async () => {
  const TURNS = 300;
  const m = new TestMachine({ vcpus: 2 });
  m.map(CODE, 1);
  m.map(DATA, 3);
  m.map(DATA + 0x1000n, 4);
  // L: lock inc dword [rbx] (across two pages); lock add qword [rdx],1 (aligned); dec ecx; jnz L; int3
  m.put(1, 0, [0xf0, 0xff, 0x03, 0xf0, 0x48, 0x83, 0x02, 0x01, 0xff, 0xc9, 0x75, 0xf4, 0xcc]);
  const other = m.ctx + CONTEXT_BYTES;
  for (const ctx of [m.ctx, other]) {
    m.view.setBig(ctx, "rip", CODE);
    m.view.setReg(ctx, 1, BigInt(TURNS));
    m.view.setReg(ctx, 2, DATA);
    m.view.setReg(ctx, 3, DATA + 0xffen);
  }
  const worker = start(m, other, 100_000);
  assert.equal(exitName(m.run(10_000_000)), "INT3");
  assert.equal(exitName(await worker.done), "INT3");
  worker.stop();
  const across = new DataView(Uint8Array.from([...m.bytes(3, 0xffe, 2), ...m.bytes(4, 0, 2)]).buffer);
  assert.equal(across.getUint32(0, true), 2 * TURNS);
  assert.equal(new DataView(m.bytes(3, 0, 8).buffer).getBigUint64(0, true), BigInt(2 * TURNS));
  assert.equal(m.retired, TURNS * 4);
  assert.equal(m.view.number(other, "retired"), TURNS * 4);
});

Deno.test("two workers: code written by one vCPU is seen by the other after it acknowledges", async () => {
  const m = new TestMachine({ vcpus: 2 });
  m.map(CODE, 1);
  m.map(DATA, 3);
  m.map(DATA + 0x1000n, 2);
  m.map(CODE + 0x1000n, 2);
  const other = m.ctx + CONTEXT_BYTES;
  // vCPU 1, at CODE: L: call F; cmp eax,[rdx]; jb L..: waits until F gives what word 0 asks for, then answers in word 1
  // L: call F (CODE+0x1000); cmp eax,[rbx]; jne L; mov [rbx+4],eax; cmp eax,200; jne L; int3
  m.put(1, 0, [
    ...[0xe8, 0xfb, 0x0f, 0, 0],
    ...[0x3b, 0x03],
    ...[0x75, 0xf7],
    ...[0x89, 0x43, 0x04],
    ...[0x3d, 200, 0, 0, 0],
    ...[0x75, 0xed],
    0xcc,
  ]);
  m.put(2, 0, [0xb8, 0, 0, 0, 0, 0xc3]);
  m.view.setBig(other, "rip", CODE);
  m.view.setReg(other, 3, DATA);
  m.view.setReg(other, 4, DATA + 0x800n);
  const worker = start(m, other, 1000);
  // vCPU 0 writes F through another mapping, then asks, then waits for the answer.
  // L: inc ecx; mov [rdx+1],ecx; mov [rbx],ecx; W: cmp [rbx+4],ecx; jne W; cmp ecx,200; jne L; int3
  m.put(1, 0x100, [
    ...[0xff, 0xc1],
    ...[0x89, 0x4a, 0x01],
    ...[0x89, 0x0b],
    ...[0x39, 0x4b, 0x04],
    ...[0x75, 0xfb],
    ...[0x81, 0xf9, 200, 0, 0, 0],
    ...[0x75, 0xec],
    0xcc,
  ]);
  m.rip = CODE + 0x100n;
  m.setReg(2, DATA + 0x1000n);
  m.setReg(3, DATA);
  assert.equal(exitName(m.run(1_000_000_000)), "INT3");
  assert.equal(exitName(await worker.done), "INT3");
  worker.stop();
  assert.equal(m.reg(1), 200n);
});

Deno.test("dropWriteTags and staleAll take effect on a vCPU that is running", async () => {
  const m = new TestMachine({ vcpus: 2 });
  m.map(CODE, 1);
  m.map(DATA, 3);
  const other = m.ctx + CONTEXT_BYTES;
  // L: inc dword [rbx]; jmp L
  m.put(1, 0, [0xff, 0x03, 0xeb, 0xfc]);
  m.view.setBig(other, "rip", CODE);
  m.view.setReg(other, 3, DATA);
  const word = (3 * 4096) >>> 2;
  const worker = start(m, other, 1 << 30);
  while (Atomics.load(m.view.i32, word) < 1000) await new Promise((done) => setTimeout(done, 1));
  // The page becomes read-only: after staleAll nothing is written any more, and the vCPU has faulted.
  m.map(DATA, 3, 5);
  m.engine.staleAll();
  const after = Atomics.load(m.view.i32, word);
  assert.equal(await worker.done, ExitReason.FAULT);
  assert.equal(Atomics.load(m.view.i32, word), after);
  worker.stop();
});
