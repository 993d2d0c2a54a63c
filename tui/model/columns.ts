/** The table's columns: xentop's, as it writes them, and beside its totals what happens a second. */
import { TOP_COLUMNS } from "../../core/toolstack/format/top.ts";
import { bytes, count, rate } from "./humanize.ts";
import type { DomainRow, Series } from "./types.ts";

/** What columns need beside a row. */
export interface ColumnContext {
  readonly totalMemoryKiB: number;
  /** Draws a past into one line. @param most the value at its top */
  readonly sparkline: (series: Series, width: number, most: number) => string;
}

export interface Column {
  readonly id: string;
  readonly title: string;
  readonly width: number;
  readonly align: "left" | "right";
  /** What help says of it. */
  readonly summary: string;
  /** Sorted by it, the largest comes first. */
  readonly descends: boolean;
  /** Shown as long as there is room: the lowest stay longest. */
  readonly rank: number;
  /** Without padding. */
  readonly text: (row: DomainRow, context: ColumnContext) => string;
  /** What it is sorted by; absent where there is none. */
  readonly value: (row: DomainRow, context: ColumnContext) => string | number | undefined;
}

/** By xentop's titles: what it is called here, and what it shows. */
const XENTOP: Readonly<Record<string, readonly [id: string, rank: number, summary: string]>> = {
  "NAME": ["name", 0, "the domain's name"],
  "STATE": ["state", 1, "d dying, s shut down, b blocked, c crashed, p paused, r running"],
  "CPU(sec)": ["cpu-seconds", 9, "CPU time since it was created, seconds"],
  "CPU(%)": ["cpu", 2, "CPU time, per cent of one pCPU"],
  "MEM(k)": ["memory", 3, "memory that it has, KiB"],
  "MEM(%)": ["memory-percent", 4, "memory that it has, per cent of the host's"],
  "MAXMEM(k)": ["max-memory", 14, "memory that it can have, KiB"],
  "MAXMEM(%)": ["max-memory-percent", 15, "memory that it can have, per cent of the host's"],
  "VCPUS": ["vcpus", 5, "its vCPUs"],
  "NETS": ["nets", 20, "its networks"],
  "NETTX(k)": ["net-tx", 12, "sent by it, KiB"],
  "NETRX(k)": ["net-rx", 13, "received by it, KiB"],
  "VBDS": ["vbds", 21, "its virtual block devices"],
  "VBD_OO": ["vbd-oo", 24, "requests that found no room at the backend"],
  "VBD_RD": ["vbd-rd", 16, "reads"],
  "VBD_WR": ["vbd-wr", 17, "writes"],
  "VBD_RSECT": ["vbd-rsect", 22, "sectors of 512 bytes read"],
  "VBD_WSECT": ["vbd-wsect", 23, "sectors of 512 bytes written"],
  "SSID": ["ssid", 29, "security label"],
};

const xentopColumns = TOP_COLUMNS.map((column): Column => {
  const [id, rank, summary] = XENTOP[column.title];
  const isText = id === "name" || id === "state";
  return {
    id,
    title: column.title,
    width: column.width,
    align: id === "name" ? "left" : "right",
    summary,
    descends: !isText,
    rank,
    text: (row, context) => String(column.cell?.(row, context) ?? column.value(row, context) ?? ""),
    value: (row, context) => column.value(row, context),
  };
});

function number(
  id: string,
  title: string,
  width: number,
  rank: number,
  summary: string,
  value: (row: DomainRow) => number,
  text: (value: number) => string,
): Column {
  return {
    id,
    title,
    width,
    align: "right",
    summary,
    descends: true,
    rank,
    text: (row) => text(value(row)),
    value,
  };
}

const plain = (value: number) => String(Math.floor(value));

export const SPARK_WIDTH = 12;

const spark: Column = {
  id: "cpu-history",
  title: "CPU HISTORY",
  width: SPARK_WIDTH,
  align: "left",
  summary: "its CPU time of late; at the top all of its vCPUs are busy",
  descends: true,
  rank: 6,
  text: ({ figures, history }, { sparkline }) =>
    sparkline(
      history.cpu,
      SPARK_WIDTH,
      100 * Math.max(1, figures.vcpus.filter(({ online }) => online).length),
    ),
  value: ({ rates }) => rates.cpuPercent,
};

