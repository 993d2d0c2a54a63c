/**
 * Reads command lines that have nothing wrong with them, in microseconds. Everything else (help, the version, a wrong line) is
 * commander's, which takes 25 ms to load: too long for `list`, which has to answer within 60 ms.
 */
import { Invocation, type OptionValue } from "./invocation.ts";
import { findCommand } from "./names.ts";
import { COMMANDS } from "./table/mod.ts";
import { type CommandSpec, GLOBAL_OPTIONS, optionsOf, type OptionSpec } from "./spec.ts";

interface Words {
  readonly positional: string[];
  readonly options: Map<string, OptionValue>;
}

/** Takes options from the front of `args`; positional words too unless `stopsAtWord`. undefined: not plainly right. */
function readWords(args: string[], options: readonly OptionSpec[], stopsAtWord: boolean): Words | undefined {
  const words: Words = { positional: [], options: new Map() };
  const take = (option: OptionSpec, attached: string | undefined): boolean => {
    if (option.value === undefined) {
      words.options.set(option.long, true);
      return attached === undefined;
    }
    let value = attached;
    if (
      value === undefined && args.length > 0 && (option.value.optional !== true || !args[0].startsWith("-"))
    ) {
      value = args.shift();
    }
    if (value === undefined && option.value.optional !== true) return false;
    if (value !== undefined && option.choices !== undefined && !option.choices.includes(value)) return false;
    words.options.set(option.long, value ?? true);
    return true;
  };
  while (args.length > 0) {
    const word = args[0];
    if (word === "--") {
      args.shift();
      words.positional.push(...args.splice(0));
    } else if (word.startsWith("--")) {
      args.shift();
      const equals = word.indexOf("=");
      const long = word.slice(2, equals < 0 ? undefined : equals);
      const option = options.find((each) => each.long === long);
      if (option === undefined || !take(option, equals < 0 ? undefined : word.slice(equals + 1))) {
        return undefined;
      }
    } else if (word.startsWith("-") && word !== "-") {
      args.shift();
      for (let rest = word.slice(1); rest !== "";) {
        const option = options.find(({ short }) => short === rest[0]);
        if (option === undefined) return undefined;
        rest = rest.slice(1);
        if (option.value === undefined) words.options.set(option.long, true);
        else {
          if (!take(option, rest === "" ? undefined : rest)) return undefined;
          rest = "";
        }
      }
    } else {
      if (stopsAtWord) return words;
      words.positional.push(args.shift() ?? "");
    }
  }
  return words;
}

export function argumentsFit({ arguments: specs }: CommandSpec, words: readonly string[]): boolean {
  const needed = specs.filter(({ optional }) => optional !== true).length;
  const most = specs.some(({ many }) => many) ? Infinity : specs.length;
  return words.length >= needed && words.length <= most &&
    specs.every(({ choices }, index) =>
      choices === undefined || words[index] === undefined || choices.includes(words[index])
    );
}

/** @returns undefined for a line that is not plainly right */
export function readCommandLine(args: readonly string[]): Invocation | undefined {
  const rest = [...args];
  const front = readWords(rest, GLOBAL_OPTIONS, true);
  if (front === undefined || front.positional.length > 0) return undefined;
  const command = readName(rest);
  if (command === undefined) return undefined;
  if (command.raw === true) return new Invocation(command, rest, front.options);
  const words = readWords(rest, optionsOf(command), false);
  if (words === undefined || !argumentsFit(command, words.positional)) return undefined;
  return new Invocation(command, words.positional, new Map([...front.options, ...words.options]));
}

/** Takes the command's name from the front. */
function readName(args: string[]): CommandSpec | undefined {
  let commands: readonly CommandSpec[] | undefined = COMMANDS;
  let command: CommandSpec | undefined;
  while (commands !== undefined) {
    const word = args.shift();
    if (word === undefined) return undefined;
    const found = findCommand(word, commands);
    if (found.kind !== "command") return undefined;
    command = found.command;
    commands = command.subcommands;
  }
  return command;
}
