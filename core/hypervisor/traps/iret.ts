/** HYPERVISOR_iret. The IRET instruction itself, to ring 3, is the engine's. */
import { Flag } from "../../cpu/context.ts";
import { Vector } from "../../cpu/exit.ts";
import { VMASST_TYPE } from "../abi/hypercall_numbers.ts";
import { iret_context, VGCF_in_syscall } from "../abi/xen.ts";
import type { HypercallContext } from "../context.ts";
import { setUpcallMask } from "../events/pending.ts";
import type { Call } from "../hypercalls/call.ts";
import { StructReader } from "../hypercalls/guest.ts";
import { crashDomain } from "../shutdown.ts";
import { R11, RCX, registerIndex, RSP } from "./bounce.ts";
import { endAsyncException, injectException, injectPageFault } from "./exception.ts";
import { toggleGuestMode } from "./mode.ts";
import { loadReturnSegments, type SegmentFault } from "./segments.ts";

/** Bits of RFLAGS that HYPERVISOR_iret takes (X86_EFLAGS_ALL without IOPL and VM). */
const IRET_FLAGS = 0x3f7fd5 & ~(Flag.IOPL | Flag.VM);

const frames = new StructReader(iret_context);

/** HYPERVISOR_iret: no arguments, a struct iret_context on the stack. The result is the saved rax. */
export function iret(call: Call): number {
  const { cx } = call;
  const { vcpu, view, domain } = cx;
  const { ctx, state } = vcpu;
  const words = view.i32;
  const rsp = registerIndex(ctx, RSP);
  call.replaced = true;
  const frame = frames.read(cx, words[rsp], words[rsp + 1]);
  if (frame === undefined) {
    crashDomain(vcpu, "Fault while reading IRET context from guest stack");
    return 0;
  }
  const cs = frame.lo("cs"), flags = frame.lo("rflags");
  if ((cs & 3) === 3) {
    if (state.userCr3 === 0) {
      crashDomain(vcpu, "Guest switching to user mode with no user page tables");
      return 0;
    }
    toggleGuestMode(cx);
  }
  if (domain.header.vmAssistLo & (1 << VMASST_TYPE.architectural_iopl)) state.iopl = flags & Flag.IOPL;
  view.set64(ctx, "rip", frame.lo("rip"), frame.hi("rip"));
  view.setFlags(ctx, (flags & IRET_FLAGS) | Flag.IF | 2);
  words[rsp] = frame.lo("rsp");
  words[rsp + 1] = frame.hi("rsp");
  if (!(frame.get("flags") & VGCF_in_syscall)) {
    setRegister(cx, R11, frame.lo("r11"), frame.hi("r11"));
    setRegister(cx, RCX, frame.lo("rcx"), frame.hi("rcx"));
  } else {
    // Back by SYSRET.
    setRegister(cx, RCX, frame.lo("rip"), frame.hi("rip"));
    setRegister(cx, R11, view.flags(ctx), 0);
  }
  setUpcallMask(vcpu, !(flags & Flag.IF));
  endAsyncException(cx);
  const fault = loadReturnSegments(cx, (cs & 0xffff) | 3, (frame.lo("ss") & 0xffff) | 3);
  setRegister(cx, 0, frame.lo("rax"), frame.hi("rax"));
  // As when the processor faults at Xen's own IRET: the exception is the guest's, at the place it returned to.
  if (fault !== undefined) raise(cx, fault);
  return call.wide(frame.lo("rax"), frame.hi("rax"));
}

function setRegister(cx: HypercallContext, register: number, lo: number, hi: number): void {
  const index = registerIndex(cx.vcpu.ctx, register);
  cx.view.i32[index] = lo;
  cx.view.i32[index + 1] = hi;
}

export function raise(cx: HypercallContext, fault: SegmentFault): void {
  if (fault.vector === Vector.PF) injectPageFault(cx, fault.errorCode, fault.lo ?? 0, fault.hi ?? 0);
  else injectException(cx, fault.vector, fault.errorCode);
}
