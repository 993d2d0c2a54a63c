/** Rows and a world for tests of keys: made up, but whole. */
import type { DomainFigures } from "../../core/toolstack/api/figures.ts";
import { NO_RATES } from "../../core/toolstack/format/rates.ts";
import { domain } from "../model/testing.ts";
import type { DomainRow } from "../model/types.ts";
import type { UiWorld } from "./events.ts";
import type { UiState } from "./ui_state.ts";

/** Its UUID is "uuid-" and its number; it may have 128 MiB. */
export function domainRow(name: string, domid: number, changes: Partial<DomainFigures> = {}): DomainRow {
  const limits = { memoryKiB: 65_536, maxMemoryKiB: 131_072, targetKiB: 65_536 };
  const figures = domain(domid, { name, uuid: `uuid-${domid}`, ...limits, ...changes });
  return {
    figures,
    rates: NO_RATES,
    vcpuPercent: figures.vcpus.map(() => 0),
    history: { cpu: [], memory: [], network: [], disk: [] },
  };
}

/** Letters in order, as a fuzzy filter has them. */
function matches(pattern: string, candidate: string): boolean {
  let at = 0;
  for (const letter of candidate.toLowerCase()) if (letter === pattern.toLowerCase()[at]) at++;
  return at === pattern.length;
}

export function testWorld(rows: readonly DomainRow[], changes: Partial<UiWorld> = {}): UiWorld {
  return {
    all: rows,
    visible: ({ filter }: UiState) => rows.filter(({ figures }) => matches(filter, figures.name)),
    columns: [
      { id: "NAME", title: "NAME", descends: false },
      { id: "CPU(%)", title: "CPU(%)", descends: true },
      { id: "MEM(k)", title: "MEM(k)", descends: true },
    ],
    themes: ["dark", "light"],
    match: (pattern, candidates) =>
      candidates.flatMap((candidate, index) => matches(pattern, candidate) ? [index] : []),
    page: 10,
    scrollLimit: 100,
    firstPan: 1,
    now: 1_700_000_000_000,
    ...changes,
  };
}
