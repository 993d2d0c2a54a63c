/** The hottest blocks of a real run, GRUB's, through the first region translator: the same state as the interpreter's. */
import assert from "node:assert/strict";
import { REC_BACK } from "../core/cpu/record.ts";
import { exitName } from "../core/cpu/mod.ts";
import { RegionTranslator } from "../core/cpu/region.ts";
import { guestTest } from "./guests.ts";
import { profileGrub, type Replica } from "./profiled_grub.ts";

const BLOCKS = 20;

function state({ engine, ctx }: Replica): unknown {
  const { view } = engine;
  const registers = Array.from({ length: 16 }, (_, n) => view.reg(ctx, n).toString(16));
  return { registers, flags: view.flags(ctx), rip: view.big(ctx, "rip"), retired: view.big(ctx, "retired") };
}

guestTest("the 20 hottest blocks of GRUB's run give the same state as regions", ["grub"], async ([file]) => {
  const run = await profileGrub(await Deno.readFile(file), BLOCKS);
  assert.equal(run.hot.length, BLOCKS);
  const [a, b] = [run.replica(), run.replica()];
  const translator = new RegionTranslator(b.engine, run.image);
  let compared = 0;
  for (const block of run.hot) {
    translator.reset();
    assert.equal(translator.translate([block]), 1, `block at ${block.frame.toString(16)}:${block.offset}`);
    const length = b.engine.view.u8[block.record + REC_BACK];
    // As a slice that ends in the block, after it, and far behind.
    for (const budget of [length, length + 1, 100, 1000, 20_000]) {
      for (const machine of [a, b]) machine.enter(block);
      const reason = a.engine.run(a.ctx, budget);
      assert.equal(exitName(b.engine.run(b.ctx, budget)), exitName(reason));
      assert.deepEqual(state(b), state(a));
      compared++;
    }
    translator.remove(block);
  }
  assert.equal(compared, 5 * BLOCKS);
  // Guest frames.
  const bytes = run.layout.frames * 4096;
  const [ours, theirs] = [a, b].map(({ memory }) => new BigUint64Array(memory.buffer, 0, bytes / 8));
  for (let i = 0; i < ours.length; i++) {
    if (ours[i] !== theirs[i]) assert.fail(`memory differs at ${(i * 8).toString(16)}`);
  }
});
