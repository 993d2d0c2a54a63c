/** The view of events: state changes and alerts, the latest last. */
import type { Notice } from "../model/types.ts";
import { harmless, type Line, line, type Role, span, widthOf, wrapText } from "./line.ts";
import { clock } from "../model/mod.ts";

const SEVERITIES: Readonly<Record<Notice["severity"], readonly [word: string, role: Role]>> = {
  info: ["info", "dim"],
  warning: ["warning", "warning"],
  alert: ["ALERT", "bad"],
};

/** Time and severity. */
const INDENT = 18;

/** What is too long goes on in the next line. */
export function eventLines(notices: readonly Notice[], width: number): Line[] {
  if (notices.length === 0) return [line(span("nothing has happened yet", "dim"))];
  return notices.flatMap(({ at, severity, domain, text }) => {
    const [word, role] = SEVERITIES[severity];
    const name = domain === undefined ? "" : `${harmless(domain)} `;
    const shown = severity === "info" ? "text" : role;
    const [first, ...more] = wrapText(harmless(text), width - INDENT - widthOf(name));
    return [
      line(
        span(clock(at), "dim"),
        "  ",
        span(word.padEnd(8), role),
        span(name, "strong"),
        span(first, shown),
      ),
      ...more.map((part) => line(" ".repeat(INDENT + widthOf(name)), span(part, shown))),
    ];
  });
}
