/** A context's instructions: where they are, their bytes, their decoded blocks. */
import { BLOCK_ROOM, BlockDecoder } from "./block_decoder.ts";
import type { Breakpoints } from "./breakpoints.ts";
import { CTX, SEGMENT_BASE, TLB_ENTRIES } from "./context.ts";
import type { Engine } from "./engine.ts";
import { Vector } from "./exit.ts";
import type { InterpreterImage } from "./interpreter.ts";
import { EXECUTE } from "./paging.ts";

export class CodeFetch {
  readonly #engine: Engine;
  readonly #image: InterpreterImage;
  readonly #breakpoints: Breakpoints;
  readonly #i32: Int32Array;
  #blockDecoder: BlockDecoder | undefined;

  constructor(engine: Engine, image: InterpreterImage, breakpoints: Breakpoints) {
    this.#engine = engine;
    this.#image = image;
    this.#breakpoints = breakpoints;
    this.#i32 = engine.view.i32;
  }

  /** Made when code is first run: threads that only build domains need none of its tables. */
  get decoder(): BlockDecoder {
    return this.#blockDecoder ??= new BlockDecoder(
      this.#engine.memory.buffer,
      this.#image,
      this.#breakpoints,
    );
  }

  linearLow(ctx: number): number {
    return (this.#i32[(ctx + CTX.rip) >>> 2] + this.#i32[(ctx + CTX.cs + SEGMENT_BASE) >>> 2]) | 0;
  }
  /** CS has a base only outside 64-bit mode, where linear addresses have 32 bits. */
  linearHigh(ctx: number): number {
    return this.#i32[(ctx + CTX.mode) >>> 2] === 64 ? this.#i32[(ctx + CTX.rip + 4) >>> 2] : 0;
  }

  /**
   * Instruction bytes at rip, those of its page or, when `have` of them are there, those of the next one.
   * @returns how many are there now; -1: a fault, with its fields set
   */
  part(ctx: number, out: Uint8Array, have: number): number {
    let low = this.linearLow(ctx);
    let high = this.linearHigh(ctx);
    if (have > 0) {
      const next = (low >>> 0) + have;
      low = next | 0;
      if (next > 0xffffffff && this.#i32[(ctx + CTX.mode) >>> 2] === 64) high = (high + 1) | 0;
    }
    const address = this.#fetchAddress(ctx, low, high);
    if (address < 0) return -1;
    const n = Math.min(15 - have, 4096 - (address & 0xfff));
    out.set(this.#engine.view.u8.subarray(address, address + n), have);
    return have + n;
  }

  /** Byte address of an instruction's first byte, or -1 with the fault's fields set: code in foreign frames is not run. */
  #fetchAddress(ctx: number, low: number, high: number): number {
    const address = this.#engine.translate(ctx, low, high, EXECUTE);
    if (address !== -2) return address;
    const { view } = this.#engine;
    view.set(ctx, "faultVector", Vector.PF);
    view.set(ctx, "faultErrorCode", 0x19 | (view.get(ctx, "cpl") === 3 ? 4 : 0));
    view.set(ctx, "faultHasError", 1);
    view.set64(ctx, "faultAddress", low, high);
    return -1;
  }

  /** Decodes the block at rip if it is not. @returns address of its first record, or 0: a fault, its fields set */
  decode(ctx: number): number {
    for (;;) {
      if (!this.decodeHere(ctx)) return 0;
      const address = this.#fetchAddress(ctx, this.linearLow(ctx), this.linearHigh(ctx));
      const map = this.#engine.cache.map(address >>> 12, this.#engine.view.get(ctx, "codeMode"));
      const record = map === 0 ? 0 : this.#engine.cache.entry(map, address & 0xfff);
      // 0: the arena has just been emptied.
      if (record !== 0) return record;
    }
  }

  /** Makes sure that rip has decoded code and a TLB entry that leads to it. @returns false: a fault */
  decodeHere(ctx: number): boolean {
    const { cache, world } = this.#engine;
    const i32 = this.#i32;
    const low = this.linearLow(ctx);
    const high = this.linearHigh(ctx);
    const codeMode = i32[(ctx + CTX.codeMode) >>> 2];
    const address = this.#fetchAddress(ctx, low, high);
    if (address < 0) return false;
    const frame = address >>> 12;
    return world.locked(() => {
      let map = cache.map(frame, codeMode);
      if (map === 0 || cache.entry(map, low & 0xfff) === 0) {
        if (!cache.hasRoom(2 * BLOCK_ROOM)) {
          cache.flush();
          // The execute tag is gone: once more, from the start.
          return true;
        }
        cache.claim(frame);
        const second = () => {
          const next = ((low & ~0xfff) >>> 0) + 4096;
          const carried = next > 0xffffffff && i32[(ctx + CTX.mode) >>> 2] === 64 ? 1 : 0;
          return this.#fetchAddress(ctx, next | 0, (high + carried) | 0);
        };
        let made = this.decoder.block(cache, frame, low & 0xfff, codeMode, second);
        if (made.record === 0) return false;
        if (cache.mayHaveChanged(frame)) {
          made = world.stopped(() => {
            cache.settle(frame);
            return this.decoder.block(cache, frame, low & 0xfff, codeMode, second);
          });
          if (made.record === 0) return false;
        }
        cache.setEntry(cache.map(frame, codeMode), low & 0xfff, made.record);
        cache.count(ctx, "blocksDecoded");
        cache.count(ctx, "instructionsDecoded", made.instructions);
        map = cache.map(frame, codeMode);
      }
      // The entry that translate has just filled may lead to the empty map.
      const entry = i32[(ctx + CTX.tlb) >>> 2] + ((low >>> 7) & ((TLB_ENTRIES - 1) << 5));
      i32[(entry + 28) >>> 2] = map | 0;
      return true;
    });
  }

  /** Instruction bytes at rip into `out` (15 bytes). @returns how many are there before a page that cannot be executed */
  fetch(ctx: number, out: Uint8Array): number {
    const first = this.part(ctx, out, 0);
    if (first < 0 || first === 15) return Math.max(first, 0);
    const all = this.part(ctx, out, first);
    return all < 0 ? first : all;
  }
}
