import { homedir } from "node:os";
import { join } from "node:path";

/** Where fetched things are kept: $XDG_CACHE_HOME/xenolith, else ~/.cache/xenolith. */
export function cacheDirectory(environment: Pick<typeof Deno.env, "get"> = Deno.env): string {
  const xdg = environment.get("XDG_CACHE_HOME");
  // The XDG specification says that relative values are to be ignored.
  const base = xdg?.startsWith("/") ? xdg : join(environment.get("HOME") ?? homedir(), ".cache");
  return join(base, "xenolith");
}
