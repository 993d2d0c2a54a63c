/** Figures and a world for tests of the dashboard: made up, but whole. */
import type { DomainFigures, MachineFigures, VcpuFigures } from "../../core/toolstack/api/figures.ts";
import type { DomainState, NodeInfo } from "../../core/toolstack/api/types.ts";
import type { DomainRow, Rates } from "../model/types.ts";
import type { UiWorld } from "./events.ts";
import type { UiState } from "./ui_state.ts";

export const NODE: NodeInfo = {
  host: "host",
  release: "6.1.0",
  version: "#1",
  machine: "x86_64",
  nrCpus: 2,
  cpuMhz: 2400,
  totalMemoryKiB: 8 * 1024 * 1024,
  freeMemoryKiB: 6 * 1024 * 1024,
  xenMajor: 4,
  xenMinor: 17,
  xenExtra: ".0",
  xenCaps: "xen-3.0-x86_64",
  scheduler: "credit",
  xenolith: "0.1.0",
};

export function stateOf(flag: keyof DomainState = "blocked"): DomainState {
  const none = {
    running: false,
    blocked: false,
    paused: false,
    shutdown: false,
    crashed: false,
    dying: false,
  };
  return { ...none, [flag]: true };
}

export function vcpuFigures(id: number, changes: Partial<VcpuFigures> = {}): VcpuFigures {
  return {
    id,
    online: true,
    state: "blocked",
    pcpu: 0,
    seconds: 5,
    runnableSeconds: 0.5,
    blockedSeconds: 90,
    switches: 100,
    migrations: 3,
    wakes: 50,
    parks: 4,
    credit: 200,
    priority: "under",
    retired: 1_000_000,
    ...changes,
  };
}

export function domainFigures(
  name: string,
  domid: number,
  changes: Partial<DomainFigures> = {},
): DomainFigures {
  return {
    name,
    domid,
    uuid: `uuid-${domid}`,
    state: stateOf(domid === 0 ? "running" : "blocked"),
    seconds: 10 * domid + 0.5,
    memoryKiB: 65_536,
    maxMemoryKiB: 131_072,
    targetKiB: 65_536,
    vcpus: [vcpuFigures(0)],
    weight: 256,
    cap: 0,
    vifs: [],
    vbds: [],
    ssid: 0,
    counters: {},
    ...changes,
  };
}

export function machineFigures(
  domains: readonly DomainFigures[],
  changes: Partial<MachineFigures> = {},
): MachineFigures {
  return {
    at: 1_700_000_000_000,
    clock: 1000,
    xendPid: 1,
    xendStartedAt: 1_699_999_000_000,
    node: NODE,
    pcpus: [{ id: 0, state: "idle", idleSeconds: 100, switches: 10 }, {
      id: 1,
      state: "busy",
      runs: { domid: domains.at(-1)?.domid ?? 0, vcpu: 0 },
      idleSeconds: 50,
      switches: 20,
    }],
    waiting: 0,
    domains,
    ...changes,
  };
}

export const NO_RATES: Rates = {
  cpuPercent: 0,
  netTx: 0,
  netRx: 0,
  vbdReads: 0,
  vbdWrites: 0,
  vbdReadBytes: 0,
  vbdWriteBytes: 0,
  instructions: 0,
  counters: {},
};

export function domainRow(
  name: string,
  domid: number,
  changes: Partial<DomainFigures> = {},
  rates: Partial<Rates> = {},
): DomainRow {
  const figures = domainFigures(name, domid, changes);
  return {
    figures,
    rates: { ...NO_RATES, ...rates },
    vcpuPercent: figures.vcpus.map(() => rates.cpuPercent ?? 0),
    history: { cpu: [0, 10, 20], memory: [50, 50, 50], network: [0, 0, 0], disk: [0, 0, 0] },
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
    now: 1_700_000_000_000,
    ...changes,
  };
}
