/** The command line's grammar; the only module that knows commander. */
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { EXIT, EXIT_HELP } from "../exit_codes.ts";
import { VERSION } from "../version.ts";
import type { ConfigRequest } from "./config.ts";
import type { CreateOptions } from "./create.ts";
import { DEMO_GUESTS, type DemoGuest } from "./demo.ts";
import type { XendCommand } from "./xend.ts";

/** What a command line asks for. */
export type Request =
  | { readonly command: "create"; readonly options: CreateOptions }
  | { readonly command: "demo"; readonly guest?: DemoGuest; readonly quiet: boolean }
  | { readonly command: "xend"; readonly options: XendCommand }
  | { readonly command: "config"; readonly request: ConfigRequest }
  /** Help or the version was printed, or the command line is wrong (which was said). */
  | { readonly command: "none"; readonly exitCode: number };

const HELP = `
Examples:
  xenolith create -c guest.cfg                 create the domain and attach to its console
  xenolith create -c guest.cfg memory=256      with a key of the file set anew
  xenolith create -n guest.cfg                 check the file and the kernel, create nothing
  echo help | xenolith create -c guest.cfg     in a pipeline: the console is standard input and output
  xenolith demo                                Debian's Linux and a shell, fetched through apt
  xenolith demo --guest grub                   GRUB for Xen at its prompt

^] leaves a console.

${EXIT_HELP}`;

export interface Output {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,5}$/.test(text)) throw new InvalidArgumentError("expected a whole number");
  return Number(text);
}

/** Parses a command line (without the program's own name). */
export function parseCommandLine(args: readonly string[], { out, err }: Output): Request {
  let request: Request | undefined;
  const program = new Command("xenolith")
    .description("A Xen host in one executable: runs Xen guests without root, kernel module or VT-x.")
    .version(`xenolith ${VERSION}`, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .addHelpText("after", HELP)
    .configureOutput({
      writeOut: out,
      writeErr: err,
      outputError: (text, write) => write(`xenolith: ${text}`),
    })
    .exitOverride();
  program.command("create")
    .description("create a domain from a configuration file and run it in this process until it ends")
    .argument("<file>", "configuration file (xl.cfg)")
    .argument("[key=value...]", "settings that come after the file's own")
    .option("-c, --console", "attach to the domain's console", false)
    .option("-n, --dry-run", "check everything and print the domain, but create nothing", false)
    .option("-q, --quiet", "print nothing but errors and the console", false)
    .addHelpText(
      "after",
      `\n^] leaves the console; the domain then ends, since it lives in this process.\n\n${EXIT_HELP}`,
    )
    .action((file, overrides, options) => {
      request = { command: "create", options: { file, overrides, ...options } };
    });
  program.command("demo")
    .description(
      "boot Debian's Linux with a shell, GRUB (both fetched through apt) or a built-in guest on the console",
    )
    .addOption(new Option("-g, --guest <guest>", "which guest").choices(DEMO_GUESTS))
    .option("-q, --quiet", "print nothing but errors and the console", false)
    .action(({ guest, quiet }) => {
      request = { command: "demo", guest, quiet };
    });
  program.command("xend")
    .description("the process behind the other commands, which start it when they need it")
    .addArgument(
      new Argument("<action>", "what to do").choices(["start", "stop", "restart", "status"] as const),
    )
    .option("--json", "print the status as JSON", false)
    .option("-f, --foreground", "start: run in this process until it is stopped", false)
    .option("--pcpus <count>", "start: physical CPUs of the host, by default one for each core", wholeNumber)
    .option(
      "--http [port]",
      "start: serve the API on 127.0.0.1 as well (8000); needs the token that status names",
      wholeNumber,
    )
    .action((action, { json, foreground, pcpus, http }) => {
      const httpPort = http === true ? 8000 : http;
      request = { command: "xend", options: { action, json, foreground, pcpus, httpPort } };
    });
  const config = program.command("config").description("check, show and convert configurations");
  config.command("check")
    .description("say what is wrong with configurations, and what has no effect here")
    .argument("<file...>", "configuration files of xl or xm")
    .option("--json", "print JSON", false)
    .option("--strict", "unknown keys are errors", false)
    .option("-v, --verbose", "also what has no effect and need not", false)
    .action((files, { json, strict, verbose }) => {
      request = { command: "config", request: { action: "check", files, json, strict, verbose } };
    });
  config.command("show")
    .description("print a configuration as it is understood")
    .argument("<file>", "configuration file")
    .argument("[key=value...]", "settings that come after the file's own")
    .option("--json", 'print JSON: {"keys": {...}, "effective": {...}}', false)
    .action((file, overrides, { json }) => {
      request = { command: "config", request: { action: "show", file, overrides, json } };
    });
  config.command("convert")
    .description("print a configuration in another language")
    .argument("<file>", "configuration file")
    .argument("[key=value...]", "settings that come after the file's own")
    .addOption(
      new Option("--to <language>", "which one").choices(["xl", "json", "libvirt"] as const).default(
        "xl" as const,
      ),
    )
    .action((file, overrides, { to }) => {
      request = { command: "config", request: { action: "convert", file, overrides, to } };
    });
  config.command("schema")
    .description("print the JSON schema of configurations in JSON, for editors")
    .action(() => {
      request = { command: "config", request: { action: "schema" } };
    });
  try {
    program.parse([...args], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return { command: "none", exitCode: error.exitCode === 0 ? EXIT.ok : EXIT.usage };
  }
  return request ?? { command: "none", exitCode: EXIT.usage };
}
