import { ImageError } from "./errors.ts";
import type { PvPlacement } from "./kernel.ts";
import { checkMapping, type Mapping, maskVirtual, PAGING, type Table, tablesFor } from "./page_tables.ts";

/** Where everything lies in a PV guest's memory when it starts. A run of frames: */
export interface FrameRange {
  readonly pfn: number;
  readonly pages: number;
}

/**
 * Start-of-day memory layout (the comment of that name in xen.h), in pfns. The bootstrap area maps
 * [0, bootstrapPages) at virtBase one to one; what lies behind it is not mapped, or has a mapping of its own.
 */
export interface PvLayout {
  readonly kernel: FrameRange;
  readonly ramdisk?: FrameRange & { readonly mapped: boolean };
  readonly p2m: FrameRange & { readonly virtual: bigint };
  readonly startInfo: number;
  readonly store: number;
  readonly console: number;
  /** Tables of the bootstrap area; the first one is the top level. */
  readonly bootstrapTables: readonly Table[];
  /** Tables for a p2m list at its own virtual address. */
  readonly p2mTables: readonly Table[];
  readonly bootStack: number;
  readonly bootstrapPages: number;
  readonly mappings: readonly Mapping[];
  /** Frames used in all; what lies behind is free memory. */
  readonly end: number;
}

const PAGE = 4096;
/** At least this much lies behind the last element ... */
const PADDING_PAGES = 512 * 1024 / PAGE;
/** ... and the area ends on a multiple of this. */
const ALIGNMENT = 4n << 20n;

function pagesOf(bytes: number): number {
  return Math.ceil(bytes / PAGE);
}

/**
 * Lays out a PV guest's memory as libxenguest does: elements packed in xen.h's order.
 * @param nrPages frames of the domain (sizes the p2m list; whether they suffice is for the caller to check)
 * @throws ImageError corrupt when the kernel's addresses collide with Xen's
 */
export function layoutPv(placement: PvPlacement, ramdiskBytes: number, nrPages: number): PvLayout {
  const { virtBase, width } = placement;
  const mode = PAGING[width];
  const pfnOf = (address: bigint) => Number((address - virtBase) / BigInt(PAGE));
  let next = pfnOf(placement.kernelStart);
  const take = (pages: number): FrameRange => {
    const range = { pfn: next, pages };
    next += pages;
    return range;
  };

  const kernel = take(pagesOf(Number(placement.kernelEnd - placement.kernelStart)));
  const hasRamdisk = ramdiskBytes > 0;
  const mappedRamdisk = hasRamdisk && !placement.unmappedRamdisk ? take(pagesOf(ramdiskBytes)) : undefined;
  const p2mPages = pagesOf(nrPages * (width / 8));
  const innerP2m = placement.initP2m === undefined ? take(p2mPages) : undefined;
  const startInfo = take(1).pfn;
  const store = take(1).pfn;
  const console = take(1).pfn;

  // The tables are part of the area that they map, so its size is found by trying.
  const tablesAt = next;
  let bootstrapTables: Table[] = [];
  let bootstrapPages = 0;
  for (let pages = 1 + PADDING_PAGES;; pages = bootstrapTables.length + 1 + PADDING_PAGES) {
    const end = virtBase + BigInt(tablesAt + pages) * BigInt(PAGE);
    bootstrapPages = pfnOf((end + ALIGNMENT - 1n) / ALIGNMENT * ALIGNMENT);
    const area = { from: maskVirtual(mode, virtBase), pages: bootstrapPages, pfn: 0 };
    bootstrapTables = tablesFor(mode, area, [], tablesAt);
    if (tablesAt + bootstrapTables.length + 1 + PADDING_PAGES <= bootstrapPages) break;
  }
  checkMapping(mode, virtBase, bootstrapPages, "the kernel");
  take(bootstrapTables.length);
  const bootStack = take(1).pfn;
  next = bootstrapPages;

  const mappings: Mapping[] = [{ from: maskVirtual(mode, virtBase), pages: bootstrapPages, pfn: 0 }];
  const ramdisk = hasRamdisk
    ? mappedRamdisk === undefined
      ? { ...take(pagesOf(ramdiskBytes)), mapped: false }
      : { ...mappedRamdisk, mapped: true }
    : undefined;

  let p2m: PvLayout["p2m"];
  let p2mTables: Table[] = [];
  if (innerP2m !== undefined) {
    p2m = { ...innerP2m, virtual: virtBase + BigInt(innerP2m.pfn * PAGE) };
  } else {
    const virtual = placement.initP2m ?? 0n;
    checkMapping(mode, virtual, p2mPages, "the P2M list");
    p2m = { ...take(p2mPages), virtual };
    const mapping = { from: maskVirtual(mode, virtual), pages: p2mPages, pfn: p2m.pfn };
    if (
      mapping.from < mappings[0].from + BigInt(bootstrapPages * PAGE) &&
      mapping.from + BigInt(p2mPages * PAGE) > mappings[0].from
    ) {
      throw new ImageError("corrupt", "the kernel wants its P2M list where its own bootstrap area lies");
    }
    p2mTables = tablesFor(mode, mapping, bootstrapTables, next);
    take(p2mTables.length);
    mappings.push(mapping);
  }
  return {
    kernel,
    ramdisk,
    p2m,
    startInfo,
    store,
    console,
    bootstrapTables,
    p2mTables,
    bootStack,
    bootstrapPages,
    mappings,
    end: next,
  };
}

/** Frames that the kernel and its ramdisk take at the least, whatever else there is. */
export function imagePages(placement: PvPlacement, ramdiskBytes: number): number {
  return pagesOf(Number(placement.kernelEnd - placement.virtBase)) + pagesOf(ramdiskBytes);
}

/** A kernel that claims more than this gets no exact layout: its headers are nonsense or its need is hopeless. */
const LAYOUT_LIMIT_PAGES = 1 << 24;

/** The smallest memory, in MiB, whose layout fits into itself. */
export function memoryNeeded(placement: PvPlacement, ramdiskBytes: number): number {
  const pagesPerMiB = (1 << 20) / PAGE;
  let mib = Math.ceil(imagePages(placement, ramdiskBytes) / pagesPerMiB);
  if (mib * pagesPerMiB > LAYOUT_LIMIT_PAGES) return mib;
  for (;;) {
    const { end } = layoutPv(placement, ramdiskBytes, mib * pagesPerMiB);
    const needed = Math.ceil(end / pagesPerMiB);
    if (needed <= mib) return mib;
    mib = needed;
  }
}
