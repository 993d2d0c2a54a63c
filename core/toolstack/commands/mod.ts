/** The commands of the xenolith executable. */
import { join } from "node:path";
import { processTerminal } from "../console/terminal.ts";
import { EXIT } from "../exit_codes.ts";
import { builtinGuest } from "../guests/builtin.ts";
import { cacheDirectory } from "../guests/cache.ts";
import { create, isUserError, type World } from "./create.ts";
import { demo } from "./demo.ts";
import { parseCommandLine } from "./program.ts";

/** Prints on standard error, where a guest's console is not. In raw mode a line feed alone would only go down. */
function say(text: string): void {
  const end = Deno.stderr.isTerminal() ? "\r\n" : "\n";
  const encoded = new TextEncoder().encode(text.replace(/\r?\n/g, end) + end);
  for (let rest = encoded; rest.length > 0;) rest = rest.subarray(Deno.stderr.writeSync(rest));
}

function processWorld(): World {
  return {
    terminal: processTerminal(),
    say: (line) => say(`xenolith: ${line}`),
    apt: { cache: cacheDirectory(), progress: (line) => say(`xenolith: ${line}`) },
    builtinGuest,
    async startHost(xenConsole) {
      const { startXenHost } = await import("../xen_host.ts");
      return await startXenHost({ xenConsole, interpreterCache: join(cacheDirectory(), "interpreter") });
    },
  };
}

function writeOut(text: string): void {
  for (let rest = new TextEncoder().encode(text); rest.length > 0;) {
    rest = rest.subarray(Deno.stdout.writeSync(rest));
  }
}

/** Runs a command line; gives the process's exit code. Faults are printed, a stack trace only with XENOLITH_DEBUG=1. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const request = parseCommandLine(args, {
      out: writeOut,
      err: (text) => {
        Deno.stderr.writeSync(new TextEncoder().encode(text));
      },
    });
    switch (request.command) {
      case "none":
        return request.exitCode;
      case "create":
        return await create(request.options, processWorld());
      case "demo":
        return await demo(request.guest, request.quiet, processWorld());
      case "config": {
        const { config } = await import("./config.ts");
        return await config(request.request, {
          say: (line) => say(`xenolith: ${line}`),
          print: (text) => writeOut(text),
          environment: Deno.env,
          directory: Deno.cwd(),
        });
      }
      case "xend": {
        const { xend } = await import("./xend.ts");
        return await xend(request.options, {
          say: (line) => say(`xenolith: ${line}`),
          print: (text) => writeOut(text),
        });
      }
    }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (isUserError(error)) say(`xenolith: ${message}`);
    else say(`xenolith: internal error: ${message} (XENOLITH_DEBUG=1 shows where)`);
    if (Deno.env.get("XENOLITH_DEBUG") === "1" && error instanceof Error) say(error.stack ?? "");
    return EXIT.error;
  }
}
