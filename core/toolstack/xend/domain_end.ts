/** What becomes of a domain that ended by itself (xl.cfg(5), "Event Actions"). */
import type { DomainEnd } from "../host.ts";
import type { DomainSettings, EndAction } from "./domain_source.ts";

export function endAction({ reason }: DomainEnd, { actions }: DomainSettings): EndAction {
  switch (reason) {
    case "poweroff":
      return actions.poweroff;
    case "reboot":
      return actions.reboot;
    case "crash":
      return actions.crash;
    case "watchdog":
      return actions.watchdog;
    case "soft_reset":
      return actions.softReset;
    case "suspend":
      // It waits for whoever asked it to suspend; xl leaves it alone as well.
      return "preserve";
  }
}

/** The suffix of the name of a domain that is kept while its successor takes its name (xl's). */
export function preservedSuffix(now: Date): string {
  return `-${now.toISOString().slice(0, 16).replace(/[-:]/g, "")}Z`;
}
