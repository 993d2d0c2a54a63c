/** `man`: the manual page in roff's man macros, from the table of commands. */
import { VERSION } from "../version.ts";
import type { Runner } from "./spec.ts";
import {
  type CommandSpec,
  EXIT_CODES,
  GLOBAL_OPTIONS,
  type Group,
  optionsOf,
  type OptionSpec,
} from "./spec.ts";
import { COMMANDS } from "./table/mod.ts";

/** Text for roff: backslashes, dashes that are typed, and lines that would begin a request. */
function escape(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replace(/^([.'])/gm, "\\&$1");
}

const bold = (text: string) => `\\fB${escape(text)}\\fR`;
const italic = (text: string) => `\\fI${escape(text)}\\fR`;

function optionTerm({ short, long, value, choices }: OptionSpec): string {
  const names = [...(short === undefined ? [] : [bold(`-${short}`)]), bold(`--${long}`)].join(", ");
  if (value === undefined) return names;
  const shown = choices === undefined ? italic(value.name) : choices.map(bold).join("|");
  return `${names} ${value.optional === true ? `[${shown}]` : shown}`;
}

function usage({ arguments: specs }: CommandSpec, path: string): string {
  const parts = specs.map(({ name, optional, many, choices }) => {
    const shown = (choices === undefined ? italic(name) : choices.map(bold).join("|")) +
      (many === true ? "..." : "");
    return optional === true ? `[${shown}]` : shown;
  });
  return [bold(path), ...parts].join(" ");
}

const sentence = (text: string) =>
  escape(text[0].toUpperCase() + text.slice(1) + (/[.?!]$/.test(text) ? "" : "."));

function section(command: CommandSpec, parent = ""): string[] {
  const path = parent + command.name;
  if (command.subcommands !== undefined) {
    return command.subcommands.flatMap((inner) => section(inner, `${path} `));
  }
  const lines = [".TP", usage(command, path), sentence(command.summary)];
  if (command.aliases !== undefined) lines.push(`Also ${command.aliases.map(bold).join(", ")}.`);
  if (command.description !== undefined) lines.push(sentence(command.description));
  const options = optionsOf(command).filter(({ hidden }) => hidden !== true);
  lines.push(".RS");
  for (const option of options) lines.push(".TP", optionTerm(option), sentence(option.summary));
  for (const { name, summary } of command.arguments) lines.push(".TP", italic(name), sentence(summary));
  for (const [code, meaning] of Object.entries(command.exitCodes ?? {})) {
    lines.push(".TP", `Exit code ${code}`, sentence(meaning));
  }
  for (const { line, does } of command.examples) lines.push(".TP", bold(`xenolith ${line}`), sentence(does));
  lines.push(".RE");
  return lines;
}

const TITLES: Readonly<Record<Group, string>> = {
  "life cycle": "LIFE CYCLE",
  information: "INFORMATION",
  resources: "RESOURCES",
  devices: "DEVICES",
  configuration: "CONFIGURATION",
  host: "THE HOST",
  XenStore: "XENSTORE",
};

export function manualPage(): string {
  const lines = [
    `.TH XENOLITH 1 "" "xenolith ${VERSION}" "Xenolith"`,
    ".SH NAME",
    "xenolith, xm, xl, xentop \\- a Xen host in one executable",
    ".SH SYNOPSIS",
    `${bold("xenolith")} [${italic("options")}] ${italic("command")} [${italic("arguments")}]`,
    ".SH DESCRIPTION",
    escape(
      "Xenolith creates, runs and watches virtual machines that were built for Xen, on any machine, without root, kernel module or VT-x. " +
        "One long-running process, xend, holds the domains; the first command that needs it starts it.",
    ),
    ".PP",
    escape(
      "Called by the name xl it prints what Xen's xl prints, by the names xm and xenolith what xm printed; xentop is the command top. ",
    ) +
    escape("A command's name can be shortened as long as it is clear."),
    ".SH OPTIONS",
    "They stand before the command.",
    ...GLOBAL_OPTIONS.filter(({ hidden }) => hidden !== true).flatMap((option) => [
      ".TP",
      optionTerm(option),
      sentence(option.summary),
    ]),
  ];
  for (const [group, title] of Object.entries(TITLES)) {
    lines.push(`.SH ${title}`);
    for (const command of COMMANDS) {
      if (command.group === group && command.hidden !== true) lines.push(...section(command));
    }
  }
  lines.push(".SH EXIT STATUS");
  for (const [code, meaning] of Object.entries(EXIT_CODES)) lines.push(".TP", code, sentence(meaning));
  lines.push(".PP", "Some commands have further ones; they stand with the command.");
  lines.push(".SH ENVIRONMENT");
  const variables: [string, string][] = [
    [
      "XENOLITH_STATE_DIR, XENOLITH_LOG_DIR, XENOLITH_RUN_DIR",
      "where xend keeps its state, its logs and its sockets",
    ],
    ["XENOLITH_IN_PROCESS", "1: create runs the domain in its own process"],
    [
      "XENOLITH_AS",
      "the name to behave as, in place of the one it was called by: xenolith, xm, xl or xentop",
    ],
    [
      "XENCONSOLED_TRACE",
      "guest or all: a xend that is started keeps consoles in files, as with --console-logs",
    ],
    ["XENOLITH_DEBUG", "1: internal errors show where they came from"],
  ];
  for (const [name, what] of variables) lines.push(".TP", bold(name), sentence(what));
  lines.push(".SH SEE ALSO", `${bold("xl")}(1), ${bold("xl.cfg")}(5), ${bold("xentop")}(1)`);
  return `${lines.join("\n")}\n`;
}

export const manual: Runner = async ({ json }, context) => {
  const page = manualPage();
  if (json) {
    context.print(`${JSON.stringify({ page })}\n`);
    return 0;
  }
  if (Deno.stdout.isTerminal() && await shown(page)) return 0;
  context.print(page);
  return 0;
};

/** Lets man(1) show it. @returns false where there is none */
async function shown(page: string): Promise<boolean> {
  try {
    const child = new Deno.Command("man", { args: ["-l", "-"], stdin: "piped" }).spawn();
    const writer = child.stdin.getWriter();
    try {
      await writer.write(new TextEncoder().encode(page));
      await writer.close();
    } catch (error) {
      // It was left before it had read all.
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    }
    return (await child.status).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
