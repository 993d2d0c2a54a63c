/** stack_switch, fpu_taskswitch, set_debugreg, get_debugreg, set_segment_base: a vCPU's registers that its kernel cannot reach itself. */
import { CTX, SEGMENT_BASE, SEGMENT_SELECTOR } from "../../cpu/context.ts";
import { EINVAL, ENODEV, EPERM } from "../abi/errno.ts";
import { SEGBASE_FS, SEGBASE_GS_KERNEL, SEGBASE_GS_USER, SEGBASE_GS_USER_SEL } from "../abi/xen.ts";
import type { HypercallContext } from "../context.ts";
import { isCanonical, isGuestAddress } from "../mm/walk.ts";
import { descriptorBase } from "../traps/descriptors.ts";
import { gsBaseIndex } from "../traps/mode.ts";
import type { Call } from "./call.ts";

export const CR0_TS = 8;
export const CR4_DE = 8;
/** DR6 and DR7 bits that read as one or zero whatever is written (AMD64 APM volume 2, 13.1.1). */
const DR6_ONES = 0xffff0ff0 | 0, DR6_ZEROS = 0x1000;
const DR7_ONES = 0x400, DR7_ZEROS = 0xd800, DR7_GD = 0x2000, DR7_ACTIVE = 0xff;
const DR_IO = 2;

/** stack_switch(ss, sp): the kernel's stack for entries from user mode. */
export function stackSwitch(call: Call): number {
  const { state } = call.cx.vcpu;
  state.kernelSs = call.lo(0) | 3;
  state.kernelSpLo = call.lo(1);
  state.kernelSpHi = call.hi(1);
  return 0;
}

/** CR0.TS as the guest sees it, and with it whether FPU instructions fault. */
export function setTaskSwitched(cx: HypercallContext, on: boolean): void {
  const { state, ctx } = cx.vcpu;
  state.cr0Lo = on ? state.cr0Lo | CR0_TS : state.cr0Lo & ~CR0_TS;
  cx.view.set(ctx, "fpuDisabled", on ? 1 : 0);
}

/** fpu_taskswitch(set). */
export function fpuTaskswitch(call: Call): number {
  setTaskSwitched(call.cx, call.lo(0) !== 0);
  return 0;
}

/** set_debugreg, for hypercalls and MOV to DR. @returns 0, -ENODEV (#UD), -EINVAL or -EPERM (#GP) */
export function writeDebugRegister(cx: HypercallContext, number: number, lo: number, hi: number): number {
  const { state } = cx.vcpu;
  if (number >= 0 && number <= 3) {
    if (!isGuestAddress(hi)) return -EPERM;
    state.setDebug(number, lo, hi);
    watchDebugRegisters(cx);
    return 0;
  }
  if (number === 4 || number === 5) {
    if (state.cr4Lo & CR4_DE) return -ENODEV;
    number += 2;
  }
  if (number === 6) {
    if (hi !== 0) return -EINVAL;
    state.setDebug(6, (lo | DR6_ONES) & ~DR6_ZEROS, 0);
    return 0;
  }
  if (number !== 7) return -ENODEV;
  if (hi !== 0) return -EINVAL;
  lo = (lo | DR7_ONES) & ~DR7_ZEROS;
  if (lo & DR7_GD) return -EPERM;
  let ioEnable = 0;
  if (lo & DR7_ACTIVE) {
    for (let i = 16; i < 32; i += 4) {
      if (((lo >>> i) & 3) !== DR_IO) continue;
      if (!(state.cr4Lo & CR4_DE)) return -EPERM;
      ioEnable |= lo & (3 << ((i - 16) >>> 1));
    }
  }
  state.dr7Emulated = ioEnable;
  state.setDebug(7, lo & ~ioEnable, 0);
  watchDebugRegisters(cx);
  return 0;
}

/** The processor has them from now on. */
function watchDebugRegisters({ engine, vcpu: { ctx, state } }: HypercallContext): void {
  const addresses = [0, 1, 2, 3].map((number) =>
    BigInt(state.debugHi(number) >>> 0) << 32n | BigInt(state.debugLo(number) >>> 0)
  );
  engine.setDebugRegisters(ctx, addresses, state.debugLo(7));
}

/** @returns the register's index among `state.debug`, or -ENODEV */
export function debugRegister(cx: HypercallContext, number: number): number {
  const { state } = cx.vcpu;
  if (number >= 0 && number <= 3) return number;
  if (number === 4 || number === 5) return state.cr4Lo & CR4_DE ? -ENODEV : number + 2;
  return number === 6 || number === 7 ? number : -ENODEV;
}

export function setDebugreg(call: Call): number {
  return writeDebugRegister(call.cx, call.lo(0), call.lo(1), call.hi(1));
}

export function getDebugreg(call: Call): number {
  const { cx } = call;
  const index = debugRegister(cx, call.lo(0));
  if (index < 0) return index;
  const { state } = cx.vcpu;
  const emulated = index === 7 ? state.dr7Emulated : 0;
  return call.wide(state.debugLo(index) | emulated, state.debugHi(index));
}

/** set_segment_base(which, base). */
export function setSegmentBase(call: Call): number {
  const { cx } = call;
  const { vcpu, view } = cx;
  const { ctx, state } = vcpu;
  const lo = call.lo(1), hi = call.hi(1);
  const which = call.lo(0);
  switch (which) {
    case SEGBASE_FS:
    case SEGBASE_GS_USER:
    case SEGBASE_GS_KERNEL: {
      if (!isCanonical(hi)) return -EINVAL;
      if (which === SEGBASE_GS_USER) {
        state.gsBaseUserLo = lo;
        state.gsBaseUserHi = hi;
        return 0;
      }
      const index = which === SEGBASE_FS ? (ctx + CTX.fs + SEGMENT_BASE) >>> 2 : gsBaseIndex(ctx);
      view.i32[index] = lo;
      view.i32[index + 1] = hi;
      return 0;
    }
    case SEGBASE_GS_USER_SEL: {
      let selector = lo & 0xffff;
      if (selector > 3) selector |= 3;
      const base = descriptorBase(cx, selector);
      // A selector that cannot be loaded leaves a null one, and no error: guests do not expect any.
      if (base === undefined) selector = 0;
      view.i32[(ctx + CTX.gs + SEGMENT_SELECTOR) >>> 2] = selector;
      state.gsBaseUserLo = base ?? 0;
      state.gsBaseUserHi = 0;
      return 0;
    }
    default:
      return -EINVAL;
  }
}
