import assert from "node:assert/strict";
import { buildInterpreter } from "../../core/cpu/mod.ts";
import { VectorMachine } from "./machine.ts";
import { interpreter, report, runVectors } from "./run.ts";

Deno.test("the interpreter gives what a physical processor gave", () => {
  const summary = runVectors(new VectorMachine(buildInterpreter()), interpreter);
  console.log(report({ ...summary, failures: [] }));
  assert.ok(summary.vectors > 200_000, `${summary.vectors} vectors`);
  assert.deepEqual(summary.failures.length, 0, report(summary));
});
