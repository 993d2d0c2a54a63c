/** `info` (xl_info.c, output_xeninfo and the like; xm's main.py): keys in xl's order, which is xm's as well. */
import type { NodeInfo } from "../api/types.ts";
import { left, right } from "./text.ts";

const mib = (kib: number) => Math.floor(kib / 1024);

/** The lines of `info`; a key without a value introduces a table. @param numa with the topology */
export function nodeLines(node: NodeInfo, numa: boolean): (readonly [key: string, value: string] | string)[] {
  const { nrCpus } = node;
  const memory = [right(mib(node.totalMemoryKiB), 6), right(mib(node.freeMemoryKiB), 6)];
  const topology = [
    ["cpu_topology", ""],
    "cpu:    core    socket     node",
    ...Array.from(
      { length: nrCpus },
      (_, cpu) => `${right(cpu, 3)}:    ${right(cpu, 4)}     ${right(0, 4)}     ${right(0, 4)}`,
    ),
    ["device topology", ""],
    "device           node",
    "No device topology data available",
    ["numa_info", ""],
    "node:    memsize    memfree    distances",
    `   0:    ${memory[0]}     ${memory[1]}      10`,
  ] as const;
  return [
    ["host", node.host],
    ["release", node.release],
    ["version", node.version],
    ["machine", node.machine],
    ["nr_cpus", String(nrCpus)],
    ["max_cpu_id", String(nrCpus - 1)],
    ["nr_nodes", "1"],
    ["cores_per_socket", String(nrCpus)],
    ["threads_per_core", "1"],
    ["cpu_mhz", node.cpuMhz.toFixed(3)],
    ["hw_caps", node.hwCaps ?? "00000000:00000000:00000000:00000000:00000000:00000000:00000000:00000000"],
    // PV guests with grant tables of version 1; nothing else runs.
    ["virt_caps", "pv gnttab-v1"],
    ["total_memory", String(mib(node.totalMemoryKiB))],
    ["free_memory", String(mib(node.freeMemoryKiB))],
    ["sharing_freed_memory", "0"],
    ["sharing_used_memory", "0"],
    ["outstanding_claims", "0"],
    ["free_cpus", "0"],
    ...(numa ? topology : []),
    ["xen_major", String(node.xenMajor)],
    ["xen_minor", String(node.xenMinor)],
    ["xen_extra", node.xenExtra],
    ["xen_version", `${node.xenMajor}.${node.xenMinor}${node.xenExtra}`],
    ["xen_caps", `${node.xenCaps} `],
    ["xen_scheduler", node.scheduler],
    ["xen_pagesize", "4096"],
    ["platform_params", "virt_start=0xffff800000000000"],
    ["xen_changeset", ""],
    ["xen_commandline", ""],
    ["cc_compiler", `Deno ${node.version}`],
    ["cc_compile_by", ""],
    ["cc_compile_domain", ""],
    ["cc_compile_date", ""],
    ["build_id", `xenolith-${node.xenolith}`],
    ["xend_config_format", "4"],
  ];
}

export function nodeText(node: NodeInfo, numa: boolean, dialect: "xl" | "xm"): string {
  return nodeLines(node, numa).map((line) => {
    if (typeof line === "string") return `${line}\n`;
    const [key, value] = line;
    // xl ends the line of a table's title after the colon; xm has a blank there as everywhere.
    return `${left(key, 23)}:${value === "" && dialect === "xl" && TITLES.has(key) ? "" : ` ${value}`}\n`;
  }).join("");
}

/**
 * Values alone of the lines whose keys begin with `field`, as `xl info FIELD` prints them (xl_info.c, maybe_printf). Without the topology, as there.
 * @returns "" when there is no such key
 */
export function nodeFieldText(node: NodeInfo, field: string): string {
  return nodeLines(node, false).map((line) =>
    typeof line !== "string" && line[0].startsWith(field) ? `${line[1]}\n` : ""
  ).join("");
}

const TITLES = new Set(["cpu_topology", "device topology", "numa_info"]);

/** As JSON: the keys of `info`, numbers as numbers. */
export function nodeRecord(node: NodeInfo): Record<string, string | number> {
  const record: Record<string, string | number> = {};
  for (const line of nodeLines(node, false)) {
    if (typeof line === "string") continue;
    const [key, value] = line;
    record[key] = /^\d+(\.\d+)?$/.test(value) ? Number(value) : value.trim();
  }
  return record;
}
