/** A domain as the toolstack and Domain-0 hold it: life cycle, its rings, its end, its figures. Main thread. */
import { EXIT_COUNTERS, exitName } from "../cpu/exit.ts";
import { FRAME_CPU_FLAGS, FRAME_INFO_BYTES, FrameFlag } from "../cpu/layout.ts";
import { HYPERVISOR } from "./abi/hypercall_numbers.ts";
import { DomainControl } from "./control.ts";
import { Priority } from "./credit.ts";
import type { Domain } from "./domain.ts";
import { inspect, type Inspection } from "./inspection.ts";
import { DomainHeader, NONE, PauseFlag } from "./layout.ts";
import type { ShutdownName } from "./report.ts";
import { GrantError } from "./grants/error.ts";
import type { GuestStart, GuestSupport } from "./guest.ts";
import type { SchedEntry } from "./run_queue.ts";
import { Runstate, type Vcpu } from "./vcpu.ts";

/** How a domain ended from inside, or that it was destroyed from outside. */
export interface DomainEnd {
  readonly reason: ShutdownName | "destroyed";
  /** Why, and the registers as Xen prints them: of crashes. */
  readonly registerDump?: string;
}

export interface VcpuInfo {
  readonly id: number;
  /** xl's letters: running, runnable (waiting for a pCPU), blocked, offline. */
  readonly state: "running" | "runnable" | "blocked" | "offline";
  /** It was brought up and not taken down: also while its domain is paused, when its state is offline. */
  readonly online: boolean;
  /** The pCPU it runs on or last ran on; -1 when it never ran. */
  readonly pcpu: number;
  /** Time that the host gave it: what the host used the core for otherwise meanwhile is not in it, though run states count it. */
  readonly cpuTimeNs: number;
  /** Time on a pCPU by the clock: what credits and caps go by. */
  readonly scheduledNs: number;
  /** Instructions retired. */
  readonly retired: number;
  /** Run states, nanoseconds (RUNSTATE_*): it could run and had no pCPU (Linux's steal time), it waited for an event. */
  readonly runnableNs: number;
  readonly blockedNs: number;
  /** Times it was put on a pCPU, on another one than before, woken, and taken off because its domain's cap was used up. */
  readonly switches: number;
  readonly migrations: number;
  readonly wakes: number;
  readonly parks: number;
  /** Of the credit scheduler: credits left and the priority that they give; "idle": it is not up. */
  readonly credit: number;
  readonly priority: "boost" | "under" | "over" | "idle";
}

export interface DomainInfo {
  readonly domid: number;
  readonly name: string;
  readonly running: boolean;
  readonly blocked: boolean;
  readonly paused: boolean;
  readonly shutdown: boolean;
  readonly crashed: boolean;
  readonly dying: boolean;
  readonly cpuTimeNs: number;
  /** Pages it owns and may own at most. */
  readonly totPages: number;
  readonly maxPages: number;
  readonly vcpus: readonly VcpuInfo[];
  /**
   * Counters by name; `hypercall NAME` and `exit REASON` for those that happened. `interpreted` and `translated`: instructions by tier;
   * no region runs in domains yet.
   */
  readonly counters: Readonly<Record<string, number>>;
}

/** A frame of a domain's memory, shared with the guest, that has other writers than the CPU. */
export interface DomainPage {
  /** All 4096 of them. */
  readonly bytes: Uint8Array;
  /** Announces a store, after it: the guest may have executed what was there before. */
  written(offset: number, length: number): void;
}

/** What a domain needs of its host. */
export interface DomainOwner {
  destroy(domain: HostDomain): Promise<void>;
  notify(domain: Domain, port: number): number;
  bind(domid: number, port: number, handler: () => void): void;
  unbind(domid: number, port: number): void;
  readonly support: Pick<
    GuestSupport,
    "bindDom0Channel" | "closeDom0Channel" | "mapGrant" | "unmapGrant"
  >;
}

