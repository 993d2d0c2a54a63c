/** Mapping and unmapping grants: Xen's map_grant_ref, unmap_common and the PV part of both. Domains may grant to themselves. */
import {
  GNTMAP_application_map,
  GNTMAP_contains_pte,
  GNTMAP_device_map,
  GNTMAP_guest_avail0,
  GNTMAP_host_map,
  GNTMAP_readonly,
  GNTST,
} from "../abi/grant_table.ts";
import type { HypercallContext } from "../context.ts";
import type { Domain } from "../domain.ts";
import { lockBoth } from "../lock.ts";
import { adjustHi, adjustLo, entryHi, entryLo, entryMfn, PTE } from "../mm/entry.ts";
import { PageType } from "../mm/frame_info.ts";
import { domainOfMfn } from "../mm/owner.ts";
import { pageTypesOf } from "../mm/page_types.ts";
import { findL1, slotOf } from "../mm/walk.ts";
import { hold, letGo, pinGrant, pinOf, unpinGrant } from "./pin.ts";
import { activeGrant, giveHandle, mappingOf, maptrack, takeHandle } from "./table.ts";

export interface Address {
  readonly lo: number;
  readonly hi: number;
}

export interface MapRequest {
  readonly host: Address;
  readonly flags: number;
  readonly ref: number;
  readonly domid: number;
}

export interface MapResult {
  readonly status: number;
  readonly handle: number;
  /** dev_bus_addr: machine address of the frame. */
  readonly mfn: number;
}

const failed = (status: number): MapResult => ({ status, handle: 0, mfn: 0 });
const DOM0 = 0;

/** map_grant_ref. */
export function mapGrant(cx: HypercallContext, request: MapRequest): MapResult {
  const { flags, domid } = request;
  const readonly = (flags & GNTMAP_readonly) !== 0;
  const pin = pinOf(flags, readonly);
  if (pin === 0) return failed(GNTST.bad_gntref);
  // Domain-0 grants nothing to guests here: none of its entries is valid.
  if (domid === DOM0) return failed(GNTST.general_error);
  const remote = cx.machine.domain(domid);
  if (remote === undefined) return failed(GNTST.bad_domain);
  const release = lockBoth(cx.domain, remote);
  try {
    const handle = takeHandle(cx.domain);
    if (handle < 0) return failed(GNTST.no_space);
    const result = mapLocked(cx, request, remote, pin, readonly);
    if (result.status !== GNTST.okay) {
      giveHandle(cx.domain, handle);
      return failed(result.status);
    }
    const entry = maptrack(cx.domain, handle);
    entry.domid = domid;
    entry.ref = request.ref;
    entry.frame = result.mfn;
    entry.flags = flags & 0xffff;
    cx.domain.header.grantMaps++;
    return { status: GNTST.okay, handle, mfn: result.mfn };
  } finally {
    release();
  }
}

function mapLocked(
  cx: HypercallContext,
  { host, flags, ref }: MapRequest,
  remote: Domain,
  pin: number,
  readonly: boolean,
): { status: number; mfn: number } {
  const mfn = pinGrant(remote, ref, cx.domain.domid, pin, readonly);
  if (mfn < 0) return { status: mfn, mfn: 0 };
  const types = pageTypesOf(remote);
  const frame = mfn - remote.mfnBase;
  const held = hold(types, frame, flags, readonly);
  const status = held !== GNTST.okay || !(flags & GNTMAP_host_map)
    ? held
    : createMapping(cx, host, mfn, flags);
  if (status !== GNTST.okay) {
    if (held === GNTST.okay) letGo(types, frame, flags, readonly);
    unpinGrant(remote, ref, pin, readonly);
    return { status, mfn: 0 };
  }
  return { status, mfn };
}

/** The L1 table and slot that an address of a map operation means: a linear address, or the machine address of an entry. */
function findEntry(
  cx: HypercallContext,
  host: Address,
  flags: number,
): { table: number; slot: number } | undefined {
  const types = pageTypesOf(cx.domain);
  let table: number;
  if (flags & GNTMAP_contains_pte) {
    if (host.lo & 7) return undefined;
    table = types.ownFrame((host.hi >>> 0) * 0x100000 + (host.lo >>> 12));
  } else table = findL1(types, cx.vcpu.state.kernelCr3, host.lo, host.hi);
  if (table < 0 || !types.isInUse(table) || types.type(table) !== PageType.l1) return undefined;
  const slot = flags & GNTMAP_contains_pte ? (host.lo & 0xfff) >>> 3 : slotOf(1, host.lo, host.hi);
  return { table, slot };
}

