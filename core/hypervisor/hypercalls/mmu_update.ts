/** mmu_update, update_va_mapping and update_va_mapping_otherdomain: public/xen.h. */
import { EFAULT, EINVAL, ENOSYS, EPERM, ESRCH } from "../abi/errno.ts";
import {
  DOMID_IO,
  DOMID_SELF,
  DOMID_XEN,
  MMU_MACHPHYS_UPDATE,
  MMU_PT_UPDATE_PRESERVE_AD,
  MMU_UPDATE_PREEMPTED,
  UVMF_ALL,
  UVMF_FLUSHTYPE_MASK,
  UVMF_INVLPG,
  UVMF_LOCAL,
  UVMF_TLB_FLUSH,
} from "../abi/hypercall_numbers.ts";
import type { HypercallContext } from "../context.ts";
import { PageType } from "../mm/frame_info.ts";
import { setM2p } from "../mm/m2p.ts";
import { type PageTypes, pageTypesOf } from "../mm/page_types.ts";
import { modifyEntry } from "../mm/update.ts";
import { findL1, isGuestAddress, slotOf } from "../mm/walk.ts";
import type { Call } from "./call.ts";
import { copyFrom, readU32, writeU32 } from "./guest.ts";

/** Requests copied in at once. */
const CHUNK = 32;
const REQUEST_BYTES = 16;

export const OWNER_SELF = 0;
/** DOMID_IO: permitted to name, but has no RAM. */
export const OWNER_IO = 1;

/** get_pg_owner with the permission that an unprivileged caller has. @returns OWNER_*, -ESRCH or -EPERM */
export function pageOwner(cx: HypercallContext, domid: number): number {
  if (domid === DOMID_SELF || domid === cx.domain.domid) return OWNER_SELF;
  if (domid === DOMID_IO) return OWNER_IO;
  if (domid === DOMID_XEN || domid === 0 || cx.machine.domain(domid) !== undefined) return -EPERM;
  return -ESRCH;
}

const buffer = new Uint8Array(CHUNK * REQUEST_BYTES);
const words = new Int32Array(buffer.buffer);
/** The room of n requests. */
const parts = Array.from({ length: CHUNK + 1 }, (_, n) => buffer.subarray(0, n * REQUEST_BYTES));

/** Copies as many of `count` requests as can be had, at least one. @returns how many, 0 on a fault */
function fetch(cx: HypercallContext, lo: number, hi: number, count: number): number {
  const many = Math.min(count, CHUNK);
  if (copyFrom(cx, lo, hi, parts[many])) return many;
  return many > 1 && copyFrom(cx, lo, hi, parts[1]) ? 1 : 0;
}

/** mmu_update(requests, count, done, foreigndom). */
export function mmuUpdate(call: Call): number {
  const { cx } = call;
  let count = call.u32(1);
  let done = 0;
  if (count >= MMU_UPDATE_PREEMPTED) {
    count -= MMU_UPDATE_PREEMPTED;
    if (!call.isNull(2)) done = readU32(cx, call.lo(2), call.hi(2)) ?? 0;
  }
  if (count > 0 && !isGuestAddress(call.hi(0))) return -EFAULT;
  const foreign = call.u32(3);
  const tableDomid = foreign >>> 16;
  let denied = 0;
  if (tableDomid !== 0) {
    const of = pageOwner(cx, tableDomid - 1);
    if (of === -ESRCH || of === OWNER_IO) return -ESRCH;
    denied = of;
  }
  const owner = pageOwner(cx, foreign & 0xffff);
  if (owner === -ESRCH) return -ESRCH;
  if (owner < 0) denied = owner;

  const types = pageTypesOf(cx.domain);
  const flush = { tables: false };
  let result = 0, at = 0;
  while (at < count && result === 0 && !call.preempted) {
    const fetched = fetch(cx, call.lo(0), call.hi(0), count - at);
    if (fetched === 0) {
      result = -EFAULT;
      break;
    }
    cx.domain.lock.acquire();
    try {
      let i = 0;
      for (; i < fetched && result === 0; i++) result = denied || update(types, i, owner, flush);
      if (result !== 0) i--;
      at += i;
      call.advance(0, i * REQUEST_BYTES);
    } finally {
      cx.domain.lock.release();
    }
    if (result === 0 && at < count && call.shouldYield) call.again();
  }
  if (flush.tables) flushEverywhere(cx);
  if (!call.isNull(2)) writeU32(cx, call.lo(2), call.hi(2), done + at);
  if (call.preempted) call.set(1, (count - at) | MMU_UPDATE_PREEMPTED, 0);
  return result;
}

