/** GNTTABOP_copy: bytes between frames named by grants or, for the caller's own, by frame numbers. */
import { GNTST } from "../abi/grant_table.ts";
import { DOMID_SELF } from "../abi/hypercall_numbers.ts";
import type { HypercallContext } from "../context.ts";
import type { Domain } from "../domain.ts";
import { lockBoth } from "../lock.ts";
import { PageType } from "../mm/frame_info.ts";
import { pageTypesOf } from "../mm/page_types.ts";
import { activeGrant, entryFrame, GNTPIN, grantEntries, reduceStatus, setStatus } from "./table.ts";

export interface CopyEnd {
  readonly isGrant: boolean;
  /** Grant reference or frame number. */
  readonly value: number;
  readonly domid: number;
  readonly offset: number;
}

const DOM0 = 0;

/** The domain an end lies in, or a status. */
function domainOf(cx: HypercallContext, end: CopyEnd): Domain | number {
  if (end.domid === DOMID_SELF) return cx.domain;
  if (!end.isGrant) return GNTST.permission_denied;
  if (end.domid === DOM0) return GNTST.general_error;
  return cx.machine.domain(end.domid) ?? GNTST.bad_domain;
}

/** gnttab_copy_one. @returns GNTST_* */
export function copyGrant(cx: HypercallContext, source: CopyEnd, dest: CopyEnd, length: number): number {
  if (source.offset + length > 4096 || dest.offset + length > 4096) return GNTST.bad_copy_arg;
  const from = domainOf(cx, source);
  if (typeof from === "number") return from;
  const to = domainOf(cx, dest);
  if (typeof to === "number") return to;
  const release = lockBoth(from, to);
  try {
    const read = acquire(cx, from, source, true);
    if (read < 0) return read;
    try {
      return write(cx, from, read, to, source, dest, length);
    } finally {
      letGo(from, source, true);
    }
  } finally {
    release();
  }
}

function write(
  cx: HypercallContext,
  from: Domain,
  frame: number,
  to: Domain,
  source: CopyEnd,
  dest: CopyEnd,
  length: number,
): number {
  const written = acquire(cx, to, dest, false);
  if (written < 0) return written;
  try {
    const types = pageTypesOf(to);
    if (types.getType(written, PageType.writable) !== 0) return GNTST.general_error;
    const at = written * 4096 + dest.offset, start = frame * 4096 + source.offset;
    to.views.u8.set(from.views.u8.subarray(start, start + length), at);
    types.written(written, dest.offset, length);
    types.putType(written);
    cx.domain.header.grantCopies++;
    return GNTST.okay;
  } finally {
    letGo(to, dest, false);
  }
}

/** Pins a grant for the copy (acquire_grant_for_copy), or finds a frame. @returns local frame or GNTST_* */
function acquire(cx: HypercallContext, domain: Domain, end: CopyEnd, readonly: boolean): number {
  const types = pageTypesOf(domain);
  if (!end.isGrant) {
    const frame = types.ownFrame(end.value);
    return frame < 0 ? GNTST.bad_page : frame;
  }
  if (end.value >= grantEntries(domain)) return GNTST.bad_gntref;
  const active = activeGrant(domain, end.value);
  const old = active.pin | 0;
  if (old !== 0 && active.domid !== cx.domain.domid) return GNTST.general_error;
  const isNewWriter = !readonly && (old & (GNTPIN.hstw_mask | GNTPIN.devw_mask)) === 0;
  if (old === 0 || isNewWriter) {
    const status = setStatus(domain, end.value, old !== 0, readonly, false, cx.domain.domid);
    if (status !== GNTST.okay) return status;
  }
  if (old === 0) {
    const frame = types.ownFrame(entryFrame(domain, end.value));
    if (frame < 0) {
      reduceStatus(domain, end.value, 0, readonly);
      return GNTST.bad_page;
    }
    active.frame = domain.mfnOf(frame);
    active.domid = cx.domain.domid;
  }
  active.pin = (old + (readonly ? GNTPIN.hstr_inc : GNTPIN.hstw_inc)) >>> 0;
  return active.frame - domain.mfnBase;
}

function letGo(domain: Domain, end: CopyEnd, readonly: boolean): void {
  if (!end.isGrant) return;
  const active = activeGrant(domain, end.value);
  active.pin = (active.pin - (readonly ? GNTPIN.hstr_inc : GNTPIN.hstw_inc)) >>> 0;
  reduceStatus(domain, end.value, active.pin | 0, readonly);
}