/** grant_to_pte_flags, low half. NX is in the high half. */
function pteFlags(flags: number): number {
  return PTE.PRESENT | PTE.ACCESSED | PTE.DIRTY | (flags & GNTMAP_readonly ? 0 : PTE.RW) |
    (flags & GNTMAP_application_map ? PTE.USER : 0) | (((flags >>> GNTMAP_guest_avail0) << 9) & PTE.AVAIL);
}

/** create_grant_pv_mapping: the entry takes over the references that were taken for it. */
function createMapping(cx: HypercallContext, host: Address, mfn: number, flags: number): number {
  const place = findEntry(cx, host, flags);
  if (place === undefined) return GNTST.general_error;
  const types = pageTypesOf(cx.domain);
  const lo = entryLo(mfn, pteFlags(flags)), hi = entryHi(mfn, PTE.NX_HI);
  const { i32 } = cx.domain.views;
  const index = types.entryIndex(place.table, place.slot);
  const oldLo = i32[index], oldHi = i32[index + 1];
  types.writeEntry(place.table, place.slot, adjustLo(1, lo, hi), adjustHi(1, lo, hi));
  if (oldLo & PTE.PRESENT) types.tlb.staleAll();
  types.putFromL1(oldLo, oldHi);
  return GNTST.okay;
}

/** replace_grant_pv_mapping: removes the entry, or puts the one of another linear address in its place. */
function replaceMapping(
  cx: HypercallContext,
  host: Address,
  mfn: number,
  replacement: Address | undefined,
  flags: number,
): number {
  const types = pageTypesOf(cx.domain);
  const { i32 } = cx.domain.views;
  let newLo = 0, newHi = 0;
  if (replacement !== undefined) {
    if (flags & GNTMAP_contains_pte) return GNTST.general_error;
    const stolen = findEntry(cx, replacement, 0);
    if (stolen === undefined) return GNTST.general_error;
    const index = types.entryIndex(stolen.table, stolen.slot);
    [newLo, newHi] = [i32[index], i32[index + 1]];
    types.writeEntry(stolen.table, stolen.slot, 0, 0);
    types.tlb.staleAll();
  }
  const fail = () => {
    types.putFromL1(newLo, newHi);
    return GNTST.general_error;
  };
  const place = findEntry(cx, host, flags);
  if (place === undefined) return fail();
  const index = types.entryIndex(place.table, place.slot);
  const lo = i32[index], hi = i32[index + 1];
  if (entryMfn(lo, hi) !== mfn || (lo ^ pteFlags(flags)) & (PTE.PRESENT | PTE.RW)) return fail();
  types.writeEntry(place.table, place.slot, newLo, newHi);
  types.tlb.staleAll();
  return GNTST.okay;
}

export interface UnmapRequest {
  readonly host: Address;
  readonly bus: Address;
  readonly handle: number;
  /** GNTTABOP_unmap_and_replace: the linear address whose entry moves to `host`. */
  readonly replacement?: Address;
}

const isZero = ({ lo, hi }: Address) => (lo | hi) === 0;

/** The domain that granted a mapping, unless it is gone (its domid may be another's by now). */
function granterOf(domain: Domain, { domid, frame }: { domid: number; frame: number }): Domain | undefined {
  const remote = domain.machine.domain(domid);
  return remote !== undefined && remote.frameOf(frame) >= 0 ? remote : undefined;
}

