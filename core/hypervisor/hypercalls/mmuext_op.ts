/** mmuext_op: public/xen.h, MMUEXT_*. */
import { EACCES, EFAULT, EINVAL, ENOSYS, EOPNOTSUPP } from "../abi/errno.ts";
import type { ViewOf } from "../abi/cstruct.ts";
import { DOMID_IO, MMU_UPDATE_PREEMPTED, MMUEXT } from "../abi/hypercall_numbers.ts";
import { mmuext_op } from "../abi/xen.ts";
import type { HypercallContext } from "../context.ts";
import { PageType, PINNED } from "../mm/frame_info.ts";
import { pageTypesOf } from "../mm/page_types.ts";
import { isGuestAddress } from "../mm/walk.ts";
import { destroyLdt, newGuestCr3, newUserCr3 } from "../traps/mode.ts";
import type { Call } from "./call.ts";
import { readU32, StructReader, widthOf, writeU32 } from "./guest.ts";
import { flushEverywhere, OWNER_SELF, pageOwner, readVcpuMask } from "./mmu_update.ts";

type Op = ViewOf<typeof mmuext_op>;

const ops = new StructReader(mmuext_op);

/** mmuext_op(ops, count, done, foreigndom). */
export function mmuextOp(call: Call): number {
  const { cx } = call;
  let count = call.u32(1), done = 0;
  if (count >= MMU_UPDATE_PREEMPTED) {
    count -= MMU_UPDATE_PREEMPTED;
    if (!call.isNull(2)) done = readU32(cx, call.lo(2), call.hi(2)) ?? 0;
  }
  if (count > 0 && !isGuestAddress(call.hi(0))) return -EFAULT;
  const owner = pageOwner(cx, call.lo(3) & 0xffff);
  if (owner < 0) return owner;
  // DOMID_IO is no PV domain.
  if (owner !== OWNER_SELF || (call.lo(3) & 0xffff) === DOMID_IO) return -EINVAL;
  const size = mmuext_op.size(widthOf(cx));
  let result = 0, i = 0;
  for (; i < count; i++) {
    if (i > 0 && call.shouldYield) {
      call.again();
      break;
    }
    const op = ops.read(cx, call.lo(0), call.hi(0));
    result = op === undefined ? -EFAULT : perform(cx, op);
    if (result !== 0) break;
    call.advance(0, size);
  }
  if (!call.isNull(2)) writeU32(cx, call.lo(2), call.hi(2), done + i);
  if (call.preempted) call.set(1, (count - i) | MMU_UPDATE_PREEMPTED, 0);
  return result;
}

function perform(cx: HypercallContext, op: Op): number {
  const { domain, engine, vcpu } = cx;
  const command = op.get("cmd");
  switch (command) {
    case MMUEXT.PIN_L1_TABLE:
    case MMUEXT.PIN_L2_TABLE:
    case MMUEXT.PIN_L3_TABLE:
    case MMUEXT.PIN_L4_TABLE:
      return domain.lock.with(() => pin(cx, op.get("arg1.mfn"), (command + 1) as PageType));
    case MMUEXT.UNPIN_TABLE:
      return domain.lock.with(() => unpin(cx, op.get("arg1.mfn")));
    case MMUEXT.NEW_BASEPTR:
      return newGuestCr3(cx, op.get("arg1.mfn"));
    case MMUEXT.NEW_USER_BASEPTR:
      return newUserCr3(cx, op.get("arg1.mfn"));
    case MMUEXT.TLB_FLUSH_LOCAL:
      engine.flushAll(vcpu.ctx);
      return 0;
    case MMUEXT.INVLPG_LOCAL:
      engine.flushPage(vcpu.ctx, op.lo("arg1.linear_addr"), op.hi("arg1.linear_addr"));
      return 0;
    case MMUEXT.TLB_FLUSH_MULTI:
    case MMUEXT.INVLPG_MULTI:
      if (!readVcpuMask(cx, op.lo("arg2.vcpumask"), op.hi("arg2.vcpumask"))) return -EINVAL;
      return flushMany(cx, op, command === MMUEXT.INVLPG_MULTI);
    case MMUEXT.TLB_FLUSH_ALL:
    case MMUEXT.INVLPG_ALL:
      return flushMany(cx, op, command === MMUEXT.INVLPG_ALL);
    case MMUEXT.FLUSH_CACHE:
    case MMUEXT.FLUSH_CACHE_GLOBAL:
      // Permitted only to domains with devices.
      return -EACCES;
    case MMUEXT.SET_LDT:
      return setLdt(cx, op);
    case MMUEXT.CLEAR_PAGE:
      return domain.lock.with(() => clearPage(cx, op.get("arg1.mfn")));
    case MMUEXT.COPY_PAGE:
      return domain.lock.with(() => copyPage(cx, op.get("arg1.mfn"), op.get("arg2.src_mfn")));
    case MMUEXT.MARK_SUPER:
    case MMUEXT.UNMARK_SUPER:
      return -EOPNOTSUPP;
    default:
      return -ENOSYS;
  }
}

