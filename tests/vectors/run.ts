/**
 * Runs the stored vectors on the tiers of our processor. By hand, with details:
 *
 *     deno run -A tests/vectors/run.ts [--show N] [instruction ...]
 */
import { buildInterpreter } from "../../core/cpu/mod.ts";
import { type Form, forms } from "../../core/isa/mod.ts";
import { caseCount, casesOf, notRecorded, recordedBits } from "./cases.ts";
import { describe, differences, undefinedFlags } from "./compare.ts";
import { type RunOne, VectorMachine } from "./machine.ts";
import { decodeFile, fileOf, InputHash, type Section, SectionReader } from "./outcomes.ts";

export interface Failure {
  readonly form: string;
  readonly bits: number;
  /** Cases that differ, and the first few in words. */
  count: number;
  readonly first: string[];
}

export interface Summary {
  vectors: number;
  /** Forms with at least 100 vectors that were run. */
  covered: number;
  /** Forms without vectors: why, and how many. */
  readonly notCovered: Map<string, number>;
  readonly failures: Failure[];
}

/** One instruction at a budget of one: the interpreter. */
export const interpreter: RunOne = (engine, ctx) => engine.run(ctx, 1);

/** Runs every stored vector (of the named instructions, when there are any; or one in `every`) with `runOne`. */
export function runVectors(
  machine: VectorMachine,
  runOne: RunOne,
  wanted: ReadonlySet<string> = new Set(),
  show = 3,
  every = 1,
): Summary {
  let cases = 0;
  const skip = () => ++cases % every !== 0;
  const summary: Summary = { vectors: 0, covered: 0, notCovered: new Map(), failures: [] };
  const files = new Map<string, Section[]>();
  for (const form of forms()) {
    const name = form.instruction.name;
    if (wanted.size > 0 && !wanted.has(name)) continue;
    const reason = notRecorded(form);
    if (reason) {
      summary.notCovered.set(reason, (summary.notCovered.get(reason) ?? 0) + 1);
      continue;
    }
    let sections = files.get(name);
    if (!sections) files.set(name, sections = readFile(name));
    for (const bits of recordedBits(form)) {
      const section = sections.find((one) => one.form === form.id && one.bits === bits);
      if (!section || section.count !== caseCount(form, bits)) {
        summary.failures.push({
          form: form.id,
          bits,
          count: 1,
          first: ["no recorded outcomes: record again"],
        });
        continue;
      }
      const failure = runSection(machine, runOne, form, section, show, skip);
      if (failure) summary.failures.push(failure);
      summary.vectors += section.count;
    }
    summary.covered++;
  }
  return summary;
}

function runSection(
  machine: VectorMachine,
  runOne: RunOne,
  form: Form,
  section: Section,
  show: number,
  skip: () => boolean,
): Failure | undefined {
  const failure: Failure = { form: form.id, bits: section.bits, count: 0, first: [] };
  const reader = new SectionReader(section);
  const hash = new InputHash();
  for (const one of casesOf(form, section.bits)) {
    hash.add(one);
    const recorded = reader.next(one);
    if (skip()) continue;
    let found: string[];
    try {
      const ours = machine.run(one, runOne);
      found = differences(one, recorded, ours, 0);
      // The rule for undefined flags is asked only where it could matter.
      if (found.length > 0) {
        const open = undefinedFlags(form, machine.operandValues(form, one));
        found = differences(
          one,
          recorded,
          ours,
          open,
          form.instruction.openBytes,
          form.instruction.approximate,
        );
      }
    } catch (error) {
      found = [error instanceof Error ? error.message : String(error)];
    }
    if (found.length === 0) continue;
    failure.count++;
    if (failure.first.length < show) failure.first.push(`${describe(one)}\n      ${found.join("\n      ")}`);
  }
  if (hash.value !== section.inputs) {
    failure.count++;
    failure.first.unshift("the inputs are not those that were recorded: record again");
  }
  return failure.count > 0 ? failure : undefined;
}

function readFile(name: string): Section[] {
  try {
    return decodeFile(Deno.readFileSync(fileOf(name)));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

export function report(summary: Summary): string {
  const without = [...summary.notCovered].map(([reason, count]) => `${count} ${reason}`);
  const lines = [
    `${summary.vectors} hardware vectors; ${summary.covered} forms covered, ` +
    `${[...summary.notCovered.values()].reduce((a, b) => a + b, 0)} not (${without.join(", ")})`,
  ];
  for (const { form, bits, count, first } of summary.failures) {
    lines.push(`  ${form} in ${bits}-bit code: ${count} differ`, ...first.map((text) => `    ${text}`));
  }
  return lines.join("\n");
}

if (import.meta.main) {
  const args = [...Deno.args];
  const at = args.indexOf("--show");
  const show = at >= 0 ? Number(args.splice(at, 2)[1]) : 1;
  const machine = new VectorMachine(buildInterpreter());
  const start = performance.now();
  const summary = runVectors(machine, interpreter, new Set(args), show);
  console.log(report(summary));
  const failed = summary.failures.length;
  console.log(
    `${failed} of ${summary.covered} forms fail, ${((performance.now() - start) / 1000).toFixed(1)} s`,
  );
  Deno.exit(failed > 0 ? 1 : 0);
}
