/** The Inside tab: what the hypervisor does for a domain: hypercalls, exits, TLB misses, interpreted and translated instructions. */
import type { DomainRow } from "../../model/types.ts";
import type { Look } from "../look.ts";
import { BLANK_LINE, fit, type Line, line, span } from "../line.ts";
import { count, grouped, percent } from "../../model/mod.ts";
import { facts, heading, textTable } from "../text_table.ts";

interface Counter {
  readonly name: string;
  readonly total: number;
  readonly rate: number;
}

/** The greatest total first: the order stays while one looks. */
function counters({ figures, rates }: DomainRow, prefix: string): Counter[] {
  return Object.entries(figures.counters)
    .filter(([name]) => name.startsWith(prefix))
    .map(([name, total]) => ({
      name: name.slice(prefix.length),
      total,
      rate: rates.counters[name] ?? 0,
    }))
    .sort((a, b) => b.total - a.total || a.name.localeCompare(b.name));
}

const GROUPS = ["hypercall ", "exit "];
/** Told of above the tables. */
const TOLD_ABOVE = ["interpreted", "translated", "tlbMisses"];

function table(title: string, all: readonly Counter[], size: number, { gauge }: Look): Line[] {
  const sum = all.reduce((total, { rate }) => total + rate, 0);
  const most = Math.max(1, ...all.map(({ rate }) => rate));
  return [
    [span(title, "title"), span(`  ${count(sum)}/s`, "dim")],
    ...(all.length === 0 ? [line(span("none so far", "dim"))] : textTable(
      [
        { title: "Name" },
        { title: "per second", align: "right" },
        { title: "Total", align: "right" },
        { title: "" },
      ],
      all.map(({ name, total, rate }) => [
        name,
        span(rate === 0 ? "-" : count(rate), rate === 0 ? "dim" : "strong"),
        grouped(total),
        span(gauge(rate, most, size), "cpu"),
      ]),
    )),
    BLANK_LINE,
  ];
}

/** Two lists side by side, where there is room. */
function beside(
  left: readonly Line[],
  right: readonly Line[],
  leftWidth: number,
): Line[] {
  return Array.from({ length: Math.max(left.length, right.length) }, (_, index) => [
    ...fit(left[index] ?? BLANK_LINE, leftWidth),
    ...(right[index] ?? BLANK_LINE),
  ]);
}

export function insideLines(
  row: DomainRow,
  width: number,
  look: Look,
): Line[] {
  const { figures, rates } = row;
  const retired = figures.vcpus.reduce((sum, vcpu) => sum + vcpu.retired, 0);
  const tier = (name: string) => ({
    total: figures.counters[name] ?? 0,
    rate: rates.counters[name] ?? 0,
  });
  const interpreted = tier("interpreted");
  const translated = tier("translated");
  const share = (part: number, other: number) =>
    part + other <= 0 ? "-" : percent(100 * part / (part + other));
  const misses = tier("tlbMisses");
  const perThousand = rates.instructions <= 0 ? "-" : (1000 * misses.rate / rates.instructions).toFixed(2);
  const others = Object.keys(figures.counters).filter((name) =>
    !GROUPS.some((prefix) => name.startsWith(prefix)) && !TOLD_ABOVE.includes(name)
  );
  const head = facts([
    ["Instructions", `${count(rates.instructions)}/s, ${grouped(retired)} in all`],
    [
      "Interpreted",
      `${share(interpreted.rate, translated.rate)} now, ${share(interpreted.total, translated.total)} in all`,
    ],
    [
      "Translated",
      `${share(translated.rate, interpreted.rate)} now, ${share(translated.total, interpreted.total)} in all`,
    ],
    [
      "TLB misses",
      `${count(misses.rate)}/s (${perThousand} per 1000 instructions), ${grouped(misses.total)} in all`,
    ],
  ]);
  const size = Math.max(6, Math.min(20, Math.floor(width / 8)));
  const hypercalls = table("Hypercalls", counters(row, "hypercall "), size, look);
  const exits = table("Exits", counters(row, "exit "), size, look);
  const rest = table(
    "Other counters",
    counters(row, "").filter(({ name }) => others.includes(name)),
    size,
    look,
  );
  const tables = width >= 130
    ? [...beside(hypercalls, exits, Math.floor(width / 2)), ...rest]
    : [...hypercalls, ...exits, ...rest];
  return [heading("Inside the hypervisor"), ...head, BLANK_LINE, ...tables];
}
