/** A physical CPU: picks vCPUs, runs them for their time slice, hands their exits to the hypervisor, fires timers, sleeps. */
import { CTX } from "../cpu/context.ts";
import { ExitReason } from "../cpu/exit.ts";
import { IdleCollector } from "./collector.ts";
import { stepForDebugger, stopForDebugger } from "./debug/stop.ts";
import type { GuestSupport } from "./guest.ts";
import { MACHINE, MachineHeader, NONE, PcpuMode, PcpuState } from "./layout.ts";
import { releaseAllLocks } from "./lock.ts";
import type { Machine } from "./machine.ts";
import { crashDomain } from "./shutdown.ts";
import { MILLISECOND, updateVcpuTime } from "./time.ts";
import type { Vcpu } from "./vcpu.ts";

/** What an exit costs beside the instructions retired, in instructions: exits must use up a slice too. */
const EXIT_COST = 50;
const LEAST_BUDGET = 200;
const MOST_BUDGET = 1 << 28;
/** How far apart looks at the clock are planned, nanoseconds: the pace of what runs may change. */
const LOOK_PERIOD = 1 * MILLISECOND;
/** Longest sleep, so that a lost wake-up would cost a second and not the machine. */
const LONGEST_SLEEP_MS = 1000;
/** A sleep that may be spent on collecting garbage. */
const LONG_SLEEP_MS = 3;

export class Pcpu {
  readonly #words: Int32Array;
  readonly #wake: number;
  readonly #mail: number;
  readonly #garbage = new IdleCollector();
  /** Measured: nanoseconds for one instruction, exits included. */
  #pace = 20;

  constructor(
    private readonly machine: Machine,
    private readonly support: GuestSupport,
    /** Takes all messages. Orders to let go of a domain wait here: no vCPU runs when it is called. */
    private readonly takeOrders: () => void,
  ) {
    const base = machine.pcpus[machine.pcpu].base;
    this.#words = machine.views.i32;
    this.#wake = (base + PcpuState.offsets.wake) >>> 2;
    this.#mail = (base + PcpuState.offsets.mail) >>> 2;
  }

  /** Until the machine stops. */
  run(): void {
    const { machine } = this;
    machine.pcpus[machine.pcpu].mode = PcpuMode.BUSY;
    while (machine.header.stopping === 0) {
      try {
        this.turn();
      } catch (error) {
        this.#report("internal error between domains", error);
      }
    }
    machine.pcpus[machine.pcpu].mode = PcpuMode.OFFLINE;
  }

