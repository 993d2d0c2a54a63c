/** Completions for bash, zsh and fish, made from the table of commands. */
import { json } from "../run/domains.ts";
import type { Runner } from "../spec.ts";
import { completionsOf, liveSource } from "./complete.ts";
import { SCRIPTS, type Shell } from "./scripts.ts";

const isShell = (name: string): name is Shell => Object.hasOwn(SCRIPTS, name);

export const completion: Runner = ({ words: [shell], json: asJson }, context) => {
  if (!isShell(shell)) return 2;
  context.print(asJson ? json({ shell, script: SCRIPTS[shell] }) : SCRIPTS[shell]);
  return 0;
};

export const complete: Runner = async ({ words }, context) => {
  const given = words[0] === "--" ? words.slice(1) : words;
  const found = await completionsOf(given, liveSource(context));
  if (found === "files") context.print(":files\n");
  else context.print(found.map(({ word, summary }) => `${word}\t${summary}\n`).join(""));
  return 0;
};
