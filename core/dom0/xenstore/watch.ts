import type { Change } from "./view.ts";
import { domainPath, isWithin } from "./path.ts";

/** A client's wish to hear of changes at or below a path. */
export interface Watch {
  /** As the client gave it: relative paths come back relative. */
  readonly given: string;
  readonly path: string;
  readonly token: string;
}

/** The path that a watch reports for a change, or undefined where the change does not concern it. */
export function eventPath(watch: Watch, change: Change, domid: number): string | undefined {
  if (isWithin(change.path, watch.path)) return relativeTo(watch, change.path, domid);
  // The removal of a node above takes the watched node with it; the event then names the watched path.
  if (change.kind === "removed" && isWithin(watch.path, change.path)) return watch.given;
  return undefined;
}

function relativeTo(watch: Watch, path: string, domid: number): string {
  if (watch.given.startsWith("/") || watch.given.startsWith("@")) return path;
  return path.slice(domainPath(domid).length + 1);
}