  /** One scheduling decision: runs a vCPU until it blocks or its slice ends, or sleeps. */
  turn(): void {
    const { machine } = this;
    const wake = Atomics.load(this.#words, this.#wake);
    if (Atomics.load(this.#words, this.#mail) !== 0) {
      // Before a domain is gone that was billed.
      machine.scheduler.accounting.settle(machine.now());
      this.takeOrders();
    }
    const now = machine.now();
    this.#fireTimers(now);
    machine.scheduler.accounting.accountWhenDue(now);
    const index = machine.scheduler.pick(now);
    if (index === NONE) return this.#sleep(wake, now);
    const { owner, vcpuId } = machine.scheduler.entry(index);
    const vcpu = machine.vcpuOf(owner - 1, vcpuId);
    if (vcpu === undefined) {
      machine.report({ kind: "log", text: `cpu#${machine.pcpu}: d${owner - 1}v${vcpuId} is not known here` });
      machine.scheduler.unpick(index, machine.now());
      return;
    }
    try {
      this.#runVcpu(vcpu, now);
    } catch (error) {
      this.#giveUp(vcpu, error);
    } finally {
      const end = machine.now();
      machine.scheduler.unpick(index, end, vcpu);
      if (machine.meter?.isDue) machine.scheduler.accounting.settle(end);
    }
  }

  #sleep(wake: number, now: number): void {
    const { machine } = this;
    const pcpu = machine.pcpus[machine.pcpu];
    const milliseconds = Math.min((pcpu.sleepsUntil - now) / 1e6, LONGEST_SLEEP_MS);
    if (milliseconds > 0 && machine.header.stopping === 0) {
      if (milliseconds > LONG_SLEEP_MS && this.#garbage.idle()) {
        Atomics.add(this.#words, (MACHINE.header + MachineHeader.offsets.collections) >>> 2, 1);
        return;
      }
      pcpu.idleSince = now;
      const asleep = machine.now();
      Atomics.wait(this.#words, this.#wake, wake, milliseconds);
      pcpu.idleSince = 0;
      machine.meter?.sleep(machine.now() - asleep);
    }
    pcpu.idleTime += machine.now() - now;
  }

  #fireTimers(now: number): void {
    const { machine } = this;
    for (const entry of machine.scheduler.timers.takeDue(now)) {
      const vcpu = machine.vcpuOf(entry.owner - 1, entry.vcpuId);
      if (vcpu !== undefined) this.support.sendTimer(vcpu);
    }
  }

  #periodic(vcpu: Vcpu, now: number): void {
    const { sched } = vcpu;
    if (sched.periodicPeriod === 0 || now < sched.periodicLast + sched.periodicPeriod) return;
    sched.periodicLast = now;
    this.support.sendTimer(vcpu);
  }

  #runVcpu(vcpu: Vcpu, start: number): void {
    const { machine, support } = this;
    const { scheduler } = machine;
    const { timers } = scheduler;
    const context = vcpu.hypercall;
    const { engine, view } = context;
    const { ctx, sched } = vcpu;
    const pcpu = machine.pcpus[machine.pcpu];
    support.scheduledIn(context);
    updateVcpuTime(vcpu, start);
    let now = start, since = start, sinceRetired = view.number(ctx, "retired"), retired = sinceRetired;
    let exits = 0, left = 0, boundary = 0;
    // Asked for while the vCPU does not run.
    if (vcpu.state.debugStep !== 0) {
      stepForDebugger(context, support);
      return support.scheduledOut(context);
    }
    for (;;) {
      if (left <= 0 || timers.next() < boundary) {
        // A look at the clock: timers, the end of the slice, and how far the next look is.
        now = machine.now();
        const done = retired - sinceRetired + exits * EXIT_COST;
        if (done > 10_000) {
          this.#pace = Math.min(2000, Math.max(0.5, (this.#pace + (now - since) / done) / 2));
          since = now;
          sinceRetired = retired;
          exits = 0;
        }
        this.#fireTimers(now);
        this.#periodic(vcpu, now);
        if (scheduler.look(vcpu.index, now)) break;
        if (machine.meter?.isDue) scheduler.accounting.settle(now);
        boundary = Math.min(scheduler.boundary(), now + LOOK_PERIOD);
        if (sched.periodicPeriod !== 0) {
          boundary = Math.min(boundary, sched.periodicLast + sched.periodicPeriod);
        }
        left = Math.min(MOST_BUDGET, Math.max(LEAST_BUDGET, Math.ceil((boundary - now) / this.#pace)));
      }
      if (sched.flags !== 0 || this.#words[this.#mail] !== 0) break;
      if (pcpu.reschedule !== 0) {
        const rest = scheduler.protectedUntil(vcpu.index) - machine.now();
        if (rest <= 0) break;
        left = Math.min(left, Math.max(LEAST_BUDGET, Math.ceil(rest / this.#pace)));
      }
      support.beforeEntry(context);
      if (sched.flags !== 0) break;
      const held = vcpu.upcallsHeldUntil - retired;
      const reason = engine.run(ctx, held > 0 ? Math.min(left, held) : left, false);
      if (reason === ExitReason.BREAKPOINT) stopForDebugger(vcpu, "breakpoint");
      else if (reason !== ExitReason.BUDGET && reason !== ExitReason.KICK) {
        support.handleExit(context, reason);
      }
      const total = view.number(ctx, "retired");
      left -= total - retired + EXIT_COST;
      retired = total;
      exits++;
    }
    support.scheduledOut(context);
  }

  /** An error of our own that is no domain's: logged, and the pCPU goes on, more slowly when it keeps coming. */
  #report(what: string, error: unknown): void {
    const { machine } = this;
    const locks = releaseAllLocks();
    machine.header.internalErrors++;
    const text = error instanceof Error ? error.stack ?? error.message : String(error);
    machine.report({
      kind: "log",
      text: `cpu#${machine.pcpu}: ${what} (locks ${locks.join(", ")}): ${text}`,
    });
    Atomics.wait(this.#words, this.#wake, Atomics.load(this.#words, this.#wake), 10);
  }

  /** An error of our own while a vCPU ran: its domain ends as crashed, the machine goes on. */
  #giveUp(vcpu: Vcpu, error: unknown): void {
    const locks = releaseAllLocks();
    this.machine.header.internalErrors++;
    const held = locks.length === 0 ? "" : ` holding ${locks.join(", ")}`;
    const text = error instanceof Error ? error.stack ?? error.message : String(error);
    // The engine may have been left in the middle of its work: the domain's other vCPUs wait for an even epoch.
    const epoch = (vcpu.ctx + CTX.epoch) >>> 2;
    if (Atomics.load(vcpu.domain.views.i32, epoch) & 1) Atomics.add(vcpu.domain.views.i32, epoch, 1);
    vcpu.domain.dropEngine();
    crashDomain(vcpu, `Xenolith: internal error${held}: ${text}`);
  }
}
