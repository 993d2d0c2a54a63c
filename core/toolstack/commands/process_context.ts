/** The process itself as commands see it. Only what every command needs is imported here. */
import { XendClient, XendFailure } from "../api/client.ts";
import { OutputClosed } from "../console/terminal.ts";
import type { Context, Dashboard, Dialect } from "./context.ts";
import { CommandError } from "./errors.ts";

const naps = new Int32Array(new SharedArrayBuffer(4));

/** Writes all of it before it returns. @throws OutputClosed, CommandError */
function writeAll(file: { writeSync(bytes: Uint8Array): number }, text: string, name: string): void {
  for (let rest = new TextEncoder().encode(text); rest.length > 0;) {
    try {
      rest = rest.subarray(file.writeSync(rest));
    } catch (error) {
      if (error instanceof Deno.errors.BrokenPipe) throw new OutputClosed(`${name} is closed`);
      // Another program may have set the terminal or pipe to non-blocking: wait for it as blocking output does.
      if (error instanceof Deno.errors.WouldBlock) Atomics.wait(naps, 0, 0, 5);
      else {
        const reason = error instanceof Error
          ? error.message.replace(/ \(os error \d+\)$/, "")
          : String(error);
        throw new CommandError(`${name} cannot be written: ${reason}`, "failed", { cause: error });
      }
    }
  }
}

/** Standard error is where faults are told of: that it cannot be written has no place to go. */
function writeError(text: string): void {
  try {
    writeAll(Deno.stderr, text, "standard error");
  } catch (error) {
    if (!(error instanceof OutputClosed) && !(error instanceof CommandError)) throw error;
  }
}

/** The last part of a path: of a link's, xm. */
export const calledAs = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

const PREFIXES: Readonly<Record<Dialect, string>> = { xenolith: "xenolith: ", xm: "", xl: "" };

export function processContext(dialect: Dialect, dashboard?: Dashboard): Context {
  let client: Promise<XendClient> | undefined;
  return {
    dialect,
    dashboard,
    print: (text) => writeAll(Deno.stdout, text, "standard output"),
    // In raw mode a line feed alone would only go down.
    say: (line) => {
      const end = Deno.stderr.isTerminal() ? "\r\n" : "\n";
      writeError((PREFIXES[dialect] + line).replace(/\r?\n/g, end) + end);
    },
    sayRaw: writeError,
    xend: () => client ??= XendClient.connect({ start: true }),
    async runningXend() {
      try {
        return await (client ??= XendClient.connect());
      } catch (error) {
        if (error instanceof XendFailure && error.code === "not-running") return undefined;
        throw error;
      }
    },
    async terminal() {
      const { processTerminal } = await import("../console/terminal.ts");
      return processTerminal();
    },
    environment: Deno.env,
    get directory() {
      return Deno.cwd();
    },
    now: () => Date.now(),
    sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
  };
}

/** The program's own name as it was called. Not from node:process: the first node: module costs 15 ms or more. */
export async function argv0(): Promise<string> {
  if (Deno.build.os !== "linux") return (await import("node:process")).default.argv0;
  return Deno.readTextFileSync("/proc/self/cmdline").split("\0")[0];
}
