/** xentop's table (tools/xentop/xentop.c): each column right-aligned, a blank between two. */
import type { DeviceRecord, DomainDetail, NodeInfo } from "../api/types.ts";
import { right } from "./text.ts";

const COLUMNS: readonly (readonly [title: string, width: number])[] = [
  ["NAME", 10],
  ["STATE", 6],
  ["CPU(sec)", 10],
  ["CPU(%)", 6],
  ["MEM(k)", 10],
  ["MEM(%)", 6],
  ["MAXMEM(k)", 10],
  ["MAXMEM(%)", 9],
  ["VCPUS", 5],
  ["NETS", 4],
  ["NETTX(k)", 8],
  ["NETRX(k)", 8],
  ["VBDS", 4],
  ["VBD_OO", 8],
  ["VBD_RD", 8],
  ["VBD_WR", 8],
  ["VBD_RSECT", 10],
  ["VBD_WSECT", 10],
  ["SSID", 4],
];

/** A domain at one moment. */
export interface TopDomain extends
  Pick<
    DomainDetail,
    "name" | "state" | "seconds" | "memoryKiB" | "maxMemoryKiB" | "maxVcpus" | "vcpuList" | "devices"
  > {
  readonly domid: number;
  /** Per cent of one pCPU since the table before; 0 in the first. */
  readonly cpuPercent: number;
}

export interface TopOptions {
  readonly fullName?: boolean;
  readonly networks?: boolean;
  readonly vbds?: boolean;
  readonly vcpus?: boolean;
  readonly repeatHeader?: boolean;
}

const count = (devices: readonly DeviceRecord[], kind: DeviceRecord["kind"]) =>
  devices.filter((device) => device.kind === kind).length;

function cells(domain: TopDomain, node: Pick<NodeInfo, "totalMemoryKiB">): (string | number)[] {
  const { state, domid, memoryKiB, maxMemoryKiB, devices } = domain;
  const flags = [
    state.dying ? "d" : "-",
    state.shutdown ? "s" : "-",
    state.blocked ? "b" : "-",
    state.crashed ? "c" : "-",
    state.paused ? "p" : "-",
    state.running ? "r" : "-",
  ].join("");
  const percent = (kib: number) => (100 * kib / node.totalMemoryKiB).toFixed(1);
  // What a device has carried is not counted: 0, as xentop shows for a backend that does not tell.
  return [
    domain.name,
    flags,
    Math.floor(domain.seconds),
    domain.cpuPercent.toFixed(1),
    memoryKiB,
    percent(memoryKiB),
    domid === 0 ? "no limit" : maxMemoryKiB,
    domid === 0 ? "n/a" : percent(maxMemoryKiB),
    domain.maxVcpus,
    count(devices, "vif"),
    0,
    0,
    count(devices, "vbd"),
    0,
    0,
    0,
    0,
    0,
    0,
  ];
}

const row = (values: readonly (string | number)[], nameWidth: number) =>
  values.map((value, index) => {
    const width = index === 0 ? nameWidth : COLUMNS[index][1];
    return right(index === 0 ? String(value).slice(0, nameWidth) : value, width);
  }).join(" ") + "\n";

function details({ devices, vcpuList }: TopDomain, options: TopOptions): string {
  const lines: string[] = [];
  if (options.vcpus === true) {
    // Five to a line, as xentop has them.
    const parts = vcpuList.filter(({ online }) => online).map(({ id, seconds }) =>
      `${id !== 0 && id % 5 === 0 ? "\n        " : ""} ${right(id, 2)}: ${right(Math.floor(seconds), 10)}s`
    );
    lines.push(`VCPUs(sec): ${parts.join("")}`);
  }
  if (options.networks === true) {
    devices.filter(({ kind }) => kind === "vif").forEach(({ devid }) => {
      const half = `${right(0, 8)}bytes ${right(0, 8)}pkts ${right(0, 8)}err ${right(0, 8)}drop`;
      lines.push(`Net${devid} RX: ${half}  TX: ${half}`);
    });
  }
  if (options.vbds === true) {
    devices.filter(({ kind }) => kind === "vbd").forEach(({ devid }) => {
      const numbers = `OO: ${right(0, 8)}   RD: ${right(0, 8)}   WR: ${right(0, 8)}   RSECT: ${
        right(0, 10)
      }   WSECT: ${right(0, 10)}`;
      const place = `${right((devid >> 8).toString(16), 2)}:${right((devid & 0xff).toString(16), 2)}`;
      lines.push(`VBD BlkBack ${right(devid, 4)} [${place}]  ${numbers}`);
    });
  }
  return lines.map((line) => `${line}\n`).join("");
}

export function topTable(
  domains: readonly TopDomain[],
  node: Pick<NodeInfo, "totalMemoryKiB">,
  options: TopOptions = {},
): string {
  const nameWidth = options.fullName === true ? Math.max(10, ...domains.map(({ name }) => name.length)) : 10;
  const header = row(COLUMNS.map(([title]) => title), nameWidth);
  const parts = options.repeatHeader === true ? [] : [header];
  for (const domain of domains) {
    if (options.repeatHeader === true) parts.push(header);
    parts.push(row(cells(domain, node), nameWidth), details(domain, options));
  }
  return parts.join("");
}

/** The lines above the table on a terminal. @param now milliseconds since the epoch */
export function topSummary(domains: readonly TopDomain[], node: NodeInfo, now: number): string {
  const time = new Date(now).toTimeString().slice(0, 8);
  const having = (flag: keyof TopDomain["state"]) => domains.filter(({ state }) => state[flag]).length;
  const used = node.totalMemoryKiB - node.freeMemoryKiB;
  return `xentop - ${time}   Xen ${node.xenMajor}.${node.xenMinor}${node.xenExtra}\n` +
    `${domains.length} domains: ${having("running")} running, ${having("blocked")} blocked, ${
      having("paused")
    } paused, ${having("crashed")} crashed, ${having("dying")} dying, ${having("shutdown")} shutdown\n` +
    `Mem: ${node.totalMemoryKiB}k total, ${used}k used, ${node.freeMemoryKiB}k free    CPUs: ${node.nrCpus} @ ${
      Math.floor(node.cpuMhz)
    }MHz\n`;
}
