/** A binary min-heap of table indices in shared memory; the keys and the places live in the table. Its owner locks. */
import { NONE } from "./layout.ts";

export class SharedHeap {
  constructor(
    private readonly words: Int32Array,
    private readonly base: number,
    private readonly length: () => number,
    private readonly setLength: (length: number) => void,
    private readonly key: (index: number) => number,
    private readonly setSlot: (index: number, slot: number) => void,
  ) {}

  /** The index with the smallest key. The heap must not be empty. */
  top(): number {
    return this.words[this.base];
  }

  topKey(): number {
    return this.key(this.words[this.base]);
  }

  /** Inserts an index (slot NONE) or moves it after its key changed. */
  place(index: number, slot: number): void {
    if (slot === NONE) {
      slot = this.length();
      this.setLength(slot + 1);
      this.#put(index, slot);
    }
    this.#down(this.#up(slot));
  }

  /** Takes out what is at a slot; NONE: nothing. */
  remove(slot: number): void {
    if (slot === NONE) return;
    const last = this.length() - 1;
    this.setLength(last);
    this.setSlot(this.words[this.base + slot], NONE);
    if (slot === last) return;
    this.#put(this.words[this.base + last], slot);
    this.#down(this.#up(slot));
  }

  #put(index: number, slot: number): void {
    this.words[this.base + slot] = index;
    this.setSlot(index, slot);
  }

  #up(slot: number): number {
    const { words, base } = this;
    const index = words[base + slot];
    const key = this.key(index);
    while (slot > 0) {
      const parent = (slot - 1) >>> 1;
      if (this.key(words[base + parent]) <= key) break;
      this.#put(words[base + parent], slot);
      slot = parent;
    }
    this.#put(index, slot);
    return slot;
  }

  #down(slot: number): void {
    const { words, base } = this;
    const length = this.length();
    const index = words[base + slot];
    const key = this.key(index);
    for (;;) {
      let child = 2 * slot + 1;
      if (child >= length) break;
      if (child + 1 < length && this.key(words[base + child + 1]) < this.key(words[base + child])) child++;
      if (this.key(words[base + child]) >= key) break;
      this.#put(words[base + child], slot);
      slot = child;
    }
    this.#put(index, slot);
  }
}
