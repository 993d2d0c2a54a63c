/** A virtual CPU: its processor context (core/cpu), the hypervisor's state of it, its entry in the scheduler's table. */
import { CTX } from "../cpu/context.ts";
import { contextAddress } from "../cpu/layout.ts";
import type { Domain } from "./domain.ts";
import type { HypercallContext } from "./context.ts";
import { PauseFlag, type SchedVcpu, VcpuState } from "./layout.ts";
import type { View } from "./struct.ts";

/** public/vcpu.h RUNSTATE_* */
export const Runstate = { running: 0, runnable: 1, blocked: 2, offline: 3 } as const;
export type Runstate = typeof Runstate[keyof typeof Runstate];

/** One thread's handle; the state itself is shared. */
export class Vcpu {
  /** Byte address of the processor context in the domain's memory. */
  readonly ctx: number;
  readonly state: View<typeof VcpuState.fields>;
  /** Index in the machine's vCPU table. */
  readonly index: number;
  readonly sched: View<typeof SchedVcpu.fields>;
  /** Upcalls wait until so many instructions have retired (see `send`). Only this worker knows: on another they come at once. */
  upcallsHeldUntil = 0;
  #hypercall: HypercallContext | undefined;

  constructor(readonly domain: Domain, readonly id: number) {
    const { layout, views, machine } = domain;
    this.ctx = contextAddress(layout, id);
    this.state = VcpuState.view(views, layout.reserve.vcpus + id * VcpuState.size);
    this.index = this.state.schedIndex;
    this.sched = machine.scheduler.entry(this.index);
  }

  /** What hypercall handlers and trap code are given; one object a vCPU and worker. */
  get hypercall(): HypercallContext {
    const { domain } = this;
    return this.#hypercall ??= {
      machine: domain.machine,
      domain,
      vcpu: this,
      engine: domain.engine,
      view: domain.context,
    };
  }

  /** Forgets the engine: see Domain.dropEngine. */
  dropEngine(): void {
    this.#hypercall = undefined;
  }

  /** Index of the context's kick word in `domain.views.i32`. */
  get kickIndex(): number {
    return (this.ctx + CTX.kick) >>> 2;
  }

  get isUp(): boolean {
    return (this.sched.flags & PauseFlag.DOWN) === 0;
  }

  get runState(): Runstate {
    const { flags, pcpu } = this.sched;
    if (flags === 0) return pcpu >= 0 ? Runstate.running : Runstate.runnable;
    // Waits for credits.
    if (flags === PauseFlag.PARKED) return Runstate.runnable;
    return (flags & ~(PauseFlag.BLOCKED | PauseFlag.POLL | PauseFlag.PARKED)) === 0
      ? Runstate.blocked
      : Runstate.offline;
  }

  /** vcpu_runstate_change: books the time since the last change. By whoever runs the vCPU, or under the scheduler's lock when nobody does. */
  enterRunstate(runstate: Runstate, now: number): void {
    const { state } = this;
    const old = state.runstate;
    if (old === runstate) return;
    state.setRunstateTimes(old, state.runstateTimes(old) + Math.max(0, now - state.runstateSince));
    state.runstate = runstate;
    state.runstateSince = now;
  }
}
