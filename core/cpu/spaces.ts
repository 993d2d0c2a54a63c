/** The TLBs of a vCPU: one a space, that is, a top-level page table seen from user or supervisor mode with one code mode. */
import {
  CONTEXT_BYTES,
  CTX,
  TLB_ADDEND,
  TLB_CODE,
  TLB_ENTRIES,
  TLB_ENTRY_BYTES,
  TLB_SPACES,
} from "./context.ts";
import { EXECUTE } from "./paging.ts";
import { MAP_FRAME } from "./record.ts";
import { FRAME_CPU_FLAGS, FRAME_INFO_BYTES, FrameFlag } from "./layout.ts";
import type { DomainLayout } from "./layout.ts";
import { EngineWord, type World } from "./world.ts";

const SPACE_BYTES = TLB_ENTRIES * TLB_ENTRY_BYTES;
const ENTRY_WORDS = TLB_ENTRY_BYTES >>> 2;
const ADDEND_WORD = TLB_ADDEND >>> 2;
const CODE_WORD = TLB_CODE >>> 2;
/** Words of a space's record in the context: root low, root high | key << 16, time of last use, STALE when last flushed. */
const ROOT = 0, KEY = 1, USED = 2, SEEN = 3;
const FREE = -1;
/** Entries of one page table. */
const SLOTS = 512;

export class Spaces {
  readonly #i32: Int32Array;
  readonly #layout: DomainLayout;
  readonly #world: World;
  #clock = 0;

  constructor(buffer: ArrayBufferLike, layout: DomainLayout, world: World) {
    this.#i32 = new Int32Array(buffer);
    this.#layout = layout;
    this.#world = world;
  }

