/** Commands that look into a domain. */
import type { CommandSpec } from "../spec.ts";
import { DOMAIN } from "./arguments.ts";

export const DEBUG: readonly CommandSpec[] = [
  {
    name: "trace",
    group: "information",
    summary: "show a domain's hypercalls, traps, event channels and grants as they happen",
    description:
      "An expression is KEY=VALUE,VALUE... with the keys kind (hypercall, trap, event, grant), vcpu, name (of a " +
      "hypercall or trap, with .OPERATION, with * for anything) and errno (EINVAL..., any, none); a ! before the first " +
      "value turns it around. A value alone is a name. Several expressions, with blanks between them, must all hold. " +
      "The trace ends with the domain or by Ctrl-C.",
    arguments: [DOMAIN],
    options: [
      { short: "c", long: "count", summary: "only count: calls, errors and time of each, at the end" },
      {
        short: "e",
        long: "expression",
        value: { name: "expression", kind: "text" },
        summary: "what to show",
      },
      { short: "o", long: "output", value: { name: "file", kind: "file" }, summary: "write to a file" },
      { long: "for", value: { name: "seconds", kind: "text" }, summary: "end after so many seconds" },
    ],
    examples: [
      { line: "trace guest", does: "everything" },
      { line: "trace -e 'kind=hypercall errno=any' guest", does: "hypercalls that fail" },
      { line: "trace -e mmuext_op,memory_op.populate_physmap guest", does: "two of them" },
      { line: "trace -c --for 10 guest", does: "what it did in ten seconds, summed up" },
    ],
    printsJson: true,
    load: async () => (await import("../run/debug.ts")).trace,
  },
  {
    name: "gdb",
    group: "information",
    summary: "let gdb attach to a domain, on a port of 127.0.0.1",
    description:
      "The port stays open until the domain's end. The domain stops when gdb connects, and goes on when it " +
      "leaves; vCPUs are threads. Breakpoints are not in the guest's memory. Boot Linux with nokaslr for the addresses " +
      "of its vmlinux.",
    arguments: [DOMAIN],
    options: [
      { short: "p", long: "port", value: { name: "port", kind: "text" }, summary: "by default a free one" },
      { long: "pause", summary: "stop the domain now, not when gdb connects" },
    ],
    examples: [
      { line: "gdb guest", does: "prints what to type in gdb" },
      { line: "gdb --port 1234 --pause guest", does: "stopped, on a port that scripts know" },
    ],
    printsJson: true,
    load: async () => (await import("../run/debug.ts")).gdb,
  },
];
