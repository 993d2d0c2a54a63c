/** xentop's columns: what each shows of a domain, for the table that it prints and for the dashboard. */
import type { DomainFigures } from "../api/figures.ts";
import type { DomainState } from "../api/types.ts";

/** A domain's figures with what a column needs beside them. */
export interface TopFigures {
  readonly domain: DomainFigures;
  /** Per cent of one pCPU since the figures before. */
  readonly cpuPercent: number;
  /** The host's. */
  readonly totalMemoryKiB: number;
}

export interface TopColumn {
  readonly title: string;
  readonly width: number;
  /** Absent where there is none. */
  readonly value: (figures: TopFigures) => string | number | undefined;
  /** After the decimal point; a number without is cut to an integer. */
  readonly digits?: number;
  /** What stands for an absent value. */
  readonly absent?: string;
}

/** dsbcpr, a dash for each that is not so. */
export function stateFlags(state: DomainState): string {
  return [
    state.dying ? "d" : "-",
    state.shutdown ? "s" : "-",
    state.blocked ? "b" : "-",
    state.crashed ? "c" : "-",
    state.paused ? "p" : "-",
    state.running ? "r" : "-",
  ].join("");
}

type Vif = DomainFigures["vifs"][number];
type Vbd = DomainFigures["vbds"][number];

const sum = <T>(items: readonly T[], value: (item: T) => number) =>
  items.reduce((total, item) => total + value(item), 0);
const vifs = (value: (vif: Vif) => number) => ({ domain }: TopFigures) => sum(domain.vifs, value);
const vbds = (value: (vbd: Vbd) => number) => ({ domain }: TopFigures) => sum(domain.vbds, value);

function column(
  title: string,
  width: number,
  value: TopColumn["value"],
  more: Pick<TopColumn, "digits" | "absent"> = {},
): TopColumn {
  return { title, width, value, ...more };
}

export const TOP_COLUMNS: readonly TopColumn[] = [
  column("NAME", 10, ({ domain }) => domain.name),
  column("STATE", 6, ({ domain }) => stateFlags(domain.state)),
  column("CPU(sec)", 10, ({ domain }) => domain.seconds),
  column("CPU(%)", 6, ({ cpuPercent }) => cpuPercent, { digits: 1 }),
  column("MEM(k)", 10, ({ domain }) => domain.memoryKiB),
  column("MEM(%)", 6, ({ domain, totalMemoryKiB }) => 100 * domain.memoryKiB / totalMemoryKiB, { digits: 1 }),
  column("MAXMEM(k)", 10, ({ domain }) => domain.maxMemoryKiB, { absent: "no limit" }),
  column(
    "MAXMEM(%)",
    9,
    ({ domain: { maxMemoryKiB }, totalMemoryKiB }) =>
      maxMemoryKiB === undefined ? undefined : 100 * maxMemoryKiB / totalMemoryKiB,
    { digits: 1, absent: "n/a" },
  ),
  column("VCPUS", 5, ({ domain }) => domain.vcpus.length),
  column("NETS", 4, ({ domain }) => domain.vifs.length),
  column("NETTX(k)", 8, vifs(({ txBytes }) => txBytes / 1024)),
  column("NETRX(k)", 8, vifs(({ rxBytes }) => rxBytes / 1024)),
  column("VBDS", 4, ({ domain }) => domain.vbds.length),
  column("VBD_OO", 8, vbds(({ outOfRequests }) => outOfRequests)),
  column("VBD_RD", 8, vbds(({ reads }) => reads)),
  column("VBD_WR", 8, vbds(({ writes }) => writes)),
  column("VBD_RSECT", 10, vbds(({ readSectors }) => readSectors)),
  column("VBD_WSECT", 10, vbds(({ writtenSectors }) => writtenSectors)),
  column("SSID", 4, ({ domain }) => domain.ssid),
];

/** A cell without its blanks, as xentop writes it. */
export function topCell({ value, digits, absent = "" }: TopColumn, figures: TopFigures): string {
  const shown = value(figures);
  if (shown === undefined) return absent;
  if (typeof shown === "string") return shown;
  return digits === undefined ? String(Math.floor(shown)) : shown.toFixed(digits);
}
