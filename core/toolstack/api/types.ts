/**
 * What goes over xend's API, as plain types: the client, the commands and the dashboard see nothing else of xend. The schemas that check it at
 * the boundary are in `schemas.ts`. Times are seconds of CPU time (double) or milliseconds since the epoch where the name says `At`;
 * memory is in KiB.
 */

/** Why an operation failed; commands turn it into words and exit codes. */
export type ErrorCode =
  | "bad-request" // the arguments are not what the operation takes
  | "no-such-domain"
  | "name-exists"
  | "wrong-state" // e.g. unpause of a domain that is not created
  | "bad-config"
  | "bad-image"
  | "no-memory"
  | "no-such-device"
  | "no-such-path" // XenStore
  | "timeout"
  | "not-supported"
  | "unauthorized"
  | "busy"
  | "internal";

export interface ApiError {
  readonly code: ErrorCode;
  /** One or more lines for the user: what is wrong and what to do. */
  readonly message: string;
}

export type ShutdownReason = "poweroff" | "reboot" | "suspend" | "crash" | "watchdog" | "soft_reset";

/** xl's letters r b p s c d. */
export interface DomainState {
  readonly running: boolean;
  readonly blocked: boolean;
  readonly paused: boolean;
  readonly shutdown: boolean;
  readonly crashed: boolean;
  readonly dying: boolean;
}

export interface VcpuRecord {
  readonly id: number;
  readonly online: boolean;
  readonly state: "running" | "runnable" | "blocked" | "offline";
  /** The pCPU it runs on or last ran on; -1 when it never ran. */
  readonly pcpu: number;
  readonly seconds: number;
  /** pCPU numbers; all of them when it is not pinned. */
  readonly hardAffinity: readonly number[];
  readonly softAffinity: readonly number[];
}

/** What `list` needs: cheap to make, whatever the number of domains. */
export interface DomainSummary {
  readonly name: string;
  /** Absent: a managed domain that is not running. */
  readonly domid?: number;
  readonly uuid: string;
  readonly memoryKiB: number;
  readonly maxMemoryKiB: number;
  /** Online vCPUs. */
  readonly vcpus: number;
  readonly state: DomainState;
  readonly shutdownReason?: ShutdownReason;
  readonly seconds: number;
  readonly startedAt?: number;
  /** Kept by xend (`new`), so that it can be started again. */
  readonly managed: boolean;
}

export interface SchedulerParameters {
  /** 1 to 65535; 256 by default. */
  readonly weight: number;
  /** Per cent of one pCPU; 0: none. */
  readonly cap: number;
}

/** A disk, or a network interface. */
export type DeviceKind = "vbd" | "vif";

/** A device for a running domain. */
export interface AttachRequest {
  readonly kind: DeviceKind;
  /** As a configuration's list `disk` or `vif` has it; an interface without a devid takes the lowest free one. */
  readonly spec: string;
  /** Where a relative path in it begins. */
  readonly directory: string;
}

/** A disk or network device as XenStore shows it. */
export interface DeviceRecord {
  readonly kind: DeviceKind | "console";
  readonly devid: number;
  readonly backendDomid: number;
  readonly state: number;
  readonly eventChannel: number;
  readonly ringRefs: readonly number[];
  readonly backendPath: string;
  readonly mac?: string;
}

export interface DomainDetail extends DomainSummary {
  readonly vcpuList: readonly VcpuRecord[];
  readonly maxVcpus: number;
  readonly scheduler: SchedulerParameters;
  readonly devices: readonly DeviceRecord[];
  /** Counters by name: exits, hypercalls, TLB misses... */
  readonly counters: Readonly<Record<string, number>>;
  /** The effective configuration as JSON (what `config show` prints as "effective"). */
  readonly config: unknown;
  /** The configuration's text, and what was set after it, as given. */
  readonly configText: string;
}

/** What a domain is created from: the file's text and the KEY=VALUE settings after it. xend reads the images itself. */
export interface CreateRequest {
  /** Shown in messages. */
  readonly fileName: string;
  readonly text: string;
  readonly overrides: readonly string[];
  /** Paths in the file are relative to it. */
  readonly directory: string;
  readonly paused: boolean;
  /** Only define it (`new`). */
  readonly defineOnly: boolean;
  /** What the configuration language may read: the caller's environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Unknown keys are errors. */
  readonly strict?: boolean;
}

export interface CreateReply {
  readonly name: string;
  readonly domid?: number;
  readonly warnings: readonly string[];
}

export interface NodeInfo {
  readonly host: string;
  readonly release: string;
  readonly version: string;
  readonly machine: string;
  readonly nrCpus: number;
  readonly cpuMhz: number;
  readonly totalMemoryKiB: number;
  readonly freeMemoryKiB: number;
  readonly xenMajor: number;
  readonly xenMinor: number;
  readonly xenExtra: string;
  readonly xenCaps: string;
  /** CPUID's feature words as `xl info` shows them: eight of 8 hexadecimal digits, with colons between. */
  readonly hwCaps?: string;
  readonly scheduler: string;
  readonly xenolith: string;
}

export interface XendStatus {
  readonly pid: number;
  readonly startedAt: number;
  readonly version: string;
  readonly api_socket: string;
  readonly xenstore_socket: string;
  /** host:port of the TCP listener, when there is one. */
  readonly tcp?: string;
  /** Holds the bearer token of the TCP listener. */
  readonly token_file?: string;
  /** The path of Prometheus' metrics, when they are served. */
  readonly metrics?: string;
  readonly state_directory: string;
  readonly log_directory: string;
  readonly domains: number;
}

/** One line of the event stream (newline-delimited JSON). */
export type XendEvent =
  | {
    readonly type: "domain";
    readonly at: number;
    readonly domid?: number;
    readonly name: string;
    readonly change:
      | "created"
      | "unpaused"
      | "paused"
      | "shutdown"
      | "destroyed"
      | "renamed"
      | "defined"
      | "deleted";
    readonly reason?: ShutdownReason;
    /** Of a crashed vCPU, as text. */
    readonly registers?: string;
  }
  | {
    readonly type: "device";
    readonly at: number;
    readonly domid: number;
    readonly path: string;
    readonly state: number;
  }
  | { readonly type: "watch"; readonly at: number; readonly path: string; readonly token: string }
  /** What a domain wrote to its console, as text; only for clients that ask for this type. */
  | {
    readonly type: "console";
    readonly at: number;
    readonly domid: number;
    readonly name: string;
    readonly text: string;
  }
  | { readonly type: "log"; readonly at: number; readonly line: string }
  /** Events were dropped because the client did not read. */
  | { readonly type: "lost"; readonly at: number; readonly count: number };
