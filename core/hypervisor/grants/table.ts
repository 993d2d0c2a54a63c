/** A domain's grant table (version 1): shared entries in frames that the guest maps, active entries and map track of its own (Xen's struct grant_table). */
import {
  GNTST,
  grant_entry_v1,
  GTF_permit_access,
  GTF_reading,
  GTF_readonly,
  GTF_sub_page,
  GTF_type_mask,
  GTF_writing,
} from "../abi/grant_table.ts";
import type { Domain } from "../domain.ts";
import { ActiveGrant, GRANT_FRAMES, MAPTRACK_ENTRIES, MaptrackEntry } from "../layout.ts";
import { ALLOCATED, PageType, TYPE_SHIFT, VALIDATED, XEN_HEAP } from "../mm/frame_info.ts";
import { pageTypesOf } from "../mm/page_types.ts";
import type { PageTypes } from "../mm/page_types.ts";
import type { View } from "../struct.ts";

const ENTRY_BYTES = grant_entry_v1.size();
const ENTRIES_A_FRAME = 4096 / ENTRY_BYTES;

/** Counts of an active entry's pin word, a byte each. */
export const GNTPIN = {
  hstw_inc: 1,
  hstr_inc: 1 << 8,
  devw_inc: 1 << 16,
  devr_inc: 1 << 24,
  hstw_mask: 0xff,
  hstr_mask: 0xff00,
  devw_mask: 0xff0000,
  devr_mask: 0xff000000 | 0,
} as const;

const NO_HANDLE = -1;

/** share_xen_page_with_guest: a frame of Xen's that the guest may map, read-only or writable, and never make a table of. */
export function shareFrame(types: PageTypes, frame: number, writable = true): void {
  types.setTypeInfo(frame, ((writable ? PageType.writable << TYPE_SHIFT : 0) | VALIDATED | 1) >>> 0);
  types.setCountInfo(frame, (ALLOCATED | XEN_HEAP | 1) >>> 0);
}

/** gnttab_grow_table. @returns false: more frames than there can be */
export function growTable(domain: Domain, frames: number): boolean {
  const { header, layout } = domain;
  if (frames > Math.min(header.maxGrantFrames, GRANT_FRAMES)) return false;
  const types = pageTypesOf(domain);
  const first = layout.reserve.grantFrames >>> 12;
  for (let i = header.grantFrames; i < frames; i++) shareFrame(types, first + i);
  header.grantFrames = Math.max(header.grantFrames, frames);
  return true;
}

/** A new domain's table: one frame, an empty map track. */
export function initGrants(domain: Domain): void {
  const { header } = domain;
  header.grantVersion = 1;
  header.grantFrames = 0;
  header.maxGrantFrames = GRANT_FRAMES;
  header.maptrackUsed = 0;
  header.maptrackFree = NO_HANDLE;
  growTable(domain, 1);
}

export function grantEntries(domain: Domain): number {
  return domain.header.grantFrames * ENTRIES_A_FRAME;
}

/** Byte address of a shared entry. */
function sharedAddress(domain: Domain, ref: number): number {
  return domain.layout.reserve.grantFrames + ref * ENTRY_BYTES;
}

/** An entry as the builder or a backend leaves it for the guest. */
export function setEntry(domain: Domain, ref: number, flags: number, domid: number, frame: number): void {
  const { u32 } = domain.views;
  const index = sharedAddress(domain, ref) >>> 2;
  u32[index + 1] = frame;
  u32[index] = flags | (domid << 16);
}

/** A shared entry as the guest has it now. */
export function sharedEntry(
  domain: Domain,
  ref: number,
): { readonly flags: number; readonly domid: number; readonly frame: number } {
  const { u32 } = domain.views;
  const index = sharedAddress(domain, ref) >>> 2;
  return { flags: u32[index] & 0xffff, domid: u32[index] >>> 16, frame: u32[index + 1] };
}

export function entryFrame(domain: Domain, ref: number): number {
  return domain.views.u32[(sharedAddress(domain, ref) >>> 2) + 1];
}

/** Exchanges two shared entries (GNTTABOP_swap_grant_ref). */
export function swapEntries(domain: Domain, a: number, b: number): void {
  const { u32 } = domain.views;
  const i = sharedAddress(domain, a) >>> 2, j = sharedAddress(domain, b) >>> 2;
  for (const word of [0, 1]) [u32[i + word], u32[j + word]] = [u32[j + word], u32[i + word]];
}

export function activeGrant(domain: Domain, ref: number): View<typeof ActiveGrant.fields> {
  return ActiveGrant.view(domain.views, domain.layout.reserve.activeGrants + ref * ActiveGrant.size);
}

const MAX_RETRIES = 5;

/**
 * _set_status_v1: marks a shared entry as in use, after checking that it grants what is wanted when nothing is pinned yet. The guest may change the
 * word at any time.
 * @returns GNTST_okay or GNTST_general_error
 */
export function setStatus(
  domain: Domain,
  ref: number,
  isPinned: boolean,
  readonly: boolean,
  forMapping: boolean,
  user: number,
): number {
  const { i32 } = domain.views;
  const index = sharedAddress(domain, ref) >>> 2;
  const mask = GTF_type_mask | (forMapping ? GTF_sub_page : 0);
  for (let tries = 0; tries < MAX_RETRIES; tries++) {
    const word = Atomics.load(i32, index);
    const flags = word & 0xffff, domid = word >>> 16;
    if (!isPinned && ((flags & mask) !== GTF_permit_access || domid !== user)) return GNTST.general_error;
    if (!readonly && flags & GTF_readonly) return GNTST.general_error;
    const next = word | GTF_reading | (readonly ? 0 : GTF_writing);
    if (Atomics.compareExchange(i32, index, word, next) === word) return GNTST.okay;
  }
  return GNTST.general_error;
}

/** reduce_status_for_pin. */
export function reduceStatus(domain: Domain, ref: number, pin: number, readonly: boolean): void {
  const { i32 } = domain.views;
  const index = sharedAddress(domain, ref) >>> 2;
  let clear = 0;
  if (!readonly && (pin & (GNTPIN.hstw_mask | GNTPIN.devw_mask)) === 0) clear |= GTF_writing;
  if (pin === 0) clear |= GTF_reading;
  if (clear !== 0) Atomics.and(i32, index, ~clear);
}

export function maptrack(domain: Domain, handle: number): View<typeof MaptrackEntry.fields> {
  return MaptrackEntry.view(domain.views, domain.layout.reserve.maptrack + handle * MaptrackEntry.size);
}

/** get_maptrack_handle. @returns -1 when all are in use */
export function takeHandle(domain: Domain): number {
  const { header } = domain;
  const free = header.maptrackFree;
  if (free !== NO_HANDLE) {
    header.maptrackFree = maptrack(domain, free).next;
    return free;
  }
  return header.maptrackUsed < MAPTRACK_ENTRIES ? header.maptrackUsed++ : NO_HANDLE;
}

export function giveHandle(domain: Domain, handle: number): void {
  const entry = maptrack(domain, handle);
  entry.flags = 0;
  entry.next = domain.header.maptrackFree;
  domain.header.maptrackFree = handle;
}

/** The mapping that a handle names, or undefined. */
export function mappingOf(domain: Domain, handle: number): View<typeof MaptrackEntry.fields> | undefined {
  if (handle >= domain.header.maptrackUsed) return undefined;
  const entry = maptrack(domain, handle);
  return entry.flags === 0 ? undefined : entry;
}
