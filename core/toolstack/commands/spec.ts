/** How a command is described, once: the parser, help, completions and the man page are made from it. Nothing here is heavy. */
import type { Context } from "./context.ts";
import type { Invocation } from "./invocation.ts";

/** What a value is; completions know what can stand there. */
export type ValueKind =
  | "domain"
  /** A managed domain that does not run. */
  | "managed"
  | "file"
  | "configuration"
  | "setting"
  | "path" // of XenStore
  | "node-field" // of `info`
  | "text";

export interface ArgumentSpec {
  readonly name: string;
  readonly kind: ValueKind;
  readonly summary: string;
  readonly optional?: boolean;
  /** Takes all that follows. */
  readonly many?: boolean;
  readonly choices?: readonly string[];
}

export interface OptionSpec {
  /** One letter. */
  readonly short?: string;
  readonly long: string;
  readonly summary: string;
  /** Absent: a flag. */
  readonly value?: { readonly name: string; readonly kind: ValueKind; readonly optional?: boolean };
  readonly choices?: readonly string[];
  /** Understood, not told of: for scripts that give it. */
  readonly hidden?: boolean;
}

export interface ExampleSpec {
  readonly line: string;
  readonly does: string;
}

export type Group =
  | "life cycle"
  | "information"
  | "resources"
  | "devices"
  | "configuration"
  | "host"
  | "XenStore";

export interface CommandSpec {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly group: Group;
  /** Half a sentence. */
  readonly summary: string;
  /** What else help and the man page tell. */
  readonly description?: string;
  readonly arguments: readonly ArgumentSpec[];
  readonly options: readonly OptionSpec[];
  readonly examples: readonly ExampleSpec[];
  /** Beside 0, 1 and 2. */
  readonly exitCodes?: Readonly<Record<number, string>>;
  /** Prints JSON of its own with --json; what only acts has what `main` prints for it. */
  readonly printsJson?: boolean;
  /** xl's -N: it can be run without effect. */
  readonly dryRun?: boolean;
  readonly hidden?: boolean;
  /** Everything after the command's name is its arguments, options included. */
  readonly raw?: boolean;
  /** One of them has to follow; then there is nothing to `load`. */
  readonly subcommands?: readonly CommandSpec[];
  /** What runs it, imported then only. */
  readonly load?: () => Promise<Runner>;
}

/** Runs a command; gives the exit code. */
export type Runner = (invocation: Invocation, context: Context) => Promise<number> | number;

/** Taken by every command. */
export const JSON_OPTION: OptionSpec = { long: "json", summary: "print JSON" };

/** xl's, before the command's name. */
export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  { short: "v", long: "verbose", summary: "say more" },
  { short: "f", long: "force", summary: "do what would be refused otherwise, where the command knows it" },
  { short: "N", long: "dryrun", summary: "check, and change nothing (create, new)" },
  { short: "t", long: "progress", summary: "progress on one line (accepted)", hidden: true },
  { short: "T", long: "timestamps", summary: "times with messages (accepted)", hidden: true },
  JSON_OPTION,
  { long: "strict", summary: "unknown keys of a configuration are errors" },
];

export const EXIT_CODES: Readonly<Record<number, string>> = {
  0: "done",
  1: "it could not be done: standard error says why",
  2: "the command line is wrong",
};

export function optionsOf(command: CommandSpec): readonly OptionSpec[] {
  const names = new Set(command.options.map(({ long }) => long));
  return [
    ...command.options,
    ...GLOBAL_OPTIONS.filter(({ long }) => ["json", "strict"].includes(long) && !names.has(long)),
  ]
    .filter(({ long }) =>
      long !== "strict" || command.group === "configuration" || takesConfiguration(command)
    );
}

function takesConfiguration(command: CommandSpec): boolean {
  return command.arguments.some(({ kind }) => kind === "configuration");
}
