/** Grants that Domain-0's backends use: it has no page tables here, so a mapping is the pin and the references alone. Main thread. */
import { GNTMAP_host_map, GNTST } from "../abi/grant_table.ts";
import type { Domain } from "../domain.ts";
import { pageTypesOf } from "../mm/page_types.ts";
import { hold, letGo, pinGrant, pinOf, unpinGrant } from "./pin.ts";

const DOM0 = 0;

/** GNTTABOP_map_grant_ref by Domain-0. @returns the local frame, or GNTST_* below 0 */
export function mapForDom0(domain: Domain, ref: number, readonly: boolean): number {
  return domain.lock.with(() => {
    const pin = pinOf(GNTMAP_host_map, readonly);
    const mfn = pinGrant(domain, ref, DOM0, pin, readonly);
    if (mfn < 0) return mfn;
    const frame = mfn - domain.mfnBase;
    const held = hold(pageTypesOf(domain), frame, GNTMAP_host_map, readonly);
    if (held !== GNTST.okay) {
      unpinGrant(domain, ref, pin, readonly);
      return held;
    }
    domain.header.grantMaps++;
    return frame;
  });
}

/** GNTTABOP_unmap_grant_ref of what `mapForDom0` mapped. */
export function unmapForDom0(domain: Domain, ref: number, frame: number, readonly: boolean): void {
  domain.lock.with(() => {
    letGo(pageTypesOf(domain), frame, GNTMAP_host_map, readonly);
    unpinGrant(domain, ref, pinOf(GNTMAP_host_map, readonly), readonly);
  });
}
