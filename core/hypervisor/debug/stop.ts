/** Where a debugged domain stops: on a pCPU, at a breakpoint or after a single step. */
import { Flag } from "../../cpu/context.ts";
import { ExitReason } from "../../cpu/exit.ts";
import type { HypercallContext } from "../context.ts";
import type { Domain } from "../domain.ts";
import type { GuestSupport } from "../guest.ts";
import { PauseFlag } from "../layout.ts";
import type { Vcpu } from "../vcpu.ts";

export interface DebugStop {
  readonly domid: number;
  readonly vcpu: number;
  readonly cause: "breakpoint" | "step";
  /** DomainHeader.debugResumes when it stopped. */
  readonly resumes: number;
}

/** So many exits one instruction may take (a hypercall that is continued) before the pCPU looks at its own affairs. */
const EXITS_OF_A_STEP = 1000;

/** Keeps all vCPUs of a domain from running, those that are down too: one could be brought up. */
export function holdVcpus(domain: Domain): void {
  for (const vcpu of domain.vcpus) domain.machine.scheduler.setFlags(vcpu, PauseFlag.DEBUGGED);
}

/** `vcpu`, which runs on this pCPU, stops its domain. */
export function stopForDebugger(vcpu: Vcpu, cause: DebugStop["cause"]): void {
  const { domain } = vcpu;
  const { machine, domid, header } = domain;
  const stop: DebugStop = { domid, vcpu: vcpu.id, cause, resumes: header.debugResumes };
  holdVcpus(domain);
  machine.report({ kind: "debug", stop });
}

/**
 * One instruction, or the entry into a handler where the instruction faults; then the domain stops. Events that are due wait
 * meanwhile: who steps wants to see the next instruction, not an interrupt's. Where something else keeps the vCPU from running, the step waits for its next
 * turn.
 */
export function stepForDebugger(context: HypercallContext, support: GuestSupport): void {
  const { vcpu, engine, view } = context;
  const { ctx, state, sched } = vcpu;
  const place = () => `${view.big(ctx, "rip")} ${view.number(ctx, "retired")}`;
  for (let exits = 0; exits < EXITS_OF_A_STEP && sched.flags === 0; exits++) {
    const before = place();
    const reason = (view.get(ctx, "eflags") & Flag.TF) !== 0 ? engine.run(ctx, 1) : engine.step(ctx);
    if (reason === ExitReason.KICK) continue;
    if (reason !== ExitReason.BUDGET && reason !== ExitReason.BREAKPOINT) support.handleExit(context, reason);
    // A hypercall that goes on later is where it was.
    if (reason === ExitReason.BUDGET || reason === ExitReason.BREAKPOINT || place() !== before) {
      state.debugStep = 0;
      return stopForDebugger(vcpu, "step");
    }
  }
}
