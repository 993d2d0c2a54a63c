/** Events of xend's as notices: what became of domains and devices, what xend complains of. */
import type { XendEvent } from "../../core/toolstack/api/types.ts";
import type { Notice } from "./types.ts";

export const NOTICE_LIMIT = 500;

/** Messages of the log can be a stack trace or a register dump long. */
const TEXT_LIMIT = 300;

type DomainEvent = Extract<XendEvent, { type: "domain" }>;

const CHANGES: Readonly<Record<Exclude<DomainEvent["change"], "shutdown">, string>> = {
  created: "created",
  unpaused: "unpaused",
  paused: "paused",
  destroyed: "destroyed",
  renamed: "has this name now",
  defined: "defined, managed by xend",
  deleted: "deleted, no longer managed",
};

const REASONS: Readonly<Record<NonNullable<DomainEvent["reason"]>, string>> = {
  poweroff: "powered off",
  reboot: "reboots",
  suspend: "suspended",
  crash: "crashed",
  watchdog: "ended by its watchdog",
  soft_reset: "asks for a soft reset",
};

/** XenbusState, those that say something to a user. */
const DEVICE_STATES: Readonly<Record<number, string>> = {
  4: "connected",
  5: "is closing",
  6: "is closed",
  7: "is being reconfigured",
};

const DEVICE_PATH = /\/device\/([^/]+)\/(\d+)\/state$/;

/** `[date pid] LEVEL (module:line) message`, see core/toolstack/xend/log.ts */
const LOG_LINE = /^\[[^\]]*\] (WARNING|ERROR|CRITICAL) \([^)]*\) ([\s\S]*)$/;

function domainNotice({ at, name, change, reason }: DomainEvent): Notice {
  if (change !== "shutdown") return { at, severity: "info", domain: name, text: CHANGES[change] };
  const isFault = reason === "crash" || reason === "watchdog";
  const text = reason === undefined ? "shut down" : REASONS[reason];
  return { at, severity: isFault ? "alert" : "info", domain: name, text };
}

/** @param nameOf a domain's name by its number, where it is known. @returns undefined for what is not worth a line */
export function noticeOf(
  event: XendEvent,
  nameOf: (domid: number) => string | undefined,
): Notice | undefined {
  switch (event.type) {
    case "domain":
      return domainNotice(event);
    case "device": {
      const [, kind, devid] = DEVICE_PATH.exec(event.path) ?? [];
      const state = DEVICE_STATES[event.state];
      if (kind === undefined || state === undefined) return undefined;
      const name = nameOf(event.domid) ?? `domain ${event.domid}`;
      return { at: event.at, severity: "info", domain: name, text: `${kind} ${devid} ${state}` };
    }
    case "log": {
      const [, level, message] = LOG_LINE.exec(event.line) ?? [];
      if (level === undefined) return undefined;
      const text = message.split("\n", 1)[0].slice(0, TEXT_LIMIT);
      return { at: event.at, severity: level === "WARNING" ? "warning" : "alert", text: `xend: ${text}` };
    }
    case "lost":
      return { at: event.at, severity: "warning", text: `${event.count} events were missed` };
    case "watch":
    case "console":
      return undefined;
  }
}

/** @returns the latest of both, at most as many as are kept */
export function appendNotices(notices: readonly Notice[], more: readonly Notice[]): readonly Notice[] {
  return more.length === 0 ? notices : [...notices, ...more].slice(-NOTICE_LIMIT);
}
