/** From the word that somebody typed to a command. */
import { COMMANDS } from "./table/mod.ts";
import type { CommandSpec } from "./spec.ts";

export type Found =
  | { readonly kind: "command"; readonly command: CommandSpec }
  | { readonly kind: "ambiguous"; readonly names: readonly string[] }
  | { readonly kind: "unknown" };

const namesOf = ({ name, aliases = [] }: CommandSpec) => [name, ...aliases];

/** A whole name, or the beginning of one command's only. */
export function findCommand(word: string, commands: readonly CommandSpec[] = COMMANDS): Found {
  const exact = commands.find((command) => namesOf(command).includes(word));
  if (exact !== undefined) return { kind: "command", command: exact };
  const begun = commands.filter((command) =>
    command.hidden !== true && namesOf(command).some((name) => word !== "" && name.startsWith(word))
  );
  if (begun.length === 1) return { kind: "command", command: begun[0] };
  return begun.length === 0
    ? { kind: "unknown" }
    : { kind: "ambiguous", names: begun.map(({ name }) => name) };
}
