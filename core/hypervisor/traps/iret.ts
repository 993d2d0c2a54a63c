/** Leaving the guest kernel: HYPERVISOR_iret, and the IRET, far jumps, calls and returns that ring 3 may execute itself. */
import { Flag } from "../../cpu/context.ts";
import { Vector } from "../../cpu/exit.ts";
import { VMASST_TYPE } from "../abi/hypercall_numbers.ts";
import { iret_context, VGCF_in_syscall } from "../abi/xen.ts";
import type { HypercallContext } from "../context.ts";
import { setUpcallMask } from "../events/pending.ts";
import type { Call } from "../hypercalls/call.ts";
import { copyFrom, copyTo, readStruct } from "../hypercalls/guest.ts";
import { crashDomain } from "../shutdown.ts";
import { R11, RCX, registerIndex, RSP } from "./bounce.ts";
import { endAsyncException, injectException, injectPageFault } from "./exception.ts";
import { toggleGuestMode } from "./mode.ts";
import { loadCodeSegment, loadReturnSegments, type SegmentFault, selectorOf } from "./segments.ts";

/** Bits of RFLAGS that HYPERVISOR_iret takes (X86_EFLAGS_ALL without IOPL and VM). */
const IRET_FLAGS = 0x3f7fd5 & ~(Flag.IOPL | Flag.VM);

/** HYPERVISOR_iret: no arguments, a struct iret_context on the stack. The result is the saved rax. */
export function iret(call: Call): number {
  const { cx } = call;
  const { vcpu, view, domain } = cx;
  const { ctx, state } = vcpu;
  const words = view.i32;
  const rsp = registerIndex(ctx, RSP);
  call.replaced = true;
  const frame = readStruct(cx, iret_context, words[rsp], words[rsp + 1]);
  if (frame === undefined) {
    crashDomain(vcpu, "Fault while reading IRET context from guest stack");
    return 0;
  }
  const cs = frame.get("cs"), flags = frame.lo("rflags");
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
  const fault = loadReturnSegments(cx, (cs & 0xffff) | 3, (frame.get("ss") & 0xffff) | 3);
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

/** Address masked to the width of a stack pointer. */
function stackWidth(cx: HypercallContext): bigint {
  return cx.view.get(cx.vcpu.ctx, "mode") === 64 ? 0xffffffffffffffffn : 0xffffffffn;
}

/** Words of `size` bytes from the stack's top; undefined when a page fault was delivered. */
function readStack(cx: HypercallContext, count: number, size: number): bigint[] | undefined {
  const rsp = cx.view.reg(cx.vcpu.ctx, RSP) & stackWidth(cx);
  const bytes = new Uint8Array(count * size);
  const lo = Number(BigInt.asIntN(32, rsp)), hi = Number(BigInt.asIntN(32, rsp >> 32n));
  if (!copyFrom(cx, lo, hi, bytes)) {
    const { view, vcpu } = cx;
    injectPageFault(cx, 0, view.get(vcpu.ctx, "faultAddress"), view.high(vcpu.ctx, "faultAddress"));
    return undefined;
  }
  const data = new DataView(bytes.buffer);
  return Array.from(
    { length: count },
    (_, i) =>
      size === 8
        ? data.getBigUint64(i * 8, true)
        : BigInt(size === 4 ? data.getUint32(i * 4, true) : data.getUint16(i * 2, true)),
  );
}

/** Flags that IRET at CPL 3 may change: IF and IOPL stay. */
const USER_IRET_FLAGS = 0x3f7fd5 & ~(Flag.IOPL | Flag.IF | Flag.VM | Flag.VIF | Flag.VIP);

/** IRET executed by ring 3: to ring 3. */
export function nativeIret(cx: HypercallContext, size: number): void {
  const { view, vcpu, engine } = cx;
  const { ctx } = vcpu;
  const isLong = view.get(ctx, "mode") === 64;
  if (view.get(ctx, "eflags") & Flag.NT) return injectException(cx, Vector.GP, 0);
  const words = readStack(cx, isLong ? 5 : 3, size);
  if (words === undefined) return;
  const [rip, cs, flags] = words;
  const selector = Number(cs & 0xffffn);
  const stack = isLong ? Number(words[4] & 0xffffn) : selectorOf(cx, "ss");
  const fault = loadReturnSegments(cx, selector, stack);
  if (fault !== undefined) return raise(cx, fault);
  const rsp = view.reg(ctx, RSP);
  view.setReg(ctx, RSP, isLong ? words[3] : (rsp & ~0xffffffffn) | ((rsp + BigInt(3 * size)) & 0xffffffffn));
  const mask = size === 2 ? USER_IRET_FLAGS & 0xffff : USER_IRET_FLAGS;
  view.setFlags(ctx, (view.flags(ctx) & ~mask) | (Number(flags & 0xffffffffn) & mask));
  view.setBig(ctx, "nextRip", rip);
  engine.complete(ctx);
}

/** RETF: pops rip and cs. */
export function nativeFarReturn(cx: HypercallContext, size: number, release: number): void {
  const { view, vcpu, engine } = cx;
  const { ctx } = vcpu;
  const words = readStack(cx, 2, size);
  if (words === undefined) return;
  const selector = Number(words[1] & 0xffffn);
  if ((selector & 3) < 3) return injectException(cx, Vector.GP, selector & 0xfffc);
  const fault = loadCodeSegment(cx, selector);
  if (fault !== undefined) return raise(cx, fault);
  const width = stackWidth(cx);
  view.setReg(ctx, RSP, (view.reg(ctx, RSP) + BigInt(2 * size + release)) & width);
  view.setBig(ctx, "nextRip", words[0]);
  engine.complete(ctx);
}

/** Far JMP and CALL by pointer. Gates are not taken: Xen keeps them at ring 0. */
export function nativeFarTransfer(
  cx: HypercallContext,
  selector: number,
  offset: bigint,
  size: number,
  isCall: boolean,
): void {
  const { view, vcpu, engine } = cx;
  const { ctx } = vcpu;
  if (isCall) {
    const bytes = new Uint8Array(2 * size);
    const data = new DataView(bytes.buffer);
    const next = view.big(ctx, "nextRip");
    const put = (at: number, value: bigint) => {
      if (size === 8) data.setBigUint64(at, value, true);
      else if (size === 4) data.setUint32(at, Number(value & 0xffffffffn), true);
      else data.setUint16(at, Number(value & 0xffffn), true);
    };
    put(0, next);
    put(size, BigInt(selectorOf(cx, "cs")));
    const rsp = (view.reg(ctx, RSP) - BigInt(2 * size)) & stackWidth(cx);
    const fault = loadCodeSegment(cx, selector);
    if (fault !== undefined) return raise(cx, fault);
    const lo = Number(BigInt.asIntN(32, rsp)), hi = Number(BigInt.asIntN(32, rsp >> 32n));
    if (!copyTo(cx, lo, hi, bytes)) {
      const old = Number(data.getUint16(size, true));
      loadCodeSegment(cx, old);
      return injectPageFault(cx, 2, view.get(ctx, "faultAddress"), view.high(ctx, "faultAddress"));
    }
    view.setReg(ctx, RSP, rsp);
  } else {
    const fault = loadCodeSegment(cx, selector);
    if (fault !== undefined) return raise(cx, fault);
  }
  view.setBig(ctx, "nextRip", offset);
  engine.complete(ctx);
}
