/** The Xen host: its pCPU workers, its domains, Domain-0's ends of event channels. Main thread; several hosts may live in one process. */
import type { Engine } from "../cpu/engine.ts";
import type { InterpreterImage } from "../cpu/interpreter.ts";
import { vcpu_info } from "./abi/xen.ts";
import { collectGarbage, Collector, IdleCollector } from "./collector.ts";
import { debugKeys } from "./debug_keys.ts";
import { Dom0Events } from "./dom0_events.ts";
import { type Domain, type DomainShare } from "./domain.ts";
import { FrameRanges } from "./frame_ranges.ts";
import type { GuestStart, GuestSupport } from "./guest.ts";
import { type Cpupool, type HostFacts, hostFacts } from "./host_facts.ts";
import { HostDomain } from "./host_domain.ts";
import {
  DomainHeader,
  DOMID_FIRST_RESERVED,
  FIRST_GUEST_DOMID,
  layoutHypervisor,
  MACHINE,
  MAX_DOMAINS,
  NONE,
  PAGE,
  PauseFlag,
  VcpuState,
} from "./layout.ts";
import { Machine } from "./machine.ts";
import { returnFreeFrames } from "./mm/allocator.ts";
import { MemoryPool } from "./memory_pool.ts";
import { canReturnPages, makeMallocFrugal, returnCode, returnFreedMemory } from "./memory_return.ts";
import { xenParts } from "./parts.ts";
import { PcpuPool, type PcpuTimes } from "./pcpu_pool.ts";
import type { Report } from "./report.ts";
import { Shutdown, shutdownName } from "./report.ts";
import { shutdownDomain } from "./shutdown.ts";
import { threadTimeNs, updateWallClock } from "./time.ts";
import { traceBytes, Tracer } from "./trace/mod.ts";
import { runStepsWithBreaks } from "./steps.ts";
import { Views } from "./struct.ts";
import { Runstate } from "./vcpu.ts";
import { XenLog } from "./xen_log.ts";

/** Of housekeeping; watchdogs count whole seconds. */
const HOUSEKEEPING_PERIOD_MS = 500;
const TICKS_PER_TRIM = 12;
/** So long after the last collection what runs is what an idle host needs. */
const SETTLED_TICKS = 8;

/** Destroyed domains whose remains (an engine that started them, views) may lie about before a collection. */
const DOMAINS_LEFT_BEHIND = 32;

/** What a host is made of beside the machinery: the worker script and the code that knows guests. */
export interface HostParts {
  /** Script of a pCPU worker; it calls `servePcpu`. */
  readonly workerUrl: URL;
  readonly support: GuestSupport;
  /** The interpreter, posted to the workers. */
  readonly image?: InterpreterImage;
  makeEngine(domain: Domain): Engine;
}

export interface HostOptions {
  /** pCPU workers; by default one for each core. */
  readonly pcpus?: number;
  /** By default those that run Xen guests. */
  readonly parts?: HostParts;
  /** Xen's log, a line at a time. */
  readonly log?: (line: string) => void;
  /** What guests write to Xen's own console (HYPERVISOR_console_io). */
  readonly xenConsole?: (domid: number, bytes: Uint8Array) => void;
}

/** What a builder is given; `PvDomain` of core/builder is a part of it. */
export interface BuildTarget {
  readonly domid: number;
  readonly frames: { readonly bytes: Uint8Array; readonly nrPages: number; pfnToMfn(pfn: number): number };
  readonly sharedInfoMfn: number;
  readonly storeEvtchn: number;
  readonly consoleEvtchn: number;
}

export interface DomainSpec {
  readonly name: string;
  readonly memoryMiB: number;
  /** Ballooning limit; by default `memoryMiB`. */
  readonly maxMemoryMiB?: number;
  /** End of the pseudo-physical memory map that the guest is told; by default `maxMemoryMiB`. */
  readonly memoryMapMiB?: number;
  readonly vcpus?: number;
  readonly handle?: Uint8Array;
  /** Room for decoded code, bytes. */
  readonly codeBytes?: number;
  /** Writes the domain's start-of-day memory. What it throws makes createDomain fail with nothing left behind. */
  build(target: BuildTarget): GuestStart | Promise<GuestStart>;
}

interface Resident {
  readonly host: HostDomain;
  readonly memory: WebAssembly.Memory;
}

const pcpusOf = ({ pcpus = navigator.hardwareConcurrency }: HostOptions) => pcpus;

