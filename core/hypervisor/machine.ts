/** The Xen machine as one thread sees it: the shared buffer, the domains, and what wakes whom. */
import type { Engine } from "../cpu/engine.ts";
import type { CpuMeter } from "./cpu_meter.ts";
import { Clock } from "./time.ts";
import type { DebugStop } from "./debug/stop.ts";
import { Domain, type DomainShare } from "./domain.ts";
import { DomainHeader, MACHINE, MachineHeader, MAX_PCPUS, NONE, PcpuState } from "./layout.ts";
import { Lock } from "./lock.ts";
import type { Report } from "./report.ts";
import { Scheduler } from "./scheduler.ts";
import { type View, Views } from "./struct.ts";
import { TraceRing } from "./trace/ring.ts";
import type { Vcpu } from "./vcpu.ts";

/** The bit of a context's kick word that the hypervisor sets. */
export const KICK = 1;

export interface MachineOptions {
  /** MACHINE.bytes of shared memory, and behind them traceBytes (trace/ring.ts) where domains are to be traced. */
  readonly buffer: SharedArrayBuffer;
  /** Which pCPU this thread is; NONE: the main thread. */
  readonly pcpu: number;
  /** Nanoseconds to add to this thread's performance.now() to get system time. */
  readonly clockOffset: number;
  /** Makes this thread's engine for a domain. */
  readonly makeEngine: (domain: Domain) => Engine;
  /** Tells the host. */
  readonly report: (report: Report) => void;
}

export class Machine {
  readonly buffer: SharedArrayBuffer;
  readonly views: Views;
  readonly header: View<typeof MachineHeader.fields>;
  readonly pcpus: readonly View<typeof PcpuState.fields>[];
  /** Machine-wide hypervisor state (domain table, cross-domain bindings). */
  readonly lock: Lock;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly pcpu: number;
  readonly makeEngine: (domain: Domain) => Engine;
  readonly report: (report: Report) => void;
  #trace: TraceRing | undefined;
  readonly #domains = new Map<number, Domain>();
  /** Main thread: who is told of the stops of a domain, by domid. */
  readonly debugged = new Map<number, (stop: DebugStop) => void>();
  /** Of a pCPU's thread whose CPU time the system tells. Set before the pCPU runs. */
  meter: CpuMeter | undefined;
  /** Takes messages that announce domains, when there are any. Set by the pCPU loop. */
  takeMail: () => void = () => {};

  constructor(options: MachineOptions) {
    this.buffer = options.buffer;
    this.pcpu = options.pcpu;
    this.makeEngine = options.makeEngine;
    this.report = options.report;
    this.views = new Views(options.buffer);
    this.header = MachineHeader.view(this.views, MACHINE.header);
    this.pcpus = Array.from(
      { length: MAX_PCPUS },
      (_, index) => PcpuState.view(this.views, MACHINE.pcpus + index * PcpuState.size),
    );
    const word = (name: "machineLock" | "schedulerLock") =>
      new Lock(this.views.i32, (MACHINE.header + MachineHeader.offsets[name]) >>> 2, name);
    this.lock = word("machineLock");
    this.clock = new Clock(this.views, options.clockOffset);
    this.scheduler = new Scheduler(this, word("schedulerLock"));
  }

  /** This thread's trace ring. */
  get trace(): TraceRing {
    return this.#trace ??= new TraceRing(this.buffer, MACHINE.bytes, this.pcpu);
  }

  /** System time, nanoseconds; the guest's TSC too. Never goes back, on any thread. */
  now(): number {
    return this.clock.systemTimeNs();
  }

  attach(share: DomainShare): Domain {
    const domain = new Domain(this, share);
    this.#domains.set(share.domid, domain);
    return domain;
  }

  detach(domid: number): void {
    this.#domains.get(domid)?.dropEngine();
    this.#domains.delete(domid);
  }

  /** The domain, or undefined when there is none (any more). */
  domain(domid: number): Domain | undefined {
    const domain = this.#domains.get(domid);
    if (domain !== undefined) return domain;
    this.takeMail();
    return this.#domains.get(domid);
  }

  /** The domain when this thread knows it already. Takes no messages: usable under locks. */
  attached(domid: number): Domain | undefined {
    return this.#domains.get(domid);
  }

  domains(): IterableIterator<Domain> {
    return this.#domains.values();
  }

  vcpuOf(domid: number, id: number): Vcpu | undefined {
    return this.domain(domid)?.vcpus[id];
  }

  /** Unblocks a vCPU (SCHEDOP_block, SCHEDOP_poll): an event is pending for it. Kicks it when it runs, so that it looks. */
  wakeVcpu(vcpu: Vcpu): void {
    this.scheduler.wake(vcpu);
  }

  /** Makes a running vCPU leave guest code soon. Harmless otherwise. */
  kickVcpu(vcpu: Vcpu): void {
    Atomics.or(vcpu.domain.views.i32, vcpu.kickIndex, KICK);
  }

  /** Tells Domain-0 (the main thread) that its end of the channel `port` of `domid` is pending. `port` is the guest's. */
  notifyDom0(domain: Domain, port: number): void {
    const pending = (domain.header.base + DomainHeader.offsets.dom0Pending) >>> 2;
    Atomics.or(domain.views.i32, pending + (port >> 5), 1 << (port & 31));
    const words = this.views.i32;
    Atomics.or(words, (MACHINE.dom0Pending >>> 2) + (domain.domid >> 5), 1 << (domain.domid & 31));
    this.wakeDom0();
  }

  wakeDom0(): void {
    const index = (MACHINE.header + MachineHeader.offsets.dom0Wake) >>> 2;
    Atomics.add(this.views.i32, index, 1);
    Atomics.notify(this.views.i32, index);
  }

  /** Wakes a pCPU that sleeps. */
  wakePcpu(index: number): void {
    const word = (this.pcpus[index].base + PcpuState.offsets.wake) >>> 2;
    Atomics.add(this.views.i32, word, 1);
    Atomics.notify(this.views.i32, word);
  }

  /** Makes a pCPU come out of guest code or sleep and look at its messages. */
  prodPcpu(index: number): void {
    const running = this.pcpus[index].vcpu;
    if (running !== NONE) {
      const { owner, vcpuId } = this.scheduler.entry(running);
      const vcpu = owner === 0 ? undefined : this.#domains.get(owner - 1)?.vcpus[vcpuId];
      if (vcpu !== undefined) this.kickVcpu(vcpu);
    }
    this.wakePcpu(index);
  }
}
