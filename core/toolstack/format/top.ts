/** xentop's table (tools/xentop/xentop.c): each column right-aligned, a blank between two; and its columns for machines. */
import type { DomainFigures, MachineFigures, VbdFigures, VifFigures } from "../api/figures.ts";
import type { NodeInfo } from "../api/types.ts";
import { NO_RATES, type Rates } from "./rates.ts";
import { right } from "./text.ts";

/** A domain at one moment. */
export interface TopDomain {
  readonly figures: DomainFigures;
  readonly rates: Rates;
}

type Node = Pick<NodeInfo, "totalMemoryKiB">;

export interface TopColumn {
  readonly title: string;
  readonly width: number;
  /** For machines: a name, and the value in the unit of the title; undefined where there is none. */
  readonly key: string;
  value(domain: TopDomain, node: Node): string | number | undefined;
  /** As the table has it; by default the value. */
  cell?(domain: TopDomain, node: Node): string | number;
}

const sum = <T>(items: readonly T[], of: (item: T) => number) =>
  items.reduce((total, item) => total + of(item), 0);
const vifs = (of: (vif: VifFigures) => number) => ({ figures }: TopDomain) => sum(figures.vifs, of);
const vbds = (of: (vbd: VbdFigures) => number) => ({ figures }: TopDomain) => sum(figures.vbds, of);
const kib = (bytes: number) => Math.floor(bytes / 1024);
const percent = (part: number, { totalMemoryKiB }: Node) => 100 * part / totalMemoryKiB;

/** xentop's letters: dying, shut down, blocked, crashed, paused, running. */
function letters({ figures: { state } }: TopDomain): string {
  return [
    state.dying ? "d" : "-",
    state.shutdown ? "s" : "-",
    state.blocked ? "b" : "-",
    state.crashed ? "c" : "-",
    state.paused ? "p" : "-",
    state.running ? "r" : "-",
  ].join("");
}

function maxPercent({ figures: { maxMemoryKiB } }: TopDomain, node: Node): number | undefined {
  return maxMemoryKiB === undefined ? undefined : percent(maxMemoryKiB, node);
}

export const TOP_COLUMNS: readonly TopColumn[] = [
  { title: "NAME", width: 10, key: "name", value: ({ figures }) => figures.name },
  { title: "STATE", width: 6, key: "state", value: letters },
  {
    title: "CPU(sec)",
    width: 10,
    key: "cpu_sec",
    value: ({ figures }) => figures.seconds,
    cell: ({ figures }) => Math.floor(figures.seconds),
  },
  {
    title: "CPU(%)",
    width: 6,
    key: "cpu_percent",
    value: ({ rates }) => rates.cpuPercent,
    cell: ({ rates }) => rates.cpuPercent.toFixed(1),
  },
  { title: "MEM(k)", width: 10, key: "mem_kib", value: ({ figures }) => figures.memoryKiB },
  {
    title: "MEM(%)",
    width: 6,
    key: "mem_percent",
    value: ({ figures }, node) => percent(figures.memoryKiB, node),
    cell: ({ figures }, node) => percent(figures.memoryKiB, node).toFixed(1),
  },
  {
    title: "MAXMEM(k)",
    width: 10,
    key: "maxmem_kib",
    value: ({ figures }) => figures.maxMemoryKiB,
    cell: ({ figures }) => figures.maxMemoryKiB ?? "no limit",
  },
  {
    title: "MAXMEM(%)",
    width: 9,
    key: "maxmem_percent",
    value: maxPercent,
    cell: (domain, node) => maxPercent(domain, node)?.toFixed(1) ?? "n/a",
  },
  { title: "VCPUS", width: 5, key: "vcpus", value: ({ figures }) => figures.vcpus.length },
  { title: "NETS", width: 4, key: "nets", value: ({ figures }) => figures.vifs.length },
  {
    title: "NETTX(k)",
    width: 8,
    key: "nettx_kib",
    value: (domain) => kib(vifs((vif) => vif.txBytes)(domain)),
  },
  {
    title: "NETRX(k)",
    width: 8,
    key: "netrx_kib",
    value: (domain) => kib(vifs((vif) => vif.rxBytes)(domain)),
  },
  { title: "VBDS", width: 4, key: "vbds", value: ({ figures }) => figures.vbds.length },
  { title: "VBD_OO", width: 8, key: "vbd_oo", value: vbds(({ outOfRequests }) => outOfRequests) },
  { title: "VBD_RD", width: 8, key: "vbd_rd", value: vbds(({ reads }) => reads) },
  { title: "VBD_WR", width: 8, key: "vbd_wr", value: vbds(({ writes }) => writes) },
  { title: "VBD_RSECT", width: 10, key: "vbd_rsect", value: vbds(({ readSectors }) => readSectors) },
  { title: "VBD_WSECT", width: 10, key: "vbd_wsect", value: vbds(({ writtenSectors }) => writtenSectors) },
  { title: "SSID", width: 4, key: "ssid", value: ({ figures }) => figures.ssid },
];

