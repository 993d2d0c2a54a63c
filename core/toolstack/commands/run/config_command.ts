import { config, type ConfigRequest } from "../config.ts";
import type { Context } from "../context.ts";
import { CommandError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import type { Runner } from "../spec.ts";

const runner =
  (request: (invocation: Invocation) => ConfigRequest): Runner => (invocation, context: Context) =>
    config(request(invocation), {
      print: (text) => context.print(text),
      say: (line) => context.say(line),
      environment: context.environment,
      directory: context.directory,
    });

/** No file of such a name is meant: it would be written with ./ before it. */
const isSetting = (word: string) => /^[A-Za-z_][\w.]*\+?=/.test(word);

export const check = runner((invocation) => {
  const files = invocation.words.filter((word) => !isSetting(word));
  if (files.length === 0) throw new CommandError("config check: name a file before its settings", "usage");
  return {
    action: "check",
    files,
    overrides: invocation.words.filter(isSetting),
    json: invocation.json,
    strict: invocation.has("strict"),
    verbose: invocation.verbose,
  };
});

export const show = runner((invocation) => {
  const [file, ...overrides] = invocation.words;
  return { action: "show", file, overrides, json: invocation.json };
});

const TARGETS = ["xl", "json", "libvirt"] as const;

export const convert = runner((invocation) => {
  const [file, ...overrides] = invocation.words;
  const word = invocation.text("to") ?? "xl";
  const to = TARGETS.find((target) => target === word);
  if (to === undefined) {
    throw new CommandError(`--to: expected one of ${TARGETS.join(", ")}; found ${word}`, "usage");
  }
  return { action: "convert", file, overrides, to };
});

export const schema = runner(() => ({ action: "schema" }));
