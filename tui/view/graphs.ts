/** History graphs of a domain or the host: CPU, memory, network, disk; large ones side by side, small ones on one line. */
import type { DomainRow, HostView, Series } from "../model/types.ts";
import { fit, harmless, type Line, line, padEnd, type Role, span } from "./line.ts";
import type { Look } from "./look.ts";
import { bytes, kib, percent } from "../model/mod.ts";

export interface GraphOf {
  readonly title: string;
  readonly role: Role;
  readonly series: Series;
  /** What it is now, and the same in few letters. */
  readonly now: string;
  readonly short: string;
  /** Of the scale; absent: the greatest value in sight. */
  readonly max?: number;
}

const same = (now: string) => ({ now, short: now });

export function domainGraphs({ figures, rates, history }: DomainRow, hostKiB: number): readonly GraphOf[] {
  const vcpus = Math.max(1, figures.vcpus.filter(({ online }) => online).length);
  return [
    { title: "CPU", role: "cpu", series: history.cpu, ...same(percent(rates.cpuPercent)), max: 100 * vcpus },
    {
      title: "Memory",
      role: "memory",
      series: history.memory,
      ...same(kib(figures.memoryKiB)),
      max: figures.maxMemoryKiB ?? hostKiB,
    },
    {
      title: "Network",
      role: "network",
      series: history.network,
      now: `${bytes(rates.netTx)}/s out ${bytes(rates.netRx)}/s in`,
      short: `${bytes(rates.netTx + rates.netRx)}/s`,
    },
    {
      title: "Disk",
      role: "disk",
      series: history.disk,
      now: `${bytes(rates.vbdReadBytes)}/s read ${bytes(rates.vbdWriteBytes)}/s written`,
      short: `${bytes(rates.vbdReadBytes + rates.vbdWriteBytes)}/s`,
    },
  ];
}

const latest = (series: Series) => {
  const value = series.at(-1) ?? 0;
  return Number.isNaN(value) ? 0 : value;
};

export function hostGraphs({ figures, history }: HostView): readonly GraphOf[] {
  const { totalMemoryKiB, freeMemoryKiB } = figures.node;
  return [
    { title: "CPU", role: "cpu", series: history.cpu, ...same(percent(latest(history.cpu))), max: 100 },
    {
      title: "Memory",
      role: "memory",
      series: history.memory,
      ...same(kib(totalMemoryKiB - freeMemoryKiB)),
      max: totalMemoryKiB,
    },
    {
      title: "Network",
      role: "network",
      series: history.network,
      ...same(`${bytes(latest(history.network))}/s`),
    },
    { title: "Disk", role: "disk", series: history.disk, ...same(`${bytes(latest(history.disk))}/s`) },
  ];
}

/** A graph with its title: so many lines and one. */
function graphLines(
  { title, role, series, now, short, max }: GraphOf,
  width: number,
  height: number,
  look: Look,
): Line[] {
  const rows = look.graph(series, { width, height, ...(max === undefined ? {} : { max }) });
  return [
    fit(
      line(span(title, role), span(` ${title.length + 1 + now.length <= width ? now : short}`, "dim")),
      width,
    ),
    ...rows.map((row) => fit(line(span(row, role)), width)),
  ];
}

/** Side by side, as many as there are. @returns height + 1 lines */
export function graphRow(graphs: readonly GraphOf[], width: number, height: number, look: Look): Line[] {
  const gap = 2;
  const each = Math.floor((width - gap * (graphs.length - 1)) / graphs.length);
  const blocks = graphs.map((graph) => graphLines(graph, each, height, look));
  return Array.from(
    { length: height + 1 },
    (_, at) =>
      blocks.flatMap((block, index): Line => index === 0 ? block[at] : [span(" ".repeat(gap)), ...block[at]]),
  );
}

const NAME_WIDTH = 10;

/** All on one line, each a few cells of its past. */
export function sparkRow(name: string, graphs: readonly GraphOf[], width: number, look: Look): Line {
  const head = padEnd(harmless(name).slice(0, NAME_WIDTH), NAME_WIDTH);
  const each = Math.floor((width - NAME_WIDTH) / graphs.length);
  const parts = graphs.flatMap(({ title, role, series, short, max }): Line => {
    const label = `${title.slice(0, 3)} ${short.padStart(7)} `;
    const cells = Math.max(0, each - label.length - 1);
    return [
      span(" "),
      ...fit(line(span(label, "dim"), span(look.sparkline(series, cells, max), role)), each - 1),
    ];
  });
  return [span(head, "strong"), ...parts];
}
