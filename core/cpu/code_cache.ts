/** Decoded code of one domain: the arena, the code maps of frames, and how they are dropped when bytes change. */
import { CTX } from "./context.ts";
import { type DomainLayout, FRAME_CODE_MAP, FRAME_CPU_FLAGS, FRAME_INFO_BYTES, FrameFlag } from "./layout.ts";
import {
  CHUNK_BYTES,
  GRANULE_SHIFT,
  MAP_BYTES,
  MAP_COVERED,
  MAP_FRAME,
  MAP_MODE,
  MAP_NEXT,
} from "./record.ts";
import { profileArea } from "./profile.ts";
import type { Spaces } from "./spaces.ts";
import { EngineWord, type World } from "./world.ts";

const GRANULES = 64;
/** A block has at most this many bytes, so that a write finds every block that it touches in a few granules. */
export const MAXIMUM_BLOCK_BYTES = 256;
const GRANULES_BACK = MAXIMUM_BLOCK_BYTES >> GRANULE_SHIFT;

export class CodeCache {
  readonly #i32: Int32Array;
  readonly #layout: DomainLayout;
  readonly #world: World;
  readonly #spaces: Spaces;
  readonly #zeroChunk: number;
  readonly emptyMap: number;
  readonly #start: number;
  readonly #end: number;

