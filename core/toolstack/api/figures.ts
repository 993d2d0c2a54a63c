/**
 * What the dashboard, xentop's batch mode and Prometheus show, as plain types: one request gives all of it (`GET /api/v1/figures`), another what is
 * inside one domain (`GET /api/v1/domains/X/inspect`). Counters only grow for as long as a domain lives (`uuid` and `domid` tell one life
 * from the next); rates are for the reader to make. Seconds are of CPU time or run states; memory is in KiB; sectors have 512 bytes.
 */
import type { BlockFigures } from "../../dom0/block/block_backend.ts";
import type { VifTraffic } from "../../dom0/network/traffic.ts";
import type { DeviceRecord, DomainState, NodeInfo } from "./types.ts";

export interface VcpuFigures {
  readonly id: number;
  readonly online: boolean;
  readonly state: "running" | "runnable" | "blocked" | "offline";
  /** The pCPU it runs on or last ran on; -1 when it never ran. */
  readonly pcpu: number;
  readonly seconds: number;
  /** It could run and had no pCPU; it waited for an event. */
  readonly runnableSeconds: number;
  readonly blockedSeconds: number;
  readonly switches: number;
  readonly migrations: number;
  readonly wakes: number;
  readonly parks: number;
  /** Of the credit scheduler: credits left, and the priority that they give. */
  readonly credit: number;
  readonly priority: "boost" | "under" | "over" | "idle";
  /** Instructions retired. */
  readonly retired: number;
}

/** What a vCPU that was never scheduled has; Domain-0's are like that. */
export const UNSCHEDULED = {
  runnableSeconds: 0,
  blockedSeconds: 0,
  switches: 0,
  migrations: 0,
  wakes: 0,
  parks: 0,
  credit: 0,
  priority: "under",
  retired: 0,
} as const;

/** What its backend counts of an interface. */
export interface VifFigures extends VifTraffic {
  readonly devid: number;
}

/** What its backend counts of a disk. */
export interface VbdFigures extends BlockFigures {
  readonly devid: number;
}

export interface DomainFigures {
  readonly name: string;
  readonly domid: number;
  readonly uuid: string;
  readonly state: DomainState;
  readonly startedAt?: number;
  readonly seconds: number;
  readonly memoryKiB: number;
  /** Absent: no limit (Domain-0). */
  readonly maxMemoryKiB?: number;
  /** What it was asked to balloon to; absent where there is no such target. */
  readonly targetKiB?: number;
  readonly vcpus: readonly VcpuFigures[];
  readonly weight: number;
  readonly cap: number;
  readonly vifs: readonly VifFigures[];
  readonly vbds: readonly VbdFigures[];
  readonly ssid: number;
  /** By name: `hypercall NAME`, `exit REASON`, `tlbMisses`, `interpreted`, `translated` (instructions by tier) and so on; those that happened. */
  readonly counters: Readonly<Record<string, number>>;
}

export interface PcpuFigures {
  readonly id: number;
  readonly state: "offline" | "idle" | "busy";
  /** Which vCPU it runs now. */
  readonly runs?: { readonly domid: number; readonly vcpu: number };
  readonly idleSeconds: number;
  readonly switches: number;
}

/** Everything at one moment; Domain-0 first, then by domid. */
export interface MachineFigures {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Milliseconds of a clock that nobody sets: rates are made from it. */
  readonly clock: number;
  /** Of this xend process: another one began all counters anew. */
  readonly xendPid: number;
  readonly xendStartedAt: number;
  readonly node: NodeInfo;
  readonly pcpus: readonly PcpuFigures[];
  /** vCPUs that wait for a pCPU. */
  readonly waiting: number;
  readonly domains: readonly DomainFigures[];
}

/** An event channel that is not free. */
export interface ChannelRecord {
  readonly port: number;
  readonly state: "reserved" | "unbound" | "interdomain" | "pirq" | "virq" | "ipi";
  /** The vCPU that it notifies. */
  readonly vcpu: number;
  readonly pending: boolean;
  readonly masked: boolean;
  readonly remoteDomid?: number;
  readonly remotePort?: number;
  /** "timer", "debug", ...: VIRQ's name; or the PIRQ's number. */
  readonly irq?: string;
}

/** An entry of the grant table that the guest has filled in. */
export interface GrantRecord {
  readonly ref: number;
  readonly kind: "access" | "transfer";
  /** Who may use it. */
  readonly domid: number;
  readonly frame: string;
  readonly readOnly: boolean;
  /** Somebody has it mapped, or is copying, for reading or writing. */
  readonly isReading: boolean;
  readonly isWriting: boolean;
}

export interface DomainInspection {
  readonly domid: number;
  readonly channels: readonly ChannelRecord[];
  readonly grants: readonly GrantRecord[];
  /** Entries of its grant table, and how many mappings it holds of others' frames. */
  readonly grantEntries: number;
  readonly mappings: number;
  /** Guest frames by page type: "writable", "l1" to "l4", "segment descriptors", "none", "not owned". */
  readonly pageTypes: Readonly<Record<string, number>>;
  /** Highest pfn + 1 that the guest's p2m has. */
  readonly maxPfn: number;
  /** Pages pinned as page tables. */
  readonly pinned: number;
  readonly devices: readonly (DeviceRecord & {
    /** Everything XenStore has below the frontend and the backend, `key = value`. */
    readonly frontend: Readonly<Record<string, string>>;
    readonly backend: Readonly<Record<string, string>>;
  })[];
}
