/** Pins of a grant and the references that go with them (Xen's act->pin, get_page, get_page_type), the same for mappings by guests and by Domain-0. */
import { GNTMAP_device_map, GNTMAP_host_map, GNTST } from "../abi/grant_table.ts";
import type { Domain } from "../domain.ts";
import { PageType } from "../mm/frame_info.ts";
import { type PageTypes, pageTypesOf } from "../mm/page_types.ts";
import { activeGrant, entryFrame, GNTPIN, grantEntries, reduceStatus, setStatus } from "./table.ts";

/** What a mapping with these GNTMAP_ flags adds to the pin word. */
export function pinOf(flags: number, readonly: boolean): number {
  let pin = 0;
  if (flags & GNTMAP_device_map) pin += readonly ? GNTPIN.devr_inc : GNTPIN.devw_inc;
  if (flags & GNTMAP_host_map) pin += readonly ? GNTPIN.hstr_inc : GNTPIN.hstw_inc;
  return pin;
}

/** A count of the pin word would overflow. */
const overflows = (pin: number, increment: number) =>
  [0, 8, 16, 24].some((shift) => ((increment >>> shift) & 0xff) !== 0 && ((pin >>> shift) & 0xff) >= 0x7f);

/** Checks and pins a grant of `remote`, whose lock is held, for domain `user`. @returns the frame's mfn, or GNTST_* below 0 */
export function pinGrant(remote: Domain, ref: number, user: number, pin: number, readonly: boolean): number {
  if (ref >= grantEntries(remote)) return GNTST.bad_gntref;
  const active = activeGrant(remote, ref);
  const old = active.pin | 0;
  if (old !== 0 && (active.domid !== user || overflows(old, pin))) return GNTST.general_error;
  const isNewWriter = !readonly && (old & (GNTPIN.hstw_mask | GNTPIN.devw_mask)) === 0;
  if (old === 0 || isNewWriter) {
    const status = setStatus(remote, ref, old !== 0, readonly, true, user);
    if (status !== GNTST.okay) return status;
  }
  if (old === 0) {
    const frame = pageTypesOf(remote).ownFrame(entryFrame(remote, ref));
    if (frame < 0) {
      reduceStatus(remote, ref, 0, readonly);
      return GNTST.bad_page;
    }
    active.frame = remote.mfnOf(frame);
    active.domid = user;
  }
  active.pin = (old + pin) >>> 0;
  return active.frame;
}

export function unpinGrant(remote: Domain, ref: number, pin: number, readonly: boolean): void {
  const active = activeGrant(remote, ref);
  const left = (active.pin | 0) - pin;
  active.pin = left >>> 0;
  reduceStatus(remote, ref, left, readonly);
}

/** A reference, and a writable type reference unless read-only, for the host mapping and for the device mapping. */
export function hold(types: PageTypes, frame: number, flags: number, readonly: boolean): number {
  const taken: number[] = [];
  for (const kind of [GNTMAP_device_map, GNTMAP_host_map]) {
    if (!(flags & kind)) continue;
    let ok = types.getPage(frame);
    if (ok && !readonly && types.getType(frame, PageType.writable) !== 0) {
      types.putPage(frame);
      ok = false;
    }
    if (!ok) {
      for (const had of taken) letGo(types, frame, had, readonly);
      return GNTST.general_error;
    }
    taken.push(kind);
  }
  return GNTST.okay;
}

export function letGo(types: PageTypes, frame: number, flags: number, readonly: boolean): void {
  for (const kind of [GNTMAP_device_map, GNTMAP_host_map]) {
    if (!(flags & kind)) continue;
    if (!readonly) types.putType(frame);
    types.putPage(frame);
  }
}
