/** A frame of a guest's that Domain-0 writes to. */
export interface GuestPage {
  /** All 4096 of them, shared with the guest. */
  readonly bytes: Uint8Array;
  /** Announces a store, after it: the guest may have executed what was there before. */
  written(offset: number, length: number): void;
}

/**
 * One direction of a Xen byte ring: free-running 32-bit producer and consumer indexes in shared memory, and a
 * data area whose size is a power of two. XenStore (xen/io/xs_wire.h) and the console (xen/io/console.h) have
 * two of them each in one page.
 */
export class ByteRing {
  readonly #mask: number;
  readonly #data: Uint8Array;
  readonly #indexes: Int32Array;

  /** Byte offsets in the page: the data area and its length, the producer's and the consumer's index. */
  constructor(
    private readonly page: GuestPage,
    private readonly start: number,
    length: number,
    private readonly producer: number,
    private readonly consumer: number,
  ) {
    this.#mask = length - 1;
    if ((length & this.#mask) !== 0) throw new RangeError("a ring's size is a power of two");
    const { bytes } = page;
    this.#data = bytes.subarray(start, start + length);
    this.#indexes = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
  }

  #index(at: number): number {
    return Atomics.load(this.#indexes, at >> 2);
  }

  #setIndex(at: number, value: number): void {
    Atomics.store(this.#indexes, at >> 2, value);
    this.page.written(at, 4);
  }

  /** Bytes waiting to be read. Throws RingError where the guest's indexes lie outside the ring. */
  get available(): number {
    const used = (this.#index(this.producer) - this.#index(this.consumer)) >>> 0;
    if (used > this.#data.length) throw new RingError(`${used} bytes in a ring of ${this.#data.length}`);
    return used;
  }

  get room(): number {
    return this.#data.length - this.available;
  }

  /** Takes at most `limit` bytes out. */
  read(limit: number): Uint8Array {
    const bytes = new Uint8Array(Math.min(limit, this.available));
    const from = this.#index(this.consumer);
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.#data[(from + i) & this.#mask];
    if (bytes.length > 0) this.#setIndex(this.consumer, from + bytes.length);
    return bytes;
  }

  /** Puts as much of `bytes` in as there is room for; returns how many. */
  write(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, this.room);
    if (count === 0) return 0;
    const to = this.#index(this.producer);
    for (let i = 0; i < count; i++) this.#data[(to + i) & this.#mask] = bytes[i];
    const first = to & this.#mask, behind = Math.min(count, this.#data.length - first);
    this.page.written(this.start + first, behind);
    if (behind < count) this.page.written(this.start, count - behind);
    this.#setIndex(this.producer, to + count);
    return count;
  }
}

/** The guest wrote ring indexes that no ring can have. */
export class RingError extends Error {
  override name = "RingError";
}
