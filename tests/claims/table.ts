/** The README's table of capabilities. */
import type { Absence, Claim } from "./claim.ts";

export interface Result {
  readonly claim: Claim | Absence;
  /** Absent claims have none. */
  readonly outcome?: { readonly held: boolean; readonly finding?: string };
}

export const OPEN = "<!-- claims: written by deno task claims -->";
export const CLOSE = "<!-- end of claims -->";

function cells({ claim, outcome }: Result): string[] {
  if ("absent" in claim) return [claim.capability, "", "", `not done: ${claim.absent}`];
  const state = outcome === undefined ? "not run" : outcome.held ? "shown" : "FAILED";
  const finding = outcome?.finding === undefined ? "" : ` (${outcome.finding})`;
  return [claim.capability, claim.on, claim.judge.kind, state + finding];
}

/** Markdown as deno fmt writes it. */
export function table(results: readonly Result[]): string {
  const rows = [["capability", "shown on", "judge", "last run"], ...results.map(cells)]
    .map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(" | ")} |`;
  const rule = line(widths.map((width) => "-".repeat(width)));
  return [line(rows[0]), rule, ...rows.slice(1).map(line)].join("\n");
}

/** A text with the table between its markers in place of what was there. @throws Error without the markers */
export function withTable(text: string, results: readonly Result[]): string {
  const start = text.indexOf(OPEN), end = text.indexOf(CLOSE);
  if (start < 0 || end < start) throw new Error(`README.md has no lines ${OPEN} and ${CLOSE}`);
  return `${text.slice(0, start + OPEN.length)}\n\n${table(results)}\n\n${text.slice(end)}`;
}
