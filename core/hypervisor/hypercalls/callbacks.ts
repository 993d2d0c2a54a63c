/** set_trap_table, set_callbacks, callback_op and nmi_op: where Xen enters the guest (public/arch-x86/xen.h, callback.h, nmi.h). */
import { EFAULT, EINVAL, ENOSYS } from "../abi/errno.ts";
import {
  callback_register,
  callback_unregister,
  CALLBACKF_mask_events,
  CALLBACKOP_register,
  CALLBACKOP_unregister,
  CALLBACKTYPE,
  xennmi_callback,
  XENNMI_register_callback,
  XENNMI_unregister_callback,
} from "../abi/callback.ts";
import { FLAT_KERNEL_CS, TI_IF, trap_info } from "../abi/xen.ts";
import { Vector } from "../../cpu/exit.ts";
import type { HypercallContext } from "../context.ts";
import { isCanonical } from "../mm/walk.ts";
import { trapEntry } from "../traps/trap_table.ts";
import type { Call } from "./call.ts";
import { readStruct, widthOf } from "./guest.ts";

/** set_trap_table(traps): entries up to one whose address is 0; no table clears all. */
export function setTrapTable(call: Call): number {
  const { cx } = call;
  if (call.isNull(0)) {
    const first = trapEntry(cx.vcpu, 0);
    cx.domain.views.u8.fill(0, first.base, first.base + 256 * first.size);
    return 0;
  }
  const size = trap_info.size(widthOf(cx));
  for (;;) {
    const info = readStruct(cx, trap_info, call.lo(0), call.hi(0));
    if (info === undefined) return -EFAULT;
    const lo = info.lo("address"), hi = info.hi("address");
    if ((lo | hi) === 0) return 0;
    if (!isCanonical(hi)) return -EINVAL;
    // fixup_guest_code_selector: the kernel runs at ring 3.
    trapEntry(cx.vcpu, info.get("vector")).set(info.get("flags"), info.get("cs") | 3, lo, hi);
    call.advance(0, size);
    if (call.shouldYield) return call.again();
  }
}

/** register_guest_callback. */
function register(cx: HypercallContext, type: number, flags: number, lo: number, hi: number): number {
  if (!isCanonical(hi)) return -EINVAL;
  const { state } = cx.vcpu;
  const mask = flags & CALLBACKF_mask_events ? 1 : 0;
  switch (type) {
    case CALLBACKTYPE.event:
      state.eventCallbackLo = lo;
      state.eventCallbackHi = hi;
      return 0;
    case CALLBACKTYPE.failsafe:
      state.failsafeCallbackLo = lo;
      state.failsafeCallbackHi = hi;
      state.failsafeDisablesEvents = mask;
      return 0;
    case CALLBACKTYPE.syscall:
      state.syscallCallbackLo = lo;
      state.syscallCallbackHi = hi;
      state.syscallDisablesEvents = mask;
      return 0;
    case CALLBACKTYPE.syscall32:
      state.syscall32CallbackLo = lo;
      state.syscall32CallbackHi = hi;
      state.syscall32DisablesEvents = mask;
      return 0;
    case CALLBACKTYPE.sysenter:
      state.sysenterCallbackLo = lo;
      state.sysenterCallbackHi = hi;
      state.sysenterDisablesEvents = mask;
      return 0;
    case CALLBACKTYPE.nmi:
      return registerNmi(cx, lo, hi);
    default:
      return -ENOSYS;
  }
}

/** register_guest_nmi_callback: the trap table's entry 2, events masked on entry. */
function registerNmi(cx: HypercallContext, lo: number, hi: number): number {
  if (!isCanonical(hi)) return -EINVAL;
  trapEntry(cx.vcpu, Vector.NMI).set(TI_IF, FLAT_KERNEL_CS, lo, hi);
  return 0;
}

/** set_callbacks(event, failsafe, syscall). */
export function setCallbacks(call: Call): number {
  const { cx } = call;
  register(cx, CALLBACKTYPE.event, 0, call.lo(0), call.hi(0));
  register(cx, CALLBACKTYPE.failsafe, 0, call.lo(1), call.hi(1));
  register(cx, CALLBACKTYPE.syscall, 0, call.lo(2), call.hi(2));
  return 0;
}

function unregister(cx: HypercallContext, type: number): number {
  switch (type) {
    case CALLBACKTYPE.event:
    case CALLBACKTYPE.failsafe:
    case CALLBACKTYPE.syscall:
    case CALLBACKTYPE.syscall32:
    case CALLBACKTYPE.sysenter:
      return -EINVAL;
    case CALLBACKTYPE.nmi:
      trapEntry(cx.vcpu, Vector.NMI).set(0, 0, 0, 0);
      return 0;
    default:
      return -ENOSYS;
  }
}

/** callback_op(cmd, arg). */
export function callbackOp(call: Call): number {
  const { cx } = call;
  switch (call.lo(0)) {
    case CALLBACKOP_register: {
      const a = readStruct(cx, callback_register, call.lo(1), call.hi(1));
      if (a === undefined) return -EFAULT;
      return register(cx, a.get("type"), a.get("flags"), a.lo("address"), a.hi("address"));
    }
    case CALLBACKOP_unregister: {
      const a = readStruct(cx, callback_unregister, call.lo(1), call.hi(1));
      return a === undefined ? -EFAULT : unregister(cx, a.get("type"));
    }
    default:
      return -ENOSYS;
  }
}

/** nmi_op(cmd, arg). */
export function nmiOp(call: Call): number {
  const { cx } = call;
  switch (call.lo(0)) {
    case XENNMI_register_callback: {
      const a = readStruct(cx, xennmi_callback, call.lo(1), call.hi(1));
      return a === undefined ? -EFAULT : registerNmi(cx, a.lo("handler_address"), a.hi("handler_address"));
    }
    case XENNMI_unregister_callback:
      trapEntry(cx.vcpu, Vector.NMI).set(0, 0, 0, 0);
      return 0;
    default:
      return -ENOSYS;
  }
}
