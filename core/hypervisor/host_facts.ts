/** Facts about the physical machine and this Xen, as XEN_SYSCTL_physinfo and xc_version give them. */
import os from "node:os";
import { CAPABILITIES, EXTRAVERSION, XEN_MAJOR, XEN_MINOR } from "./hypercalls/xen_version.ts";
import { PAGE } from "./layout.ts";

export interface HostFacts {
  /** pCPU workers. */
  readonly pcpus: number;
  /** Of the machine below: processors, their name and MHz. */
  readonly cpus: number;
  readonly cpuModel: string;
  readonly cpuMhz: number;
  /** pCPUs as one socket of one node: workers are threads that the machine places as it likes. */
  readonly topology: {
    readonly nodes: number;
    readonly sockets: number;
    readonly coresPerSocket: number;
    readonly threadsPerCore: number;
  };
  readonly totalMemoryKiB: number;
  /** What the machine could still give to domains. */
  readonly freeMemoryKiB: number;
  readonly xenMajor: number;
  readonly xenMinor: number;
  readonly xenExtra: string;
  readonly xenCaps: string;
  readonly scheduler: string;
  readonly pageSize: number;
}

export interface Cpupool {
  readonly id: number;
  readonly name: string;
  readonly scheduler: string;
  readonly cpus: readonly number[];
  readonly domains: number;
}

/** /proc/meminfo's MemAvailable counts what caches would give back; where there is none, what is free. */
function availableKiB(): number {
  try {
    const found = /^MemAvailable: +(\d+) kB$/m.exec(Deno.readTextFileSync("/proc/meminfo"));
    if (found !== null) return Number(found[1]);
  } catch (error) {
    // Not Linux, or not allowed.
    if (!(error instanceof Error)) throw error;
  }
  return Math.floor(os.freemem() / 1024);
}

export function hostFacts(pcpus: number): HostFacts {
  const cpus = os.cpus();
  return {
    pcpus,
    cpus: cpus.length,
    cpuModel: cpus[0]?.model ?? "",
    cpuMhz: cpus[0]?.speed ?? 0,
    topology: { nodes: 1, sockets: 1, coresPerSocket: pcpus, threadsPerCore: 1 },
    totalMemoryKiB: Math.floor(os.totalmem() / 1024),
    freeMemoryKiB: availableKiB(),
    xenMajor: XEN_MAJOR,
    xenMinor: XEN_MINOR,
    xenExtra: EXTRAVERSION,
    xenCaps: CAPABILITIES,
    scheduler: "credit",
    pageSize: PAGE,
  };
}
