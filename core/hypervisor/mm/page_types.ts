/**
 * Page types and reference counts: Xen's get_page, get_page_type and the validation of page tables, for 64-bit PV domains.
 *
 * A frame's type says what it is used for now; while its type count is not zero no other use is possible. Page tables and descriptor
 * tables are checked entry by entry when they get their type. Validation is done in one go under the domain's lock (Xen's PGT_partial has
 * no counterpart). Results are 0 or Xen's negative error numbers.
 */
import { FRAME_INFO_BYTES, FrameFlag } from "../../cpu/layout.ts";
import { EBUSY, EINVAL, EPERM } from "../abi/errno.ts";
import { VMASST_TYPE } from "../abi/hypercall_numbers.ts";
import { ROOT_PAGETABLE_FIRST_XEN_SLOT, ROOT_PAGETABLE_LAST_XEN_SLOT } from "../abi/xen.ts";
import type { Domain } from "../domain.ts";
import { DomainHeader, WEAK_SLOTS } from "../layout.ts";
import { checkDescriptorPage } from "./descriptor.ts";
import {
  adjustHi,
  adjustLo,
  entryHi,
  entryLo,
  entryMfn,
  L1_DISALLOWED,
  PTE,
  TABLE_DISALLOWED,
} from "./entry.ts";
import {
  ALLOCATED,
  PageType,
  REF_COUNT_MASK,
  TYPE_COUNT_MASK,
  TYPE_SHIFT,
  typeOf,
  VALIDATED,
  XEN_HEAP,
} from "./frame_info.ts";
import { freeFrame } from "./allocator.ts";
import { domainOfMfn } from "./owner.ts";

/** What page types need of the CPU: the engine, or nothing while no vCPU of the domain has ever run. */
export interface TlbControl {
  dropWriteTags(frame: number): void;
  dropFrame(frame: number): void;
  staleAll(): void;
  frameWritten(frame: number, offset: number, length: number): void;
}

export const NO_TLB: TlbControl = {
  dropWriteTags() {},
  dropFrame() {},
  staleAll() {},
  frameWritten() {},
};

/** The mfn Xen takes for INVALID_MFN in an L1 entry: all address bits set. */
const INVALID_PTE_MFN = 2 ** 40 - 1;

export class PageTypes {
  readonly #i32: Int32Array;
  readonly #i64: BigInt64Array;
  readonly #u32: Uint32Array;
  readonly #linear: Int16Array;
  /** Index of frame 0's type word; the count word follows. */
  readonly #info: number;
  readonly #weakened: number;
  readonly #weakSlots: number;