  /** @param profiles part of the arena holds counters */
  constructor(
    buffer: ArrayBufferLike,
    layout: DomainLayout,
    world: World,
    spaces: Spaces,
    profiles: boolean,
  ) {
    this.#i32 = new Int32Array(buffer);
    this.#layout = layout;
    this.#world = world;
    this.#spaces = spaces;
    this.#zeroChunk = layout.code;
    this.emptyMap = this.#zeroChunk + CHUNK_BYTES;
    this.#start = Math.ceil((this.emptyMap + MAP_BYTES) / 64) * 64;
    this.#end = profiles ? profileArea(layout).arenaEnd : layout.code + layout.codeBytes;
    world.once(() => {
      this.#i32.fill(this.#zeroChunk, this.emptyMap >>> 2, (this.emptyMap >>> 2) + GRANULES);
      this.#i32[(this.emptyMap + MAP_MODE) >>> 2] = -1;
      this.#i32[(this.emptyMap + MAP_FRAME) >>> 2] = -1;
      world.setWord(EngineWord.ARENA_NEXT, this.#start | 0);
    });
  }

  #info(frame: number, field: number): number {
    return (this.#layout.frameInfo + frame * FRAME_INFO_BYTES + field) >>> 2;
  }

  /** Bytes of the arena in use. */
  get used(): number {
    return (this.#world.word(EngineWord.ARENA_NEXT) >>> 0) - this.#start;
  }
  /** What a block may take at most: it is asked for before decoding begins. */
  hasRoom(bytes: number): boolean {
    return (this.#world.word(EngineWord.ARENA_NEXT) >>> 0) + bytes <= this.#end;
  }
  /** Address of the next record; `take` moves it on. With the lock. */
  get next(): number {
    return this.#world.word(EngineWord.ARENA_NEXT) >>> 0;
  }
  take(bytes: number): number {
    const at = this.next;
    const after = at + Math.ceil(bytes / 32) * 32;
    if (after > this.#end) throw new Error("the code arena is full: room was not asked for");
    this.#world.setWord(EngineWord.ARENA_NEXT, after | 0);
    return at;
  }

  /** The frame's map for a code mode, or 0. */
  map(frame: number, codeMode: number): number {
    let map = this.#i32[this.#info(frame, FRAME_CODE_MAP)] >>> 0;
    while (map !== 0 && this.#i32[(map + MAP_MODE) >>> 2] !== codeMode) {
      map = this.#i32[(map + MAP_NEXT) >>> 2] >>> 0;
    }
    return map;
  }

  /** The frame's map, made when there is none. With the lock. */
  needMap(frame: number, codeMode: number): number {
    const known = this.map(frame, codeMode);
    if (known !== 0) return known;
    const map = this.take(MAP_BYTES);
    const at = map >>> 2;
    this.#i32.fill(this.#zeroChunk, at, at + GRANULES);
    this.#i32[at + (MAP_COVERED >>> 2)] = 0;
    this.#i32[at + (MAP_COVERED >>> 2) + 1] = 0;
    this.#i32[at + (MAP_MODE >>> 2)] = codeMode;
    this.#i32[at + (MAP_FRAME >>> 2)] = frame;
    const head = this.#info(frame, FRAME_CODE_MAP);
    this.#i32[at + (MAP_NEXT >>> 2)] = this.#i32[head];
    Atomics.store(this.#i32, head, map | 0);
    return map;
  }

  /** The record that starts at an offset, or 0. */
  entry(map: number, offset: number): number {
    const chunk = this.#i32[(map >>> 2) + (offset >> GRANULE_SHIFT)] >>> 0;
    return this.#i32[(chunk >>> 2) + (offset & 63)] >>> 0;
  }
  /** Address of an offset's entry, made when it is missing. With the lock. */
  needEntry(map: number, offset: number): number {
    const at = (map >>> 2) + (offset >> GRANULE_SHIFT);
    let chunk = this.#i32[at] >>> 0;
    if (chunk === this.#zeroChunk) {
      chunk = this.take(CHUNK_BYTES);
      this.#i32.fill(0, chunk >>> 2, (chunk + CHUNK_BYTES) >>> 2);
      Atomics.store(this.#i32, at, chunk | 0);
    }
    return chunk + ((offset & 63) << 2);
  }
  setEntry(map: number, offset: number, record: number): void {
    Atomics.store(this.#i32, this.needEntry(map, offset) >>> 2, record | 0);
  }

  /** Marks bytes as decoded. */
  cover(map: number, offset: number, length: number): void {
    const last = Math.min((offset + length - 1) >> GRANULE_SHIFT, GRANULES - 1);
    for (let granule = offset >> GRANULE_SHIFT; granule <= last; granule++) {
      this.#i32[((map + MAP_COVERED) >>> 2) + (granule >> 5)] |= 1 << (granule & 31);
    }
  }

  /** Before bytes of a frame are decoded: from now on no TLB can write to it unseen. With the lock. */
  claim(frame: number): void {
    const before = Atomics.or(this.#i32, this.#info(frame, FRAME_CPU_FLAGS), FrameFlag.HAS_CODE);
    if ((before & FrameFlag.HAS_CODE) === 0 && (before & FrameFlag.WRITE_TAGGED) !== 0) {
      this.#world.stopped(() => this.#spaces.dropTags(frame, true));
    }
  }

  /**
   * After decoding and covering: whether a vCPU may have stored to the frame meanwhile. Then, with every vCPU stopped, the bytes must be
   * read again.
   */
  mayHaveChanged(frame: number): boolean {
    return (Atomics.or(this.#i32, this.#info(frame, FRAME_CPU_FLAGS), 0) & FrameFlag.SLOW_WRITTEN) !== 0;
  }
  /** With every vCPU stopped: no store is on its way. */
  settle(frame: number): void {
    Atomics.and(this.#i32, this.#info(frame, FRAME_CPU_FLAGS), ~FrameFlag.SLOW_WRITTEN);
  }

  /** After (or, for a vCPU's own store, before) bytes of a frame change. */
  invalidate(frame: number, offset: number, length: number): void {
    const flags = this.#info(frame, FRAME_CPU_FLAGS);
    // A read-modify-write: what the caller has written is visible before HAS_CODE is looked at.
    if ((Atomics.or(this.#i32, flags, 0) & FrameFlag.HAS_CODE) === 0) return;
    this.#world.locked(() => {
      const i32 = this.#i32;
      const first = offset >> GRANULE_SHIFT;
      const last = Math.min((offset + length - 1) >> GRANULE_SHIFT, GRANULES - 1);
      let covered = 0;
      for (let map = i32[this.#info(frame, FRAME_CODE_MAP)] >>> 0; map !== 0;) {
        const mask = (map + MAP_COVERED) >>> 2;
        let hit = false;
        for (let granule = first; granule <= last; granule++) {
          const bit = 1 << (granule & 31);
          if ((i32[mask + (granule >> 5)] & bit) === 0) continue;
          hit = true;
          i32[mask + (granule >> 5)] &= ~bit;
        }
        if (hit) {
          for (let granule = Math.max(0, first - GRANULES_BACK); granule <= last; granule++) {
            const chunk = i32[(map >>> 2) + granule] >>> 0;
            if (chunk !== this.#zeroChunk) i32.fill(0, chunk >>> 2, (chunk + CHUNK_BYTES) >>> 2);
          }
        }
        covered |= i32[mask] | i32[mask + 1];
        map = i32[(map + MAP_NEXT) >>> 2] >>> 0;
      }
      if (covered === 0) Atomics.and(i32, flags, ~FrameFlag.HAS_CODE);
    });
  }

  /** Takes everything decoded from a frame away. With every vCPU stopped. */
  forget(frame: number): void {
    if (this.#i32[this.#info(frame, FRAME_CODE_MAP)] === 0) return;
    this.invalidate(frame, 0, 4096);
    this.#i32[this.#info(frame, FRAME_CODE_MAP)] = 0;
  }

  /** Empties the arena. Waits until no vCPU runs decoded code. */
  flush(): void {
    this.#world.stopped(() => {
      for (let frame = 0; frame < this.#layout.totalFrames; frame++) {
        const head = this.#info(frame, FRAME_CODE_MAP);
        if (this.#i32[head] === 0) continue;
        this.#i32[head] = 0;
        Atomics.and(this.#i32, this.#info(frame, FRAME_CPU_FLAGS), ~FrameFlag.HAS_CODE);
      }
      this.#spaces.dropExecuteTags();
      this.#world.setWord(EngineWord.ARENA_NEXT, this.#start | 0);
      this.#world.addWord(EngineWord.GENERATION, 1);
    });
  }

  /** Adds to a counter of a context. */
  count(ctx: number, counter: keyof typeof CTX, by = 1, index = 0): void {
    const at = (ctx + CTX[counter] + index * 8) >>> 2;
    const low = (this.#i32[at] >>> 0) + by;
    this.#i32[at] = low | 0;
    if (low > 0xffffffff) this.#i32[at + 1]++;
  }
}
