/** Entering the guest kernel: the frame of a bounced exception or callback (Xen's create_bounce_frame). */
import { CTX, Flag } from "../../cpu/context.ts";
import { VMASST_TYPE } from "../abi/hypercall_numbers.ts";
import type { HypercallContext } from "../context.ts";
import { setUpcallMask, upcallMask } from "../events/pending.ts";
import { copyTo } from "../hypercalls/guest.ts";
import { crashDomain } from "../shutdown.ts";
import { isKernelMode, toggleGuestMode } from "./mode.ts";
import { enterKernelSegments, selectorOf } from "./segments.ts";

export const RCX = 1, RSP = 4, R11 = 11;

/** Where and how the kernel is entered. */
export interface Entry {
  readonly lo: number;
  readonly hi: number;
  /** evtchn_upcall_mask is set on entry. */
  readonly masksEvents: boolean;
  readonly errorCode?: number;
}

const frame = new Uint8Array(64);
const words = new Int32Array(frame.buffer);

/** Index of a general register's low half in the context view. */
export function registerIndex(ctx: number, register: number): number {
  return ((ctx + CTX.gpr) >>> 2) + register * 2;
}

/** bits 13:12 of RFLAGS as the guest may see them (VMASST_TYPE_architectural_iopl). */
function visibleIopl(cx: HypercallContext): number {
  const { vcpu, domain } = cx;
  const isShown = (domain.header.vmAssistLo & (1 << VMASST_TYPE.architectural_iopl)) !== 0;
  return isShown ? vcpu.state.iopl & Flag.IOPL : 0;
}

/**
 * Pushes the frame {rcx, r11, [error code], rip, cs and upcall mask, rflags, rsp, ss} on the kernel's stack and goes to the entry. A stack
 * that cannot be written crashes the domain, as with Xen.
 */
export function bounce(cx: HypercallContext, entry: Entry): void {
  const { vcpu, view } = cx;
  const { ctx, state } = vcpu;
  const i32 = view.i32;
  if ((entry.lo | entry.hi) === 0) return crashDomain(vcpu, "domain_crash_sync: no handler is registered");
  let cs = selectorOf(cx, "cs");
  const ss = selectorOf(cx, "ss");
  const rsp = registerIndex(ctx, RSP);
  const oldSpLo = i32[rsp], oldSpHi = i32[rsp + 1];
  let spLo = oldSpLo, spHi = oldSpHi;
  if (isKernelMode(cx)) cs &= 0xfffc;
  else {
    toggleGuestMode(cx);
    spLo = state.kernelSpLo;
    spHi = state.kernelSpHi;
  }
  spLo &= ~15;
  const hasError = entry.errorCode !== undefined;
  const length = hasError ? 64 : 56;
  const low = (spLo >>> 0) - length;
  spLo = low | 0;
  if (low < 0) spHi = (spHi - 1) | 0;

  const mask = upcallMask(vcpu);
  const flags = view.flags(ctx);
  let at = 0;
  const push = (lo: number, hi: number) => {
    words[at++] = lo;
    words[at++] = hi;
  };
  push(i32[registerIndex(ctx, RCX)], i32[registerIndex(ctx, RCX) + 1]);
  push(i32[registerIndex(ctx, R11)], i32[registerIndex(ctx, R11) + 1]);
  if (hasError) push(entry.errorCode!, 0);
  push(view.get(ctx, "rip"), view.high(ctx, "rip"));
  push(cs, mask);
  push((flags & ~(Flag.IF | Flag.IOPL)) | (mask === 0 ? Flag.IF : 0) | visibleIopl(cx), 0);
  push(oldSpLo, oldSpHi);
  push(ss, 0);
  if (!copyTo(cx, spLo, spHi, frame.subarray(0, length))) {
    return crashDomain(vcpu, "domain_crash_sync: the kernel stack cannot be written");
  }

  if (entry.masksEvents) setUpcallMask(vcpu, true);
  const newFlags = (flags & ~(Flag.AC | Flag.VM | Flag.RF | Flag.NT | Flag.TF)) | Flag.IF;
  view.setFlags(ctx, newFlags);
  enterKernelSegments(cx);
  i32[rsp] = spLo;
  i32[rsp + 1] = spHi;
  view.set64(ctx, "rip", entry.lo, entry.hi);
  // Xen returns by SYSRET from here: rcx and r11 are rip and rflags.
  i32[registerIndex(ctx, RCX)] = entry.lo;
  i32[registerIndex(ctx, RCX) + 1] = entry.hi;
  i32[registerIndex(ctx, R11)] = newFlags & ~Flag.IOPL;
  i32[registerIndex(ctx, R11) + 1] = 0;
}