/** Performs request `i` of the buffer. */
function update(types: PageTypes, i: number, owner: number, flush: { tables: boolean }): number {
  const ptrLo = words[i * 4], ptrHi = words[i * 4 + 1], lo = words[i * 4 + 2], hi = words[i * 4 + 3];
  const command = ptrLo & 7;
  if (command > MMU_PT_UPDATE_PRESERVE_AD + 1) return -ENOSYS;
  const mfn = (ptrHi >>> 0) * 0x100000 + (ptrLo >>> 12);
  const frame = types.ownFrame(mfn);
  if (frame < 0 || (command === MMU_MACHPHYS_UPDATE && owner === OWNER_IO)) return -EINVAL;
  if (command === MMU_MACHPHYS_UPDATE) {
    setM2p(types.domain, frame, lo, hi);
    return 0;
  }
  const slot = (ptrLo & 0xff8) >>> 3;
  if (!types.isInUse(frame)) {
    if (types.getType(frame, PageType.writable) !== 0) return -EINVAL;
    types.writeEntry(frame, slot, lo, hi);
    types.putType(frame);
    return 0;
  }
  const type = types.type(frame);
  switch (type) {
    case PageType.writable:
      types.writeEntry(frame, slot, lo, hi);
      return 0;
    case PageType.l1:
    case PageType.l2:
    case PageType.l3:
    case PageType.l4: {
      if (type !== PageType.l1 && owner !== OWNER_SELF) return -EINVAL;
      const before = types.weakenings;
      const result = modifyEntry(types, type, frame, slot, lo, hi, {
        preserveAd: command === MMU_PT_UPDATE_PRESERVE_AD,
        io: owner === OWNER_IO,
      });
      // What was not present is in no TLB.
      if (result === 0 && type !== PageType.l1 && types.weakenings !== before) flush.tables = true;
      return result;
    }
    default:
      return -EINVAL;
  }
}

/** FLUSH_TLB on every vCPU of the domain. */
export function flushEverywhere(cx: HypercallContext): void {
  cx.engine.staleAll();
  cx.engine.flushAll(cx.vcpu.ctx);
}

/** vcpumask_to_pcpumask: only that the bitmap can be read; flushes take all vCPUs. */
export function readVcpuMask(cx: HypercallContext, lo: number, hi: number): boolean {
  const bytes = Math.ceil(cx.domain.vcpus.length / 64) * (cx.domain.header.width / 8);
  return copyFrom(cx, lo, hi, new Uint8Array(bytes));
}

/** update_va_mapping(va, val, flags) for pages of `owner`. */
function updateVa(call: Call, valueIndex: number, flagsIndex: number, owner: number): number {
  const { cx } = call;
  const { domain, vcpu, engine } = cx;
  const vaLo = call.lo(0), vaHi = call.hi(0);
  const types = pageTypesOf(domain);
  domain.lock.acquire();
  try {
    const table = findL1(types, vcpu.state.kernelCr3, vaLo, vaHi);
    if (table < 0 || !types.isInUse(table) || types.type(table) !== PageType.l1) return -EINVAL;
    const result = modifyEntry(
      types,
      1,
      table,
      slotOf(1, vaLo, vaHi),
      call.lo(valueIndex),
      call.hi(valueIndex),
      { io: owner === OWNER_IO },
    );
    if (result !== 0) return result;
  } finally {
    domain.lock.release();
  }
  const flags = call.lo(flagsIndex);
  const kind = flags & UVMF_FLUSHTYPE_MASK;
  if (kind !== UVMF_TLB_FLUSH && kind !== UVMF_INVLPG) return 0;
  const maskLo = flags & ~UVMF_FLUSHTYPE_MASK, maskHi = call.hi(flagsIndex);
  if (maskHi === 0 && maskLo === UVMF_LOCAL) {
    if (kind === UVMF_TLB_FLUSH) engine.flushAll(vcpu.ctx);
    else engine.flushPage(vcpu.ctx, vaLo, vaHi);
    return 0;
  }
  if (!(maskHi === 0 && maskLo === UVMF_ALL) && !readVcpuMask(cx, maskLo, maskHi)) return -EFAULT;
  if (domain.vcpus.length === 1 && kind === UVMF_INVLPG) engine.flushPage(vcpu.ctx, vaLo, vaHi);
  else flushEverywhere(cx);
  return 0;
}

export function updateVaMapping(call: Call): number {
  return updateVa(call, 1, 2, OWNER_SELF);
}

export function updateVaMappingOtherdomain(call: Call): number {
  const owner = pageOwner(call.cx, call.lo(3) & 0xffff);
  return owner < 0 ? owner : updateVa(call, 1, 2, owner);
}