function pin(cx: HypercallContext, mfn: number, type: PageType): number {
  const types = pageTypesOf(cx.domain);
  const result = types.getPageAndType(mfn, type);
  if (result !== 0) return result;
  const frame = types.ownFrame(mfn);
  const info = types.typeInfo(frame);
  if (info & PINNED) {
    types.putPageAndType(frame);
    return -EINVAL;
  }
  types.setTypeInfo(frame, info | PINNED);
  return 0;
}

function unpin(cx: HypercallContext, mfn: number): number {
  const types = pageTypesOf(cx.domain);
  const frame = types.ownFrame(mfn);
  if (frame < 0 || !(types.typeInfo(frame) & PINNED)) return -EINVAL;
  types.setTypeInfo(frame, types.typeInfo(frame) & ~PINNED);
  types.putPageAndType(frame);
  return 0;
}

function flushMany(cx: HypercallContext, op: Op, page: boolean): number {
  const { engine, vcpu, domain } = cx;
  if (!page) flushEverywhere(cx);
  else if (isGuestAddress(op.hi("arg1.linear_addr"))) {
    if (domain.vcpus.length > 1) flushEverywhere(cx);
    else engine.flushPage(vcpu.ctx, op.lo("arg1.linear_addr"), op.hi("arg1.linear_addr"));
  }
  return 0;
}

function setLdt(cx: HypercallContext, op: Op): number {
  const { state } = cx.vcpu;
  const entries = op.get("arg2.nr_ents");
  const lo = entries === 0 ? 0 : op.lo("arg1.linear_addr"),
    hi = entries === 0 ? 0 : op.hi("arg1.linear_addr");
  if (entries > 8192 || (entries > 0 && (lo & 0xfff || !isGuestAddress(hi)))) return -EINVAL;
  if (state.ldtEntries === entries && state.ldtBaseLo === lo && state.ldtBaseHi === hi) return 0;
  cx.domain.lock.with(() => destroyLdt(cx));
  state.ldtEntries = entries;
  state.ldtBaseLo = lo;
  state.ldtBaseHi = hi;
  return 0;
}

function clearPage(cx: HypercallContext, mfn: number): number {
  const types = pageTypesOf(cx.domain);
  if (types.getPageAndType(mfn, PageType.writable) !== 0) return -EINVAL;
  const frame = types.ownFrame(mfn);
  cx.domain.views.u8.fill(0, frame * 4096, (frame + 1) * 4096);
  types.written(frame, 0, 4096);
  types.putPageAndType(frame);
  return 0;
}

function copyPage(cx: HypercallContext, mfn: number, source: number): number {
  const types = pageTypesOf(cx.domain);
  const from = types.ownFrame(source);
  if (from < 0 || types.getPageAndType(mfn, PageType.writable) !== 0) return -EINVAL;
  const frame = types.ownFrame(mfn);
  cx.domain.views.u8.copyWithin(frame * 4096, from * 4096, (from + 1) * 4096);
  types.written(frame, 0, 4096);
  types.putPageAndType(frame);
  return 0;
}
