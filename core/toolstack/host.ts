/** What the toolstack needs of a Xen host; `xen_host.ts` is the real one, tests have their own. */
import type { KernelImage } from "../builder/mod.ts";
import type { DeviceDescription } from "../dom0/mod.ts";
import type { DomainInfo } from "../hypervisor/host_domain.ts";
import type { Inspection } from "../hypervisor/inspection.ts";
import type { PcpuTimes } from "../hypervisor/pcpu_pool.ts";
import type { VbdFigures, VifFigures } from "./api/figures.ts";

export { DeviceError } from "../dom0/backend/device_error.ts";

export type EndReason = "poweroff" | "reboot" | "suspend" | "crash" | "watchdog" | "soft_reset";

export interface DomainEnd {
  readonly reason: EndReason;
  /** Registers of the vCPU that crashed, as text. */
  readonly registerDump?: string;
}

/** A PV domain to be created. */
export interface DomainSpec {
  readonly name: string;
  readonly memoryMiB: number;
  readonly maxMemoryMiB: number;
  /** That it can have. */
  readonly vcpus: number;
  /** That it shall bring up at its start; by default all. */
  readonly onlineVcpus?: number;
  readonly kernel: KernelImage;
  /** What the configuration calls the kernel and the ramdisk; XenStore shows it. */
  readonly kernelName: string;
  readonly ramdiskName?: string;
  readonly ramdisk?: Uint8Array;
  readonly cmdline: string;
  /** By default a new one. */
  readonly uuid?: string;
  /** Disks and interfaces, of different numbers. */
  readonly devices?: readonly DeviceDescription[];
  /** Called with everything the guest writes to its console, as it comes. */
  readonly consoleOutput: (bytes: Uint8Array) => void;
}

export interface RunningDomain {
  readonly domid: number;
  /** Settles when the domain has ended by itself; its last console output has been delivered by then. */
  readonly ended: Promise<DomainEnd>;
  unpause(): void;
  /** State, time and counters, now. */
  info(): DomainInfo;
  consoleInput(bytes: Uint8Array): void;
  /** Bytes of input that the guest has not taken yet. */
  readonly consoleBacklog: number;
  /** Ends the domain at once and gives its memory back. */
  destroy(): Promise<void>;
}

export interface XenHost {
  /** Builds a domain; it is paused. Throws ImageError, and leaves nothing behind then. */
  createDomain(spec: DomainSpec): Promise<RunningDomain>;
  stop(): Promise<void>;
}

/** What a hypervisor can do to a domain beside running it; what is missing is answered with "not-supported". */
export interface DomainControl {
  readonly schedule?: {
    get(): { readonly weight: number; readonly cap: number };
    set(parameters: { readonly weight?: number; readonly cap?: number }): void;
  };
  affinity?(vcpu: number): { readonly hard: readonly number[]; readonly soft: readonly number[] };
  setAffinity?(vcpu: number, hard?: readonly number[], soft?: readonly number[]): void;
  setMaxPages?(pages: number): void;
  trigger?(name: string, vcpu: number): void;
  /** Writes an ELF core of the domain as it is now. */
  coreDump?(write: (chunk: Uint8Array) => void): void | Promise<void>;
}

/** What a domain's owner may do beside running it: what xend needs. */
export interface ControlledDomain extends RunningDomain {
  readonly uuid: string;
  /** One pause more; `unpause` takes one back. */
  pause(): void;
  /** A value below the domain's home in XenStore (`control/feature-poweroff`), undefined where there is none. */
  read(path: string): string | undefined;
  write(path: string, value: string): void;
  /** XenStore has the new name from then on. */
  rename(name: string): void;
  readonly control: DomainControl;
  /** What it holds inside the hypervisor. */
  inspect(): Inspection;
  /** Absent: Domain-0 has no backends. */
  readonly devices?: DomainDevices;
}

/** A domain's disks and interfaces that Domain-0 serves. */
export interface DomainDevices extends DeviceCounters {
  /** Opens what it shows, makes its nodes in XenStore and serves it. @throws DeviceError; RangeError for a vdev that names no disk */
  attach(device: DeviceDescription): Promise<void>;
  /** Asks the guest to let it go, and removes it when it has; with `force` at once. @throws DeviceError missing, busy (the guest did not within 10 s) */
  detach(kind: DeviceDescription["kind"], devid: number, force: boolean): Promise<void>;
}

/** What backends count of a domain's devices; undefined for one that they do not serve. */
export interface DeviceCounters {
  vif(devid: number): Omit<VifFigures, "devid"> | undefined;
  vbd(devid: number): Omit<VbdFigures, "devid"> | undefined;
}

/** What a host says of itself. */
export interface HostFigures {
  readonly pcpus: number;
  /** Errors of the hypervisor's own since it started. */
  readonly internalErrors: number;
  /** CPU time that all domains have had since it started, those that are gone too. */
  readonly guestSeconds: number;
}

/** Who runs where. */
export interface SchedulerFigures {
  readonly pcpus: readonly PcpuTimes[];
  /** vCPUs that wait for a pCPU. */
  readonly waiting: number;
}

export interface ControlledHost extends XenHost {
  createDomain(spec: DomainSpec): Promise<ControlledDomain>;
  figures(): HostFigures;
  scheduler(): SchedulerFigures;
}