export interface TopOptions {
  readonly fullName?: boolean;
  readonly networks?: boolean;
  readonly vbds?: boolean;
  readonly vcpus?: boolean;
  readonly repeatHeader?: boolean;
}

/** The domains of a sample, each with its rates. */
export function topDomains(
  { domains }: MachineFigures,
  rates: ReadonlyMap<number, Rates> = new Map(),
): TopDomain[] {
  return domains.map((figures) => ({ figures, rates: rates.get(figures.domid) ?? NO_RATES }));
}

const row = (values: readonly (string | number)[], nameWidth: number) =>
  values.map((value, index) => {
    const width = index === 0 ? nameWidth : TOP_COLUMNS[index].width;
    return right(index === 0 ? String(value).slice(0, nameWidth) : value, width);
  }).join(" ") + "\n";

/** The lines below a domain: vCPUs, networks, block devices, as far as they are wanted. */
export function topDetails({ figures }: Pick<TopDomain, "figures">, options: TopOptions): string {
  const lines: string[] = [];
  if (options.vcpus === true) {
    // Five to a line, as xentop has them.
    const parts = figures.vcpus.filter(({ online }) => online).map(({ id, seconds }) =>
      `${id !== 0 && id % 5 === 0 ? "\n        " : ""} ${right(id, 2)}: ${right(Math.floor(seconds), 10)}s`
    );
    lines.push(`VCPUs(sec): ${parts.join("")}`);
  }
  if (options.networks === true) {
    for (const vif of figures.vifs) {
      const half = (bytes: number, packets: number, errors: number, drops: number) =>
        `${right(bytes, 8)}bytes ${right(packets, 8)}pkts ${right(errors, 8)}err ${right(drops, 8)}drop`;
      lines.push(
        `Net${vif.devid} RX: ${half(vif.rxBytes, vif.rxPackets, vif.rxErrors, vif.rxDrops)}  TX: ${
          half(vif.txBytes, vif.txPackets, vif.txErrors, vif.txDrops)
        }`,
      );
    }
  }
  if (options.vbds === true) {
    for (const { devid, outOfRequests, reads, writes, readSectors, writtenSectors } of figures.vbds) {
      const place = `${right((devid >> 8).toString(16), 2)}:${right((devid & 0xff).toString(16), 2)}`;
      lines.push(
        `VBD BlkBack ${right(devid, 4)} [${place}]  OO: ${right(outOfRequests, 8)}   RD: ${
          right(reads, 8)
        }   WR: ${right(writes, 8)}   RSECT: ${right(readSectors, 10)}   WSECT: ${right(writtenSectors, 10)}`,
      );
    }
  }
  return lines.map((line) => `${line}\n`).join("");
}

export function topTable(domains: readonly TopDomain[], node: Node, options: TopOptions = {}): string {
  const names = domains.map(({ figures }) => figures.name.length);
  const nameWidth = options.fullName === true ? Math.max(10, ...names) : 10;
  const header = row(TOP_COLUMNS.map(({ title }) => title), nameWidth);
  const parts = options.repeatHeader === true ? [] : [header];
  for (const domain of domains) {
    if (options.repeatHeader === true) parts.push(header);
    const cells = TOP_COLUMNS.map(({ cell, value }) => cell?.(domain, node) ?? value(domain, node) ?? "");
    parts.push(row(cells, nameWidth), topDetails(domain, options));
  }
  return parts.join("");
}
