/** Starts xend as a process of its own, which outlives the one that started it. */
import { v8Option, wantsChecks } from "../v8_flags.ts";
import { debugLog, makeDirectories, type XendPaths } from "../xend/paths.ts";

/** Exit code of a xend that found another one holding the lock (EX_TEMPFAIL). */
export const EXIT_LOCKED = 75;
const POLL_MS = 10;
const SHOWN_LINES = 15;

/** Its place in the sources; a bundle has another name. */
const THIS_FILE = "core/toolstack/api/launch.ts";

/** The self-extracting executable sets it to its own absolute path. */
export const SELF_VARIABLE = "XENOLITH_SELF";

/** The command that runs xenolith with the arguments given: this very program, from its sources or as one executable. */
export function selfCommand(args: readonly string[]): string[] {
  if (Deno.build.standalone) return [Deno.execPath(), ...args];
  const fromSources = import.meta.url.endsWith(`/${THIS_FILE}`);
  const executable = fromSources ? undefined : Deno.env.get(SELF_VARIABLE);
  // By its own name: a link to it named xl would be xl.
  if (executable !== undefined) return [Deno.realPathSync(executable), ...args];
  const root = import.meta.url.slice(0, -THIS_FILE.length);
  const main = fromSources ? `${root}mod.ts` : Deno.mainModule;
  const config = fromSources
    ? ["--config", decodeURIComponent(new URL(`${root}deno.json`).pathname)]
    : ["--no-config"];
  return [
    Deno.execPath(),
    "run",
    ...config,
    "-A",
    "--unstable-worker-options",
    v8Option(wantsChecks()),
    main,
    ...args,
  ];
}

function size(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

function tail(path: string, from: number): string {
  const bytes = Deno.readFileSync(path);
  const lines = new TextDecoder().decode(bytes.subarray(from)).trimEnd().split("\n");
  return lines.slice(-SHOWN_LINES).map((line) => `    ${line}`).join("\n");
}

/**
 * Starts xend and waits until it answers.
 * @returns what went wrong, worded for the user; undefined when it runs
 */
export async function spawnXend(
  paths: XendPaths,
  xendArguments: readonly string[],
  answers: () => Promise<boolean>,
  timeoutMs: number,
): Promise<string | undefined> {
  makeDirectories(paths);
  const log = debugLog(paths);
  const from = size(log);
  // The shell only opens the log: a process here cannot be given a file as its output otherwise.
  const script = 'exec "$@" >>"$0" 2>&1 </dev/null';
  const child = new Deno.Command("/bin/sh", {
    args: ["-c", script, log, ...selfCommand(["xend", "start", "--foreground", ...xendArguments])],
    env: {
      NO_COLOR: "1",
      XENOLITH_STATE_DIR: paths.state,
      XENOLITH_LOG_DIR: paths.log,
      XENOLITH_RUN_DIR: paths.run,
    },
    cwd: "/",
    stdin: "null",
    stdout: "null",
    stderr: "null",
    detached: true,
  }).spawn();
  child.unref();
  let exit: Deno.CommandStatus | undefined;
  child.status.then((status) => exit = status);
  const deadline = performance.now() + timeoutMs;
  while (performance.now() < deadline) {
    if (await answers()) return undefined;
    // Somebody else's xend, which was started at the same time, will answer soon.
    if (exit !== undefined && exit.code !== EXIT_LOCKED) {
      return `xend did not start (exit code ${exit.code}); ${log} says:\n${tail(log, from)}`;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return exit?.code === EXIT_LOCKED
    ? `another xend holds the lock in ${paths.run} but does not answer:\n${tail(log, from)}`
    : `xend did not answer within ${timeoutMs / 1000} s; ${log} says:\n${tail(log, from)}`;
}