const COUNTERS = [
  "eventsSent",
  "upcalls",
  "exceptions",
  "pageFaults",
  "emulations",
  "mmuUpdates",
  "grantMaps",
  "grantCopies",
  "pageTypeChanges",
  "unknownHypercalls",
] as const;
const CONTEXT_COUNTERS = [
  "tlbMisses",
  "walks",
  "slowAccesses",
  "foreignAccesses",
  "blocksDecoded",
  "instructionsDecoded",
  "invalidations",
  "steps",
] as const;
const HYPERCALL_NAMES = new Map(Object.entries(HYPERVISOR).map(([name, number]) => [number as number, name]));
const PRIORITY_NAMES = new Map(
  [[Priority.BOOST, "boost"], [Priority.UNDER, "under"], [Priority.OVER, "over"]] as const,
);
/** VPF_blocked. */
const WAITING = PauseFlag.BLOCKED | PauseFlag.POLL;

const VCPU_STATES = ["running", "runnable", "blocked", "offline"] as const;

/** What is booked, and for how long it runs now. */
function scheduledTime(sched: SchedEntry, now: number): number {
  return sched.cpuTime + (sched.pcpu >= 0 ? Math.max(0, now - sched.ranSince) : 0);
}

export class HostDomain implements AsyncDisposable {
  readonly domid: number;
  readonly name: string;
  /** Scheduling, memory limit, triggers, core dumps. */
  readonly control: DomainControl;
  /** Resolves when the domain shuts down, crashes or is destroyed; never rejects. */
  readonly ended: Promise<DomainEnd>;
  readonly #resolveEnd: (end: DomainEnd) => void;
  #destroyed: Promise<void> | undefined;
  #end: DomainEnd | undefined;
  /** By vCPU: the CPU time that was told last. */
  readonly #cpuTimes: number[] = [];

  constructor(
    private readonly owner: DomainOwner,
    /** The hypervisor's view of it. */
    readonly domain: Domain,
    readonly start: GuestStart,
    /** The guest's ports of its channels to Domain-0, as start_info tells the guest. */
    readonly consolePort: number,
    readonly storePort: number,
  ) {
    this.domid = domain.domid;
    this.name = domain.name;
    this.control = new DomainControl(domain);
    const { promise, resolve } = Promise.withResolvers<DomainEnd>();
    this.ended = promise;
    this.#resolveEnd = resolve;
  }

  /** How it ended, when it has. */
  get end(): DomainEnd | undefined {
    return this.#end;
  }

  /** The host calls it; the first end counts. */
  finish(end: DomainEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#resolveEnd(end);
  }

  /** One of the domain's own frames, for Domain-0 to write to. @throws RangeError when it is not the domain's */
  page(mfn: number): DomainPage {
    const { domain } = this;
    const frame = domain.frameOf(mfn);
    if (!domain.isGuestFrame(frame)) {
      throw new RangeError(`mfn ${mfn} is not a frame of domain ${this.domid}`);
    }
    return this.#pageOf(frame);
  }

