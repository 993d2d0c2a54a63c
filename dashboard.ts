/** The dashboard on the process's own terminal: what stands behind its ports. Loaded by `top` only. */
import { XendClient } from "./core/toolstack/api/client.ts";
import type { Context } from "./core/toolstack/commands/context.ts";
import { runCommandLine } from "./core/toolstack/commands/mod.ts";
import { processContext } from "./core/toolstack/commands/process_context.ts";
import { processTerminal, type Terminal } from "./core/toolstack/console/terminal.ts";
import {
  type CommandResult,
  type DashboardOptions,
  type DashboardPorts,
  type DashboardTerminal,
  type DashboardXend,
  runDashboard,
} from "./tui/mod.ts";

/** Of a terminal that does not tell its size. */
const USUAL_SIZE = { columns: 80, rows: 24 };
const CONFIGURATION_FOLDERS = ["", "configs"];

/** A user who stops xend has not asked the dashboard to start it again: only the first connection does. */
function connector(): () => Promise<DashboardXend> {
  let client: XendClient | undefined;
  return async () => {
    const connected = await XendClient.connect({ start: client === undefined });
    client?.[Symbol.dispose]();
    client = connected;
    return {
      figures: () => connected.figures(),
      inspect: (id) => connected.inspect(id),
      detail: (id) => connected.domain(id),
      list: (all) => connected.domains(all),
      log: () => connected.log(),
      consoleOutput: (id, follow) => connected.consoleOutput(id, follow),
      attachConsole: (id, history) => connected.attachConsole(id, history),
      followEvents: (types, watches) => connected.followEvents(types, watches),
    };
  };
}

/** Runs a command line in this process. It finds no terminal, and all that it says is kept. */
async function run(words: readonly string[]): Promise<CommandResult> {
  let output = "";
  const decoder = new TextDecoder();
  let client: Promise<XendClient> | undefined;
  const terminal: Terminal = {
    interactive: false,
    size: () => undefined,
    async *input() {},
    write: (bytes) => void (output += decoder.decode(bytes, { stream: true })),
    setRaw() {},
  };
  const context: Context = {
    ...processContext("xenolith"),
    print: (text) => void (output += text),
    say: (line) => void (output += `${line}\n`),
    sayRaw: (text) => void (output += text),
    xend: () => client ??= XendClient.connect({ start: true }),
    terminal: () => Promise.resolve(terminal),
  };
  try {
    return { code: await runCommandLine(words, context), output };
  } finally {
    // Why it could not be reached is in the output.
    (await client?.catch(() => undefined))?.[Symbol.dispose]();
  }
}

/** Paths below the working directory, as `create` takes them. */
async function configurations(): Promise<string[]> {
  const found: string[] = [];
  for (const folder of CONFIGURATION_FOLDERS) {
    try {
      for await (const { name, isDirectory } of Deno.readDir(folder === "" ? "." : folder)) {
        if (!isDirectory && name.endsWith(".cfg")) found.push(folder === "" ? name : `${folder}/${name}`);
      }
    } catch (error) {
      // There need not be any, and not every folder may be read.
      if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied)) {
        throw error;
      }
    }
  }
  return found.sort();
}

/** A signal takes a moment to stop all threads: until then nothing may go on. */
const STOPPING_MS = 100;

/** The whole job, as the terminal does: the shell waits for what started us, too. */
async function stop(): Promise<void> {
  Deno.kill(0, "SIGTSTP");
  await new Promise((resolve) => setTimeout(resolve, STOPPING_MS));
}

function dashboardTerminal(): DashboardTerminal {
  const terminal = processTerminal();
  const encoder = new TextEncoder();
  return {
    input: () => terminal.input(),
    write: (text) => terminal.write(encoder.encode(text)),
    size: () => terminal.size() ?? USUAL_SIZE,
    onResize(listener) {
      Deno.addSignalListener("SIGWINCH", listener);
      return () => Deno.removeSignalListener("SIGWINCH", listener);
    },
    setRaw: (raw) => terminal.setRaw(raw),
    stop,
  };
}

export function dashboardPorts(): DashboardPorts {
  return {
    connect: connector(),
    run,
    configurations,
    terminal: dashboardTerminal(),
    environment: Deno.env,
    now: () => Date.now(),
  };
}

export function dashboard(options: DashboardOptions): Promise<number> {
  return runDashboard(dashboardPorts(), options);
}
