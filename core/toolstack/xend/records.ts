/** A domain's records for the API, from what xend and the host know of it. */
import { cpus, hostname, release } from "node:os";
import process from "node:process";
import type {
  DeviceRecord,
  DomainDetail,
  DomainState,
  DomainSummary,
  NodeInfo,
  VcpuRecord,
} from "../api/types.ts";
import type { DomainInfo } from "../../hypervisor/host_domain.ts";
import { CAPABILITIES, EXTRAVERSION } from "../../hypervisor/hypercalls/xen_version.ts";
import type { ControlledHost } from "../host.ts";
import { VERSION } from "../version.ts";
import type { DomainEntry, Incarnation } from "./domain_entry.ts";
import { hwCaps } from "./hw_caps.ts";
import { withoutDetached } from "./device_source.ts";

const NO_STATE: DomainState = {
  running: false,
  blocked: false,
  paused: false,
  shutdown: false,
  crashed: false,
  dying: false,
};

const DOM0_UUID = "00000000-0000-0000-0000-000000000000";

export function summary(entry: DomainEntry): DomainSummary {
  const { name, uuid, managed, incarnation, settings: { config } } = entry;
  if (incarnation === undefined) {
    return {
      name,
      uuid,
      memoryKiB: config.memoryMiB * 1024,
      maxMemoryKiB: config.maxMemoryMiB * 1024,
      vcpus: config.vcpus,
      state: NO_STATE,
      seconds: 0,
      managed,
    };
  }
  return summaryOf(entry, incarnation, incarnation.domain.info());
}

/** Of one that runs. */
export function summaryOf(
  { name, uuid, managed, settings: { config } }: DomainEntry,
  { domain, startedAt, end }: Incarnation,
  info: DomainInfo,
): DomainSummary {
  const { running, blocked, paused, shutdown, crashed, dying } = info;
  return {
    name,
    domid: domain.domid,
    uuid,
    memoryKiB: info.totPages * 4,
    maxMemoryKiB: config.maxMemoryMiB * 1024,
    vcpus: info.vcpus.filter(({ online }) => online).length,
    state: { running: running && !paused, blocked: blocked && !paused, paused, shutdown, crashed, dying },
    shutdownReason: end?.reason,
    seconds: info.cpuTimeNs / 1e9,
    startedAt,
    managed,
  };
}

function vcpuRecords({ incarnation }: DomainEntry, pcpus: number): VcpuRecord[] {
  if (incarnation === undefined) return [];
  const { domain } = incarnation;
  const all = Array.from({ length: pcpus }, (_, number) => number);
  return domain.info().vcpus.map(({ id, state, online, pcpu, cpuTimeNs }) => {
    const { hard, soft } = domain.control.affinity?.(id) ?? { hard: all, soft: all };
    return {
      id,
      online,
      state,
      pcpu,
      seconds: cpuTimeNs / 1e9,
      hardAffinity: hard,
      softAffinity: soft,
    };
  });
}

export function detail(
  entry: DomainEntry,
  host: ControlledHost,
  devices: (domid: number) => DeviceRecord[],
): DomainDetail {
  const { config, effective } = entry.settings;
  const { cpuWeight: weight, cap } = config;
  return {
    ...summary(entry),
    vcpuList: vcpuRecords(entry, host.figures().pcpus),
    maxVcpus: config.maxVcpus,
    scheduler: entry.incarnation?.domain.control.schedule?.get() ?? { weight, cap },
    devices: entry.domid === undefined ? [] : devices(entry.domid),
    counters: entry.incarnation?.domain.info().counters ?? {},
    config: entry.devices === undefined ? effective : withoutDetached(effective, entry.devices),
    configText: [entry.request.text, ...entry.request.overrides].join("\n"),
  };
}

/** Domain-0 is this process less what its guests have used. */
export function dom0Summary(guestSeconds: number, pcpus: number, startedAt: number): DomainSummary {
  const { user, system } = process.cpuUsage();
  const memoryKiB = Math.round(Deno.memoryUsage().heapTotal / 1024);
  return {
    name: "Domain-0",
    domid: 0,
    uuid: DOM0_UUID,
    memoryKiB,
    maxMemoryKiB: Math.round(Deno.systemMemoryInfo().total / 1024),
    vcpus: pcpus,
    state: { ...NO_STATE, running: true },
    seconds: Math.max(0, (user + system) / 1e6 - guestSeconds),
    startedAt,
    managed: false,
  };
}

export function dom0Detail(brief: DomainSummary, pcpus: number): DomainDetail {
  const all = Array.from({ length: pcpus }, (_, number) => number);
  return {
    ...brief,
    vcpuList: all.map((id) => ({
      id,
      online: true,
      state: id === 0 ? "running" : "blocked",
      pcpu: id,
      seconds: brief.seconds / pcpus,
      hardAffinity: all,
      softAffinity: all,
    })),
    maxVcpus: pcpus,
    scheduler: { weight: 256, cap: 0 },
    devices: [],
    counters: {},
    config: {},
    configText: "",
  };
}

/** Of the host's first core; 0 where the system does not tell. */
function cpuMhz(): number {
  const known = cpus()[0]?.speed ?? 0;
  if (known > 0 || Deno.build.os !== "linux") return known;
  return Number(/^cpu MHz\s*:\s*([\d.]+)/m.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1] ?? 0);
}

/** What does not change while the machine runs; the system takes a quarter of a millisecond to tell it. */
let machineFacts: Pick<NodeInfo, "host" | "release" | "cpuMhz" | "hwCaps"> | undefined;

export function nodeInfo(host: ControlledHost): NodeInfo {
  machineFacts ??= { host: hostname(), release: release(), cpuMhz: cpuMhz(), hwCaps: hwCaps() };
  const memory = Deno.systemMemoryInfo();
  return {
    ...machineFacts,
    version: Deno.version.deno,
    machine: "x86_64",
    nrCpus: host.figures().pcpus,
    totalMemoryKiB: Math.round(memory.total / 1024),
    freeMemoryKiB: Math.round(memory.available / 1024),
    xenMajor: 4,
    xenMinor: 17,
    xenExtra: EXTRAVERSION,
    xenCaps: CAPABILITIES.trim(),
    scheduler: "credit",
    xenolith: VERSION,
  };
}
