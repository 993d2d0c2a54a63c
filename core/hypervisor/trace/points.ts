/**
 * Where the hypervisor tells of what guests do. Every trace point looks at DomainHeader.traceKinds first: that one load is what tracing costs while nobody
 * traces.
 */
import type { Call } from "../hypercalls/call.ts";
import { copyFrom } from "../hypercalls/guest.ts";
import type { HypercallContext } from "../context.ts";
import type { Domain } from "../domain.ts";
import { payloadOf } from "./payloads.ts";
import { TRACE_ARGUMENTS, TRACE_PAYLOAD, TraceFlag, TraceKind } from "./ring.ts";

/** A hypercall on its way: what it was called with. Handlers change their arguments. */
export interface TracedCall {
  readonly time: number;
  readonly number: number;
  readonly args: Int32Array;
}

/** Before the handler runs. @returns undefined: nobody traces hypercalls of this domain */
export function beginHypercall(cx: HypercallContext, call: Call): TracedCall | undefined {
  if ((cx.domain.header.traceKinds & TraceKind.HYPERCALL) === 0) return undefined;
  const args = new Int32Array(TRACE_ARGUMENTS * 2);
  for (let i = 0; i < TRACE_ARGUMENTS; i++) {
    args[i * 2] = call.lo(i);
    args[i * 2 + 1] = call.hi(i);
  }
  return { time: cx.machine.now(), number: call.op, args };
}

/** After it. What an argument points to is read now: results are in it. */
export function endHypercall(
  cx: HypercallContext,
  { time, number, args }: TracedCall,
  call: Call,
  result: number,
  isInner: boolean,
): void {
  const { view, vcpu, domain, machine } = cx;
  const duration = machine.now() - time;
  const flags = (isInner ? TraceFlag.INNER : 0) | (call.preempted ? TraceFlag.CONTINUES : 0) |
    (call.replaced ? TraceFlag.NO_RESULT : 0);
  const wanted = payloadOf(number, args);
  let payload: Uint8Array | undefined;
  if (wanted !== undefined && wanted.size > 0) {
    const bytes = new Uint8Array(Math.min(TRACE_PAYLOAD, wanted.size));
    if (copyFrom(cx, args[wanted.argument * 2], args[wanted.argument * 2 + 1], bytes)) payload = bytes;
  }
  machine.trace.write({
    domid: domain.domid,
    vcpu: vcpu.id,
    kind: TraceKind.HYPERCALL,
    number,
    time,
    duration,
    flags,
    ripLo: view.get(vcpu.ctx, "rip"),
    ripHi: view.high(vcpu.ctx, "rip"),
    resultLo: result | 0,
    resultHi: call.resultHi(result),
    args,
    payload,
  });
}

/** An exception, a system call or an emulation, with rip where it happened. @param number a vector or a TraceTrap */
export function traceTrap(
  cx: HypercallContext,
  number: number,
  args: ArrayLike<number>,
  payload?: Uint8Array,
): void {
  const { domain, vcpu, view, machine } = cx;
  if ((domain.header.traceKinds & TraceKind.TRAP) === 0) return;
  machine.trace.write({
    domid: domain.domid,
    vcpu: vcpu.id,
    kind: TraceKind.TRAP,
    number,
    time: machine.now(),
    ripLo: view.get(vcpu.ctx, "rip"),
    ripHi: view.high(vcpu.ctx, "rip"),
    args,
    payload,
  });
}

/** An event of `domain`: see TraceEvent. A send has the other end's domid and port. */
export function traceEvent(
  domain: Domain,
  vcpu: number,
  number: number,
  port = 0,
  remoteDomid = 0,
  remotePort = 0,
): void {
  if ((domain.header.traceKinds & TraceKind.EVENT) === 0) return;
  const { machine, domid } = domain;
  machine.trace.write({
    domid,
    vcpu,
    kind: TraceKind.EVENT,
    number,
    time: machine.now(),
    args: [port, 0, remoteDomid, 0, remotePort, 0],
  });
}

/** One operation of grant_table_op that was carried out, with its structure as the guest gets it back. */
export function traceGrant(cx: HypercallContext, command: number, payload: Uint8Array): void {
  const { domain, vcpu, machine } = cx;
  if ((domain.header.traceKinds & TraceKind.GRANT) === 0) return;
  machine.trace.write({
    domid: domain.domid,
    vcpu: vcpu.id,
    kind: TraceKind.GRANT,
    number: command,
    time: machine.now(),
    payload,
  });
}
