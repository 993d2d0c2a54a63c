/** How much a guest may send: `rate=` of a vif, as netback's credit scheduling has it (tx_credit_exceeded in netback.c). */

export interface Rate {
  /** Per interval. */
  readonly bytes: number;
  /** The interval's microseconds. */
  readonly usecs: number;
}

/** What may be saved at most, so that the largest frame can be sent at the lowest rate. */
const MIN_BURST = 131072;

export class Credit {
  #left: number;
  #granted: number;
  #isAwaited = false;

  /** @param now milliseconds of a monotonic clock @throws RangeError for a rate of nothing */
  constructor(private readonly rate: Rate, private readonly now: () => number) {
    if (!(rate.bytes > 0 && rate.usecs > 0)) throw new RangeError("a vif's rate must be more than nothing");
    this.#left = rate.bytes;
    this.#granted = now();
  }

  /** Spends credit for a frame. @returns milliseconds to wait before asking again; 0: it may be sent */
  spend(size: number): number {
    const now = this.now(), interval = this.rate.usecs / 1000;
    const intervals = Math.floor((now - this.#granted) / interval);
    if (size > this.#left && intervals > 0) {
      this.#granted += intervals * interval;
      // Idle time saves one interval's credit; that a timer came late costs none.
      const more = this.#isAwaited ? intervals * this.rate.bytes : this.rate.bytes;
      this.#left = Math.min(this.#left + more, Math.max(MIN_BURST, this.rate.bytes));
    }
    this.#isAwaited = size > this.#left;
    if (this.#isAwaited) return this.#granted + interval - now;
    this.#left -= size;
    return 0;
  }
}
