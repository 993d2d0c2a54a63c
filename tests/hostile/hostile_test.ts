/** Hostile guests for half a minute, or XENOLITH_HOSTILE_SECONDS; the seeds count up from XENOLITH_HOSTILE_SEED. By hand: run.ts. */
import assert from "node:assert/strict";
import { attack } from "./harness.ts";

const SECONDS = Number(Deno.env.get("XENOLITH_HOSTILE_SECONDS") ?? 30);
const SEED = Number(Deno.env.get("XENOLITH_HOSTILE_SEED") ?? 1);

Deno.test("hostile guests harm nobody but themselves", async () => {
  const report = await attack({ seconds: SECONDS, seed: SEED });
  const called = [...report.templates.values()].filter(({ calls }) => calls > 0).length;
  const succeeded = [...report.templates.values()].filter(({ successes }) => successes > 0).length;
  const summary = `${report.domains} domains, ${report.hypercalls} hypercalls, ${report.traps} traps, ` +
    `${called} kinds of calls of ${report.templates.size}, ${succeeded} with success; ` +
    `the victim answered ${report.victim.answers} times, in ${report.victim.slowestMs.toFixed(0)} ms at most`;
  console.log(summary);
  assert.deepEqual(report.faults, [], report.faults.join("\n"));
  // They did attack, and the victim was looked at all along.
  assert.ok(report.domains >= 3 && report.hypercalls > 2000 && report.traps > 500, summary);
  assert.ok(called > report.templates.size / 2, summary);
  assert.ok(report.victim.answers > SECONDS / 2, summary);
  assert.ok(report.rssGrowthMiB < 200, `RSS grew by ${report.rssGrowthMiB.toFixed(0)} MiB`);
});
