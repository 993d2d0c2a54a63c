/** The view of events: state changes and alerts, the latest last. */
import type { Notice } from "../model/types.ts";
import { harmless, type Line, line, type Role, span } from "./line.ts";
import { clock } from "../model/mod.ts";

const SEVERITIES: Readonly<Record<Notice["severity"], readonly [word: string, role: Role]>> = {
  info: ["info", "dim"],
  warning: ["warning", "warning"],
  alert: ["ALERT", "bad"],
};

export function eventLines(notices: readonly Notice[]): Line[] {
  if (notices.length === 0) return [line(span("nothing has happened yet", "dim"))];
  return notices.map(({ at, severity, domain, text }) => {
    const [word, role] = SEVERITIES[severity];
    return line(
      span(clock(at), "dim"),
      "  ",
      span(word.padEnd(8), role),
      domain === undefined ? "" : span(`${harmless(domain)} `, "strong"),
      span(harmless(text), severity === "info" ? "text" : role),
    );
  });
}
