/** A queue between xend and one client that may stop reading: bounded, what does not fit is dropped from its head and counted. */

export interface FeedOptions<T> {
  /** Sum of the sizes that may wait. */
  readonly limit: number;
  readonly sizeOf: (item: T) => number;
  /** Stands for what was dropped; `lost` is the sum of the sizes. */
  readonly lost: (lost: number) => T;
  /** Called once, when the reader goes or the feed was read to its end. */
  readonly onClose?: () => void;
}

export class Feed<T> implements AsyncIterableIterator<T> {
  #items: T[] = [];
  #size = 0;
  #lost = 0;
  #ended = false;
  #closed = false;
  #waiting: ((result: IteratorResult<T>) => void)[] = [];

  constructor(private readonly options: FeedOptions<T>) {}

  /** Never waits and never throws. */
  push(item: T): void {
    if (this.#ended || this.#closed) return;
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) return waiting({ value: item, done: false });
    const { limit, sizeOf } = this.options;
    this.#items.push(item);
    this.#size += sizeOf(item);
    while (this.#size > limit && this.#items.length > 1) {
      const size = sizeOf(this.#items.shift() as T);
      this.#size -= size;
      this.#lost += size;
    }
  }

  /** Nothing more comes; what waits is still read. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const waiting of this.#waiting.splice(0)) waiting({ value: undefined, done: true });
    if (this.#items.length === 0 && this.#lost === 0) this.close();
  }

  /** The reader is gone: what waits is dropped. */
  close(): void {
    if (this.#closed) return;
    this.#closed = this.#ended = true;
    this.#items = [];
    this.#size = 0;
    for (const waiting of this.#waiting.splice(0)) waiting({ value: undefined, done: true });
    this.options.onClose?.();
  }

  /** What waits for the reader. */
  get waitingSize(): number {
    return this.#size;
  }

  next(): Promise<IteratorResult<T>> {
    if (this.#lost > 0) {
      const value = this.options.lost(this.#lost);
      this.#lost = 0;
      return Promise.resolve({ value, done: false });
    }
    const item = this.#items.shift();
    if (item !== undefined) {
      this.#size -= this.options.sizeOf(item);
      return Promise.resolve({ value: item, done: false });
    }
    if (this.#ended) {
      this.close();
      return Promise.resolve({ value: undefined, done: true });
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  return(): Promise<IteratorResult<T>> {
    this.close();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