export class Host implements AsyncDisposable {
  readonly machine: Machine;
  /** What `dmesg` shows. */
  readonly xenLog = new XenLog();
  readonly #support: GuestSupport;
  readonly #ranges = new FrameRanges();
  readonly #memories = new MemoryPool();
  readonly #residents = new Map<number, Resident>();
  /** Domids that are taken from before the domain is complete until all of it is gone. */
  readonly #domids = new Set<number>();
  readonly #events: Dom0Events;
  readonly #pcpus: PcpuPool;
  readonly #garbage = new Collector(DOMAINS_LEFT_BEHIND);
  readonly #idle = new IdleCollector();
  readonly #housekeeping: ReturnType<typeof setInterval>;
  #collections = 0;
  #ticks = 0;
  #codeDueAt = Infinity;
  #nextDomid = FIRST_GUEST_DOMID;
  #stopped: Promise<void> | undefined;
  #tracer: Tracer | undefined;

  private constructor(private readonly options: HostOptions) {
    const { parts = xenParts() } = options;
    this.#support = parts.support;
    this.machine = new Machine({
      buffer: new SharedArrayBuffer(MACHINE.bytes + traceBytes(pcpusOf(options))),
      pcpu: NONE,
      clockOffset: -threadTimeNs(),
      makeEngine: (domain) => parts.makeEngine(domain),
      report: (report) => this.#take(report),
    });
    this.machine.clock.wallClockEpoch = performance.timeOrigin * 1e6 + threadTimeNs();
    this.#events = new Dom0Events(this.machine);
    this.#pcpus = new PcpuPool(this.machine, parts, (report) => this.#take(report));
    this.#housekeeping = setInterval(() => {
      this.#fireWatchdogs();
      for (const { domain } of this.domains()) returnFreeFrames(domain);
      this.#returnMemory();
    }, HOUSEKEEPING_PERIOD_MS);
  }

  /**
   * What this thread and idle pCPUs no longer use goes back to the host: images that domains were built from, the compilers' working memory. Compilers
   * work on threads of their own: what they have freed is looked for from time to time (20 us where there is nothing).
   */
  #returnMemory(): void {
    const { collections } = this.machine.header;
    const tick = ++this.#ticks;
    const isSettling = this.#idle.idle() || collections !== this.#collections;
    if (isSettling || tick % TICKS_PER_TRIM === 0) returnFreedMemory();
    if (isSettling) this.#codeDueAt = tick + SETTLED_TICKS;
    if (tick >= this.#codeDueAt) {
      this.#codeDueAt = Infinity;
      returnCode();
    }
    this.#collections = collections;
  }

  /** SCHEDOP_watchdog: a guest that did not set its watchdog anew in time is shut down. */
  #fireWatchdogs(): void {
    const now = this.machine.clock.peek();
    for (const domain of this.machine.domains()) {
      for (let id = 0; id < 2; id++) {
        const deadline = domain.header.watchdogs(id);
        if (deadline !== 0 && deadline <= now) shutdownDomain(domain, Shutdown.watchdog);
      }
    }
  }

  /** Starts the pCPU workers. @throws Error when a worker does not come up */
  static async start(options: HostOptions = {}): Promise<Host> {
    makeMallocFrugal();
    const host = new Host(options);
    try {
      await host.#pcpus.start(pcpusOf(options));
      host.#bootMessages();
    } catch (error) {
      await host.stop();
      throw error;
    }
    return host;
  }

  /** What Xen says first; into the ring only. */
  #bootMessages(): void {
    const { xenMajor, xenMinor, xenExtra, cpuModel, totalMemoryKiB } = this.facts();
    this.xenLog.add(`Xen version ${xenMajor}.${xenMinor}${xenExtra}`);
    this.xenLog.add(`Machine below: ${Math.floor(totalMemoryKiB / 1024)} MiB, ${cpuModel}`);
    this.xenLog.add("Using scheduler: SMP Credit Scheduler (credit)");
    this.xenLog.add(`Brought up ${this.pcpuCount} CPUs`);
  }

  /** Traces of domains. */
  get tracer(): Tracer {
    return this.#tracer ??= new Tracer(this.machine, pcpusOf(this.options));
  }

  get pcpuCount(): number {
    return this.machine.header.pcpus;
  }

  /** Errors of the hypervisor's own since it started; each is in the log with its stack. */
  get internalErrors(): number {
    return this.machine.header.internalErrors;
  }

  /** Facts about the machine below and this Xen. */
  facts(): HostFacts {
    return hostFacts(this.pcpuCount);
  }

  /** All pCPUs and domains are in one. */
  cpupools(): Cpupool[] {
    const cpus = Array.from({ length: this.pcpuCount }, (_, pcpu) => pcpu);
    // Domain-0 counts.
    return [{ id: 0, name: "Pool-0", scheduler: "credit", cpus, domains: this.#residents.size + 1 }];
  }

  /** XEN_SYSCTL_debug_keys: prints into the log what each key stands for ('h': which there are). */
  debugKeys(keys: string): void {
    debugKeys(this.machine, keys, (line) => this.#log(line));
  }

  /** The pCPUs: what runs there, and for how long nothing did. */
  pcpuTimes(): PcpuTimes[] {
    return this.#pcpus.times();
  }

  /** CPU time that all domains have had, those that are gone too, nanoseconds. */
  get guestTimeNs(): number {
    return this.domains().reduce((sum, domain) => sum + domain.cpuTimeNs, this.machine.header.departedTime);
  }

  /** vCPUs that wait for a pCPU. */
  get waiting(): number {
    return this.machine.header.queueLength;
  }

  domains(): HostDomain[] {
    return [...this.#residents.values()].map(({ host }) => host);
  }

  domain(domid: number): HostDomain | undefined {
    return this.#residents.get(domid)?.host;
  }

  /** Creates a domain, paused once. @throws what `build` throws; RangeError for sizes that cannot be */
  async createDomain(spec: DomainSpec): Promise<HostDomain> {
    if (this.#stopped !== undefined) throw new Error("the host is stopped");
    const { memoryMiB, maxMemoryMiB = memoryMiB, vcpus = 1, name } = spec;
    if (!(memoryMiB > 0) || maxMemoryMiB < memoryMiB) {
      throw new RangeError(`memory ${memoryMiB} MiB, maximum ${maxMemoryMiB} MiB`);
    }
    const frames = Math.floor(maxMemoryMiB * 256), owned = Math.floor(memoryMiB * 256);
    const size = { frames, vcpus, codeBytes: spec.codeBytes };
    const mfnBase = this.#ranges.allocate(layoutHypervisor({ ...size, mfnBase: 512 }).totalFrames);
    const domid = this.#takeDomid();
    const layout = layoutHypervisor({ ...size, mfnBase });
    let memory: WebAssembly.Memory | undefined;
    let domain: Domain | undefined;
    try {
      memory = this.#memories.take(layout.pages);
      domain = this.#attach({ domid, name, memory, layout }, owned, spec);
      await runStepsWithBreaks(this.#support.initDomain(domain));
      const storePort = this.#support.allocateDom0Channel(domain);
      const consolePort = this.#support.allocateDom0Channel(domain);
      const { header } = domain;
      const start = await spec.build({
        domid,
        frames: {
          bytes: domain.views.u8.subarray(0, owned * 4096),
          nrPages: owned,
          pfnToMfn: (pfn) => mfnBase + pfn,
        },
        sharedInfoMfn: header.sharedInfoMfn,
        storeEvtchn: storePort,
        consoleEvtchn: consolePort,
      });
      header.width = start.width;
      header.storePort = storePort;
      header.consolePort = consolePort;
      header.storeMfn = start.storeMfn;
      header.consoleMfn = start.consoleMfn;
      this.#support.startDomain(domain, start);
      // Starting it may have taken an engine; this thread runs no guest code, and instances by the hundred cost memory.
      domain.dropEngine();
      updateWallClock(domain);
      this.#pcpus.order({ kind: "attach", share: domain.share });
      this.machine.scheduler.clearFlags(domain.vcpus[0], PauseFlag.DOWN);
      const host = new HostDomain(
        {
          destroy: (handle) => this.#destroy(handle),
          notify: (target, port) => this.#support.notifyGuest(target, port),
          bind: (id, port, handler) => this.bindDom0(id, port, handler),
          unbind: (id, port) => this.#events.unbind(id, port),
          support: this.#support,
        },
        domain,
        start,
        consolePort,
        storePort,
      );
      this.#residents.set(domid, { host, memory });
      this.machine.header.domainsCreated++;
      return host;
    } catch (error) {
      if (domain !== undefined) this.#dismantle(domain);
      if (memory !== undefined) this.#memories.give(memory);
      this.#ranges.free(mfnBase);
      this.#domids.delete(domid);
      throw error;
    }
  }

  #takeDomid(): number {
    if (this.#domids.size >= MAX_DOMAINS) throw new RangeError(`no more than ${MAX_DOMAINS} domains`);
    while (this.#domids.has(this.#nextDomid)) this.#nextDomid++;
    if (this.#nextDomid >= DOMID_FIRST_RESERVED) {
      this.#nextDomid = FIRST_GUEST_DOMID;
      return this.#takeDomid();
    }
    this.#domids.add(this.#nextDomid);
    return this.#nextDomid++;
  }

  /** Writes the header and the vCPUs' links into fresh memory, enters the vCPUs, attaches this thread. */
  #attach(share: DomainShare, owned: number, spec: DomainSpec): Domain {
    const { layout, domid, memory } = share;
    const views = new Views(memory.buffer);
    const header = DomainHeader.view(views, layout.reserve.domain);
    header.domid = domid;
    header.width = 64;
    header.pauseCount = 1;
    header.totPages = owned;
    header.maxPages = layout.frames;
    header.memoryMapPages = spec.memoryMapMiB === undefined
      ? layout.frames
      : Math.floor(spec.memoryMapMiB * 256);
    header.maxPfn = owned;
    header.sharedInfo = layout.reserve.sharedInfo;
    header.sharedInfoMfn = layout.mfnBase + layout.reserve.sharedInfo / PAGE;
    spec.handle?.subarray(0, 16).forEach((byte, index) => header.setHandle(index, byte));
    for (let id = 0; id < layout.vcpus; id++) {
      const state = VcpuState.view(views, layout.reserve.vcpus + id * VcpuState.size);
      state.vcpuId = id;
      state.runstate = Runstate.offline;
      state.runstateSince = this.machine.now();
      // Until VCPUOP_register_vcpu_info moves it.
      state.vcpuInfo = header.sharedInfo + id * vcpu_info.size(64);
      state.schedIndex = this.machine.scheduler.add(domid, id);
    }
    return this.machine.attach(share);
  }

  /** Undoes #attach. */
  #dismantle(domain: Domain): void {
    for (const vcpu of domain.vcpus) this.machine.scheduler.remove(vcpu.index);
    this.machine.detach(domain.domid);
  }

  async #destroy(host: HostDomain): Promise<void> {
    const { domain, domid } = host;
    const resident = this.#residents.get(domid);
    if (resident?.host !== host) return;
    domain.header.isDying = 1;
    for (const vcpu of domain.vcpus) this.machine.scheduler.setFlags(vcpu, PauseFlag.SHUTDOWN);
    await this.#pcpus.detach(domid);
    this.#events.unbind(domid);
    const isUnmapped = this.#support.destroyDomain(domain);
    host.finish({ reason: "destroyed" });
    this.#dismantle(domain);
    this.#residents.delete(domid);
    this.#memories.give(resident.memory);
    // Another domain's page tables may still name its frames: those numbers are nobody's then, and never anybody's again.
    if (isUnmapped) this.#ranges.free(domain.mfnBase);
    this.#domids.delete(domid);
    // A caller may hold on to this domain's views a little longer: without FFI its memory goes with the next one's.
    if (canReturnPages()) this.#garbage.tick();
    else collectGarbage();
    this.machine.header.domainsDestroyed++;
  }

  /** Calls `handler` in this thread after the guest sent on its channel `port` to Domain-0. Sends may be merged. */
  bindDom0(domid: number, port: number, handler: () => void): void {
    this.#events.bind(domid, port, handler);
  }

  /** Domain-0 sends on its end of the domain's channel `port`. @returns 0 or a negative errno */
  notify(domid: number, port: number): number {
    const domain = this.machine.attached(domid);
    return domain === undefined ? -3 : this.#support.notifyGuest(domain, port);
  }

  #take(report: Report): void {
    switch (report.kind) {
      case "shutdown": {
        // What the guest sent before it ended comes first: the last lines on its console.
        this.#events.serve();
        const { domid, reason, dump } = report;
        if (dump !== undefined) this.#log(dump);
        this.#residents.get(domid)?.host.finish({ reason: shutdownName(reason), registerDump: dump });
        break;
      }
      case "debug":
        this.machine.debugged.get(report.stop.domid)?.(report.stop);
        break;
      case "console":
        this.options.xenConsole?.(report.domid, report.bytes);
        break;
      case "log":
        this.#log(report.text);
        break;
    }
  }

  #log(text: string): void {
    for (const line of text.split("\n")) {
      this.xenLog.add(line);
      this.options.log?.(line);
    }
  }

  /** Destroys all domains and ends the workers. */
  stop(): Promise<void> {
    return this.#stopped ??= this.#stop();
  }

  async #stop(): Promise<void> {
    await Promise.all(this.domains().map((domain) => domain.destroy()));
    await this.#pcpus.stop();
    await this.#events.stop();
    clearInterval(this.#housekeeping);
    this.#tracer?.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
