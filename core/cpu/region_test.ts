import assert from "node:assert/strict";
import { buildInterpreter, type InterpreterImage } from "./engine.ts";
import { exitName, ExitReason } from "./exit.ts";
import { type HotBlock, hotBlocks } from "./profile.ts";
import { RegionTranslator } from "./region.ts";
import { TestMachine } from "./testing.ts";
import { restart, workload, WORKLOAD_DATA } from "./testing_workload.ts";

const image: InterpreterImage = buildInterpreter({ profile: true });

/** Everything a guest can see of its processor. */
function state(m: TestMachine): unknown {
  const { view, ctx } = m;
  const registers = Array.from({ length: 16 }, (_, n) => m.reg(n).toString(16));
  return {
    registers,
    flags: m.flags,
    rip: m.rip.toString(16),
    retired: m.retired,
    mode: view.get(ctx, "mode"),
  };
}

function data(m: TestMachine): Uint8Array {
  return m.view.u8.slice(8 * 4096, (8 + 64) * 4096);
}

/** The program run once with counters: its hottest blocks. */
function profiled(): { m: TestMachine; hot: HotBlock[] } {
  const m = workload({ image });
  restart(m);
  assert.equal(exitName(m.run(100_000_000)), "INT3");
  return { m, hot: hotBlocks(m.memory.buffer, m.layout, 20) };
}

/** Two machines just before the program's start, one with its hottest blocks translated. */
function pair(): [TestMachine, TestMachine] {
  const machines = [profiled(), profiled()] as const;
  const { m, hot } = machines[1];
  assert.equal(hot.length, 20);
  assert.equal(new RegionTranslator(m.engine, image).translate(hot), 20);
  for (const { m } of machines) {
    m.view.u8.fill(0, 8 * 4096, (8 + 64) * 4096);
    m.view.setBig(m.ctx, "retired", 0n);
    restart(m);
  }
  return [machines[0].m, machines[1].m];
}

Deno.test("the 20 hottest blocks give the same state as the interpreter, wherever a budget ends", () => {
  const [a, b] = pair();
  let seed = 1;
  for (;;) {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    const budget = 1 + (seed >>> 16) % ((seed & 64) ? 4000 : 60);
    const reason = a.run(budget);
    assert.equal(exitName(b.run(budget)), exitName(reason));
    assert.deepEqual(state(b), state(a));
    if (reason !== ExitReason.BUDGET) break;
  }
  assert.equal(exitName(a.view.get(a.ctx, "exitReason")), "INT3");
  assert.ok(a.retired > 1_000_000);
  assert.deepEqual(data(b), data(a));
});

Deno.test("faults in translated loops are as precise as the interpreter's", () => {
  const [a, b] = pair();
  // Pages that the program sweeps over come and go.
  for (const page of [0x1n, 0x2n, 0x6n, 0x8n, 0x10n]) {
    for (const m of [a, b]) {
      m.unmap(WORKLOAD_DATA + page * 4096n);
      m.engine.flushAll(m.ctx);
    }
    const reason = a.run(10_000_000);
    assert.equal(exitName(reason), "FAULT");
    assert.equal(b.run(10_000_000), reason);
    assert.deepEqual(b.fault, a.fault);
    assert.deepEqual(state(b), state(a));
    for (const m of [a, b]) m.map(WORKLOAD_DATA + page * 4096n, 8 + Number(page));
  }
  assert.equal(exitName(a.run(100_000_000)), "INT3");
  assert.equal(exitName(b.run(100_000_000)), "INT3");
  assert.deepEqual(state(b), state(a));
  assert.deepEqual(data(b), data(a));
});

Deno.test("a translated loop sees a kick, and code written under it", () => {
  const m = new TestMachine({ image });
  const code = 0x400000n;
  m.map(code, 1);
  // L: inc rax; jmp L
  m.put(1, 0, [0x48, 0xff, 0xc0, 0xeb, 0xfb]);
  m.rip = code;
  m.run(1000);
  const hot = hotBlocks(m.memory.buffer, m.layout, 1);
  const translator = new RegionTranslator(m.engine, image);
  assert.equal(translator.translate(hot), 1);
  assert.equal(m.run(100_001), ExitReason.BUDGET);
  assert.equal(m.reg(0), 50_501n);
  m.view.set(m.ctx, "kick", 1);
  assert.equal(m.run(1000), ExitReason.KICK);
  assert.equal(m.retired, 101_001);
  m.put(1, 0, [0xcc]);
  m.rip = code;
  assert.equal(exitName(m.run(1000)), "INT3");
});

Deno.test("the function table grows for regions", () => {
  const { m, hot } = profiled();
  const translator = new RegionTranslator(m.engine, image);
  const { table } = m.engine.exports;
  const before = table.length;
  for (let slot = image.regionSlot; slot < before; slot += hot.length) {
    assert.equal(translator.translate(hot), hot.length);
  }
  assert.ok(table.length > before);
  restart(m);
  assert.equal(exitName(m.run(100_000_000)), "INT3");
});
