/**
 * A debugger's breakpoints of one domain, in its engine words: linear addresses, whatever maps them and whatever is written there. Guest memory is not
 * touched.
 *
 * Decoded code belongs to frames and is found by several linear addresses, so a breakpoint's place in decoded code is its offset in the page, in every page:
 * there the block decoder puts a record that leaves with BREAKPOINT, and the engine looks whether the linear address is one of the list; if it is not, the
 * instruction is run alone. Without breakpoints no such record exists.
 */
import type { DomainLayout } from "./layout.ts";

export const MOST_BREAKPOINTS = 256;

/** Words from layout.engine on, behind those of world.ts. */
const COUNT = 16, OFFSETS_USED = 17, OFFSETS = 256, LIST = 512;
const OFFSET_WORDS = 4096 / 32;

export class Breakpoints {
  readonly #i32: Int32Array;
  readonly #words: number;

  constructor(buffer: ArrayBufferLike, layout: DomainLayout) {
    this.#i32 = new Int32Array(buffer);
    this.#words = layout.engine >>> 2;
  }

  /** Some page offset may hold a record that leaves. */
  get any(): boolean {
    return this.#i32[this.#words + OFFSETS_USED] !== 0;
  }

  /** Whether a block must stop before the instruction at this offset of a page. */
  stopsAt(offset: number): boolean {
    return (this.#i32[this.#words + OFFSETS + (offset >>> 5)] & (1 << (offset & 31))) !== 0;
  }

  has(low: number, high: number): boolean {
    const count = this.#i32[this.#words + COUNT];
    for (let i = 0; i < count; i++) {
      const at = this.#words + LIST + i * 2;
      if (this.#i32[at] === low && this.#i32[at + 1] === high) return true;
    }
    return false;
  }

  /**
   * Replaces the list; while no vCPU of the domain runs and nothing is decoded. Offsets stay marked until the list is empty: debuggers take all
   * breakpoints out at every stop and put them back.
   * @returns page offsets whose decoded code must go. @throws RangeError for more than MOST_BREAKPOINTS
   */
  set(addresses: readonly bigint[]): number[] {
    const i32 = this.#i32, words = this.#words;
    if (addresses.length > MOST_BREAKPOINTS) throw new RangeError(`${addresses.length} breakpoints`);
    const changed: number[] = [];
    addresses.forEach((address, i) => {
      i32[words + LIST + i * 2] = Number(BigInt.asIntN(32, address));
      i32[words + LIST + i * 2 + 1] = Number(BigInt.asIntN(32, address >> 32n));
      const offset = Number(address & 0xfffn);
      if (this.stopsAt(offset)) return;
      i32[words + OFFSETS + (offset >>> 5)] |= 1 << (offset & 31);
      changed.push(offset);
    });
    i32[words + COUNT] = addresses.length;
    if (changed.length > 0) i32[words + OFFSETS_USED] = 1;
    return changed;
  }

  /** The list is empty and no offset is marked any more. @returns those that were: their decoded code must go */
  clear(): number[] {
    const i32 = this.#i32, words = this.#words;
    i32[words + COUNT] = 0;
    const marked: number[] = [];
    for (let offset = 0; offset < 4096; offset++) if (this.stopsAt(offset)) marked.push(offset);
    i32.fill(0, words + OFFSETS, words + OFFSETS + OFFSET_WORDS);
    i32[words + OFFSETS_USED] = 0;
    return marked;
  }
}
