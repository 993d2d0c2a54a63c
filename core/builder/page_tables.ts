import type { Steps } from "../hypervisor/steps.ts";
import { hex, ImageError } from "./errors.ts";

/** Bootstrap page tables of a PV guest: which tables a set of mappings needs, in which frames, and their entries. */

const PRESENT = 1;
const WRITE = 2;
const USER = 4;
const ACCESSED = 0x20;
const DIRTY = 0x40;

/** Levels and address width of a PV guest's page tables: four-level, or PAE. */
export interface PagingMode {
  readonly levels: 3 | 4;
  readonly virtualBits: 32 | 48;
}

export const PAGING: Readonly<Record<32 | 64, PagingMode>> = {
  32: { levels: 3, virtualBits: 32 },
  64: { levels: 4, virtualBits: 48 },
};

/** Pages [from, from + pages) of the virtual address space (addresses masked to the mode) show frames from pfn on. */
export interface Mapping {
  readonly from: bigint;
  readonly pages: number;
  readonly pfn: number;
}

/** A table: its level (1 = L1), the first virtual address it covers, and the frame it lies in. */
export interface Table {
  readonly level: number;
  readonly from: bigint;
  readonly pfn: number;
}

function levelShift(level: number): bigint {
  return BigInt(12 + 9 * (level - 1));
}

/** Masks an address to the bits that page tables translate. */
export function maskVirtual(mode: PagingMode, address: bigint): bigint {
  return address & ((1n << BigInt(mode.virtualBits)) - 1n);
}

/**
 * The tables that a mapping needs beyond those in `existing`, top level first, then by address: the order in
 * which libxenguest lays them out, so that the first frame is the one CR3 names. Frames count up from `firstPfn`.
 */
export function tablesFor(
  mode: PagingMode,
  mapping: Mapping,
  existing: readonly Table[],
  firstPfn: number,
): Table[] {
  const tables: Table[] = [];
  let pfn = firstPfn;
  const last = mapping.from + BigInt(mapping.pages) * 4096n - 1n;
  for (let level: number = mode.levels; level >= 1; level--) {
    const top = level === mode.levels;
    const span = levelShift(level + 1);
    const starts: bigint[] = [];
    if (top) starts.push(0n);
    else for (let at = mapping.from >> span; at <= last >> span; at++) starts.push(at << span);
    // A PAE guest's fourth L2 must be its own even when the kernel lies lower: Xen maps its area through it.
    if (mode.levels === 3 && level === 2 && existing.length === 0) {
      for (let at = (last >> span) + 1n; at < 4n; at++) starts.push(at << span);
    }
    for (const from of starts) {
      if (existing.some((table) => table.level === level && table.from === from)) continue;
      tables.push({ level, from, pfn: pfn++ });
    }
  }
  return tables;
}

/** Looks up where tables lie by level and address. */
function tableIndex(tables: readonly Table[]): (level: number, address: bigint, mode: PagingMode) => Table {
  const index = new Map(tables.map((table) => [`${table.level}:${table.from}`, table]));
  return (level, address, mode) => {
    const span = levelShift(level + 1);
    const from = level === mode.levels ? 0n : address >> span << span;
    const table = index.get(`${level}:${from}`);
    if (table === undefined) throw new Error(`no L${level} table for ${hex(address)}`);
    return table;
  };
}

/**
 * Writes all entries, a table at a time. Leaf entries are read-write but for those that show a page table, which are
 * read-only (Xen refuses to pin anything else); the user bit of leaf entries is added by Xen when it validates them.
 * @param frames the domain's frames, pfn i at byte i * 4096; the tables' frames must be zero
 * @returns steps of at most 512 entries, to be taken to the last
 */
export function* writePageTables(
  frames: Uint8Array,
  mode: PagingMode,
  mappings: readonly Mapping[],
  tables: readonly Table[],
  pfnToMfn: (pfn: number) => number,
): Steps<void> {
  const view = new DataView(frames.buffer, frames.byteOffset, frames.byteLength);
  const lookup = tableIndex(tables);
  const tablePfns = new Set(tables.map(({ pfn }) => pfn));
  /** No BigInt for each page: there are tens of thousands. */
  const entry = (table: Table, slot: number, pfn: number, bits: number) => {
    const at = table.pfn * 4096 + slot * 8, mfn = pfnToMfn(pfn);
    view.setUint32(at, ((mfn & 0xfffff) << 12 | bits) >>> 0, true);
    view.setUint32(at + 4, Math.floor(mfn / 0x10_0000), true);
  };
  for (const table of tables) {
    if (table.level === mode.levels) continue;
    const parent = lookup(table.level + 1, table.from, mode);
    const slot = Number(table.from >> levelShift(parent.level)) &
      (mode.levels === 3 && parent.level === 3 ? 3 : 511);
    entry(parent, slot, table.pfn, PRESENT | WRITE | USER | ACCESSED | DIRTY);
  }
  for (const { from, pages, pfn } of mappings) {
    for (let page = 0; page < pages;) {
      const address = from + BigInt(page) * 4096n;
      const table = lookup(1, address, mode);
      const first = Number(address >> 12n & 511n), count = Math.min(512 - first, pages - page);
      for (let i = 0; i < count; i++) {
        const shown = pfn + page + i;
        entry(table, first + i, shown, PRESENT | ACCESSED | (tablePfns.has(shown) ? 0 : WRITE));
      }
      page += count;
      yield;
    }
  }
}

/** @throws ImageError corrupt when a mapping reaches into Xen's part of the address space */
export function checkMapping(mode: PagingMode, from: bigint, pages: number, what: string): void {
  const start = maskVirtual(mode, from);
  const end = start + BigInt(pages) * 4096n;
  const [holeStart, holeEnd] = mode.levels === 4
    ? [0x8000_0000_0000n, 0x8800_0000_0000n] // L4 slots 256 to 271
    : [0xf580_0000n, 0x1_0000_0000n];
  if ((start < holeEnd && end > holeStart) || end > (1n << BigInt(mode.virtualBits))) {
    throw new ImageError(
      "corrupt",
      `${what} at ${hex(from)} (${pages} pages) reaches into Xen's own address space`,
    );
  }
}
