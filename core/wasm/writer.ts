/** One growing byte array, and WebAssembly's number encodings into it. */

const SPLIT = new BigInt64Array(1);
const HALVES = new Int32Array(SPLIT.buffer);
const FLOAT = new Float64Array(1);
const FLOAT_BYTES = new Uint8Array(FLOAT.buffer);
const SINGLE = new Float32Array(FLOAT.buffer);
const UTF8 = new TextEncoder();

export class Writer {
  bytes: Uint8Array;
  length = 0;

  constructor(capacity = 1024) {
    this.bytes = new Uint8Array(capacity);
  }

  /** Makes room for n more bytes. The number and byte methods below do it for themselves. */
  reserve(n: number): void {
    if (this.length + n <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + n));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  byte(n: number): void {
    if (this.length === this.bytes.length) this.reserve(1);
    this.bytes[this.length++] = n;
  }

  /** Unsigned LEB128 of an integer from 0 to 2^53. */
  unsigned(n: number): void {
    while (n > 0x7fffffff) {
      this.byte(n % 128 | 0x80);
      n = Math.floor(n / 128);
    }
    while (n > 0x7f) {
      this.byte(n & 0x7f | 0x80);
      n >>>= 7;
    }
    this.byte(n);
  }

  /** Signed LEB128 of a 32-bit integer. */
  signed32(n: number): void {
    while (n < -64 || n > 63) {
      this.byte(n & 0x7f | 0x80);
      n >>= 7;
    }
    this.byte(n & 0x7f);
  }

  /** Signed LEB128 of a 64-bit integer. */
  signed64(n: bigint): void {
    SPLIT[0] = n;
    let low = HALVES[0];
    let high = HALVES[1];
    while (high !== low >> 31 || low < -64 || low > 63) {
      this.byte(low & 0x7f | 0x80);
      low = low >>> 7 | high << 25;
      high >>= 7;
    }
    this.byte(low & 0x7f);
  }

  f32(n: number): void {
    SINGLE[0] = n;
    this.append(FLOAT_BYTES.subarray(0, 4));
  }

  f64(n: number): void {
    FLOAT[0] = n;
    this.append(FLOAT_BYTES);
  }

  /** Raw bytes, without a length. */
  append(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Bytes with their length before them. */
  sized(bytes: Uint8Array): void {
    this.unsigned(bytes.length);
    this.append(bytes);
  }

  name(text: string): void {
    const start = this.length;
    this.unsigned(text.length);
    for (let i = 0; i < text.length; i++) {
      const c = text.charCodeAt(i);
      if (c > 0x7f) {
        this.length = start;
        return this.sized(UTF8.encode(text));
      }
      this.byte(c);
    }
  }

  /** What was written so far; a view, good until the next write. */
  view(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
}
