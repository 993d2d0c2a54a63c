/** Exceptions for the guest kernel: Xen's pv_inject_event, NMIs and event upcalls. */
import { Vector } from "../../cpu/exit.ts";
import { arch_vcpu_info, TI_IF, vcpu_info } from "../abi/xen.ts";
import type { HypercallContext } from "../context.ts";
import { needsDelivery } from "../events/pending.ts";
import { crashDomain } from "../shutdown.ts";
import { traceEvent, traceTrap } from "../trace/points.ts";
import { TraceEvent, TraceTrap } from "../trace/ring.ts";
import { bounce } from "./bounce.ts";
import { isKernelMode } from "./mode.ts";
import { trapEntry } from "./trap_table.ts";

/** Vectors that push an error code. */
const HAS_ERROR_CODE = (1 << Vector.DF) | (1 << Vector.TS) | (1 << Vector.NP) | (1 << Vector.SS) |
  (1 << Vector.GP) | (1 << Vector.PF) | (1 << Vector.AC);
export const PFEC_PRESENT = 1, PFEC_WRITE = 2, PFEC_USER = 4, PFEC_RESERVED = 8, PFEC_FETCH = 16;

const NAMES = [
  "#DE",
  "#DB",
  "NMI",
  "#BP",
  "#OF",
  "#BR",
  "#UD",
  "#NM",
  "#DF",
  "9",
  "#TS",
  "#NP",
  "#SS",
  "#GP",
  "#PF",
];

/** Delivers a hardware exception. The vCPU's rip is what the handler shall see. */
export function injectException(cx: HypercallContext, vector: number, errorCode = 0): void {
  cx.domain.header.exceptions++;
  const hasError = vector < 32 && ((HAS_ERROR_CODE >>> vector) & 1) !== 0;
  if (cx.domain.header.traceKinds !== 0) traceException(cx, vector, hasError ? errorCode : undefined);
  deliver(cx, vector, hasError ? errorCode : undefined);
}

function traceException(cx: HypercallContext, vector: number, errorCode: number | undefined): void {
  const { view, vcpu } = cx;
  const isPageFault = vector === Vector.PF;
  const address = isPageFault ? [view.get(vcpu.ctx, "cr2"), view.high(vcpu.ctx, "cr2")] : [0, 0];
  traceTrap(cx, vector, [errorCode ?? 0, errorCode === undefined ? -1 : 0, ...address]);
}

/** A software interrupt (INT n): no error code; rip is behind the instruction. */
export function injectSoftwareInterrupt(cx: HypercallContext, vector: number): void {
  traceTrap(cx, TraceTrap.SOFTWARE_INTERRUPT, [vector, 0]);
  deliver(cx, vector, undefined);
}

function deliver(cx: HypercallContext, vector: number, errorCode: number | undefined): void {
  const trap = trapEntry(cx.vcpu, vector);
  if (!trap.isSet) {
    const name = NAMES[vector] ?? `vector ${vector}`;
    crashDomain(
      cx.vcpu,
      `Unhandled: vec ${vector}, ${name}[${(errorCode ?? 0).toString(16).padStart(4, "0")}]`,
    );
    return;
  }
  bounce(cx, { lo: trap.lo, hi: trap.hi, masksEvents: (trap.flags & TI_IF) !== 0, errorCode });
}

const CR2 = vcpu_info.offset("arch") + arch_vcpu_info.offset("cr2");

/** pv_inject_page_fault: cr2 goes into vcpu_info, the error code's user bit follows the guest's own mode. */
export function injectPageFault(cx: HypercallContext, errorCode: number, lo: number, hi: number): void {
  const { vcpu, view, domain } = cx;
  setCr2(cx, lo, hi);
  domain.header.pageFaults++;
  view.set64(vcpu.ctx, "cr2", lo, hi);
  const code = isKernelMode(cx) ? errorCode & ~PFEC_USER : errorCode | PFEC_USER;
  injectException(cx, Vector.PF, code);
}

/** arch_set_cr2: where a PV guest reads it. */
export function setCr2(cx: HypercallContext, lo: number, hi: number): void {
  const { vcpu, domain } = cx;
  const index = (vcpu.state.vcpuInfo + CR2) >>> 2;
  domain.views.i32[index] = lo;
  domain.views.i32[index + 1] = hi;
}

const DR6_DEFAULT = 0xffff0ff0 | 0;

export function injectDebug(cx: HypercallContext, cause: number): void {
  const { state } = cx.vcpu;
  state.setDebug(6, DR6_DEFAULT | (state.debugLo(6) & 0xe00f) | cause, 0);
  injectException(cx, Vector.DB);
}

/** VCPU_TRAP_NMI's bit in async_exception_mask. */
const NMI_MASK = 1 << 1;

/** On the way into the guest: a pending NMI, then pending events, each when it is not masked (test_all_events). */
export function deliverPending(cx: HypercallContext): void {
  const { vcpu, view } = cx;
  const { state } = vcpu;
  if (state.nmiPending !== 0 && (state.asyncExceptionMask & NMI_MASK) === 0) {
    state.nmiPending = 0;
    const trap = trapEntry(vcpu, Vector.NMI);
    if (trap.isSet) {
      state.nmiOldMask = state.asyncExceptionMask;
      state.asyncExceptionMask |= NMI_MASK;
      bounce(cx, { lo: trap.lo, hi: trap.hi, masksEvents: (trap.flags & TI_IF) !== 0 });
    }
  }
  if (!needsDelivery(vcpu) || view.number(vcpu.ctx, "retired") < vcpu.upcallsHeldUntil) return;
  cx.domain.header.upcalls++;
  traceEvent(cx.domain, vcpu.id, TraceEvent.UPCALL);
  bounce(cx, { lo: state.eventCallbackLo, hi: state.eventCallbackHi, masksEvents: true });
}

/** async_exception_cleanup: HYPERVISOR_iret ends an NMI. */
export function endAsyncException(cx: HypercallContext): void {
  const { state } = cx.vcpu;
  if (state.asyncExceptionMask !== 0) state.asyncExceptionMask = state.nmiOldMask;
}
