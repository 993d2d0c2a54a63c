import type { CommandSpec } from "../spec.ts";
import { ACPI_FALLBACK, CONFIGURATION, DOMAIN, DOMAINS, MANAGED, WAIT } from "./arguments.ts";

const group = "life cycle";

const CONSOLE_EXITS = {
  3: "the domain crashed while its console was attached",
  4: "the domain rebooted, and on_reboot does not restart it",
  5: "the domain suspended",
} as const;

const PAUSED = { short: "p", long: "paused", summary: "leave the domain paused" } as const;
const CONSOLE = {
  short: "c",
  long: "console",
  summary: "attach to the domain's console, from its first line on; ^] leaves it, the domain goes on",
} as const;

export const LIFE_CYCLE: readonly CommandSpec[] = [
  {
    name: "create",
    group,
    summary: "create a domain from a configuration file and start it",
    description:
      "xend builds and runs the domain, and is started if it is not running. With -c the command ends when the domain does, " +
      "or with ^] on a terminal; in a pipeline the console is standard input and output. A file's relative paths are relative to the file.",
    arguments: CONFIGURATION,
    options: [
      CONSOLE,
      PAUSED,
      { short: "n", long: "dry-run", summary: "check everything and print the domain, but create nothing" },
      { short: "q", long: "quiet", summary: "print nothing but errors and the console" },
      {
        short: "F",
        long: "foreground",
        summary: "return when the domain has ended",
      },
      {
        long: "in-process",
        summary:
          "run the domain in this process, without xend: it ends with the process (also XENOLITH_IN_PROCESS=1)",
      },
      {
        short: "e",
        long: "exit-at-once",
        summary: "xl's -e (accepted: xend waits for the domain)",
        hidden: true,
      },
      { short: "d", long: "debug", summary: "xl's -d (accepted)", hidden: true },
    ],
    examples: [
      { line: "create guest.cfg", does: "create the domain and return" },
      {
        line: "create -c guest.cfg memory=256",
        does: "attach to its console, with a key of the file set anew",
      },
      { line: "create -n guest.cfg", does: "check the file and the kernel, create nothing" },
      { line: "create -c -q guest.cfg < commands.txt", does: "in a pipeline: type commands into the guest" },
    ],
    exitCodes: CONSOLE_EXITS,
    printsJson: true,
    dryRun: true,
    load: async () => (await import("../run/create_domain.ts")).createDomain,
  },
  {
    name: "new",
    group,
    summary: "define a managed domain, which xend keeps, without starting it",
    arguments: CONFIGURATION,
    options: [
      { short: "n", long: "dry-run", summary: "check everything, define nothing" },
      { short: "q", long: "quiet", summary: "print nothing but errors" },
    ],
    examples: [{ line: "new guest.cfg", does: "keep the domain; start guest runs it" }],
    printsJson: true,
    dryRun: true,
    load: async () => (await import("../run/create_domain.ts")).newDomain,
  },
  {
    name: "start",
    group,
    summary: "start a managed domain",
    arguments: [MANAGED],
    options: [CONSOLE, PAUSED],
    examples: [{ line: "start -c guest", does: "start it and attach to its console" }],
    exitCodes: CONSOLE_EXITS,
    load: async () => (await import("../run/create_domain.ts")).startDomain,
  },
  {
    name: "delete",
    group,
    summary: "forget a managed domain that is not running",
    arguments: [MANAGED],
    options: [],
    examples: [{ line: "delete guest", does: "xend keeps nothing of it" }],
    load: async () => (await import("../run/life_cycle.ts")).deleteDomain,
  },
  {
    name: "pause",
    group,
    summary: "pause a domain: its vCPUs stop, its memory stays",
    arguments: [{ ...DOMAIN, many: true }],
    options: [],
    examples: [{ line: "pause guest", does: "stop it until unpause" }],
    load: async () => (await import("../run/life_cycle.ts")).pause,
  },
  {
    name: "unpause",
    group,
    summary: "let a paused domain go on",
    arguments: [{ ...DOMAIN, many: true }],
    options: [],
    examples: [{ line: "unpause guest", does: "let it go on" }],
    load: async () => (await import("../run/life_cycle.ts")).unpause,
  },
  {
    name: "shutdown",
    group,
    summary: "ask a domain to power off",
    description:
      "The guest decides: one that runs no Xen-aware kernel is not listening. destroy asks nobody.",
    arguments: [DOMAINS],
    options: [
      { short: "a", long: "all", summary: "all domains" },
      WAIT,
      { short: "R", long: "reboot", summary: "ask for a reboot instead" },
      { short: "H", long: "halt", summary: "ask for a halt (the same as to power off here)" },
      {
        long: "timeout",
        value: { name: "seconds", kind: "text" },
        summary: "with -w: so long at most, then fail",
      },
      ACPI_FALLBACK,
    ],
    examples: [
      { line: "shutdown -w guest", does: "and wait until it has ended" },
      { line: "shutdown -aw", does: "all domains" },
    ],
    load: async () => (await import("../run/life_cycle.ts")).shutdown,
  },
  {
    name: "reboot",
    group,
    summary: "ask a domain to reboot",
    arguments: [DOMAINS],
    options: [
      { short: "a", long: "all", summary: "all domains" },
      { ...WAIT, summary: "return when it has ended its old life" },
      ACPI_FALLBACK,
    ],
    examples: [{ line: "reboot guest", does: "ask it to start anew" }],
    load: async () => (await import("../run/life_cycle.ts")).reboot,
  },
  {
    name: "destroy",
    group,
    summary: "end a domain at once, as if its power was cut",
    arguments: [{ ...DOMAIN, many: true }],
    options: [{ short: "f", long: "force", summary: "xl's -f (accepted)", hidden: true }],
    examples: [{ line: "destroy guest", does: "without asking the guest" }],
    load: async () => (await import("../run/life_cycle.ts")).destroy,
  },
  {
    name: "reset",
    group,
    summary: "destroy a domain and start it anew",
    arguments: [DOMAIN],
    options: [],
    examples: [{ line: "reset guest", does: "its reset button" }],
    load: async () => (await import("../run/life_cycle.ts")).reset,
  },
  {
    name: "rename",
    group,
    summary: "give a domain another name",
    arguments: [DOMAIN, { name: "new-name", kind: "text", summary: "the name from now on" }],
    options: [],
    examples: [{ line: "rename guest webserver", does: "XenStore has the new name too" }],
    load: async () => (await import("../run/life_cycle.ts")).rename,
  },
  {
    name: "sysrq",
    group,
    summary: "press a key of Linux's magic SysRq in a domain",
    arguments: [DOMAIN, {
      name: "key",
      kind: "text",
      summary: "one letter, as the kernel's sysrq.rst lists them",
    }],
    options: [],
    examples: [{ line: "sysrq guest s", does: "sync its disks" }],
    load: async () => (await import("../run/life_cycle.ts")).sysrq,
  },
  {
    name: "trigger",
    group,
    summary: "send a trigger to a domain",
    arguments: [
      DOMAIN,
      {
        name: "trigger",
        kind: "text",
        choices: ["nmi", "reset", "init", "power", "sleep", "s3resume"],
        summary: "which one",
      },
      { name: "vcpu", kind: "text", optional: true, summary: "to which vCPU; 0 by default" },
    ],
    options: [],
    examples: [{ line: "trigger guest nmi 1", does: "a non-maskable interrupt on vCPU 1" }],
    load: async () => (await import("../run/life_cycle.ts")).trigger,
  },
  {
    name: "console",
    group,
    summary: "attach to a domain's console; ^] detaches",
    description:
      "What the domain wrote before (the latest 128 KiB) is shown first. In a pipeline the console is standard input and output.",
    arguments: [DOMAIN],
    options: [
      { short: "q", long: "quiet", summary: "say nothing of one's own" },
      { long: "from-now", summary: "only what the domain writes from now on" },
      {
        short: "t",
        long: "type",
        value: { name: "type", kind: "text" },
        choices: ["pv", "serial"],
        summary: "which console: pv is the one that there is",
      },
      {
        short: "n",
        long: "number",
        value: { name: "number", kind: "text" },
        summary: "number of the console: 0",
      },
      {
        short: "e",
        long: "escape",
        value: { name: "character", kind: "text" },
        summary: "what detaches in place of ^] (^A or a single character)",
      },
    ],
    examples: [
      { line: "console guest", does: "talk to it; ^] detaches" },
      { line: "console --from-now guest < /dev/null", does: "follow its output" },
    ],
    exitCodes: CONSOLE_EXITS,
    load: async () => (await import("../run/console.ts")).console,
  },
  {
    name: "dump-core",
    group,
    summary: "write an ELF core of a domain, as crash and gdb read them",
    arguments: [DOMAIN, {
      name: "file",
      kind: "file",
      optional: true,
      summary: "by default one below xend's state",
    }],
    options: [
      { short: "L", long: "live", summary: "do not pause the domain meanwhile" },
      { short: "C", long: "crash", summary: "destroy the domain afterwards" },
      { short: "R", long: "reset", summary: "start the domain anew afterwards" },
    ],
    examples: [{ line: "dump-core -L guest guest.core", does: "while it runs" }],
    printsJson: true,
    load: async () => (await import("../run/life_cycle.ts")).dumpCore,
  },
];
