/** By hand, for as long as you like: `deno run -A --unstable-worker-options tests/hostile/run.ts [--seconds N] [--seed N] [--slots N] [--patience SECONDS] [--quiet]` */
import { parseArgs } from "node:util";
import { attack } from "./harness.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    slots: { type: "string", default: "2" },
    patience: { type: "string", default: "5" },
    life: { type: "string", default: "3" },
    quiet: { type: "boolean", default: false },
  },
});
const seconds = Number(values.seconds), seed = Number(values.seed);
console.log(`seed ${seed}`);
const started = performance.now();
const report = await attack({
  seconds,
  seed,
  slots: Number(values.slots),
  lifeSeconds: Number(values.life),
  patienceMs: Number(values.patience) * 1000,
  log: values.quiet ? undefined : console.log,
});
const elapsed = (performance.now() - started) / 1000;
console.log(
  `${report.domains} domains, ${report.rounds} rounds, ${report.hypercalls} hypercalls (${
    (report.hypercalls / elapsed).toFixed(0)
  }/s), ${report.traps} traps`,
);
console.log([...report.ends].sort((a, b) => b[1] - a[1]).map(([how, count]) => `${count} ${how}`).join("\n"));
console.log("counters", Object.fromEntries(report.counters));
console.log("raw calls by number", report.raw.join(" "));
for (const [name, { calls, successes }] of report.templates) {
  console.log(`${name}: ${calls} calls, ${successes} succeeded`);
}
console.log(
  `victim: ${report.victim.answers} answers, slowest ${report.victim.slowestMs.toFixed(0)} ms; RSS grew ${
    report.rssGrowthMiB.toFixed(0)
  } MiB`,
);
for (const fault of report.faults) console.log(`FAULT ${fault}`);
if (report.faults.length > 0) Deno.exit(1);
