/** The commands below `config`. */
import type { ArgumentSpec, CommandSpec } from "../spec.ts";
import { CONFIGURATION } from "./arguments.ts";

const group = "configuration";
const FILE: ArgumentSpec = { name: "file", kind: "configuration", summary: "configuration file of xl or xm" };

export const CONFIG: readonly CommandSpec[] = [
  {
    name: "check",
    group,
    summary: "say what is wrong with configurations, and what has no effect here",
    arguments: [{
      ...FILE,
      many: true,
      summary: "configuration files of xl or xm, and KEY=VALUE settings for each",
    }],
    options: [{ short: "v", long: "verbose", summary: "also what has no effect and need not" }],
    examples: [{ line: "config check --json guest.cfg", does: "file, line, column and what is wrong" }],
    exitCodes: { 1: "a file has errors" },
    printsJson: true,
    load: async () => (await import("../run/config_command.ts")).check,
  },
  {
    name: "show",
    group,
    summary: "print a configuration as it is understood",
    arguments: CONFIGURATION,
    options: [],
    examples: [{ line: "config show --json guest.cfg", does: "its keys, and what they come to" }],
    printsJson: true,
    load: async () => (await import("../run/config_command.ts")).show,
  },
  {
    name: "convert",
    group,
    summary: "print a configuration in another language",
    arguments: CONFIGURATION,
    options: [{
      long: "to",
      value: { name: "language", kind: "text" },
      choices: ["xl", "json", "libvirt"],
      summary: "which one; xl by default",
    }],
    examples: [{ line: "config convert --to xl old-xm-file", does: "what xl understands" }],
    printsJson: true,
    load: async () => (await import("../run/config_command.ts")).convert,
  },
  {
    name: "schema",
    group,
    summary: "print the JSON schema of configurations in JSON, for editors",
    arguments: [],
    options: [],
    examples: [{ line: "config schema > xen-domain.schema.json", does: "for an editor" }],
    printsJson: true,
    load: async () => (await import("../run/config_command.ts")).schema,
  },
];
