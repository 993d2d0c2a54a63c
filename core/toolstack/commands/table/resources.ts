import type { CommandSpec } from "../spec.ts";
import { DOMAIN, MAYBE_DOMAIN } from "./arguments.ts";

const group = "resources";

const MEMORY = {
  name: "memory",
  kind: "text",
  summary: "MiB, or with one of the letters b, k, m, g and t",
} as const;

export const RESOURCES: readonly CommandSpec[] = [
  {
    name: "mem-set",
    group,
    summary: "set how much memory a domain uses (its balloon gives or takes the rest)",
    arguments: [DOMAIN, MEMORY],
    options: [],
    examples: [
      { line: "mem-set guest 192", does: "192 MiB" },
      { line: "mem-set guest 1g", does: "1 GiB" },
    ],
    load: async () => (await import("../run/resources.ts")).memSet,
  },
  {
    name: "mem-max",
    group,
    summary: "set how much memory a domain can have",
    arguments: [DOMAIN, MEMORY],
    options: [],
    examples: [{ line: "mem-max guest 512", does: "512 MiB" }],
    load: async () => (await import("../run/resources.ts")).memMax,
  },
  {
    name: "vcpu-set",
    group,
    summary: "set how many vCPUs of a domain are online",
    arguments: [DOMAIN, { name: "count", kind: "text", summary: "up to what its configuration gives it" }],
    options: [{
      short: "i",
      long: "ignore-host",
      summary: "xl's -i: more than the host has pCPUs (accepted)",
      hidden: true,
    }],
    examples: [{ line: "vcpu-set guest 1", does: "the guest takes the others offline" }],
    load: async () => (await import("../run/resources.ts")).vcpuSet,
  },
  {
    name: "vcpu-pin",
    group,
    summary: "set on which pCPUs a vCPU may run",
    arguments: [
      DOMAIN,
      { name: "vcpu", kind: "text", summary: "a number, or all" },
      { name: "hard", kind: "text", summary: "pCPUs it must run on: 0-3,^2, all, or - to leave them" },
      { name: "soft", kind: "text", optional: true, summary: "pCPUs it should run on, likewise" },
    ],
    options: [{ short: "f", long: "force", summary: "xl's -f (accepted)", hidden: true }],
    examples: [
      { line: "vcpu-pin guest all 1", does: "on pCPU 1 only" },
      { line: "vcpu-pin guest 0 all 0", does: "anywhere, rather on pCPU 0" },
    ],
    load: async () => (await import("../run/resources.ts")).vcpuPin,
  },
  {
    name: "sched-credit",
    group,
    summary: "show or set the credit scheduler's parameters",
    arguments: [],
    options: [
      { short: "d", long: "domain", value: { name: "domain", kind: "domain" }, summary: "of that domain" },
      {
        short: "w",
        long: "weight",
        value: { name: "weight", kind: "text" },
        summary: "its share among busy domains, 1 to 65535 (256)",
      },
      {
        short: "c",
        long: "cap",
        value: { name: "cap", kind: "text" },
        summary: "per cent of one pCPU that it never exceeds; 0: none",
      },
      { short: "p", long: "cpupool", value: { name: "pool", kind: "text" }, summary: "domains of that pool" },
      { short: "s", long: "schedparam", summary: "the pool's own parameters" },
    ],
    examples: [
      { line: "sched-credit", does: "of all domains" },
      { line: "sched-credit -d guest -w 512", does: "twice the usual share" },
    ],
    printsJson: true,
    load: async () => (await import("../run/resources.ts")).schedCredit,
  },
  {
    name: "cpupool-list",
    group,
    summary: "list the CPU pools: there is one",
    arguments: [{ ...MAYBE_DOMAIN, name: "pool", kind: "text", summary: "name of a pool" }],
    options: [{ short: "c", long: "cpus", summary: "with the numbers of their pCPUs" }],
    examples: [{ line: "cpupool-list -c", does: "with their pCPUs" }],
    printsJson: true,
    load: async () => (await import("../run/resources.ts")).cpupoolList,
  },
];
