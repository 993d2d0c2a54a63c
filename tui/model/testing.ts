/** Figures for tests: a machine whose domains a test sets. */
import {
  type DomainFigures,
  type MachineFigures,
  type PcpuFigures,
  UNSCHEDULED,
  type VbdFigures,
  type VcpuFigures,
  type VifFigures,
} from "../../core/toolstack/api/figures.ts";

export function vcpu(id: number, fields: Partial<VcpuFigures> = {}): VcpuFigures {
  return {
    id,
    online: true,
    state: "blocked",
    pcpu: id,
    seconds: 0,
    ...UNSCHEDULED,
    ...fields,
  };
}

export function vif(devid: number, rxBytes: number, txBytes: number): VifFigures {
  return {
    devid,
    rxBytes,
    rxPackets: 0,
    rxErrors: 0,
    rxDrops: 0,
    txBytes,
    txPackets: 0,
    txErrors: 0,
    txDrops: 0,
  };
}

export function vbd(devid: number, fields: Partial<VbdFigures> = {}): VbdFigures {
  return { devid, outOfRequests: 0, reads: 0, writes: 0, readSectors: 0, writtenSectors: 0, ...fields };
}

export function domain(domid: number, fields: Partial<DomainFigures> = {}): DomainFigures {
  return {
    name: domid === 0 ? "Domain-0" : `guest${domid}`,
    domid,
    uuid: `00000000-0000-0000-0000-${String(domid).padStart(12, "0")}`,
    state: { running: false, blocked: true, paused: false, shutdown: false, crashed: false, dying: false },
    startedAt: 1000 + domid,
    seconds: 0,
    memoryKiB: 131072,
    ...(domid === 0 ? {} : { maxMemoryKiB: 262144 }),
    vcpus: [vcpu(0)],
    weight: 256,
    cap: 0,
    vifs: [],
    vbds: [],
    ssid: 0,
    counters: {},
    ...fields,
  };
}

export function pcpu(id: number, idleSeconds = 0, fields: Partial<PcpuFigures> = {}): PcpuFigures {
  return { id, state: "idle", idleSeconds, switches: 0, ...fields };
}

/** @param clock milliseconds */
export function machine(
  clock: number,
  domains: readonly DomainFigures[],
  fields: Partial<MachineFigures> = {},
): MachineFigures {
  return {
    at: 1_700_000_000_000 + clock,
    clock,
    xendPid: 100,
    xendStartedAt: 5,
    node: {
      host: "host",
      release: "r",
      version: "v",
      machine: "x86_64",
      nrCpus: 2,
      cpuMhz: 3000,
      totalMemoryKiB: 1048576,
      freeMemoryKiB: 524288,
      xenMajor: 4,
      xenMinor: 17,
      xenExtra: ".0",
      xenCaps: "xen-3.0-x86_64",
      scheduler: "credit",
      xenolith: "0",
    },
    pcpus: [pcpu(0, clock / 1000), pcpu(1, clock / 1000)],
    waiting: 0,
    domains,
    ...fields,
  };
}
