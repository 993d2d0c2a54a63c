/**
 * A vCPU's descriptor tables as its selectors find them: the guest's GDT frames (entries 0 to 7167), Xen's own flat segments behind them
 * (public/arch-x86/xen-x86_64.h), the LDT by linear address.
 */
import type { HypercallContext } from "../context.ts";
import { entryMfn, PTE } from "../mm/entry.ts";
import { PageType } from "../mm/frame_info.ts";
import { pageTypesOf } from "../mm/page_types.ts";
import { findL1, isCanonical, slotOf } from "../mm/walk.ts";

/** Why a descriptor could not be read. */
export type DescriptorFault =
  | { readonly kind: "limit" }
  /** The LDT's page is not there: its linear address. */
  | { readonly kind: "page"; readonly lo: number; readonly hi: number };

export interface Descriptor {
  readonly kind: "descriptor";
  readonly a: number;
  readonly b: number;
}

/** Xen's entries from FIRST_RESERVED_GDT_ENTRY on that a guest can load: index -> [low, high]. */
const XEN_SEGMENTS: ReadonlyMap<number, readonly [number, number]> = new Map([
  /* 0xe023 ring 3 code, 32-bit */ [0xe020 >>> 3, [0x0000ffff, 0x00cffb00]],
  /* 0xe02b ring 3 data */ [0xe028 >>> 3, [0x0000ffff, 0x00cff300]],
  /* 0xe033 ring 3 code, 64-bit */ [0xe030 >>> 3, [0x00000000, 0x00affb00]],
]);
const RESERVED_FIRST = 0xe000 >>> 3;
const LDT_BIT = 4;

/** The descriptor a selector names. Null selectors are the caller's to look for. */
export function readDescriptor(cx: HypercallContext, selector: number): Descriptor | DescriptorFault {
  return selector & LDT_BIT ? readLdt(cx, selector >>> 3) : readGdt(cx, selector >>> 3);
}

const ACCESSED = 0x100;

/** Sets the accessed bit of a descriptor in the guest's GDT or LDT. Xen's own have it set. */
export function setDescriptorAccessed(cx: HypercallContext, selector: number): void {
  const { domain, vcpu } = cx;
  const page = selector >> 12, entry = (selector >>> 3) & 511;
  const mfn = selector & LDT_BIT ? vcpu.state.ldtFrames(page) : vcpu.state.gdtFrames(page & 15);
  if (mfn === 0 || (!(selector & LDT_BIT) && selector >>> 3 >= RESERVED_FIRST)) return;
  const frame = mfn - domain.mfnBase;
  Atomics.or(domain.views.i32, frame * 1024 + entry * 2 + 1, ACCESSED);
  pageTypesOf(domain).written(frame, entry * 8, 8);
}

const LIMIT: DescriptorFault = { kind: "limit" };

function readGdt(cx: HypercallContext, index: number): Descriptor | DescriptorFault {
  if (index >= RESERVED_FIRST) {
    const own = XEN_SEGMENTS.get(index);
    return own === undefined ? LIMIT : { kind: "descriptor", a: own[0], b: own[1] };
  }
  const { domain, vcpu } = cx;
  const mfn = vcpu.state.gdtFrames(index >> 9);
  // Behind the guest's frames Xen has pages of zeroes: descriptors that are not present.
  if (mfn === 0) return { kind: "descriptor", a: 0, b: 0 };
  const word = (mfn - domain.mfnBase) * 1024 + (index & 511) * 2;
  return { kind: "descriptor", a: domain.views.i32[word], b: domain.views.i32[word + 1] };
}

function readLdt(cx: HypercallContext, index: number): Descriptor | DescriptorFault {
  const { domain, vcpu } = cx;
  const { state } = vcpu;
  if (index >= state.ldtEntries) return LIMIT;
  const page = index >> 9;
  let mfn = state.ldtFrames(page);
  if (mfn === 0) {
    mfn = domain.lock.with(() => mapLdtPage(cx, page));
    if (mfn === 0) {
      const lo = (state.ldtBaseLo >>> 0) + index * 8;
      const hi = state.ldtBaseHi + (lo >= 4294967296 ? 1 : 0);
      return isCanonical(hi) ? { kind: "page", lo: lo | 0, hi } : LIMIT;
    }
  }
  const word = (mfn - domain.mfnBase) * 1024 + (index & 511) * 2;
  return { kind: "descriptor", a: domain.views.i32[word], b: domain.views.i32[word + 1] };
}

/** pv_map_ldt_shadow_page: the page must be the domain's and can take the descriptor type. @returns its mfn or 0 */
function mapLdtPage(cx: HypercallContext, page: number): number {
  const { domain, vcpu } = cx;
  const { state } = vcpu;
  const types = pageTypesOf(domain);
  const low = (state.ldtBaseLo >>> 0) + page * 4096;
  const lo = low | 0, hi = state.ldtBaseHi + (low >= 4294967296 ? 1 : 0);
  const table = findL1(types, state.kernelCr3, lo, hi);
  if (table < 0) return 0;
  const index = types.entryIndex(table, slotOf(1, lo, hi));
  const entryLo = domain.views.i32[index];
  if (!(entryLo & PTE.PRESENT)) return 0;
  const mfn = entryMfn(entryLo, domain.views.i32[index + 1]);
  if (types.getPageAndType(mfn, PageType.seg_desc) !== 0) return 0;
  state.setLdtFrames(page, mfn);
  return mfn;
}

/**
 * Base of the data or readable code segment a selector names, as a load of FS or GS at CPL 3 would take it; undefined: the load would fault.
 * Null selectors have base 0.
 */
export function descriptorBase(cx: HypercallContext, selector: number): number | undefined {
  if (selector <= 3) return 0;
  const found = readDescriptor(cx, selector);
  if (found.kind !== "descriptor") return undefined;
  const { a, b } = found;
  const isPresent = (b & 0x8000) !== 0, isSegment = (b & 0x1000) !== 0;
  const isReadable = (b & 0x800) === 0 || (b & 0x200) !== 0;
  const isConforming = (b & 0xc00) === 0xc00;
  const isPrivileged = ((b >> 13) & 3) === 3 || isConforming;
  if (!isPresent || !isSegment || !isReadable || !isPrivileged) return undefined;
  return (a >>> 16) | ((b & 0xff) << 16) | (b & 0xff000000);
}
