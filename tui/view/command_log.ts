/** The view of the command lines that actions ran, with what they printed. */
import type { Command } from "../keys/ui_state.ts";
import { harmless, type Line, line, type Role, span } from "./line.ts";
import { clock } from "../model/mod.ts";

const STATES: Readonly<Record<Command["state"], readonly [word: string, role: Role]>> = {
  running: ["running", "warning"],
  done: ["done", "good"],
  failed: ["FAILED", "bad"],
};

export function commandLines(commands: readonly Command[]): Line[] {
  if (commands.length === 0) {
    return [
      line(
        span("no command has run yet: each action shows here as the command line that does the same", "dim"),
      ),
    ];
  }
  return commands.flatMap(({ at, line: text, state, output }) => {
    const [word, role] = STATES[state];
    const printed = output.trimEnd();
    return [
      line(span(clock(at), "dim"), "  ", span(word.padEnd(8), role), span(harmless(text), "strong")),
      ...(printed === ""
        ? []
        : printed.split(/\r?\n/).map((row) => line(`    ${harmless(row.replaceAll("\t", "        "))}`))),
    ];
  });
}