  #pageOf(frame: number): DomainPage {
    const { domain } = this;
    const flags = (domain.layout.frameInfo + frame * FRAME_INFO_BYTES + FRAME_CPU_FLAGS) >>> 2;
    return {
      bytes: domain.views.u8.subarray(frame * 4096, (frame + 1) * 4096),
      written: (offset, length) => {
        // A read-modify-write: what was stored is visible before the flag is looked at. This thread has no engine otherwise.
        if (Atomics.or(domain.views.i32, flags, 0) & FrameFlag.HAS_CODE) {
          domain.engine.frameWritten(frame, offset, length);
        }
      },
    };
  }

  /** The console's and XenStore's ring pages. */
  get consoleRing(): DomainPage {
    return this.page(this.start.consoleMfn);
  }

  get storeRing(): DomainPage {
    return this.page(this.start.storeMfn);
  }

  /** Domain-0 sends on its end of a channel; `port` is the guest's. @returns 0 or a negative errno */
  notify(port: number): number {
    return this.#destroyed === undefined ? this.owner.notify(this.domain, port) : 0;
  }

  /** Called (in the main thread) after the guest sent on a channel to Domain-0. Sends may be merged. */
  onNotify(port: number, handler: () => void): void {
    this.owner.bind(this.domid, port, handler);
  }

  /** Domain-0 maps a frame that the domain grants it. @throws GrantError */
  mapGrant(ref: number, readonly: boolean): DomainPage & { release(): void } {
    const { domain, owner: { support } } = this;
    const frame = this.#destroyed === undefined ? support.mapGrant(domain, ref, readonly) : -1;
    if (frame < 0) {
      throw new GrantError(`grant ${ref} of domain ${this.domid} cannot be mapped (GNTST ${frame})`);
    }
    let isMapped = true;
    return {
      ...this.#pageOf(frame),
      release: () => {
        if (isMapped && this.#destroyed === undefined) support.unmapGrant(domain, ref, frame, readonly);
        isMapped = false;
      },
    };
  }

  /** GNTTABOP_copy out of a frame that is granted to Domain-0. @throws GrantError */
  copyFromGrant(ref: number, offset: number, into: Uint8Array): void {
    const page = this.mapGrant(ref, true);
    into.set(page.bytes.subarray(offset, offset + into.length));
    page.release();
  }

  /** GNTTABOP_copy into a frame that is granted to Domain-0. @throws GrantError */
  copyToGrant(ref: number, offset: number, from: Uint8Array): void {
    const page = this.mapGrant(ref, false);
    page.bytes.set(from, offset);
    page.written(offset, from.length);
    page.release();
    this.domain.header.grantCopies++;
  }

  /** Domain-0 binds a port that the domain left unbound for it; `handler` as with `onNotify`. @throws GrantError */
  bindChannel(port: number, handler: () => void): { notify(): void; close(): void } {
    const { domain, owner } = this;
    if (this.#destroyed !== undefined || !owner.support.bindDom0Channel(domain, port)) {
      throw new GrantError(`port ${port} of domain ${this.domid} is not unbound for Domain-0`);
    }
    this.onNotify(port, handler);
    let isOpen = true;
    return {
      notify: () => void (isOpen && this.notify(port)),
      close: () => {
        if (!isOpen) return;
        isOpen = false;
        owner.unbind(this.domid, port);
        if (this.#destroyed === undefined) owner.support.closeDom0Channel(domain, port);
      },
    };
  }

  /** One pause more. */
  pause(): void {
    if (this.#destroyed !== undefined) return;
    if (Atomics.add(this.domain.views.i32, this.#pauseWord, 1) > 0) return;
    for (const vcpu of this.domain.vcpus) {
      this.domain.machine.scheduler.setFlags(vcpu, PauseFlag.DOMAIN_PAUSED);
    }
  }

  /** One pause less; a domain is created with one. Does nothing when it is not paused. */
  unpause(): void {
    if (this.#destroyed !== undefined || this.domain.header.pauseCount === 0) return;
    if (Atomics.sub(this.domain.views.i32, this.#pauseWord, 1) > 1) return;
    for (const vcpu of this.domain.vcpus) {
      this.domain.machine.scheduler.clearFlags(vcpu, PauseFlag.DOMAIN_PAUSED);
    }
  }

  get #pauseWord(): number {
    return (this.domain.header.base + DomainHeader.offsets.pauseCount) >>> 2;
  }

  /** Ends the domain whatever it does, and gives its memory back to the host. Resolves when that is done; may be called again. */
  destroy(): Promise<void> {
    return this.#destroyed ??= this.owner.destroy(this);
  }

  get isDestroyed(): boolean {
    return this.#destroyed !== undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.destroy();
  }

  /** Of all of its vCPUs. */
  get cpuTimeNs(): number {
    const now = this.domain.machine.clock.peek();
    return this.domain.vcpus.reduce((sum, vcpu) => sum + this.#told(vcpu, now), 0);
  }

  /** CPU time, and never less than was told before: of what is not settled yet it is a guess. */
  #told({ id, sched }: Vcpu, now: number): number {
    const { pcpus } = this.domain.machine;
    const share = sched.lastPcpu === NONE ? 0 : pcpus[sched.lastPcpu].share;
    const scheduled = scheduledTime(sched, now);
    const open = scheduled - sched.cpuTime + sched.unsettled;
    const time = scheduled - sched.withheld - (share === 0 ? 0 : open * (1 - share));
    return this.#cpuTimes[id] = Math.max(this.#cpuTimes[id] ?? 0, time);
  }

  /** What it holds inside the hypervisor; as `info`, but it takes milliseconds for a large domain. */
  inspect(): Inspection {
    return inspect(this.domain);
  }

  /** A snapshot; not to be called once `destroy` has resolved. */
  info(): DomainInfo {
    const { domain } = this;
    const { header, context } = domain;
    const now = domain.machine.clock.peek();
    const vcpus = domain.vcpus.map((vcpu): VcpuInfo => {
      const { id, sched, state, runState, ctx, isUp } = vcpu;
      const inState = (which: Runstate) =>
        state.runstateTimes(which) + (state.runstate === which ? Math.max(0, now - state.runstateSince) : 0);
      return {
        id,
        state: VCPU_STATES[runState],
        online: isUp,
        pcpu: sched.lastPcpu,
        cpuTimeNs: this.#told(vcpu, now),
        scheduledNs: scheduledTime(sched, now),
        retired: context.number(ctx, "retired"),
        runnableNs: inState(Runstate.runnable),
        blockedNs: inState(Runstate.blocked),
        switches: sched.switches,
        migrations: sched.migrations,
        wakes: sched.wakes,
        parks: sched.parks,
        credit: sched.credit,
        priority: isUp ? PRIORITY_NAMES.get(sched.priority as Priority) ?? "over" : "idle",
      };
    });
    const counters: Record<string, number> = {};
    for (const name of COUNTERS) counters[name] = header[name];
    for (let number = 0; number < 64; number++) {
      const count = header.hypercalls(number);
      if (count > 0) counters[`hypercall ${HYPERCALL_NAMES.get(number) ?? number}`] = count;
    }
    for (const name of CONTEXT_COUNTERS) {
      counters[name] = domain.vcpus.reduce((sum, { ctx }) => sum + context.number(ctx, name), 0);
    }
    for (let reason = 1; reason < EXIT_COUNTERS; reason++) {
      const count = domain.vcpus.reduce((sum, { ctx }) => sum + context.number(ctx, "exits", reason), 0);
      if (count > 0) counters[`exit ${exitName(reason)}`] = count;
    }
    counters.interpreted = vcpus.reduce((sum, { retired }) => sum + retired, 0);
    counters.translated = 0;
    const shutdown = header.isShutdown !== 0;
    return {
      domid: this.domid,
      name: this.name,
      running: vcpus.some(({ state }) => state === "running" || state === "runnable"),
      // Of one that shut down too: a vCPU that crashed was not blocked (getdomaininfo).
      blocked: domain.vcpus.every(({ isUp, sched }) => !isUp || (sched.flags & WAITING) !== 0),
      paused: header.pauseCount > 0,
      shutdown,
      crashed: shutdown && header.shutdownReason === 3,
      dying: header.isDying !== 0,
      cpuTimeNs: vcpus.reduce((sum, vcpu) => sum + vcpu.cpuTimeNs, 0),
      totPages: header.totPages,
      maxPages: header.maxPages,
      vcpus,
      counters,
    };
  }
}
