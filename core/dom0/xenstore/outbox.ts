/** What waits to be sent to a client: replies and watch events, in order. */
export class Outbox {
  #messages: { bytes: Uint8Array; event?: string }[] = [];
  #head = 0;
  #sentOfFirst = 0;
  readonly #events = new Set<string>();
  #bytes = 0;
  #replies = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** Replies that are not wholly taken. */
  get replies(): number {
    return this.#replies;
  }

  reply(bytes: Uint8Array): void {
    this.#messages.push({ bytes });
    this.#bytes += bytes.length;
    this.#replies++;
  }

  /** Whether an event with this key waits already; xenstored sends such an event once. */
  hasEvent(key: string): boolean {
    return this.#events.has(key);
  }

  event(bytes: Uint8Array, key: string): void {
    this.#messages.push({ bytes, event: key });
    this.#bytes += bytes.length;
    this.#events.add(key);
  }

  /** At most `limit` bytes to send; what is taken is forgotten. */
  take(limit: number): Uint8Array<ArrayBuffer> {
    const taken = new Uint8Array(Math.min(limit, this.#bytes));
    let filled = 0;
    while (filled < taken.length) {
      const { bytes, event } = this.#messages[this.#head];
      const part = bytes.subarray(this.#sentOfFirst, this.#sentOfFirst + taken.length - filled);
      taken.set(part, filled);
      filled += part.length;
      this.#sentOfFirst += part.length;
      if (this.#sentOfFirst < bytes.length) break;
      this.#sentOfFirst = 0;
      this.#head++;
      if (event === undefined) this.#replies--;
      else this.#events.delete(event);
    }
    if (this.#head > 64 && this.#head * 2 > this.#messages.length) {
      this.#messages = this.#messages.slice(this.#head);
      this.#head = 0;
    }
    this.#bytes -= filled;
    return taken;
  }

  clear(): void {
    this.#messages = [];
    this.#head = 0;
    this.#sentOfFirst = 0;
    this.#events.clear();
    this.#bytes = 0;
    this.#replies = 0;
  }
}
