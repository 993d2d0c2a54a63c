/**
 * The two words of frameInfo that belong to the hypervisor: Xen's page_info.u.inuse.type_info and count_info, in 32 bits each.
 *
 * Counts change by atomics, so that another domain's grant mappings may drop references without this domain's lock; types change
 * under the lock of the domain that owns the frame.
 */

export const TYPE_SHIFT = 29;
export const PageType = {
  none: 0,
  l1: 1,
  l2: 2,
  l3: 3,
  l4: 4,
  seg_desc: 5,
  writable: 7,
} as const;
export type PageType = typeof PageType[keyof typeof PageType];

/** typeInfo: PGT_pinned, PGT_validated, PGT_count_mask. */
export const PINNED = 1 << 28;
export const VALIDATED = 1 << 27;
export const TYPE_COUNT_MASK = VALIDATED - 1;

/** countInfo: PGC_allocated (the allocation itself holds one reference), PGC_xen_heap (Xen's page, shared with the guest). */
export const ALLOCATED = 0x80000000;
export const XEN_HEAP = 0x40000000;
/** Of frames on the stack of free ones. */
export const ON_FREE_STACK = 1 << 29;
/** Of those: the host has its page back; it reads as zero. */
export const RETURNED = 1 << 28;
export const REF_COUNT_MASK = (1 << 28) - 1;

export function typeOf(info: number): PageType {
  return (info >>> TYPE_SHIFT) as PageType;
}

/** For messages: `l1/v/p 3`. */
export function describeType(info: number): string {
  const name = Object.entries(PageType).find(([, value]) => value === typeOf(info))?.[0] ?? `${typeOf(info)}`;
  return `${name}${info & VALIDATED ? "/v" : ""}${info & PINNED ? "/p" : ""} ${info & TYPE_COUNT_MASK}`;
}
