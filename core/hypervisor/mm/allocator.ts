/** Frames of a domain's memory that it gives back (balloon) and gets again. Under the domain's lock, but for freeFrame. */
import type { Domain } from "../domain.ts";
import { DomainHeader } from "../layout.ts";
import { Lock } from "../lock.ts";
import type { PageTypes } from "./page_types.ts";
import { returnPages } from "../memory_return.ts";
import type { Steps } from "../steps.ts";
import { ALLOCATED, ON_FREE_STACK, RETURNED } from "./frame_info.ts";
import { INVALID_M2P_LO, setM2p } from "./m2p.ts";

const locks = new WeakMap<Domain, Lock>();

/** The lock of the stack of free frames. */
function stackLock(domain: Domain): Lock {
  let lock = locks.get(domain);
  if (lock === undefined) {
    const word = (domain.header.base + DomainHeader.offsets.freeLock) >>> 2;
    locks.set(domain, lock = new Lock(domain.views.i32, word, `free frames of domain ${domain.domid}`));
  }
  return lock;
}

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
  setM2p(domain, frame, INVALID_M2P_LO, INVALID_M2P_LO);
  stackLock(domain).with(() => {
    const { header, layout } = domain;
    domain.views.u32[(layout.reserve.freeFrames >>> 2) + header.freeFrames] = frame;
    header.freeFrames++;
    header.unreturnedFrames++;
    header.totPages--;
    types.setCountInfo(frame, ON_FREE_STACK);
  });
}

/** A frame for the guest, zeroed, with the allocation's reference. @returns -1 when there is none */
export function allocateFrame(types: PageTypes): number {
  const { domain } = types;
  return stackLock(domain).with(() => {
    const { header, layout } = domain;
    if (header.freeFrames === 0 || header.totPages >= header.maxPages) return -1;
    header.freeFrames--;
    const frame = domain.views.u32[(layout.reserve.freeFrames >>> 2) + header.freeFrames];
    types.setTypeInfo(frame, 0);
    types.setCountInfo(frame, ALLOCATED | 1);
    header.totPages++;
    return frame;
  });
}

/** 2^order frames in a row, aligned to their number. @returns the first, or -1 */
export function allocateFrames(types: PageTypes, order: number): number {
  if (order === 0) return allocateFrame(types);
  const { header } = types.domain;
  const count = 1 << order;
  if (header.freeFrames < count || header.totPages + count > header.maxPages) return -1;
  const first = findRun(types, order, (frame) => isFree(types, frame));
  if (first >= 0) takeFrames(types, first, count);
  return first;
}

export function isFree(types: PageTypes, frame: number): boolean {
  return (types.countInfo(frame) & ON_FREE_STACK) !== 0;
}

/** The lowest aligned run of 2^order frames that `suits`. Alignment is of machine frames too: mfnBase is a multiple of 512. */
export function findRun(types: PageTypes, order: number, suits: (frame: number) => boolean): number {
  const count = 1 << order;
  for (let first = 0; first + count <= types.domain.layout.frames; first += count) {
    let length = 0;
    while (length < count && suits(first + length)) length++;
    if (length === count) return first;
  }
  return -1;
}

/** Gives free frames `first` up to the guest. */
export function takeFrames(types: PageTypes, first: number, count: number): void {
  const { header, layout, views } = types.domain;
  const stack = views.u32, base = layout.reserve.freeFrames >>> 2;
  stackLock(types.domain).with(() => {
    let kept = 0;
    for (let i = 0; i < header.freeFrames; i++) {
      const frame = stack[base + i];
      if (frame < first || frame >= first + count) stack[base + kept++] = frame;
    }
    header.freeFrames = kept;
    header.totPages += count;
    for (let frame = first; frame < first + count; frame++) {
      types.setTypeInfo(frame, 0);
      types.setCountInfo(frame, ALLOCATED | 1);
    }
  });
}

/** 1 ms or so: with the lock of the stack held, or in one step. */
export const FRAMES_AT_ONCE = 16384;

/**
 * Start of day: `owned` frames from 0 belong to the guest, the others are free; the lowest free frame is handed out first.
 */
export function* initialiseFrames(types: PageTypes, owned: number): Steps<void> {
  const { domain } = types;
  const { header, layout } = domain;
  // Nobody else looks yet: plain stores.
  const words = domain.views.u32;
  for (let frame = 0; frame < owned; frame++) {
    words[domain.countIndex(frame)] = ALLOCATED | 1;
    if (frame % FRAMES_AT_ONCE === 0) yield;
  }
  const stack = layout.reserve.freeFrames >>> 2;
  header.freeFrames = 0;
  for (let frame = layout.frames - 1; frame >= owned; frame--) {
    words[stack + header.freeFrames++] = frame;
    // Fresh memory has no pages yet.
    words[domain.countIndex(frame)] = ON_FREE_STACK | RETURNED;
    if (frame % FRAMES_AT_ONCE === 0) yield;
  }
  header.unreturnedFrames = 0;
  header.totPages = owned;
}

/**
 * Main thread: the pages of frames that the domain has given back, and not got again since, go back to the host.
 * @returns how many; 0 where the host offers no way: they are zeroed and stay
 */
export function returnFreeFrames(domain: Domain): number {
  const { header, layout, memory, views } = domain;
  if (header.unreturnedFrames === 0) return 0;
  let returned = 0;
  const words = views.u32;
  const isDue = (frame: number) =>
    (words[domain.countIndex(frame)] & (ON_FREE_STACK | RETURNED)) === ON_FREE_STACK;
  for (let start = 0; start < layout.frames; start += FRAMES_AT_ONCE) {
    const end = Math.min(layout.frames, start + FRAMES_AT_ONCE);
    stackLock(domain).with(() => {
      if (start === 0) header.unreturnedFrames = 0;
      for (let frame = start; frame < end; frame++) {
        if (!isDue(frame)) continue;
        const first = frame;
        while (frame < end && isDue(frame)) frame++;
        if (!returnPages(memory, first * 4096, (frame - first) * 4096)) return;
        for (let done = first; done < frame; done++) words[domain.countIndex(done)] |= RETURNED;
        returned += frame - first;
      }
    });
  }
  return returned;
}
