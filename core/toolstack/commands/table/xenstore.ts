import type { ArgumentSpec, CommandSpec } from "../spec.ts";

const group = "XenStore";
const PATH: ArgumentSpec = {
  name: "path",
  kind: "path",
  summary: "of XenStore; without a slash at its start below Domain-0's home",
};
const PATHS: ArgumentSpec = { ...PATH, many: true };
const FULL = { short: "p", long: "paths", summary: "with the paths" } as const;

export const XENSTORE: readonly CommandSpec[] = [
  {
    name: "xenstore-ls",
    group,
    summary: "print a tree of XenStore",
    arguments: [{ ...PATH, optional: true }],
    options: [
      { short: "f", long: "full", summary: "whole paths, a line for each node" },
      { short: "p", long: "permissions", summary: "with permissions" },
    ],
    examples: [{ line: "xenstore-ls -f /local/domain/1", does: "one domain's nodes" }],
    printsJson: true,
    load: async () => (await import("../run/xenstore.ts")).ls,
  },
  {
    name: "xenstore-read",
    group,
    summary: "print values",
    arguments: [PATHS],
    options: [FULL, { short: "R", long: "raw", summary: "bytes as they are" }],
    examples: [{ line: "xenstore-read /local/domain/1/name", does: "a domain's name" }],
    printsJson: true,
    load: async () => (await import("../run/xenstore.ts")).read,
  },
  {
    name: "xenstore-write",
    group,
    summary: "write values",
    arguments: [{ name: "path value", kind: "path", many: true, summary: "paths and values, by turns" }],
    options: [{ short: "R", long: "raw", summary: "backslashes are bytes like others" }],
    examples: [{
      line: "xenstore-write /local/domain/1/data/x 42",
      does: "the node is made if it is not there",
    }],
    load: async () => (await import("../run/xenstore.ts")).write,
  },
  {
    name: "xenstore-rm",
    group,
    summary: "remove nodes and all below them",
    arguments: [PATHS],
    options: [{ short: "t", long: "tidy", summary: "and what is empty above them then" }],
    examples: [{ line: "xenstore-rm /local/domain/1/data/x", does: "one node" }],
    load: async () => (await import("../run/xenstore.ts")).rm,
  },
  {
    name: "xenstore-list",
    group,
    summary: "print the names below nodes",
    arguments: [PATHS],
    options: [FULL],
    examples: [{ line: "xenstore-list /local/domain", does: "the domids" }],
    printsJson: true,
    load: async () => (await import("../run/xenstore.ts")).list,
  },
  {
    name: "xenstore-exists",
    group,
    summary: "exit with 0 if all of the nodes exist, with 1 if not",
    arguments: [PATHS],
    options: [],
    examples: [{ line: "xenstore-exists /local/domain/1", does: "is there a domain 1?" }],
    exitCodes: { 1: "a node does not exist" },
    printsJson: true,
    load: async () => (await import("../run/xenstore.ts")).exists,
  },
  {
    name: "xenstore-watch",
    group,
    summary: "print paths as they change",
    arguments: [PATHS],
    options: [{
      short: "n",
      long: "count",
      value: { name: "count", kind: "text" },
      summary: "end after so many",
    }],
    examples: [{
      line: "xenstore-watch -n 5 /local/domain",
      does: "five changes (the first tells that it watches)",
    }],
    printsJson: true,
    load: async () => (await import("../run/xenstore.ts")).watch,
  },
  {
    name: "xenstore-chmod",
    group,
    summary: "set the permissions of a node",
    arguments: [
      PATH,
      {
        name: "permission",
        kind: "text",
        many: true,
        summary: "n, r, w or b and a domid; the first is the owner's",
      },
    ],
    options: [
      { short: "r", long: "recursive", summary: "and of all below it" },
      { short: "u", long: "upward", summary: "and of all above it" },
    ],
    examples: [{ line: "xenstore-chmod /local/domain/1/data n1 r2", does: "domain 1's; domain 2 may read" }],
    load: async () => (await import("../run/xenstore.ts")).chmod,
  },
];
