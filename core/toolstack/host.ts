/** What the toolstack needs of a Xen host; `xen_host.ts` is the real one, tests have their own. */
import type { KernelImage } from "../builder/mod.ts";
import type { DomainInfo } from "../hypervisor/host_domain.ts";

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
  readonly vcpus: number;
  readonly kernel: KernelImage;
  /** What the configuration calls the kernel and the ramdisk; XenStore shows it. */
  readonly kernelName: string;
  readonly ramdiskName?: string;
  readonly ramdisk?: Uint8Array;
  readonly cmdline: string;
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
