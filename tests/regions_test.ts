/** The hottest blocks of a real run, GRUB's, through the first region translator: the same state as the interpreter's. */
import assert from "node:assert/strict";
import { REC_BACK } from "../core/cpu/record.ts";
import { exitName } from "../core/cpu/mod.ts";
import type { HotBlock } from "../core/cpu/profile.ts";
import { RegionTranslator } from "../core/cpu/region.ts";
import { Decoded, Decoder, forms } from "../core/isa/mod.ts";
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
  let translated = 0;
  const leavesAtOnce = ({ frame, offset }: HotBlock) => {
    const decoded = new Decoded();
    new Decoder().decode(b.engine.view.u8, frame * 4096 + offset, 15, 64, 4, decoded);
    return forms()[decoded.form].instruction.flow === "leave";
  };
  for (const found of run.hot) {
    translator.reset();
    // Blocks run before may have written to the page: the code is decoded again then.
    b.enter(found);
    const block = { ...found, record: b.engine.decode(b.ctx) };
    if (translator.translate([block]) === 0) {
      // Only what leaves to the host at once is no matter for a translator.
      assert.equal(leavesAtOnce(block), true, `block at ${block.frame.toString(16)}:${block.offset}`);
      continue;
    }
    translated++;
    const length = b.engine.view.u8[block.record + REC_BACK];
    // As a slice that ends in the block, after it, and far behind.
    for (const budget of [length, length + 1, 100, 1000, 20_000]) {
      for (const machine of [a, b]) machine.enter(block);
      const reason = a.engine.run(a.ctx, budget);
      assert.equal(exitName(b.engine.run(b.ctx, budget)), exitName(reason));
      assert.deepEqual(state(b), state(a));
    }
    translator.remove(block);
  }
  assert.ok(translated >= BLOCKS - 2, `${translated} translated`);
  // Guest frames.
  const bytes = run.layout.frames * 4096;
  const [ours, theirs] = [a, b].map(({ memory }) => new BigUint64Array(memory.buffer, 0, bytes / 8));
  for (let i = 0; i < ours.length; i++) {
    if (ours[i] !== theirs[i]) assert.fail(`memory differs at ${(i * 8).toString(16)}`);
  }
});

guestTest("GRUB runs with every TLB hit compared with a page walk", ["grub"], async ([file]) => {
  const run = await profileGrub(await Deno.readFile(file), 1, true);
  assert.ok(run.instructions > 10_000_000);
});
