/** The command line's grammar from the table, for help and for lines with something wrong; the only module that knows commander. */
import { Argument, Command, CommanderError, Option } from "commander";
import { EXIT } from "../exit_codes.ts";
import { VERSION } from "../version.ts";
import { Invocation, type OptionValue } from "./invocation.ts";
import { findCommand } from "./names.ts";
import {
  type CommandSpec,
  EXIT_CODES,
  GLOBAL_OPTIONS,
  type Group,
  optionsOf,
  type OptionSpec,
} from "./spec.ts";
import { COMMANDS } from "./table/mod.ts";

export interface Output {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** `exitCode`: help or the version was printed, or what is wrong was said. */
export type Parsed = Invocation | { readonly exitCode: number };

const GROUPS: readonly Group[] = [
  "life cycle",
  "information",
  "resources",
  "devices",
  "configuration",
  "host",
  "XenStore",
];

function optionOf({ short, long, value, summary, choices, hidden }: OptionSpec): Option {
  const metavar = value === undefined ? "" : value.optional ? ` [${value.name}]` : ` <${value.name}>`;
  const option = new Option(`${short === undefined ? "" : `-${short}, `}--${long}${metavar}`, summary);
  if (choices !== undefined) option.choices(choices);
  return hidden === true ? option.hideHelp() : option;
}

export function exitCodesOf({ exitCodes = {} }: CommandSpec): [code: string, meaning: string][] {
  return Object.entries({ ...EXIT_CODES, ...exitCodes });
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return rows.map(([left, right]) => `  ${left.padEnd(width)}${right}`).join("\n");
}

function helpAfter(program: string, command: CommandSpec): string {
  const parts: string[] = [];
  if (command.description !== undefined) parts.push(command.description);
  if (command.examples.length > 0) {
    const rows = command.examples.map(({ line, does }) => [`${program} ${line}`, does] as const);
    parts.push(`Examples:\n${columns(rows)}`);
  }
  parts.push(`Exit codes:\n${columns(exitCodesOf(command))}`);
  return `\n${parts.join("\n\n")}`;
}

const PROGRAM_HELP = (program: string) => `
A command's name can be shortened as long as it is clear: ${program} li. ${program} COMMAND --help tells more of each, with
examples; ${program} man is the manual; completion bash, zsh or fish prints a completion script.

Examples:
  ${program} create -c guest.cfg                 create the domain and attach to its console
  ${program} create -c guest.cfg memory=256      with a key of the file set anew
  ${program} create -n guest.cfg                 check the file and the kernel, create nothing
  echo help | ${program} create -c guest.cfg     in a pipeline: the console is standard input and output
  ${program} list                                the domains
  ${program} demo                                Debian's Linux and a shell, fetched through apt

^] leaves a console.

Exit codes:
  0  done; the domain powered off, or its console was left with ^]
  1  it could not be done: standard error says why
  2  the command line is wrong
  3  the domain crashed (create -c, start -c, console, demo)
  4  the domain rebooted, and on_reboot does not restart it
  5  the domain suspended`;

/** @param accept called with what was read */
function build(program: string, { out, err }: Output, accept: (invocation: Invocation) => void): Command {
  const root = new Command(program)
    .description("A Xen host in one executable: runs Xen guests without root, kernel module or VT-x.")
    .version(`xenolith ${VERSION}`, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .addHelpText("after", () => PROGRAM_HELP(program))
    .configureOutput({
      writeOut: out,
      writeErr: err,
      outputError: (text, write) => write(`${program}: ${text}`),
    })
    .enablePositionalOptions()
    .exitOverride();
  for (const option of GLOBAL_OPTIONS) root.addOption(optionOf(option));
  for (const group of GROUPS) {
    for (const spec of COMMANDS.filter((command) => command.group === group)) {
      addCommand(root, root, spec, program, accept).helpGroup(`Commands: ${group}`);
    }
  }
  return root;
}

function addCommand(
  root: Command,
  parent: Command,
  spec: CommandSpec,
  program: string,
  accept: (invocation: Invocation) => void,
): Command {
  const command = parent.command(spec.name, { hidden: spec.hidden === true })
    .helpOption("-h, --help", "print this help")
    .description(spec.summary)
    .addHelpText("after", () => helpAfter(program, spec));
  for (const alias of spec.aliases ?? []) command.alias(alias);
  if (spec.subcommands !== undefined) {
    for (const inner of spec.subcommands) addCommand(root, command, inner, program, accept);
    return command;
  }
  for (const { name, optional, many, summary, choices } of spec.arguments) {
    const inner = many === true ? `${name}...` : name;
    const argument = new Argument(optional === true ? `[${inner}]` : `<${inner}>`, summary);
    if (choices !== undefined) argument.choices(choices);
    command.addArgument(argument);
  }
  const options = optionsOf(spec);
  for (const option of options) command.addOption(optionOf(option));
  command.action(() => {
    const given = new Map<string, OptionValue>();
    for (const [specs, source] of [[GLOBAL_OPTIONS, root], [options, command]] as const) {
      for (const { long } of specs) {
        const name = source.options.find((each) => each.long === `--${long}`)?.attributeName() ?? "";
        const value: unknown = source.getOptionValue(name);
        if (value === true || typeof value === "string") given.set(long, value);
      }
    }
    accept(new Invocation(spec, command.args, given));
  });
  return command;
}

/** Global options stand before the command: where its name is shortened, the whole one takes its place. */
function completeName(args: readonly string[]): { args: string[]; ambiguous?: string } {
  const at = args.findIndex((word) => !word.startsWith("-"));
  if (at < 0) return { args: [...args] };
  // `help li` is about a command too.
  const place = args[at] === "help" && args[at + 1] !== undefined ? at + 1 : at;
  if (args[place] === "help") return { args: [...args] };
  const found = findCommand(args[place]);
  if (found.kind === "ambiguous") {
    return { args: [...args], ambiguous: `${args[place]} can be ${found.names.join(", ")}` };
  }
  const name = found.kind === "command" ? found.command.name : args[place];
  if (found.kind === "unknown" && place > at) return { args: args.slice(place) };
  return { args: args.with(place, name) };
}

/** Parses a command line (without the program's own name); what is wrong with it is said. */
export function parseCommandLine(given: readonly string[], output: Output, program = "xenolith"): Parsed {
  let invocation: Invocation | undefined;
  const { args, ambiguous } = completeName(given);
  if (ambiguous !== undefined) {
    output.err(`${program}: error: ${ambiguous}\n`);
    return { exitCode: EXIT.usage };
  }
  try {
    build(program, output, (read) => invocation = read).parse(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return { exitCode: error.exitCode === 0 ? EXIT.ok : EXIT.usage };
  }
  return invocation ?? { exitCode: EXIT.usage };
}
