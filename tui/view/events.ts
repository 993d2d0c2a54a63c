/** The view of events: state changes and alerts, the latest last. */
import type { Notice } from "../model/types.ts";
import { harmless, type Line, line, type Role, span } from "./line.ts";
import { logEntry } from "./log_entry.ts";

const SEVERITIES: Readonly<Record<Notice["severity"], readonly [word: string, role: Role]>> = {
  info: ["info", "dim"],
  warning: ["warning", "warning"],
  alert: ["ALERT", "bad"],
};

export function eventLines(notices: readonly Notice[], width: number): Line[] {
  if (notices.length === 0) return [line(span("nothing has happened yet", "dim"))];
  return notices.flatMap(({ at, severity, domain, text }) => {
    const kind = SEVERITIES[severity];
    const name = domain === undefined ? "" : `${harmless(domain)} `;
    return logEntry(at, kind, text, severity === "info" ? "text" : kind[1], width, name);
  });
}