  constructor(readonly domain: Domain, readonly tlb: TlbControl) {
    this.#i32 = domain.views.i32;
    this.#i64 = new BigInt64Array(domain.views.buffer, 0, domain.views.buffer.byteLength >>> 3);
    this.#u32 = domain.views.u32;
    this.#info = domain.layout.frameInfo >>> 2;
    this.#weakened = (domain.header.base + DomainHeader.offsets.weakened) >>> 2;
    this.#weakSlots = (domain.header.base + DomainHeader.offsets.weakSlots) >>> 2;
    this.#linear = new Int16Array(
      domain.memory.buffer,
      domain.layout.reserve.linearCounts,
      domain.layout.frames,
    );
  }

  typeInfo(frame: number): number {
    return this.#u32[this.#info + frame * 4];
  }

  setTypeInfo(frame: number, info: number): void {
    Atomics.store(this.#i32, this.#info + frame * 4, info);
  }

  countInfo(frame: number): number {
    return this.#u32[this.#info + frame * 4 + 1];
  }

  setCountInfo(frame: number, info: number): void {
    Atomics.store(this.#i32, this.#info + frame * 4 + 1, info);
  }

  type(frame: number): PageType {
    return typeOf(this.typeInfo(frame));
  }

  typeCount(frame: number): number {
    return this.typeInfo(frame) & TYPE_COUNT_MASK;
  }

  isXenHeap(frame: number): boolean {
    return (this.countInfo(frame) & XEN_HEAP) !== 0;
  }

  /** Local frame of an mfn that this domain owns and that is allocated (or shared by Xen with it), else -1. */
  ownFrame(mfn: number): number {
    const frame = mfn - this.domain.layout.mfnBase;
    if (!(frame >= 0 && frame < this.domain.layout.totalFrames)) return -1;
    return this.countInfo(frame) & REF_COUNT_MASK ? frame : -1;
  }

  // ---- entries in memory --------------------------------------------------------------------------------------------

  /** Index in u32/i32 views of the low half of an entry. */
  entryIndex(frame: number, slot: number): number {
    return frame * 1024 + slot * 2;
  }

  /**
   * Stores an entry so that a walk on another worker sees the old one or the new one, or for one that is or was not present, none.
   * `flag` tells that decoded code may lie in the table's frame.
   */
  writeEntry(frame: number, slot: number, lo: number, hi: number): void {
    const words = this.#i32, index = frame * 1024 + slot * 2;
    if (words[index + 1] === hi) Atomics.store(words, index, lo);
    else if (words[index] & lo & PTE.PRESENT) Atomics.store(this.#i64, index / 2, both(lo, hi));
    else {
      Atomics.store(words, index, 0);
      Atomics.store(words, index + 1, hi);
      Atomics.store(words, index, lo);
    }
    this.#entryWritten(frame, slot);
  }

  /** Stores an entry if the one there is as the caller has seen it: a walk may have set accessed and dirty bits since. @returns whether it was */
  exchangeEntry(frame: number, slot: number, oldLo: number, oldHi: number, lo: number, hi: number): boolean {
    const index = frame * 1024 + slot * 2;
    const isSame = oldHi === hi
      ? Atomics.compareExchange(this.#i32, index, oldLo, lo) === oldLo
      : Atomics.compareExchange(this.#i64, index / 2, both(oldLo, oldHi), both(lo, hi)) ===
        both(oldLo, oldHi);
    if (isSame) this.#entryWritten(frame, slot);
    return isSame;
  }

  /**
   * An entry of a table in use loses rights. A processor may go on with what its TLB holds until it is flushed, by the guest or by a load of CR3;
   * spaces of other top-level tables must not outlive that (selectTables looks at the count).
   * @param slot the entry's, when it is one of an L1 table: only TLB entries of that slot can come from it
   */
  weaken(slot = -1): void {
    const count = Atomics.add(this.#i32, this.#weakened, 1);
    Atomics.store(this.#i32, this.#weakSlots + (count & (WEAK_SLOTS - 1)), weakLoss(count, slot));
  }

  get weakenings(): number {
    return this.domain.header.weakened;
  }

  /** The slot that the loss of rights number `count` concerns, or -1: any, or it is forgotten. */
  weakSlot(count: number): number {
    const loss = Atomics.load(this.#i32, this.#weakSlots + (count & (WEAK_SLOTS - 1)));
    return loss >>> 10 === weakLoss(count, -1) >>> 10 ? (loss & 1023) - 1 : -1;
  }

  /** After any store of ours into a frame. */
  written(frame: number, offset: number, length: number): void {
    // A read-modify-write: what was stored is visible before the flag is looked at. Whoever decodes sets it before he reads.
    if (Atomics.or(this.#i32, this.#info + frame * (FRAME_INFO_BYTES / 4) + 3, 0) & FrameFlag.HAS_CODE) {
      this.tlb.frameWritten(frame, offset, length);
    }
  }

  /** The same after an atomic store. */
  #entryWritten(frame: number, slot: number): void {
    if (this.#u32[this.#info + frame * (FRAME_INFO_BYTES / 4) + 3] & FrameFlag.HAS_CODE) {
      this.tlb.frameWritten(frame, slot * 8, 8);
    }
  }

  // ---- general references -------------------------------------------------------------------------------------------

  /** get_page. @returns false: not allocated, or the count would overflow */
  getPage(frame: number): boolean {
    const index = this.#info + frame * 4 + 1;
    for (;;) {
      const info = Atomics.load(this.#i32, index), count = info & REF_COUNT_MASK;
      if (count === 0 || count >= REF_COUNT_MASK - 1) return false;
      // Another domain may be dropping the last reference, without this domain's lock.
      if (Atomics.compareExchange(this.#i32, index, info, info + 1) === info) return true;
    }
  }

  putPage(frame: number): void {
    const before = Atomics.sub(this.#i32, this.#info + frame * 4 + 1, 1) & REF_COUNT_MASK;
    if (before === 0) {
      throw new Error(`domain ${this.domain.domid}: reference count of frame ${frame} underflows`);
    }
    if (before === 1) freeFrame(this, frame);
  }

  /** The reference that the allocation holds (put_page_alloc_ref). @returns false: it is gone already */
  putAllocation(frame: number): boolean {
    const index = this.#info + frame * 4 + 1;
    if (!(Atomics.and(this.#i32, index, ~ALLOCATED) & (ALLOCATED | 0))) return false;
    this.putPage(frame);
    return true;
  }

  // ---- type references ----------------------------------------------------------------------------------------------

  /** get_page_type. */
  getType(frame: number, type: PageType): number {
    const info = this.typeInfo(frame);
    const count = info & TYPE_COUNT_MASK;
    if (count !== 0) {
      if (typeOf(info) !== type || count === TYPE_COUNT_MASK || !(info & VALIDATED)) return -EINVAL;
      Atomics.add(this.#i32, this.#info + frame * 4, 1);
      return 0;
    }
    if (typeOf(info) === type && info & VALIDATED) {
      Atomics.add(this.#i32, this.#info + frame * 4, 1);
      return 0;
    }
    // No TLB may be left with a writable translation of what becomes a table.
    if (type !== PageType.writable && typeOf(info) !== type) this.tlb.dropWriteTags(frame);
    this.domain.header.pageTypeChanges++;
    if (type === PageType.writable) {
      this.setTypeInfo(frame, (type << TYPE_SHIFT) | VALIDATED | 1);
      return 0;
    }
    this.setTypeInfo(frame, (type << TYPE_SHIFT) | 1);
    if (frame < this.#linear.length) this.#linear[frame] = 0;
    const result = this.#promote(frame, type);
    if (result !== 0) {
      this.setTypeInfo(frame, 0);
      return result;
    }
    Atomics.or(this.#i32, this.#info + frame * 4, VALIDATED);
    return 0;
  }

  /** put_page_type. `table`: the page table whose entry goes away. */
  putType(frame: number, table = -1): void {
    const index = this.#info + frame * 4;
    const info = this.#u32[index];
    if ((info & TYPE_COUNT_MASK) === 0) {
      throw new Error(`domain ${this.domain.domid}: type count of frame ${frame} underflows`);
    }
    const type = typeOf(info);
    if ((info & TYPE_COUNT_MASK) === 1 && type >= PageType.l1 && type <= PageType.l4) {
      Atomics.and(this.#i32, index, ~VALIDATED);
      this.#demote(frame, type);
      if (type === PageType.l4) this.weaken();
    }
    if (table >= 0 && typeOf(this.typeInfo(table)) === type) {
      this.#linear[frame]++;
      this.#linear[table]--;
    }
    Atomics.sub(this.#i32, index, 1);
  }

  /** get_page_and_type_from_mfn. */
  getPageAndType(mfn: number, type: PageType): number {
    const frame = this.ownFrame(mfn);
    if (frame < 0 || !this.getPage(frame)) return -EINVAL;
    const result = this.getType(frame, type);
    if (result !== 0) this.putPage(frame);
    return result;
  }

  putPageAndType(frame: number, table = -1): void {
    this.putType(frame, table);
    this.putPage(frame);
  }

  /** page_lock would succeed: the frame has a validated type in use. */
  isInUse(frame: number): boolean {
    const info = this.typeInfo(frame);
    return (info & VALIDATED) !== 0 && (info & TYPE_COUNT_MASK) !== 0;
  }

  // ---- references that entries hold -----------------------------------------------------------------------------------

  /**
   * get_page_from_l1e for a present entry of this domain's table that maps a page of this domain.
   * @returns 0, -EINVAL (bits), -EPERM (no RAM of anybody), -EBUSY (not the guest's, or no writable mapping allowed)
   */
  getFromL1(lo: number, hi: number): number {
    if (lo & L1_DISALLOWED) return -EINVAL;
    const mfn = entryMfn(lo, hi);
    const frame = this.ownFrame(mfn);
    if (frame < 0) {
      const owner = domainOfMfn(this.domain.machine, mfn);
      if (owner === undefined) return mfn === INVALID_PTE_MFN ? -EINVAL : -EPERM;
      return -EBUSY;
    }
    if (!this.getPage(frame)) return -EBUSY;
    if (lo & PTE.RW && this.getType(frame, PageType.writable) !== 0) {
      this.putPage(frame);
      return -EBUSY;
    }
    return 0;
  }

  putFromL1(lo: number, hi: number): void {
    if (!(lo & PTE.PRESENT)) return;
    const mfn = entryMfn(lo, hi);
    const frame = mfn - this.domain.layout.mfnBase;
    if (frame >= 0 && frame < this.domain.layout.totalFrames) {
      if (lo & PTE.RW) this.putType(frame);
      return this.putPage(frame);
    }
    // A grant mapping overwritten by hand: its references go with the entry, the grant stays mapped for its owner.
    const owner = domainOfMfn(this.domain.machine, mfn);
    if (owner === undefined) return;
    const foreign = pageTypesOf(owner);
    if (lo & PTE.RW) foreign.putType(mfn - owner.layout.mfnBase);
    foreign.putPage(mfn - owner.layout.mfnBase);
  }

  /** get_page_from_l2e, l3e, l4e for a present entry of `level` in `table`. */
  getFromTable(level: number, lo: number, hi: number, table: number): number {
    if (lo & TABLE_DISALLOWED) return -EINVAL;
    const mfn = entryMfn(lo, hi);
    const result = this.getPageAndType(mfn, (level - 1) as PageType);
    if (result === -EINVAL && this.#getLinear(level, lo, mfn, table)) return 0;
    return result;
  }

  putFromTable(lo: number, hi: number, table: number): void {
    if (!(lo & PTE.PRESENT)) return;
    const frame = entryMfn(lo, hi) - this.domain.layout.mfnBase;
    if (frame !== table) this.putPageAndType(frame, table);
  }

  /**
   * get_lN_linear_pagetable: an entry may map a table of its own level, read-only: itself, or another one that is validated, holds no
   * such entries itself, while this table is not used that way.
   */
  #getLinear(level: number, lo: number, mfn: number, table: number): boolean {
    if (lo & PTE.RW) return false;
    const frame = this.ownFrame(mfn);
    if (frame === table) return true;
    if (frame < 0 || frame >= this.#linear.length || !this.getPage(frame)) return false;
    const info = this.typeInfo(frame);
    if (
      this.#linear[table] < 0 || this.#linear[table] === 0x7fff || this.#linear[frame] > 0 ||
      this.#linear[frame] === -0x8000 || typeOf(info) !== level || !(info & VALIDATED) ||
      (info & TYPE_COUNT_MASK) === TYPE_COUNT_MASK
    ) {
      this.putPage(frame);
      return false;
    }
    this.#linear[table]++;
    this.#linear[frame]--;
    Atomics.add(this.#i32, this.#info + frame * 4, 1);
    return true;
  }

  // ---- validation -----------------------------------------------------------------------------------------------------

  #promote(frame: number, type: PageType): number {
    if (type === PageType.seg_desc) {
      if (!checkDescriptorPage(this.#u32, frame)) return -EINVAL;
      this.written(frame, 0, 4096);
      return 0;
    }
    const words = this.#i32, base = frame * 1024;
    for (let slot = 0; slot < 512; slot++) {
      if (type === PageType.l4 && isXenSlot(slot)) continue;
      const lo = words[base + slot * 2], hi = words[base + slot * 2 + 1];
      if (!(lo & PTE.PRESENT)) continue;
      const result = type === PageType.l1 ? this.getFromL1(lo, hi) : this.getFromTable(type, lo, hi, frame);
      if (result !== 0) {
        this.#release(frame, type, slot);
        return result;
      }
      const newLo = adjustLo(type, lo, hi), newHi = adjustHi(type, lo, hi);
      if (newLo !== lo || newHi !== hi) this.writeEntry(frame, slot, newLo, newHi);
    }
    if (type === PageType.l4) this.#fillXenSlots(frame);
    return 0;
  }

  #demote(frame: number, type: PageType): void {
    this.#release(frame, type, 512);
  }

  /** Drops what the first `slots` entries hold. */
  #release(frame: number, type: PageType, slots: number): void {
    const words = this.#i32, base = frame * 1024;
    for (let slot = slots - 1; slot >= 0; slot--) {
      if (type === PageType.l4 && isXenSlot(slot)) continue;
      const lo = words[base + slot * 2], hi = words[base + slot * 2 + 1];
      if (type === PageType.l1) this.putFromL1(lo, hi);
      else this.putFromTable(lo, hi, frame);
    }
  }

  /** init_xen_l4_slots. */
  #fillXenSlots(frame: number): void {
    for (let slot = ROOT_PAGETABLE_FIRST_XEN_SLOT; slot <= ROOT_PAGETABLE_LAST_XEN_SLOT; slot++) {
      this.writeEntry(frame, slot, 0, 0);
    }
    if (this.m2pStrict) this.fillM2p(frame);
  }

  /** VMASST_TYPE_m2p_strict: user tables are without the machine-to-phys table. */
  get m2pStrict(): boolean {
    return (this.domain.header.vmAssistHi & (1 << (VMASST_TYPE.m2p_strict - 32))) !== 0;
  }

  /** fill_ro_mpt: the read-only machine-to-phys table in slot 256 of an L4. */
  fillM2p(l4: number): void {
    const { domain } = this;
    const l3 = domain.mfnOfAddress(domain.layout.reserve.xenTables);
    const flags = PTE.PRESENT | PTE.USER | PTE.ACCESSED;
    this.writeEntry(l4, ROOT_PAGETABLE_FIRST_XEN_SLOT, entryLo(l3, flags), entryHi(l3));
  }

  /** zap_ro_mpt. */
  zapM2p(l4: number): void {
    this.writeEntry(l4, ROOT_PAGETABLE_FIRST_XEN_SLOT, 0, 0);
    this.weaken();
  }
}

/** ROOT_PAGETABLE_FIRST_XEN_SLOT to _LAST_: not the guest's to fill. */
export function isXenSlot(slot: number): boolean {
  return slot >= ROOT_PAGETABLE_FIRST_XEN_SLOT && slot <= ROOT_PAGETABLE_LAST_XEN_SLOT;
}

const known = new WeakMap<Domain, PageTypes>();

/** This thread's page types of a domain, with its engine. */
export function pageTypesOf(domain: Domain): PageTypes {
  let types = known.get(domain);
  if (types === undefined) {
    // The engine is looked up at each use: a worker may drop and remake it.
    types = new PageTypes(domain, {
      dropWriteTags: (frame) => domain.engine.dropWriteTags(frame),
      dropFrame: (frame) => domain.engine.dropFrame(frame),
      staleAll: () => domain.engine.staleAll(),
      frameWritten: (frame, offset, length) => domain.engine.frameWritten(frame, offset, length),
    });
    known.set(domain, types);
  }
  return types;
}

/** An element of DomainHeader.weakSlots. */
const weakLoss = (count: number, slot: number) => (count << 10) | (slot + 1);

/** Both halves of an entry as an element of a BigInt64Array. */
function both(lo: number, hi: number): bigint {
  return (BigInt(hi) << 32n) | BigInt(lo >>> 0);
}
