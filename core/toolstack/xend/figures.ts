/** The figures of the machine and its domains, from what the host, XenStore and xend know: cheap, for it is asked for every second. */
import {
  type DomainFigures,
  type DomainInspection,
  type MachineFigures,
  type PcpuFigures,
  UNSCHEDULED,
  type VbdFigures,
  type VcpuFigures,
  type VifFigures,
} from "../api/figures.ts";
import { noTraffic } from "../../dom0/mod.ts";
import type { DeviceRecord, DomainSummary, NodeInfo } from "../api/types.ts";
import type { ControlledHost, DeviceCounters } from "../host.ts";
import type { DomainEntry, Incarnation } from "./domain_entry.ts";
import { summaryOf } from "./records.ts";

const NS = 1e9;

const NO_VIF: Omit<VifFigures, "devid"> = noTraffic();
const NO_VBD: Omit<VbdFigures, "devid"> = {
  outOfRequests: 0,
  reads: 0,
  writes: 0,
  readSectors: 0,
  writtenSectors: 0,
};

/** XenStore's devices, each with what its backend counts; zeros where it does not tell, as xentop shows them. */
function devicesOf(devices: readonly DeviceRecord[], counters: DeviceCounters | undefined) {
  const vifs: VifFigures[] = [], vbds: VbdFigures[] = [];
  for (const { kind, devid } of devices) {
    if (kind === "vif") vifs.push({ devid, ...counters?.vif(devid) ?? NO_VIF });
    else if (kind === "vbd") vbds.push({ devid, ...counters?.vbd(devid) ?? NO_VBD });
  }
  return { vifs, vbds };
}

function happened(counters: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counters).filter(([, count]) => count > 0));
}

/** What XenStore says; a guest cannot write there, but a user can. */
function target(incarnation: Incarnation): number | undefined {
  const text = incarnation.domain.read("memory/target");
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}

export function domainFigures(
  entry: DomainEntry,
  incarnation: Incarnation,
  devices: readonly DeviceRecord[],
): DomainFigures {
  const { domain, startedAt } = incarnation;
  const info = domain.info();
  const { name, uuid, seconds, state, memoryKiB, maxMemoryKiB } = summaryOf(entry, incarnation, info);
  const { config } = entry.settings;
  const { weight, cap } = domain.control.schedule?.get() ?? { weight: config.cpuWeight, cap: config.cap };
  return {
    name,
    domid: domain.domid,
    uuid,
    state,
    startedAt,
    seconds,
    memoryKiB,
    maxMemoryKiB,
    targetKiB: target(incarnation),
    vcpus: info.vcpus.map(({ cpuTimeNs, scheduledNs: _, runnableNs, blockedNs, ...rest }): VcpuFigures => ({
      ...rest,
      seconds: cpuTimeNs / NS,
      runnableSeconds: runnableNs / NS,
      blockedSeconds: blockedNs / NS,
    })),
    weight,
    cap,
    ...devicesOf(devices, domain.devices),
    ssid: 0,
    counters: happened(info.counters),
  };
}

/** Domain-0: this process less its guests. No vCPU of it is scheduled, so there is nothing to tell of them but that they are. */
export function dom0Figures({ name, uuid, state, seconds, memoryKiB, vcpus, startedAt }: DomainSummary) {
  const figures: DomainFigures = {
    name,
    domid: 0,
    uuid,
    state,
    startedAt,
    seconds,
    memoryKiB,
    vcpus: Array.from({ length: vcpus }, (_, id) => ({
      id,
      online: true,
      state: id === 0 ? "running" : "blocked",
      pcpu: id,
      seconds: seconds / vcpus,
      ...UNSCHEDULED,
    })),
    weight: 256,
    cap: 0,
    vifs: [],
    vbds: [],
    ssid: 0,
    counters: {},
  };
  return figures;
}

export function machineFigures(
  host: ControlledHost,
  node: NodeInfo,
  startedAt: number,
  domains: readonly DomainFigures[],
): MachineFigures {
  const { pcpus, waiting } = host.scheduler();
  return {
    at: Date.now(),
    clock: performance.now(),
    xendPid: Deno.pid,
    xendStartedAt: startedAt,
    node,
    pcpus: pcpus.map(({ state, runs, idleNs, switches }, id): PcpuFigures => ({
      id,
      state,
      runs,
      idleSeconds: idleNs / NS,
      switches,
    })),
    waiting,
    domains,
  };
}

export function inspection(
  { domain }: Incarnation,
  devices: DomainInspection["devices"],
): DomainInspection {
  const { grants, ...rest } = domain.inspect();
  return {
    domid: domain.domid,
    ...rest,
    grants: grants.map((grant) => ({ ...grant, frame: `0x${grant.frame.toString(16)}` })),
    devices,
  };
}

/** xend itself has no event channels, grants or page types of its own. */
export const DOM0_INSPECTION: DomainInspection = {
  domid: 0,
  channels: [],
  grants: [],
  grantEntries: 0,
  mappings: 0,
  pageTypes: {},
  maxPfn: 0,
  pinned: 0,
  devices: [],
};