/** Where each of them stands: after one of xentop's columns. */
const BESIDE: Readonly<Record<string, readonly Column[]>> = {
  "name": [
    number("id", "ID", 4, 18, "the domain's number", ({ figures }) => figures.domid, plain),
  ],
  "cpu": [spark],
  "vcpus": [
    number("weight", "WEIGHT", 6, 25, "its share of a busy pCPU", ({ figures }) => figures.weight, plain),
    number(
      "cap",
      "CAP",
      4,
      26,
      "per cent of one pCPU that it may use; 0: any",
      ({ figures }) => figures.cap,
      plain,
    ),
    number("insn-rate", "INSN/s", 7, 19, "instructions a second", ({ rates }) => rates.instructions, count),
  ],
  "net-rx": [
    number("net-tx-rate", "NETTX/s", 7, 7, "bytes a second sent by it", ({ rates }) => rates.netTx, bytes),
    number(
      "net-rx-rate",
      "NETRX/s",
      7,
      8,
      "bytes a second received by it",
      ({ rates }) => rates.netRx,
      bytes,
    ),
  ],
  "vbd-wr": [
    number("vbd-rd-rate", "VBD_RD/s", 8, 27, "reads a second", ({ rates }) => rates.vbdReads, rate),
    number("vbd-wr-rate", "VBD_WR/s", 8, 28, "writes a second", ({ rates }) => rates.vbdWrites, rate),
  ],
  "vbd-wsect": [
    number("read-rate", "RBYTES/s", 8, 10, "bytes a second read", ({ rates }) => rates.vbdReadBytes, bytes),
    number(
      "write-rate",
      "WBYTES/s",
      8,
      11,
      "bytes a second written",
      ({ rates }) => rates.vbdWriteBytes,
      bytes,
    ),
  ],
};

export const COLUMNS: readonly Column[] = xentopColumns.flatMap((column) => [
  column,
  ...BESIDE[column.id] ?? [],
]);

export function columnById(id: string): Column | undefined {
  return COLUMNS.find((column) => column.id === id);
}

export interface FitOptions {
  readonly hidden?: readonly string[];
  /** Longest name: the first column takes what room is left, up to it. */
  readonly nameWidth?: number;
  /** As xentop's -f: the name is never cut. */
  readonly fullName?: boolean;
  /** The user moves through the columns: they come one after the other, not by rank. */
  readonly inOrder?: boolean;
}

export interface FittedColumns {
  /** In the table's order, a blank between two. */
  readonly columns: readonly Column[];
  /** Wanted, and without room. */
  readonly left: readonly Column[];
}

/** From this width on there is room for all that xentop has. */
const XENTOP_WIDTH = xentopColumns.reduce((sum, { width }) => sum + width + 1, -1);
const isXentops = ({ id }: Column) => xentopColumns.some((column) => column.id === id);

/** Which columns a table of this width shows: where there is room for all of xentop's, those and what else fits; else by rank. */
export function fitColumns(width: number, options: FitOptions = {}): FittedColumns {
  const { hidden = [], nameWidth = 0, fullName = false, inOrder = false } = options;
  const wanted = COLUMNS.filter(({ id }) => !hidden.includes(id))
    .map((column) =>
      column.id === "name" && fullName ? { ...column, width: Math.max(column.width, nameWidth) } : column
    );
  let room = width + 1;
  const chosen = new Set<string>();
  const place = (column: Column) =>
    width >= XENTOP_WIDTH && !isXentops(column) ? COLUMNS.length + column.rank : column.rank;
  for (const { id, width } of inOrder ? wanted : wanted.toSorted((a, b) => place(a) - place(b))) {
    // The first stays, cut by whoever draws it.
    if (chosen.size > 0 && width + 1 > room) {
      if (inOrder) break;
      continue;
    }
    chosen.add(id);
    room -= width + 1;
  }
  const columns = wanted.filter(({ id }) => chosen.has(id)).map((column) => {
    if (column.id !== "name") return column;
    const grown = Math.min(column.width + Math.max(0, room), Math.max(column.width, nameWidth));
    return { ...column, width: Math.min(grown, Math.max(1, width)) };
  });
  return { columns, left: wanted.filter(({ id }) => !chosen.has(id)) };
}

/**
 * How many columns behind the first the first step of moving through them passes: up to the first of those that were chosen by rank, for what
 * stood before it had no room and its going would not show.
 * @param fitted without `inOrder`
 */
export function firstPan({ columns, left }: FittedColumns): number {
  const place = (column: Column | undefined) => COLUMNS.findIndex(({ id }) => id === column?.id);
  const first = place(columns[1]);
  return 1 + left.filter((column) => place(column) < first).length;
}

/** A cell as wide as its column; what is longer is cut, as xentop cuts names. */
export function cell(column: Column, row: DomainRow, context: ColumnContext): string {
  return padded(column, column.text(row, context));
}

export function headerCell(column: Column): string {
  return padded(column, column.title);
}

function padded({ width, align }: Column, text: string): string {
  const cut = text.slice(0, width);
  return align === "left" ? cut.padEnd(width) : cut.padStart(width);
}
