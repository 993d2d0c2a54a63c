/** `top`: xentop's table again and again, or the same figures for programs; on a terminal the dashboard. */
import type { MachineFigures } from "../../api/figures.ts";
import { prometheusText } from "../../format/prometheus.ts";
import { machineRates } from "../../format/rates.ts";
import { type TopDomain, topDomains, type TopOptions, topTable } from "../../format/top.ts";
import { topCsv, topCsvHeader, topJson } from "../../format/top_records.ts";
import type { Context, DashboardOptions } from "../context.ts";
import { CommandError } from "../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import type { Invocation } from "../invocation.ts";
import type { Runner } from "../spec.ts";
import { VERSION } from "../../version.ts";

const DELAY_SECONDS = 3;
const MOST_SECONDS = 86400;

/** Prints a sample. */
type Writer = (sample: MachineFigures, domains: readonly TopDomain[]) => string;

function writer(output: string, options: TopOptions): Writer {
  let count = 0;
  switch (output) {
    case "json":
      return topJson;
    case "csv":
      return (sample, domains) => (count++ === 0 ? topCsvHeader() : "") + topCsv(sample, domains);
    case "prometheus":
      return prometheusText;
    default:
      return ({ node }, domains) => topTable(domains, node, options);
  }
}

/** @param iterations 0: for ever, as xentop does */
async function batch(
  context: Context,
  write: Writer,
  { delaySeconds, iterations }: Pick<DashboardOptions, "delaySeconds" | "iterations">,
): Promise<number> {
  const xend = await context.xend();
  let before: MachineFigures | undefined;
  for (let count = 1;; count++) {
    const sample = await xend.figures();
    context.print(write(sample, topDomains(sample, machineRates(before, sample))));
    before = sample;
    if (count === iterations) return EXIT.ok;
    await context.sleep(delaySeconds * 1000);
  }
}

async function dashboard(context: Context, options: DashboardOptions): Promise<number> {
  const { interactive, size } = await context.terminal();
  if (!interactive || size() === undefined) {
    throw new CommandError(
      "the dashboard needs a terminal as standard input and output; top -b prints without one",
      "usage",
    );
  }
  if (context.dashboard === undefined) {
    throw new CommandError("this program comes without the dashboard; top -b prints the figures");
  }
  return await context.dashboard(options);
}

function delayOf(invocation: Invocation): number {
  const text = invocation.text("delay") ?? String(DELAY_SECONDS);
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN;
  if (seconds > 0 && seconds <= MOST_SECONDS) return seconds;
  throw new CommandError(
    `--delay: expected a number of seconds up to ${MOST_SECONDS}, found ${JSON.stringify(text)}`,
    "usage",
  );
}

export const top: Runner = async (invocation, context) => {
  if (invocation.has("version")) {
    context.print(`xenolith ${VERSION}\n`);
    return EXIT.ok;
  }
  const iterations = invocation.number("iterations", 0) ?? 0;
  const delaySeconds = delayOf(invocation);
  const options = {
    fullName: invocation.has("full-name"),
    networks: invocation.has("networks"),
    vbds: invocation.has("vbds"),
    vcpus: invocation.has("vcpus"),
    repeatHeader: invocation.has("repeat-header"),
  };
  const output = invocation.text("output") ?? (invocation.json ? "json" : undefined);
  if (invocation.has("batch") || output !== undefined) {
    // --json is one answer, as of every command.
    const once = invocation.json && !invocation.has("iterations");
    return await batch(context, writer(output ?? "table", options), {
      delaySeconds,
      iterations: once ? 1 : iterations,
    });
  }
  return await dashboard(context, {
    ...options,
    delaySeconds,
    iterations,
    readOnly: invocation.has("readonly"),
    ascii: invocation.has("ascii"),
    theme: invocation.text("theme"),
  });
};
