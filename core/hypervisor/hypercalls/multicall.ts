/** multicall: several hypercalls in one (public/xen.h). */
import { EFAULT, EINVAL } from "../abi/errno.ts";
import { StructView } from "../abi/cstruct.ts";
import { HYPERVISOR } from "../abi/hypercall_numbers.ts";
import { multicall_entry } from "../abi/xen.ts";
import { isGuestAddress } from "../mm/walk.ts";
import { isKernelMode } from "../traps/mode.ts";
import { beginHypercall, endHypercall } from "../trace/points.ts";
import { Call } from "./call.ts";
import { copyFrom, widthOf, writeField, writeStruct } from "./guest.ts";
import { handlerOf } from "./table.ts";

const ARGUMENTS = 6;

/** multicall(calls, count). */
export function multicall(call: Call): number {
  const { cx } = call;
  const { state } = cx.vcpu;
  if (state.multicallDepth !== 0) return -EINVAL;
  state.multicallDepth = 1;
  try {
    return run(call);
  } finally {
    state.multicallDepth = 0;
  }
}

function run(call: Call): number {
  const { cx } = call;
  const width = widthOf(cx);
  const word = width / 8;
  const count = call.number(1);
  if (count > 0 && !isGuestAddress(call.hi(0))) return -EFAULT;
  const entry = StructView.create(multicall_entry, width);
  const inner = new Call(cx);
  const first = multicall_entry.offset("args", width);
  for (let i = 0; i < count; i++) {
    const remaining = () => call.set(1, (count - i) | 0, Math.floor((count - i) / 4294967296));
    if (i > 0 && call.shouldYield) {
      remaining();
      return call.again();
    }
    const lo = call.lo(0), hi = call.hi(0);
    if (!copyFrom(cx, lo, hi, entry.bytes)) return -EFAULT;
    inner.begin(cx, entry.get("op"));
    for (let n = 0; n < ARGUMENTS; n++) {
      const at = first + n * word;
      inner.set(n, entry.view.getInt32(at, true), word === 8 ? entry.view.getInt32(at + 4, true) : 0);
    }
    const traced = cx.domain.header.traceKinds === 0 ? undefined : beginHypercall(cx, inner);
    const result = handlerOf(inner.op, width)(inner);
    if (traced !== undefined) endHypercall(cx, traced, inner, result, true);
    entry.set64("result", result | 0, inner.resultHi(result));
    if (inner.op === HYPERVISOR.iret) {
      // The registers are the interrupted context's now; the result goes back as far as it can.
      writeField(cx, entry, "result", lo, hi);
      call.replaced = true;
      return result | 0;
    }
    if (inner.preempted) {
      for (let n = 0; n < ARGUMENTS; n++) {
        const at = first + n * word;
        entry.view.setInt32(at, inner.lo(n), true);
        if (word === 8) entry.view.setInt32(at + 4, inner.hi(n), true);
      }
      if (!writeStruct(cx, entry, lo, hi)) return -EFAULT;
      remaining();
      return call.again();
    }
    if (!writeField(cx, entry, "result", lo, hi)) return -EFAULT;
    call.advance(0, entry.bytes.length);
    if (!isKernelMode(cx)) {
      i++;
      if (i >= count) break;
      remaining();
      return call.again();
    }
  }
  return 0;
}
