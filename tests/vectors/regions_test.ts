/** A sample of the vectors on the region translator: every form that it takes, a few cases each. */
import assert from "node:assert/strict";
import {
  buildInterpreter,
  CTX,
  type Engine,
  ExitReason,
  Internal,
  SEGMENT_BASE,
} from "../../core/cpu/mod.ts";
import { REC_BACK } from "../../core/cpu/record.ts";
import { RegionTranslator } from "../../core/cpu/region.ts";
import { VectorMachine } from "./machine.ts";
import { report, runVectors } from "./run.ts";

/** One case in so many is run. */
const EVERY = 50;
const FIRST_INTERNAL = Internal.NEED_CODE;
const LAST_INTERNAL = Internal.STEPPED;

Deno.test("regions give what a physical processor gave", () => {
  const image = buildInterpreter();
  let translator: RegionTranslator | undefined;
  let translated = 0;
  const runOne = (engine: Engine, ctx: number): number => {
    translator ??= new RegionTranslator(engine, image);
    translator.reset();
    const { view } = engine;
    const record = engine.decode(ctx);
    if (record === 0) return engine.run(ctx, 1);
    const address = engine.translate(ctx, view.get(ctx, "rip"), view.high(ctx, "rip"), 2);
    const block = {
      frame: address >>> 12,
      offset: address & 0xfff,
      codeMode: view.get(ctx, "codeMode"),
      record,
      length: view.u8[record + REC_BACK],
      entries: 1,
      snapshot: 0,
    };
    if (translator.translate([block]) === 0) return engine.run(ctx, 1);
    translated++;
    // With so little left that the next block cannot start.
    const linear = (view.get(ctx, "rip") + view.data.getInt32(ctx + CTX.cs + SEGMENT_BASE, true)) | 0;
    view.set64(ctx, "codePage", linear & ~0xfff, view.high(ctx, "rip"));
    engine.world.enter(ctx);
    const reason = engine.exports.enter(ctx, record, 1 - block.length);
    engine.world.leave(ctx);
    translator.remove(block);
    // What comes after the instruction (INT3 as a rule) is no part of the case.
    if (view.get(ctx, "left") === 0) return ExitReason.BUDGET;
    // A locked access that is not aligned, a store to code: the interpreter takes over as it does in a run.
    return reason < FIRST_INTERNAL || reason > LAST_INTERNAL ? reason : engine.run(ctx, 1);
  };
  const summary = runVectors(new VectorMachine(image), runOne, new Set(), 3, EVERY);
  console.log(`${translated} of ${summary.vectors} vectors (one in ${EVERY}) ran as regions`);
  assert.ok(translated > 3000);
  // That there are vectors for every form is the interpreter's test.
  const failures = summary.failures.filter(({ first }) => !first[0].endsWith("record again"));
  assert.deepEqual(failures.length, 0, report({ ...summary, failures }));
});
