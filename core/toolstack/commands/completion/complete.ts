/** What can stand at the end of a command line. */
import { argumentsOf } from "./position.ts";
import { nodeRecord } from "../../format/node_info.ts";
import type { Context } from "../context.ts";
import { findCommand } from "../names.ts";
import { type CommandSpec, GLOBAL_OPTIONS, optionsOf, type OptionSpec, type ValueKind } from "../spec.ts";
import { COMMANDS } from "../table/mod.ts";

export interface Candidate {
  readonly word: string;
  readonly summary: string;
}

/** "files": the shell's own file names. */
export type Completions = readonly Candidate[] | "files";

/** What completions ask of the running system; none of it may start anything. */
export interface Source {
  domains(): Promise<readonly Candidate[]>;
  managed(): Promise<readonly Candidate[]>;
  /** Names below a path of XenStore. */
  nodes(path: string): Promise<readonly string[]>;
  /** What `info` tells. */
  nodeFields(): Promise<readonly Candidate[]>;
}

const named = ({ name, summary }: CommandSpec): Candidate => ({ word: name, summary });

function optionWords(options: readonly OptionSpec[]): Candidate[] {
  return options.filter(({ hidden }) => hidden !== true).flatMap(({ short, long, summary }) => [
    ...(short === undefined ? [] : [{ word: `-${short}`, summary }]),
    { word: `--${long}`, summary },
  ]);
}

async function values(
  kind: ValueKind,
  choices: readonly string[] | undefined,
  word: string,
  source: Source,
): Promise<Completions> {
  if (choices !== undefined) return choices.map((choice) => ({ word: choice, summary: "" }));
  switch (kind) {
    case "domain":
      return await source.domains();
    case "managed":
      return await source.managed();
    case "file":
    case "configuration":
      return "files";
    case "path": {
      const parent = word.slice(0, word.lastIndexOf("/") + 1);
      if (parent === "") return [{ word: "/", summary: "" }];
      return (await source.nodes(parent)).map((name) => ({ word: parent + name, summary: "" }));
    }
    case "node-field":
      return await source.nodeFields();
    case "setting":
    case "text":
      return [];
  }
}

/** @param words of the line after the program's name; the last is the one to be completed */
export async function completionsOf(words: readonly string[], source: Source): Promise<Completions> {
  const last = words.at(-1) ?? "";
  const found = await candidates(words.slice(0, -1), last, source);
  return found === "files" ? found : found.filter(({ word }) => word.startsWith(last));
}

async function candidates(before: readonly string[], last: string, source: Source): Promise<Completions> {
  let commands: readonly CommandSpec[] | undefined = COMMANDS;
  let rest = [...before];
  while (rest[0]?.startsWith("-")) rest.shift();
  if (rest[0] === "help") rest = rest.slice(1);
  let command: CommandSpec | undefined;
  while (commands !== undefined) {
    const word = rest.shift();
    if (word === undefined) {
      if (last.startsWith("-") && command === undefined) return optionWords(GLOBAL_OPTIONS);
      const names = commands.filter(({ hidden }) => hidden !== true).map(named);
      return command === undefined
        ? [...names, { word: "help", summary: "print the help of a command" }]
        : names;
    }
    const found = findCommand(word, commands);
    if (found.kind !== "command") return [];
    command = found.command;
    commands = command.subcommands;
  }
  if (command === undefined) return [];
  const options = optionsOf(command);
  const { pending, count, onlyWords } = argumentsOf(rest, options);
  if (pending?.value !== undefined) return await values(pending.value.kind, pending.choices, last, source);
  if (last.startsWith("-") && !onlyWords) {
    const attached = /^(--[\w-]+)=(.*)$/.exec(last);
    const option = options.find(({ long, value }) => value !== undefined && `--${long}` === attached?.[1]);
    if (attached === null) return [...optionWords(options), { word: "--help", summary: "print this help" }];
    if (option?.value === undefined) return [];
    const inner = await values(option.value.kind, option.choices, attached[2], source);
    return inner === "files"
      ? inner
      : inner.map(({ word, summary }) => ({ word: `${attached[1]}=${word}`, summary }));
  }
  const argument = command.arguments[count] ?? command.arguments.findLast(({ many }) => many === true);
  if (argument === undefined) return [];
  return await values(argument.kind, argument.choices, last, source);
}

/** xend's own knowledge, if it runs. */
export function liveSource(context: Context): Source {
  const domains = async (fits: (domid: number | undefined) => boolean) => {
    const xend = await context.runningXend();
    if (xend === undefined) return [];
    return (await xend.domains(true)).filter(({ domid }) => fits(domid)).map(({ name, domid }) => ({
      word: name,
      summary: domid === undefined ? "managed, not running" : `domid ${domid}`,
    }));
  };
  return {
    domains: () => domains(() => true),
    managed: () => domains((domid) => domid === undefined),
    async nodes(path) {
      const xend = await context.runningXend();
      if (xend === undefined) return [];
      const folder = path === "/" ? "/" : path.replace(/\/$/, "");
      return await xend.xenstoreExists(folder) ? await xend.xenstoreList(folder) : [];
    },
    async nodeFields() {
      const xend = await context.runningXend();
      if (xend === undefined) return [];
      return Object.entries(nodeRecord(await xend.node())).map(([word, value]) => ({
        word,
        summary: `${value}`,
      }));
    },
  };
}
