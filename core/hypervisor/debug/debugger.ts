/** A debugger of one domain: stops and resumes its vCPUs, reads and writes their registers and memory, sets breakpoints. Main thread. */
import { setTimeout as sleep } from "node:timers/promises";
import { MOST_BREAKPOINTS } from "../../cpu/breakpoints.ts";
import type { Domain } from "../domain.ts";
import type { HostDomain } from "../host_domain.ts";
import { NONE, PauseFlag } from "../layout.ts";
import type { Vcpu } from "../vcpu.ts";
import { readVirtual, writeVirtual } from "./memory.ts";
import { DEBUG_REGISTERS, type DebugRegister } from "./registers.ts";
import { type DebugStop, holdVcpus } from "./stop.ts";

/** What a vCPU that is let go does. */
export type ResumeAction = "continue" | "step";

/** How long vCPUs may take to leave their pCPUs. */
const PATIENCE_MS = 5000;

export class Debugger implements AsyncDisposable {
  readonly registers: readonly DebugRegister[] = DEBUG_REGISTERS;
  /** Called when a breakpoint or a step has stopped the domain, once no vCPU runs. */
  onStop: (stop: { readonly vcpu: number; readonly cause: DebugStop["cause"] }) => void = () => {};
  readonly #domain: Domain;
  readonly #breakpoints = new Set<bigint>();
  #isStopped = false;
  #isAttached = true;
  #breakpointsChanged = false;

  private constructor(private readonly host: HostDomain) {
    this.#domain = host.domain;
    this.#domain.machine.debugged.set(host.domid, (stop) => this.#take(stop));
  }

  /** The domain goes on as it does until `stop`. @throws Error when it has a debugger already, or is gone */
  static attach(host: HostDomain): Debugger {
    if (host.isDestroyed) throw new Error(`domain ${host.domid} is gone`);
    if (host.domain.machine.debugged.has(host.domid)) {
      throw new Error(`domain ${host.domid} has a debugger already`);
    }
    return new Debugger(host);
  }

  /** All vCPUs are held, and none of them runs. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** vCPUs that have a state and are up; vCPU 0 always. */
  vcpus(): { readonly id: number; readonly state: string }[] {
    return this.#domain.vcpus.filter(({ id, isUp }) => id === 0 || isUp).map((vcpu) => {
      const flags = vcpu.sched.flags & ~PauseFlag.DEBUGGED;
      const isBlocked = (flags & (PauseFlag.BLOCKED | PauseFlag.POLL)) !== 0;
      return { id: vcpu.id, state: isBlocked ? "blocked" : flags === 0 ? "runnable" : "paused" };
    });
  }

  async #take(stop: DebugStop): Promise<void> {
    if (!this.#isAttached || this.#isStopped || stop.resumes !== this.#domain.header.debugResumes) return;
    this.#isStopped = true;
    await this.#settle();
    if (this.#isAttached) this.onStop(stop);
  }

  /** Stops all vCPUs; resolves when none of them runs. */
  async stop(): Promise<void> {
    if (this.#isStopped) return await this.#settle();
    this.#isStopped = true;
    holdVcpus(this.#domain);
    await this.#settle();
  }

  async #settle(): Promise<void> {
    for (const end = performance.now() + PATIENCE_MS; !this.host.isDestroyed;) {
      if (this.#domain.vcpus.every(({ sched }) => sched.pcpu === NONE)) return;
      if (performance.now() > end) throw new Error(`domain ${this.host.domid} does not stop`);
      await sleep(1);
    }
  }

  /** Lets vCPUs go on; those that are not named stay. */
  resume(action: (vcpu: number) => ResumeAction | undefined): void {
    const { machine, header, vcpus } = this.#domain;
    if (!this.#isStopped || this.host.isDestroyed) return;
    if (this.#breakpointsChanged) this.#domain.engine.setBreakpoints([...this.#breakpoints]);
    this.#breakpointsChanged = this.#isStopped = false;
    header.debugResumes++;
    for (const vcpu of vcpus) {
      const wanted = action(vcpu.id);
      vcpu.state.debugStep = wanted === "step" ? 1 : 0;
      if (wanted !== undefined) machine.scheduler.clearFlags(vcpu, PauseFlag.DEBUGGED);
    }
  }

  #vcpu(id: number): Vcpu | undefined {
    return this.#isStopped && !this.host.isDestroyed ? this.#domain.vcpus[id] : undefined;
  }

  /** @returns undefined where there is no such register or vCPU, or the domain runs */
  readRegister(id: number, index: number): Uint8Array | undefined {
    const vcpu = this.#vcpu(id);
    return vcpu && this.registers[index]?.read(vcpu);
  }

  /** @returns false: refused (a selector, an address that is not canonical, a wrong size) */
  writeRegister(id: number, index: number, bytes: Uint8Array): boolean {
    const vcpu = this.#vcpu(id), register = this.registers[index];
    return vcpu !== undefined && register?.size === bytes.length && register.write(vcpu, bytes);
  }

  /** As the vCPU's kernel and user code see it. @returns what there is before the first page that is not mapped */
  readMemory(id: number, address: bigint, length: number): Uint8Array {
    const vcpu = this.#vcpu(id);
    return vcpu === undefined ? new Uint8Array(0) : readVirtual(vcpu, address, length);
  }

  /** @returns false: not mapped, or a page table, a descriptor table, another domain's */
  writeMemory(id: number, address: bigint, bytes: Uint8Array): boolean {
    const vcpu = this.#vcpu(id);
    return vcpu !== undefined && writeVirtual(vcpu, address, bytes);
  }

  /** Takes effect when the domain goes on; in every address space. @returns false: there are too many */
  setBreakpoint(address: bigint): boolean {
    if (this.#breakpoints.size >= MOST_BREAKPOINTS && !this.#breakpoints.has(address)) return false;
    this.#breakpoints.add(BigInt.asUintN(64, address));
    return this.#breakpointsChanged = true;
  }

  clearBreakpoint(address: bigint): void {
    if (this.#breakpoints.delete(BigInt.asUintN(64, address))) this.#breakpointsChanged = true;
  }

  /** Takes everything out and lets the domain go on. May be called again. */
  async detach(): Promise<void> {
    if (!this.#isAttached) return;
    const domain = this.#domain;
    this.#isAttached = false;
    try {
      if (this.host.isDestroyed) return;
      // Stopped first: a vCPU that is just meeting a breakpoint would hold the others afterwards.
      await this.stop();
      if (this.host.isDestroyed) return;
      domain.engine.setBreakpoints(undefined);
      domain.dropEngine();
      for (const vcpu of domain.vcpus) {
        vcpu.state.debugStep = 0;
        domain.machine.scheduler.clearFlags(vcpu, PauseFlag.DEBUGGED);
      }
    } finally {
      domain.machine.debugged.delete(this.host.domid);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.detach();
  }
}
