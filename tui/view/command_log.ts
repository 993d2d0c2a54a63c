/** The view of the command lines that actions ran, with what they printed. */
import type { Command } from "../keys/ui_state.ts";
import { harmless, type Line, line, type Role, span, widthOf, wrapText } from "./line.ts";
import { logEntry } from "./log_entry.ts";

const STATES: Readonly<Record<Command["state"], readonly [word: string, role: Role]>> = {
  running: ["running", "warning"],
  done: ["done", "good"],
  failed: ["FAILED", "bad"],
};

const PRINTED_INDENT = 4;

/** What is too long goes on in the next line: one may want to copy all of it. */
export function commandLines(commands: readonly Command[], width: number): Line[] {
  if (commands.length === 0) {
    return [
      line(
        span("no command has run yet: each action shows here as the command line that does the same", "dim"),
      ),
    ];
  }
  return commands.flatMap(({ at, line: text, state, output }) => {
    const printed = output.trimEnd();
    const rows = printed === ""
      ? []
      : printed.split(/\r?\n/).map((row) => harmless(row.replaceAll("\t", "        ")));
    // Tables are 80 columns wide and stay tables.
    const indent = rows.every((row) => widthOf(row) + PRINTED_INDENT <= width) ? PRINTED_INDENT : 0;
    return [
      ...logEntry(at, STATES[state], text, "strong", width),
      ...rows.flatMap((row) => wrapText(row, width - indent)).map((row) => line(" ".repeat(indent), row)),
    ];
  });
}
