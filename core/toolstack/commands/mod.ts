/** The commands of the xenolith executable. */
import { OutputClosed } from "../console/terminal.ts";
import { EXIT } from "../exit_codes.ts";
import type { Context, Dashboard, Dialect } from "./context.ts";
import { CommandError, isUserError, UnknownDomain } from "./errors.ts";
import { Invocation } from "./invocation.ts";
import { findCommand } from "./names.ts";
import { argv0, calledAs, processContext } from "./process_context.ts";
import { readCommandLine } from "./reader.ts";
import { whyUnsupported } from "./unsupported.ts";

/** What a program ends with that SIGPIPE kills: whoever read its output has left. */
const EXIT_PIPE = 141;

const PREFIXES: Readonly<Record<Dialect, string>> = { xenolith: "xenolith: ", xm: "Error: ", xl: "" };

const DIALECTS: readonly Dialect[] = ["xenolith", "xm", "xl"];

function wordsFor(error: unknown, { dialect }: Context, words: readonly string[]): string {
  if (error instanceof UnknownDomain) {
    const { domain, meant } = error;
    const listed = words[0] === "list" || words[0] === "vcpu-list";
    if (dialect === "xl" && !(listed && /^\d+$/.test(domain))) {
      return `${domain} is an invalid domain identifier (rc=-6)\n`;
    }
    const hint = dialect !== "xenolith"
      ? ""
      : meant === undefined
      ? "xenolith list shows the domains that there are.\n"
      : `Did you mean ${meant}? xenolith list shows the domains that there are.\n`;
    return `Error: Domain '${domain}' does not exist.\n${hint}`;
  }
  const message = error instanceof Error ? error.message : String(error);
  const text = isUserError(error) ? message : `internal error: ${message} (XENOLITH_DEBUG=1 shows where)`;
  // The xenstore tools begin with their own names.
  const prefix = /^xenstore-\w+: /.test(text) ? "" : PREFIXES[dialect];
  return `${prefix}${text}\n`;
}

function errorCode(error: unknown): string {
  if (error instanceof UnknownDomain) return "no-such-domain";
  if (error instanceof CommandError) return error.kind;
  const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined;
  return typeof code === "string" ? code : isUserError(error) ? "failed" : "internal";
}

/** The word in a command's place that is no command. */
function unknownCommand(args: readonly string[]): string | undefined {
  const words = args.filter((each) => !each.startsWith("-"));
  const word = words[0] === "help" ? words[1] : words[0];
  return word !== undefined && word !== "help" && findCommand(word).kind === "unknown" ? word : undefined;
}

/** Runs a command line in a context; gives the process's exit code. */
export async function runCommandLine(args: readonly string[], context: Context): Promise<number> {
  let isJson = args.includes("--json");
  try {
    let invocation = readCommandLine(args);
    if (invocation === undefined) {
      const unknown = unknownCommand(args);
      const why = unknown === undefined ? undefined : whyUnsupported(unknown);
      if (why !== undefined) throw new CommandError(`${unknown} is not supported: ${why}`, "not-supported");
      // xl's own words.
      if (unknown !== undefined && context.dialect === "xl") {
        context.sayRaw("command not implemented\n");
        return EXIT.error;
      }
      const { parseCommandLine } = await import("./grammar.ts");
      const parsed = parseCommandLine(
        args,
        { out: (text) => context.print(text), err: (text) => context.sayRaw(text) },
        context.dialect,
      );
      if (!(parsed instanceof Invocation)) return parsed.exitCode;
      invocation = parsed;
    }
    const { command } = invocation;
    isJson = invocation.json;
    if (invocation.has("dryrun") && command.dryRun !== true) {
      throw new CommandError(
        context.dialect === "xl"
          ? "command does not implement -N (dryrun) option"
          : `${command.name} has no dry run`,
      );
    }
    const run = await command.load?.();
    if (run === undefined) throw new Error(`nothing runs the command ${command.name}`);
    const code = await run(invocation, context);
    if (isJson && command.printsJson !== true && code === EXIT.ok) {
      context.print(
        `${JSON.stringify({ command: command.name, arguments: invocation.words, done: true })}\n`,
      );
    }
    return code;
  } catch (error) {
    if (error instanceof OutputClosed) return EXIT_PIPE;
    const text = wordsFor(error, context, args);
    if (isJson) {
      context.sayRaw(`${JSON.stringify({ error: { code: errorCode(error), message: text.trimEnd() } })}\n`);
    } else context.sayRaw(text);
    if (context.environment.get("XENOLITH_DEBUG") === "1" && error instanceof Error) {
      context.sayRaw(`${error.stack ?? ""}\n`);
    }
    return error instanceof CommandError && error.kind === "usage" ? EXIT.usage : EXIT.error;
  }
}

/** Runs the program; gives its exit code. Faults are printed, a stack trace only with XENOLITH_DEBUG=1. */
export async function main(
  args: readonly string[],
  { dashboard }: { readonly dashboard?: Dashboard } = {},
): Promise<number> {
  const name = calledAs(Deno.env.get("XENOLITH_AS") ?? await argv0());
  const dialect = DIALECTS.find((each) => each === name) ?? "xenolith";
  // What a shell asks for its completion names the command itself.
  const isTop = name === "xentop" && args[0] !== "__complete";
  return await runCommandLine(
    isTop ? ["top", ...args] : args,
    processContext(dialect, dashboard),
  );
}
