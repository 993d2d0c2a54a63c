/** What a domain wrote to its console: the latest of it is kept, followers get the rest as it comes. */
import { Feed } from "./feed.ts";

/** Kept of each domain's output. */
export const CONSOLE_KEPT = 128 * 1024;
/** May wait for a follower that does not read. */
const FOLLOWER_LIMIT = 1024 * 1024;
const FIRST_BYTES = 2048;

export class ConsoleLog {
  /** A ring once it has grown to `kept`; domains that say little take little. */
  #bytes = new Uint8Array(0);
  #written = 0;
  #ended = false;
  readonly #followers = new Set<Feed<Uint8Array>>();

  constructor(readonly kept = CONSOLE_KEPT) {}

  /** Bytes written since the start. */
  get written(): number {
    return this.#written;
  }

  write(bytes: Uint8Array): void {
    const copy = bytes.slice();
    for (const follower of this.#followers) follower.push(copy);
    const tail = copy.subarray(Math.max(0, copy.length - this.kept));
    let at = this.#written + copy.length - tail.length;
    if (this.#bytes.length < this.kept && at + tail.length > this.#bytes.length) this.#grow(at + tail.length);
    for (let rest = tail; rest.length > 0;) {
      const place = at % this.#bytes.length;
      const piece = rest.subarray(0, this.#bytes.length - place);
      this.#bytes.set(piece, place);
      at += piece.length;
      rest = rest.subarray(piece.length);
    }
    this.#written += copy.length;
  }

  /** Only until the ring is at its full size: up to then nothing has wrapped. */
  #grow(wanted: number): void {
    let size = Math.min(this.kept, Math.max(FIRST_BYTES, this.#bytes.length));
    while (size < wanted && size < this.kept) size = Math.min(size * 2, this.kept);
    const bytes = new Uint8Array(size);
    bytes.set(this.#bytes);
    this.#bytes = bytes;
  }

  /** The latest output that is kept. */
  history(): Uint8Array {
    const length = Math.min(this.#written, this.#bytes.length);
    const start = this.#written - length;
    const out = new Uint8Array(length);
    if (length === 0) return out;
    const place = start % this.#bytes.length;
    const first = this.#bytes.subarray(place, Math.min(place + length, this.#bytes.length));
    out.set(first);
    out.set(this.#bytes.subarray(0, length - first.length), first.length);
    return out;
  }

  /** Output from now on, or all that is kept and what follows. Ends with the domain. */
  follow(fromStart: boolean): Feed<Uint8Array> {
    const follower: Feed<Uint8Array> = new Feed({
      limit: FOLLOWER_LIMIT,
      sizeOf: (bytes) => bytes.length,
      lost: (lost) =>
        new TextEncoder().encode(`\r\n[${lost} bytes of output are left out: this client did not read]\r\n`),
      onClose: () => this.#followers.delete(follower),
    });
    if (fromStart && this.#written > 0) follower.push(this.history());
    if (this.#ended) follower.end();
    else this.#followers.add(follower);
    return follower;
  }

  get hasEnded(): boolean {
    return this.#ended;
  }

  get followers(): number {
    return this.#followers.size;
  }

  /** The domain is gone: followers read what waits and end. */
  end(): void {
    this.#ended = true;
    for (const follower of [...this.#followers]) follower.end();
  }

  /** A managed domain starts again under the same record. */
  reopen(): void {
    this.#ended = false;
  }
}
