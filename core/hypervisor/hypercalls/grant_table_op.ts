/** grant_table_op: public/grant_table.h. Version 1 tables only. */
import { EFAULT, EINVAL, ENOSYS, EOPNOTSUPP, EPERM, ESRCH } from "../abi/errno.ts";
import type { CStruct, Fields, StructView, ViewOf } from "../abi/cstruct.ts";
import {
  GNTCOPY_dest_gref,
  GNTCOPY_source_gref,
  GNTST,
  gnttab_copy,
  gnttab_get_status_frames,
  gnttab_get_version,
  gnttab_map_grant_ref,
  gnttab_query_size,
  gnttab_set_version,
  gnttab_setup_table,
  gnttab_swap_grant_ref,
  gnttab_transfer,
  gnttab_unmap_and_replace,
  gnttab_unmap_grant_ref,
  GNTTABOP,
} from "../abi/grant_table.ts";
import type { HypercallContext } from "../context.ts";
import {
  activeGrant,
  copyGrant,
  grantEntries,
  growTable,
  mapGrant,
  swapEntries,
  unmapGrant,
} from "../grants/mod.ts";
import { pageTypesOf } from "../mm/page_types.ts";
import { isGuestAddress } from "../mm/walk.ts";
import { traceGrant } from "../trace/points.ts";
import type { Call } from "./call.ts";
import { copyFrom, type GuestPointer, readStruct, widthOf, writeStruct, writeUlong } from "./guest.ts";
import { permitDomain } from "./memory_op.ts";

/** grant_table_op(cmd, uop, count). */
export function grantTableOp(call: Call): number {
  const { cx } = call;
  const count = call.lo(2);
  if (count < 0) return -EINVAL;
  const at = { lo: call.lo(1), hi: call.hi(1) };
  switch (call.lo(0)) {
    case GNTTABOP.map_grant_ref:
      return each(call, gnttab_map_grant_ref, (op) => map(cx, op));
    case GNTTABOP.unmap_grant_ref:
      return each(call, gnttab_unmap_grant_ref, (op) => {
        const status = unmapGrant(cx, {
          host: { lo: op.lo("host_addr"), hi: op.hi("host_addr") },
          bus: { lo: op.lo("dev_bus_addr"), hi: op.hi("dev_bus_addr") },
          handle: op.get("handle"),
        });
        op.set("status", status);
      });
    case GNTTABOP.unmap_and_replace:
      return each(call, gnttab_unmap_and_replace, (op) => {
        const status = unmapGrant(cx, {
          host: { lo: op.lo("host_addr"), hi: op.hi("host_addr") },
          bus: { lo: 0, hi: 0 },
          handle: op.get("handle"),
          replacement: { lo: op.lo("new_addr"), hi: op.hi("new_addr") },
        });
        op.set("status", status);
      });
    case GNTTABOP.copy:
      return each(call, gnttab_copy, (op) => copy(cx, op));
    case GNTTABOP.swap_grant_ref:
      return each(
        call,
        gnttab_swap_grant_ref,
        (op) => op.set("status", swap(cx, op.get("ref_a"), op.get("ref_b"))),
      );
    case GNTTABOP.transfer:
      return each(
        call,
        gnttab_transfer,
        (op) => op.set("status", transferStatus(cx, op.get("mfn"), op.get("domid"))),
      );
    case GNTTABOP.setup_table:
      return count === 1 ? setupTable(cx, at) : -EINVAL;
    case GNTTABOP.query_size:
      return count === 1 ? querySize(cx, at) : -EINVAL;
    case GNTTABOP.get_version: {
      const op = readStruct(cx, gnttab_get_version, at.lo, at.hi);
      if (op === undefined) return -EFAULT;
      const denied = permitDomain(cx, op.get("dom"));
      if (denied !== 0) return denied;
      op.set("version", 1);
      return writeStruct(cx, op, at.lo, at.hi) ? 0 : -EFAULT;
    }
    case GNTTABOP.set_version: {
      const op = readStruct(cx, gnttab_set_version, at.lo, at.hi);
      if (op === undefined) return -EFAULT;
      const version = op.get("version");
      const result = version === 1 ? 0 : version === 2 ? -ENOSYS : -EINVAL;
      op.set("version", 1);
      return writeStruct(cx, op, at.lo, at.hi) ? result : -EFAULT;
    }
    case GNTTABOP.get_status_frames: {
      if (count !== 1) return -EINVAL;
      const op = readStruct(cx, gnttab_get_status_frames, at.lo, at.hi);
      if (op === undefined) return -EFAULT;
      const denied = permitDomain(cx, op.get("dom"));
      op.set(
        "status",
        denied === -ESRCH
          ? GNTST.bad_domain
          : denied === -EPERM
          ? GNTST.permission_denied
          : GNTST.general_error,
      );
      return writeStruct(cx, op, at.lo, at.hi) ? 0 : -EFAULT;
    }
    case GNTTABOP.cache_flush:
      return cacheFlush(call);
    default:
      return -ENOSYS;
  }
}

