/** Frames of a domain's memory that it gives back (balloon) and gets again. Under the domain's lock. */
import type { PageTypes } from "./page_types.ts";
import { ALLOCATED } from "./frame_info.ts";

/** free_domheap_page: the last reference is gone. The frame is zeroed (Xen's scrub) and goes to the free frames. */
export function freeFrame(types: PageTypes, frame: number): void {
  const { domain, tlb } = types;
  if (!domain.isGuestFrame(frame)) {
    throw new Error(`domain ${domain.domid}: frame ${frame} of Xen's own is freed`);
  }
  tlb.dropFrame(frame);
  types.setTypeInfo(frame, 0);
  types.setCountInfo(frame, 0);
  domain.views.u8.fill(0, frame * 4096, (frame + 1) * 4096);
  const { header, layout } = domain;
  domain.views.u32[(layout.reserve.freeFrames >>> 2) + header.freeFrames] = frame;
  header.freeFrames++;
  header.totPages--;
}

/** A frame for the guest, zeroed, with the allocation's reference. @returns -1 when there is none */
export function allocateFrame(types: PageTypes): number {
  const { domain } = types;
  const { header, layout } = domain;
  if (header.freeFrames === 0 || header.totPages >= header.maxPages) return -1;
  header.freeFrames--;
  const frame = domain.views.u32[(layout.reserve.freeFrames >>> 2) + header.freeFrames];
  types.setTypeInfo(frame, 0);
  types.setCountInfo(frame, ALLOCATED | 1);
  header.totPages++;
  return frame;
}

/**
 * Start of day: `owned` frames from 0 belong to the guest, the others are free; the lowest free frame is handed out first.
 */
export function initialiseFrames(types: PageTypes, owned: number): void {
  const { domain } = types;
  const { header, layout } = domain;
  for (let frame = 0; frame < owned; frame++) types.setCountInfo(frame, ALLOCATED | 1);
  const stack = layout.reserve.freeFrames >>> 2;
  header.freeFrames = 0;
  for (let frame = layout.frames - 1; frame >= owned; frame--) {
    domain.views.u32[stack + header.freeFrames++] = frame;
  }
  header.totPages = owned;
}
