/** xentop's figures for machines: a JSON object a sample, or lines of CSV. Every column, and rates beside the totals. */
import type { MachineFigures } from "../api/figures.ts";
import type { Rates } from "./rates.ts";
import { TOP_COLUMNS, type TopDomain } from "./top.ts";

type Value = string | number | undefined;

/** What xentop does not tell. */
const RATE_COLUMNS: readonly { readonly key: string; value(rates: Rates): number }[] = [
  { key: "nettx_bytes_per_sec", value: ({ netTx }) => netTx },
  { key: "netrx_bytes_per_sec", value: ({ netRx }) => netRx },
  { key: "vbd_rd_per_sec", value: ({ vbdReads }) => vbdReads },
  { key: "vbd_wr_per_sec", value: ({ vbdWrites }) => vbdWrites },
  { key: "vbd_read_bytes_per_sec", value: ({ vbdReadBytes }) => vbdReadBytes },
  { key: "vbd_write_bytes_per_sec", value: ({ vbdWriteBytes }) => vbdWriteBytes },
  { key: "instructions_per_sec", value: ({ instructions }) => instructions },
];

/** Numbers as people need them: a thousandth of what the column counts is nothing. */
const rounded = (value: Value) => typeof value === "number" ? Math.round(value * 1000) / 1000 : value;

function columns(domain: TopDomain, { node }: MachineFigures): [key: string, value: Value][] {
  return [
    ...TOP_COLUMNS.map(({ key, value }) => [key, rounded(value(domain, node))] as [string, Value]),
    ...RATE_COLUMNS.map(({ key, value }) => [key, rounded(value(domain.rates))] as [string, Value]),
  ];
}

/** One line of JSON. A domain without a limit of memory has null there. */
export function topJson(sample: MachineFigures, domains: readonly TopDomain[]): string {
  const { at, node, pcpus, waiting } = sample;
  const rows = domains.map((domain) => {
    const { figures, rates } = domain;
    return {
      domid: figures.domid,
      uuid: figures.uuid,
      ...Object.fromEntries(columns(domain, sample).map(([key, value]) => [key, value ?? null])),
      state: figures.state,
      vcpu_list: figures.vcpus,
      networks: figures.vifs,
      disks: figures.vbds,
      counters: figures.counters,
      counters_per_sec: Object.fromEntries(
        Object.entries(rates.counters).map(([name, rate]) => [name, rounded(rate)]),
      ),
    };
  });
  const memory = { total_memory_kib: node.totalMemoryKiB, free_memory_kib: node.freeMemoryKiB };
  return `${JSON.stringify({ at, ...memory, cpus: node.nrCpus, waiting, pcpus, domains: rows })}\n`;
}

/** RFC 4180; what a spreadsheet would take for a formula stays what it is: a name is a guest's owner's. */
function field(value: Value): string {
  const text = String(value ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function topCsvHeader(): string {
  const keys = [...TOP_COLUMNS, ...RATE_COLUMNS].map(({ key }) => key);
  return `${["time", "domid", "uuid", ...keys].join(",")}\n`;
}

/** A line a domain. */
export function topCsv(sample: MachineFigures, domains: readonly TopDomain[]): string {
  const time = new Date(sample.at).toISOString();
  return domains.map((domain) => {
    const { domid, uuid } = domain.figures;
    const values = columns(domain, sample).map(([, value]) => value);
    return `${[time, domid, uuid, ...values].map(field).join(",")}\n`;
  }).join("");
}
