import { corrupt } from "./failure.ts";

/** LZO1X as the kernel's documentation describes its stream (Documentation/staging/lzo.rst). */

const FORMAT = "LZO";
/** Literals copied by the last instruction, as far as they matter: none, one to three, four or more. */
const MANY = 4;

class Block {
  #at: number;
  #to: number;

  constructor(
    readonly input: Uint8Array,
    from: number,
    readonly end: number,
    readonly output: Uint8Array,
    readonly start: number,
    readonly limit: number,
  ) {
    this.#at = from;
    this.#to = start;
  }

  #byte(): number {
    if (this.#at >= this.end) throw corrupt(FORMAT, "a block ends too early");
    return this.input[this.#at++];
  }

  /** A length of zero goes on: 255 for each zero byte, then the first byte that is not. */
  #length(short: number, base: number): number {
    if (short !== 0) return short;
    let length = base;
    let byte = this.#byte();
    for (; byte === 0; byte = this.#byte()) length += 255;
    return length + byte;
  }

  #literals(count: number): void {
    if (count > this.end - this.#at) throw corrupt(FORMAT, "a block ends inside its literals");
    if (count > this.limit - this.#to) throw corrupt(FORMAT, "a block is longer than announced");
    const { input, output } = this;
    let to = this.#to;
    let at = this.#at;
    for (const end = at + count; at < end;) output[to++] = input[at++];
    this.#to = to;
    this.#at = at;
  }

  #match(distance: number, length: number): void {
    if (distance > this.#to - this.start) throw corrupt(FORMAT, "a match reaches back before the start");
    if (length > this.limit - this.#to) throw corrupt(FORMAT, "a block is longer than announced");
    const { output } = this;
    let to = this.#to;
    let from = to - distance;
    for (const end = to + length; to < end;) output[to++] = output[from++];
    this.#to = to;
  }

  run(): void {
    let state = 0;
    if (this.#at < this.end && this.input[this.#at] > 17) {
      const count = this.#byte() - 17;
      this.#literals(count);
      state = Math.min(count, MANY);
    }
    for (;;) {
      const code = this.#byte();
      let tail = code & 3;
      if (code >= 64) {
        const distance = (this.#byte() << 3) + (code >> 2 & 7) + 1;
        this.#match(distance, code >= 128 ? 5 + (code >> 5 & 3) : 3 + (code >> 5 & 1));
      } else if (code >= 16) {
        const far = code < 32;
        const length = 2 + (far ? this.#length(code & 7, 7) : this.#length(code & 31, 31));
        const low = this.#byte();
        const word = low | (this.#byte() << 8);
        tail = low & 3;
        if (!far) this.#match((word >> 2) + 1, length);
        else {
          const distance = 0x4000 + ((code & 8) << 11) + (word >> 2);
          if (distance === 0x4000) {
            if (length !== 3) throw corrupt(FORMAT, "a block's end is malformed");
            return this.#finish();
          }
          this.#match(distance, length);
        }
      } else if (state === 0) {
        this.#literals(3 + this.#length(code, 15));
        state = MANY;
        continue;
      } else {
        const near = (this.#byte() << 2) + (code >> 2);
        if (state === MANY) this.#match(near + 2049, 3);
        else this.#match(near + 1, 2);
      }
      this.#literals(tail);
      state = tail;
    }
  }

  #finish(): void {
    if (this.#at !== this.end || this.#to !== this.limit) {
      throw corrupt(FORMAT, "a block does not end where its header says");
    }
  }
}

/**
 * Unpacks input[from, end) into exactly output[start, limit); matches stay inside that part.
 * @throws ImageError corrupt
 */
export function unpackLzo1x(
  input: Uint8Array,
  from: number,
  end: number,
  output: Uint8Array,
  start: number,
  limit: number,
): void {
  new Block(input, from, end, output, start, limit).run();
}
