/** Kernel and user mode of a 64-bit PV vCPU: both run at CPL 3, with tables and a GS base of their own each (Xen's TF_kernel_mode). */
import { CTX, SEGMENT_BASE } from "../../cpu/context.ts";
import { SpaceMode } from "../../cpu/engine.ts";
import { EINVAL } from "../abi/errno.ts";
import type { HypercallContext } from "../context.ts";
import { GuestMode, WEAK_SLOTS } from "../layout.ts";
import { PageType } from "../mm/frame_info.ts";
import { pageTypesOf } from "../mm/page_types.ts";

export function isKernelMode(cx: HypercallContext): boolean {
  return cx.vcpu.state.guestMode === GuestMode.KERNEL;
}

/** write_ptbase: the address space of the mode the vCPU is in. */
export function selectTables(cx: HypercallContext): void {
  const { state, ctx } = cx.vcpu;
  const mfn = state.guestMode === GuestMode.KERNEL ? state.kernelCr3 : state.userCr3;
  cx.view.set64(ctx, "cr3", mfn << 12, Math.floor(mfn / 0x100000));
  loadTables(cx, mfn);
}

/** Makes the address space of a top-level table current, without what its TLB held of entries that have lost rights since. */
export function loadTables(cx: HypercallContext, mfn: number): void {
  const { state, ctx } = cx.vcpu;
  const { weakened } = cx.domain.header;
  if (state.weakSeen !== weakened) {
    dropWeakened(cx, state.weakSeen, weakened);
    state.weakSeen = weakened;
  }
  cx.engine.selectSpace(ctx, mfn, SpaceMode.USER);
}

/** Takes what entries gave that lost rights, numbers `from` to `to`, out of the vCPU's TLBs. */
function dropWeakened(cx: HypercallContext, from: number, to: number): void {
  const { engine, domain, vcpu } = cx;
  const types = pageTypesOf(domain);
  const many = (to - from) >>> 0;
  for (let i = 0; i < many; i++) {
    const slot = many > WEAK_SLOTS / 2 ? -1 : types.weakSlot((from + i) >>> 0);
    if (slot < 0) return engine.flushAll(vcpu.ctx);
    engine.flushSlot(vcpu.ctx, slot);
  }
}

/** Low and high half of the GS base in use. */
export function gsBaseIndex(ctx: number): number {
  return (ctx + CTX.gs + SEGMENT_BASE) >>> 2;
}

/** toggle_guest_mode: swaps GS bases and address spaces. */
export function toggleGuestMode(cx: HypercallContext): void {
  const { state, ctx } = cx.vcpu;
  const words = cx.view.i32, gs = gsBaseIndex(ctx);
  if (state.guestMode === GuestMode.KERNEL) {
    state.gsBaseKernelLo = words[gs];
    state.gsBaseKernelHi = words[gs + 1];
    words[gs] = state.gsBaseUserLo;
    words[gs + 1] = state.gsBaseUserHi;
    state.guestMode = GuestMode.USER;
  } else {
    state.gsBaseUserLo = words[gs];
    state.gsBaseUserHi = words[gs + 1];
    words[gs] = state.gsBaseKernelLo;
    words[gs + 1] = state.gsBaseKernelHi;
    state.guestMode = GuestMode.KERNEL;
  }
  selectTables(cx);
}

/** new_guest_cr3: the kernel's top-level table. @returns 0 or -EINVAL when it is no page table of the domain's */
export function newGuestCr3(cx: HypercallContext, mfn: number): number {
  const { domain, vcpu } = cx;
  const { state } = vcpu;
  const types = pageTypesOf(domain);
  const old = state.kernelCr3;
  if (old === mfn) {
    selectTables(cx);
    return 0;
  }
  const result = domain.lock.with(() => {
    if (types.getPageAndType(mfn, PageType.l4) !== 0) return -EINVAL;
    destroyLdt(cx);
    if (!types.m2pStrict) types.fillM2p(types.ownFrame(mfn));
    return 0;
  });
  if (result !== 0) return result;
  state.kernelCr3 = mfn;
  selectTables(cx);
  if (old !== 0) domain.lock.with(() => types.putPageAndType(old - domain.mfnBase));
  return 0;
}

/** MMUEXT_NEW_USER_BASEPTR: user mode's top-level table, 0 for none. */
export function newUserCr3(cx: HypercallContext, mfn: number): number {
  const { domain, vcpu } = cx;
  const { state } = vcpu;
  const old = state.userCr3;
  if (old === mfn) return 0;
  const types = pageTypesOf(domain);
  return domain.lock.with(() => {
    if (mfn !== 0) {
      const result = types.getPageAndType(mfn, PageType.l4);
      if (result !== 0) return result;
      if (types.m2pStrict) types.zapM2p(types.ownFrame(mfn));
    }
    state.userCr3 = mfn;
    if (old !== 0) types.putPageAndType(old - domain.mfnBase);
    return 0;
  });
}

/** pv_destroy_ldt: drops the LDT pages in use; they are looked up again through ldtBase. Under the domain's lock. */
export function destroyLdt(cx: HypercallContext): void {
  const { domain, vcpu } = cx;
  for (let i = 0; i < 16; i++) {
    const mfn = vcpu.state.ldtFrames(i);
    if (mfn === 0) continue;
    vcpu.state.setLdtFrames(i, 0);
    pageTypesOf(domain).putPageAndType(mfn - domain.mfnBase);
  }
}