/** One operation after another, each copied in and out again. */
function each<F extends Fields>(call: Call, type: CStruct<F>, action: (op: StructView<F>) => void): number {
  const { cx } = call;
  const count = call.u32(2);
  if (count > 0 && !isGuestAddress(call.hi(1))) return -EFAULT;
  for (let i = 0; i < count; i++) {
    if (i > 0 && call.shouldYield) {
      call.set(2, count - i, 0);
      return call.again();
    }
    const op = readStruct(cx, type, call.lo(1), call.hi(1));
    if (op === undefined) return -EFAULT;
    action(op);
    traceGrant(cx, call.lo(0), op.bytes);
    if (!writeStruct(cx, op, call.lo(1), call.hi(1))) return -EFAULT;
    call.advance(1, type.size(widthOf(cx)));
  }
  return 0;
}

function map(cx: HypercallContext, op: ViewOf<typeof gnttab_map_grant_ref>): void {
  const result = mapGrant(cx, {
    host: { lo: op.lo("host_addr"), hi: op.hi("host_addr") },
    flags: op.get("flags"),
    ref: op.get("ref"),
    domid: op.get("dom"),
  });
  op.set("status", result.status);
  if (result.status !== GNTST.okay) return;
  op.set("handle", result.handle);
  op.set("dev_bus_addr", result.mfn * 4096);
}

function copy(cx: HypercallContext, op: ViewOf<typeof gnttab_copy>): void {
  const flags = op.get("flags");
  const end = (name: "source" | "dest", bit: number) => {
    const isGrant = (flags & bit) !== 0;
    return {
      isGrant,
      value: isGrant ? op.get(`${name}.u.ref`) : op.get(`${name}.u.gmfn`),
      domid: op.get(`${name}.domid`),
      offset: op.get(`${name}.offset`),
    };
  };
  const source = end("source", GNTCOPY_source_gref), dest = end("dest", GNTCOPY_dest_gref);
  op.set("status", copyGrant(cx, source, dest, op.get("len")));
}

function swap(cx: HypercallContext, a: number, b: number): number {
  const { domain } = cx;
  return domain.lock.with(() => {
    if (a >= grantEntries(domain) || b >= grantEntries(domain)) return GNTST.bad_gntref;
    if (a === b) return GNTST.okay;
    if (activeGrant(domain, a).pin !== 0 || activeGrant(domain, b).pin !== 0) return GNTST.eagain;
    swapEntries(domain, a, b);
    return GNTST.okay;
  });
}

/** Giving pages away is not supported: every transfer fails, for the reason that comes first. */
function transferStatus(cx: HypercallContext, mfn: number, domid: number): number {
  if (pageTypesOf(cx.domain).ownFrame(mfn) < 0) return GNTST.bad_page;
  return domid !== 0 && cx.machine.domain(domid) === undefined ? GNTST.bad_domain : GNTST.general_error;
}

function setupTable(cx: HypercallContext, at: GuestPointer): number {
  const { domain } = cx;
  const op = readStruct(cx, gnttab_setup_table, at.lo, at.hi);
  if (op === undefined) return -EFAULT;
  const denied = permitDomain(cx, op.get("dom"));
  const frames = op.get("nr_frames");
  let status: number = GNTST.okay;
  if (denied === -ESRCH) status = GNTST.bad_domain;
  else if (denied === -EPERM) status = GNTST.permission_denied;
  else if (!domain.lock.with(() => growTable(domain, frames))) status = GNTST.general_error;
  const list = { lo: op.lo("frame_list"), hi: op.hi("frame_list") };
  const first = domain.mfnOfAddress(domain.layout.reserve.grantFrames);
  for (let i = 0; status === GNTST.okay && i < frames; i++) {
    if (!writeUlong(cx, list, i, first + i)) status = GNTST.bad_virt_addr;
  }
  op.set("status", status);
  return writeStruct(cx, op, at.lo, at.hi) ? 0 : -EFAULT;
}

function querySize(cx: HypercallContext, at: GuestPointer): number {
  const op = readStruct(cx, gnttab_query_size, at.lo, at.hi);
  if (op === undefined) return -EFAULT;
  const denied = permitDomain(cx, op.get("dom"));
  if (denied === 0) {
    op.set("nr_frames", cx.domain.header.grantFrames);
    op.set("max_nr_frames", cx.domain.header.maxGrantFrames);
    op.set("status", GNTST.okay);
  } else op.set("status", denied === -ESRCH ? GNTST.bad_domain : GNTST.permission_denied);
  return writeStruct(cx, op, at.lo, at.hi) ? 0 : -EFAULT;
}

const CACHE_FLUSH_BYTES = 16;

/** GNTTABOP_cache_flush: there is nothing to flush on this architecture. */
function cacheFlush(call: Call): number {
  const bytes = new Uint8Array(CACHE_FLUSH_BYTES * Math.min(call.u32(2), 1));
  return copyFrom(call.cx, call.lo(1), call.hi(1), bytes) ? -EOPNOTSUPP : -EFAULT;
}
