/** Where xend keeps things. Imported by the client too: nothing here is heavy. */

/** node:path's join as far as it is needed here: the first import of a node: module costs a client 15 ms or more. */
const join = (...parts: readonly string[]) => parts.join("/").replace(/\/{2,}/g, "/");

export interface XendPaths {
  /** Managed domains, records of running ones, core dumps. */
  readonly state: string;
  readonly log: string;
  /** Sockets and the lock. */
  readonly run: string;
}

/** What of the environment decides: a part of `Deno.env`. */
export interface PathEnvironment {
  get(name: string): string | undefined;
}

/** Where no place for files can be had; says what to set. */
export class PathError extends Error {
  override readonly name = "PathError";
}

/** XDG's variables count only when they are absolute. */
function absolute(value: string | undefined): string | undefined {
  return value?.startsWith("/") ? value : undefined;
}

/** Where the host's own Xen tools would look, for root; XDG directories for everyone else. XENOLITH_*_DIR come first. */
export function xendPaths(
  environment: PathEnvironment = Deno.env,
  uid: number | null = Deno.uid(),
): XendPaths {
  const [state, log, run] = ["STATE", "LOG", "RUN"].map((name) => {
    const value = environment.get(`XENOLITH_${name}_DIR`);
    if (value === undefined || value === "") return undefined;
    if (!value.startsWith("/")) throw new PathError(`XENOLITH_${name}_DIR is not an absolute path: ${value}`);
    return value.replace(/\/+$/, "");
  });
  if (uid === 0) {
    return { state: state ?? "/var/lib/xen", log: log ?? "/var/log/xen", run: run ?? "/var/run/xen" };
  }
  const home = absolute(environment.get("HOME"));
  const stateHome = absolute(environment.get("XDG_STATE_HOME")) ??
    (home === undefined ? undefined : join(home, ".local/state"));
  const ownState = state ?? (stateHome === undefined ? undefined : join(stateHome, "xenolith"));
  if (ownState === undefined) throw new PathError("neither HOME nor XENOLITH_STATE_DIR is set");
  const runtime = absolute(environment.get("XDG_RUNTIME_DIR"));
  const temporary = absolute(environment.get("TMPDIR")) ?? "/tmp";
  return {
    state: ownState,
    log: log ?? join(ownState, "log"),
    run: run ?? (runtime === undefined ? join(temporary, `xenolith-${uid}`) : join(runtime, "xenolith")),
  };
}

export function apiSocket({ run }: XendPaths): string {
  return join(run, "xend.sock");
}

export function xenstoreSocket({ run }: XendPaths): string {
  return join(run, "xenstored.sock");
}

export function lockFile({ run }: XendPaths): string {
  return join(run, "xend.lock");
}

/** What clients of the TCP listener show. */
export function tokenFile({ run }: XendPaths): string {
  return join(run, "api-token");
}

export function debugLog({ log }: XendPaths): string {
  return join(log, "xend-debug.log");
}

/** sockaddr_un's sun_path, with its 0 at the end. */
const SOCKET_PATH_BYTES = 107;

/** @throws PathError when the system could not bind a socket of that name */
export function checkSocketPath(path: string): void {
  const length = new TextEncoder().encode(path).length;
  if (length > SOCKET_PATH_BYTES) {
    throw new PathError(
      `the path of a socket has at most ${SOCKET_PATH_BYTES} bytes, ${path} has ${length}: set XENOLITH_RUN_DIR to a shorter one`,
    );
  }
}

/**
 * Makes the folders. The run directory is private: where it lies in a shared place (/tmp), one that another user made first is refused.
 * @throws PathError
 */
export function makeDirectories(paths: XendPaths, uid: number | null = Deno.uid()): void {
  for (const [path, name] of [[paths.state, "STATE"], [paths.log, "LOG"], [paths.run, "RUN"]] as const) {
    try {
      // Root's folders are the system's, where others may look at logs; a user's are private.
      Deno.mkdirSync(path, { recursive: true, mode: uid === 0 ? 0o755 : 0o700 });
    } catch (error) {
      const reason = error instanceof Error ? error.message : error;
      throw new PathError(`${path} cannot be made: ${reason}; XENOLITH_${name}_DIR names another place`);
    }
  }
  const info = Deno.lstatSync(paths.run);
  if (uid === null || uid === 0) return;
  if (!info.isDirectory || info.uid !== uid) {
    throw new PathError(`${paths.run} belongs to somebody else; XENOLITH_RUN_DIR names another place`);
  }
  if (info.mode !== null && (info.mode & 0o077) !== 0) Deno.chmodSync(paths.run, 0o700);
}
