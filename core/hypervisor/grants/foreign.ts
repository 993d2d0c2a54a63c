/** A CPU's access to a frame of another domain, through a grant mapping: what the engine's `foreign` hook does. */
import { FOREIGN_FAULT } from "../../cpu/engine.ts";
import type { Domain } from "../domain.ts";
import { domainOfMfn } from "../mm/owner.ts";
import { pageTypesOf } from "../mm/page_types.ts";

/** Moves `size` bytes between a frame and the byte address `data` of the domain's own memory. The page table entry was checked when it was made. */
export function foreignAccess(
  domain: Domain,
  mfn: number,
  offset: number,
  size: number,
  write: boolean,
  data: number,
): number {
  const owner = domainOfMfn(domain.machine, mfn);
  if (owner === undefined || owner === domain) return FOREIGN_FAULT;
  const types = pageTypesOf(owner);
  const frame = types.ownFrame(mfn);
  if (frame < 0) return FOREIGN_FAULT;
  const at = frame * 4096 + offset;
  const mine = domain.views.u8.subarray(data, data + size);
  if (write) {
    owner.views.u8.set(mine, at);
    types.written(frame, offset, size);
  } else mine.set(owner.views.u8.subarray(at, at + size));
  return 0;
}
