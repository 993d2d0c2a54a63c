/** `xend start|stop|restart|status`: the process behind the other commands. */
import { XendClient, XendFailure } from "../api/client.ts";
import { EXIT } from "../exit_codes.ts";
import { lockFile, type XendPaths, xendPaths } from "../xend/paths.ts";

export interface XendCommand {
  readonly action: "start" | "stop" | "restart" | "status";
  readonly json: boolean;
  /** Runs in this process until it is stopped. */
  readonly foreground: boolean;
  /** pCPU workers; by default one for each core. */
  readonly pcpus?: number;
  /** Port on 127.0.0.1 for the API over TCP; 0: a free one. */
  readonly httpPort?: number;
  /** Consoles in files below the log folder. */
  readonly consoleLogs?: boolean;
  /** Metrics for Prometheus at /metrics. */
  readonly metrics?: boolean;
}

export interface CommandOutput {
  /** A line for the user. */
  say(line: string): void;
  /** What the command prints. */
  print(text: string): void;
}

/** As xenconsoled's own variable asks (xenconsoled(8), tools/hotplug's xencommons). */
function logsConsoles(): boolean {
  return ["guest", "all"].includes(Deno.env.get("XENCONSOLED_TRACE") ?? "");
}

async function connected(paths: XendPaths): Promise<XendClient | undefined> {
  try {
    return await XendClient.connect({ paths });
  } catch (error) {
    if (error instanceof XendFailure && error.code === "not-running") return undefined;
    throw error;
  }
}

/** The lock is free once xend's process has ended. */
async function untilGone(paths: XendPaths): Promise<void> {
  for (;;) {
    const file = Deno.openSync(lockFile(paths), { read: true, write: true });
    // Not `using`: the bundle's minifier drops it.
    try {
      if (await file.tryLock(true)) return;
    } finally {
      file.close();
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function stop(paths: XendPaths, output: CommandOutput): Promise<boolean> {
  using client = await connected(paths);
  if (client === undefined) return false;
  const { destroyed } = await client.stop();
  if (destroyed.length > 0) output.say(`these domains were destroyed: ${destroyed.join(", ")}`);
  await untilGone(paths);
  return true;
}

async function status(paths: XendPaths, json: boolean, output: CommandOutput): Promise<number> {
  using client = await connected(paths);
  if (client === undefined) {
    if (json) output.print("null\n");
    else output.print("xend is not running\n");
    // LSB's code for a service that does not run.
    return 3;
  }
  const facts = await client.status();
  if (json) output.print(JSON.stringify(facts, undefined, 2) + "\n");
  else {
    output.print(`xend is running, with pid ${facts.pid}\n`);
    for (const [key, value] of Object.entries(facts)) output.print(`${key.padEnd(16)}: ${value}\n`);
  }
  return EXIT.ok;
}

/** Gives the exit code. @throws XendFailure, PathError */
export async function xend(command: XendCommand, output: CommandOutput): Promise<number> {
  const paths = xendPaths();
  switch (command.action) {
    case "status":
      return await status(paths, command.json, output);
    case "stop":
      if (!await stop(paths, output)) output.say("xend is not running");
      return EXIT.ok;
    case "restart":
      await stop(paths, output);
      break;
    case "start":
      break;
  }
  if (command.foreground) {
    const { runXend } = await import("../xend/process.ts");
    return await runXend({
      paths,
      pcpus: command.pcpus,
      httpPort: command.httpPort,
      metrics: command.metrics,
      consoleLogs: command.consoleLogs === true || logsConsoles(),
      say: (line) => output.say(line),
    });
  }
  const xendArguments = [
    ...(command.pcpus === undefined ? [] : ["--pcpus", String(command.pcpus)]),
    ...(command.httpPort === undefined ? [] : ["--http", String(command.httpPort)]),
    ...(command.metrics === true ? ["--metrics"] : []),
    ...(command.consoleLogs === true ? ["--console-logs"] : []),
  ];
  if (xendArguments.length > 0) {
    using running = await connected(paths);
    if (running !== undefined) {
      const { pid } = await running.status();
      const line = `xend restart ${xendArguments.join(" ")}`;
      output.say(
        `xend is running already, with pid ${pid}, as it was started; ${line} ends its domains and starts it anew`,
      );
      return EXIT.error;
    }
  }
  (await XendClient.connect({ paths, start: true, xendArguments }))[Symbol.dispose]();
  return command.json ? await status(paths, true, output) : EXIT.ok;
}
