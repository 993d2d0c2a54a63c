/**
 * One direction of a Xen byte ring: free-running 32-bit producer and consumer indexes in shared memory, and a
 * data area whose size is a power of two. XenStore (xen/io/xs_wire.h) and the console (xen/io/console.h) have
 * two of them each in one page.
 */
export class ByteRing {
  readonly #mask: number;

  /** `indexes` over the page as 32-bit words; `producer` and `consumer` are word numbers in it. */
  constructor(
    private readonly data: Uint8Array,
    private readonly indexes: Int32Array,
    private readonly producer: number,
    private readonly consumer: number,
  ) {
    this.#mask = data.length - 1;
    if ((data.length & this.#mask) !== 0) throw new RangeError("a ring's size is a power of two");
  }

  /** Bytes waiting to be read. Throws RingError where the guest's indexes lie outside the ring. */
  get available(): number {
    const used = (Atomics.load(this.indexes, this.producer) - Atomics.load(this.indexes, this.consumer)) >>>
      0;
    if (used > this.data.length) throw new RingError(`${used} bytes in a ring of ${this.data.length}`);
    return used;
  }

  get room(): number {
    return this.data.length - this.available;
  }

  /** Takes at most `limit` bytes out. */
  read(limit: number): Uint8Array {
    const bytes = new Uint8Array(Math.min(limit, this.available));
    const from = Atomics.load(this.indexes, this.consumer);
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.data[(from + i) & this.#mask];
    Atomics.store(this.indexes, this.consumer, from + bytes.length);
    return bytes;
  }

  /** Puts as much of `bytes` in as there is room for; returns how many. */
  write(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, this.room);
    const to = Atomics.load(this.indexes, this.producer);
    for (let i = 0; i < count; i++) this.data[(to + i) & this.#mask] = bytes[i];
    Atomics.store(this.indexes, this.producer, to + count);
    return count;
  }
}

/** The guest wrote ring indexes that no ring can have. */
export class RingError extends Error {
  override name = "RingError";
}