/** unmap_common and its completion. @returns GNTST_* */
export function unmapGrant(cx: HypercallContext, request: UnmapRequest): number {
  const { domain } = cx;
  const found = mappingOf(domain, request.handle);
  if (found === undefined) return GNTST.bad_handle;
  const remote = granterOf(domain, found);
  if (remote === undefined) return domain.lock.with(() => unmapOrphan(cx, request));
  const release = lockBoth(domain, remote);
  try {
    const mapping = mappingOf(domain, request.handle);
    if (mapping === undefined || granterOf(domain, mapping) !== remote) return GNTST.bad_handle;
    const { ref, flags } = mapping;
    const active = activeGrant(remote, ref);
    const mfn = active.frame;
    const readonly = (flags & GNTMAP_readonly) !== 0;
    const isBus = !isZero(request.bus) && (flags & GNTMAP_device_map) !== 0;
    const isHost = !isZero(request.host) && (flags & GNTMAP_host_map) !== 0;
    if (isBus && (request.bus.hi >>> 0) * 4294967296 + (request.bus.lo >>> 0) !== mfn * 4096) {
      return GNTST.bad_dev_addr;
    }
    let done = 0;
    if (isHost) {
      const replacement = request.replacement !== undefined && !isZero(request.replacement)
        ? request.replacement
        : undefined;
      const status = replaceMapping(cx, request.host, mfn, replacement, flags);
      if (status !== GNTST.okay) return status;
      done |= GNTMAP_host_map;
    }
    if (isBus) done |= GNTMAP_device_map;
    mapping.flags = flags & ~done;
    if ((mapping.flags & (GNTMAP_device_map | GNTMAP_host_map)) === 0) giveHandle(domain, request.handle);
    complete(remote, ref, mfn, done, readonly);
    return GNTST.okay;
  } finally {
    release();
  }
}

/** The granting domain was destroyed: only the entry and the handle are left. */
function unmapOrphan(cx: HypercallContext, { host, handle }: UnmapRequest): number {
  const mapping = mappingOf(cx.domain, handle);
  if (mapping === undefined) return GNTST.bad_handle;
  if (!isZero(host) && mapping.flags & GNTMAP_host_map) {
    const status = replaceMapping(cx, host, mapping.frame, undefined, mapping.flags);
    if (status !== GNTST.okay) return status;
  }
  giveHandle(cx.domain, handle);
  return GNTST.okay;
}

/** unmap_common_complete: gives the references and the pins of what was unmapped back. */
function complete(remote: Domain, ref: number, mfn: number, done: number, readonly: boolean): void {
  if (done === 0) return;
  letGo(pageTypesOf(remote), mfn - remote.mfnBase, done, readonly);
  unpinGrant(remote, ref, pinOf(done, readonly), readonly);
}

/**
 * gnttab_release_mappings: a dying domain lets go of everything it has mapped. None of its vCPUs runs. The references of host mappings go with the
 * entries that are still there: one that the guest overwrote by hand has dropped its own then.
 */
export function releaseMappings(domain: Domain): void {
  if (domain.header.maptrackUsed === 0) return;
  for (let handle = 0; handle < domain.header.maptrackUsed; handle++) {
    const found = mappingOf(domain, handle);
    if (found === undefined) continue;
    const remote = granterOf(domain, found);
    if (remote === undefined || remote === domain) continue;
    const release = lockBoth(domain, remote);
    try {
      const { ref, flags, frame } = found;
      const done = flags & (GNTMAP_device_map | GNTMAP_host_map);
      const readonly = (flags & GNTMAP_readonly) !== 0;
      letGo(pageTypesOf(remote), frame - remote.mfnBase, done & GNTMAP_device_map, readonly);
      unpinGrant(remote, ref, pinOf(done, readonly), readonly);
      giveHandle(domain, handle);
    } finally {
      release();
    }
  }
  dropForeignEntries(domain);
}

function dropForeignEntries(domain: Domain): void {
  const types = pageTypesOf(domain);
  const words = domain.views.i32;
  for (let table = 0; table < domain.layout.frames; table++) {
    if (types.type(table) !== PageType.l1 || !types.isInUse(table)) continue;
    for (let slot = 0; slot < 512; slot++) {
      const index = types.entryIndex(table, slot);
      const lo = words[index], hi = words[index + 1];
      if (!(lo & PTE.PRESENT) || domain.frameOf(entryMfn(lo, hi)) >= 0) continue;
      const owner = domainOfMfn(domain.machine, entryMfn(lo, hi));
      if (owner === undefined) continue;
      const release = lockBoth(domain, owner);
      try {
        types.writeEntry(table, slot, 0, 0);
        types.putFromL1(lo, hi);
      } finally {
        release();
      }
    }
  }
}