  #tlb(ctx: number, space: number): number {
    const vcpu = (ctx - this.#layout.contexts) / CONTEXT_BYTES;
    return this.#layout.tlbs + (vcpu * TLB_SPACES + space) * SPACE_BYTES;
  }
  #record(ctx: number, space: number): number {
    return (ctx + CTX.spaces + space * 16) >>> 2;
  }
  #clear(ctx: number, space: number): void {
    const at = this.#tlb(ctx, space) >>> 2;
    this.#i32.fill(-1, at, at + (SPACE_BYTES >>> 2));
    this.#i32[this.#record(ctx, space) + SEEN] = this.#world.word(EngineWord.STALE);
  }

  /** All spaces free and empty; space 0 current, with no root. */
  reset(ctx: number): void {
    for (let space = 0; space < TLB_SPACES; space++) {
      this.#clear(ctx, space);
      this.#i32[this.#record(ctx, space) + KEY] = FREE;
      this.#i32[this.#record(ctx, space) + USED] = 0;
    }
    this.#i32[(ctx + CTX.space) >>> 2] = 0;
    this.#i32[(ctx + CTX.tlb) >>> 2] = this.#tlb(ctx, 0);
  }

  /** Makes the space of (root frame, key) current; an empty one when there was none. */
  select(ctx: number, root: number, key: number): void {
    const i32 = this.#i32;
    const low = root | 0;
    const word = (root / 0x100000000) | key << 16;
    let victim = 0;
    let oldest = Infinity;
    let found = -1;
    for (let space = 0; space < TLB_SPACES; space++) {
      const at = this.#record(ctx, space);
      if (i32[at + KEY] === word && i32[at + ROOT] === low) {
        found = space;
        break;
      }
      const used = i32[at + KEY] === FREE ? -1 : i32[at + USED];
      if (used < oldest) {
        oldest = used;
        victim = space;
      }
    }
    const space = found < 0 ? victim : found;
    const at = this.#record(ctx, space);
    if (found < 0) {
      this.#clear(ctx, space);
      i32[at + ROOT] = low;
      i32[at + KEY] = word;
    } else if (i32[at + SEEN] !== this.#world.word(EngineWord.STALE)) this.#clear(ctx, space);
    i32[at + USED] = ++this.#clock;
    i32[(ctx + CTX.space) >>> 2] = space;
    i32[(ctx + CTX.tlb) >>> 2] = this.#tlb(ctx, space);
    i32[(ctx + CTX.rootMfn) >>> 2] = low;
    i32[(ctx + CTX.rootMfn + 4) >>> 2] = root / 0x100000000;
  }

  /** Empties the current space if staleAll came since. */
  refresh(ctx: number): void {
    const space = this.#i32[(ctx + CTX.space) >>> 2];
    if (this.#i32[this.#record(ctx, space) + SEEN] !== this.#world.word(EngineWord.STALE)) {
      this.#clear(ctx, space);
    }
  }

  /**
   * The byte address that the current space's TLB has for a linear address, or -1: not there, or the space is stale. `access`: READ, WRITE or
   * EXECUTE of paging.ts.
   */
  find(ctx: number, low: number, high: number, access: number): number {
    const i32 = this.#i32;
    const entry = (i32[(ctx + CTX.tlb) >>> 2] >>> 2) + ((low >>> 12) & (TLB_ENTRIES - 1)) * ENTRY_WORDS;
    const tag = entry + access * 2;
    if (i32[tag] !== (low & ~0xfff) || i32[tag + 1] !== high) return -1;
    const seen = i32[this.#record(ctx, i32[(ctx + CTX.space) >>> 2]) + SEEN];
    if (seen !== this.#world.word(EngineWord.STALE)) return -1;
    if (access !== EXECUTE) return (low + i32[entry + ADDEND_WORD]) >>> 0;
    // The empty map belongs to no frame.
    const frame = this.#codeFrame(entry);
    return frame < 0 ? -1 : frame * 4096 + (low & 0xfff);
  }

  /** The frame that an entry's execute tag leads to, -1: no code of any. */
  #codeFrame(entry: number): number {
    return this.#i32[(this.#i32[entry + CODE_WORD] + MAP_FRAME) >>> 2];
  }

  flushAll(ctx: number): void {
    const current = this.#i32[(ctx + CTX.space) >>> 2];
    for (let space = 0; space < TLB_SPACES; space++) {
      if (space === current) this.#clear(ctx, space);
      else this.#i32[this.#record(ctx, space) + KEY] = FREE;
    }
    this.#i32[(ctx + CTX.largePages) >>> 2] = 0;
  }

  flushPage(ctx: number, low: number): void {
    // A large page lies in many entries, which are not told apart.
    if (this.#i32[(ctx + CTX.largePages) >>> 2] !== 0) return this.flushAll(ctx);
    this.#flushIndex(ctx, (low >>> 12) & (TLB_ENTRIES - 1));
  }

  #flushIndex(ctx: number, index: number): void {
    const i32 = this.#i32;
    for (let space = 0; space < TLB_SPACES; space++) {
      const at = (this.#tlb(ctx, space) + index * TLB_ENTRY_BYTES) >>> 2;
      for (let word = 0; word < ADDEND_WORD; word++) i32[at + word] = -1;
    }
  }

  /** The pages that slot `slot` of some last-level table maps, wherever that table lies. */
  flushSlot(ctx: number, slot: number): void {
    for (let index = slot; index < TLB_ENTRIES; index += SLOTS) this.#flushIndex(ctx, index);
  }

  /** With every vCPU stopped: takes tags of a frame out of all TLBs of the domain. */
  dropTags(frame: number, onlyWrites: boolean): void {
    const i32 = this.#i32;
    const address = (frame << 12) | 0;
    this.#eachTlb((first, end) => {
      for (let at = first; at < end; at += ENTRY_WORDS) {
        const addend = i32[at + ADDEND_WORD];
        const write = i32[at + 2];
        if (write !== -1 && ((write + addend) | 0) === address) i32[at + 2] = i32[at + 3] = -1;
        if (onlyWrites) continue;
        if (i32[at] !== -1 && ((i32[at] + addend) | 0) === address) i32[at] = i32[at + 1] = -1;
        if (i32[at + 4] !== -1 && this.#codeFrame(at) === frame) i32[at + 4] = i32[at + 5] = -1;
      }
    });
    const flags = (this.#layout.frameInfo + frame * FRAME_INFO_BYTES + FRAME_CPU_FLAGS) >>> 2;
    Atomics.and(
      i32,
      flags,
      ~(onlyWrites ? FrameFlag.WRITE_TAGGED : FrameFlag.WRITE_TAGGED | FrameFlag.TAGGED),
    );
  }

  /** First and last words of each TLB in use, of all vCPUs of the domain. */
  #eachTlb(action: (first: number, end: number) => void): void {
    for (let vcpu = 0; vcpu < this.#layout.vcpus; vcpu++) {
      const ctx = this.#layout.contexts + vcpu * CONTEXT_BYTES;
      for (let space = 0; space < TLB_SPACES; space++) {
        if (this.#i32[this.#record(ctx, space) + KEY] === FREE) continue;
        const first = this.#tlb(ctx, space) >>> 2;
        action(first, first + (SPACE_BYTES >>> 2));
      }
    }
  }

  /** With every vCPU stopped: no execute tag stays in any TLB of the domain. */
  dropExecuteTags(): void {
    this.#eachTlb((first, end) => {
      for (let at = first + 4; at < end; at += ENTRY_WORDS) this.#i32[at] = this.#i32[at + 1] = -1;
    });
  }
}
