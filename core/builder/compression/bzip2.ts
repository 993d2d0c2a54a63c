import { corrupt, truncated, wrongSize } from "./failure.ts";

/** bzip2: run lengths, Burrows-Wheeler, move to front, run lengths again, Huffman; a CRC for each block and for all. */

const FORMAT = "bzip2";
const BLOCK_MAGIC = [0x314159, 0x265359] as const;
const END_MAGIC = [0x177245, 0x385090] as const;
const GROUP_SYMBOLS = 50;
const MAX_CODE_BITS = 20;
const MAX_SYMBOLS = 258;
/** Four equal bytes are followed by a count of more. */
const RUN = 4;

const crcTable = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  return crc;
});

/** bzip2's CRC-32: most significant bit first. */
function crcOf(bytes: Uint8Array): number {
  let crc = -1;
  for (let i = 0; i < bytes.length; i++) crc = (crc << 8) ^ crcTable[(crc >>> 24) ^ bytes[i]];
  return ~crc;
}

/** Bits, most significant first. */
class Bits {
  #position = 0;
  #held = 0;
  #count = 0;

  constructor(readonly input: Uint8Array) {}

  /** At most 24 bits. */
  read(count: number): number {
    while (this.#count < count) {
      if (this.#position >= this.input.length) throw truncated(FORMAT);
      this.#held = (this.#held << 8) | this.input[this.#position++];
      this.#count += 8;
    }
    this.#count -= count;
    const value = (this.#held >>> this.#count) & ((1 << count) - 1);
    this.#held &= (1 << this.#count) - 1;
    return value;
  }

  u32(): number {
    return (this.read(16) << 16) | this.read(16);
  }

  /** Drops what is left of a byte; false when the input ends there. */
  nextByte(): boolean {
    this.#count -= this.#count % 8;
    return this.#count > 0 || this.#position < this.input.length;
  }
}

/** A Huffman code: for each length the highest code of that length, and where its symbols lie. */
class Code {
  readonly #limit = new Int32Array(MAX_CODE_BITS + 2);
  readonly #base = new Int32Array(MAX_CODE_BITS + 2);
  readonly #symbols: Uint16Array;
  readonly #shortest: number;
  readonly #longest: number;

  constructor(lengths: Uint8Array) {
    this.#symbols = new Uint16Array(lengths.length);
    this.#shortest = Math.min(...lengths);
    this.#longest = Math.max(...lengths);
    let code = 0;
    let index = 0;
    for (let length = this.#shortest; length <= this.#longest; length++) {
      this.#base[length] = index - code;
      for (let symbol = 0; symbol < lengths.length; symbol++) {
        if (lengths[symbol] === length) {
          this.#symbols[index++] = symbol;
          code++;
        }
      }
      this.#limit[length] = code - 1;
      code <<= 1;
    }
  }

  read(bits: Bits): number {
    let length = this.#shortest;
    let code = bits.read(length);
    while (code > this.#limit[length]) {
      if (++length > this.#longest) throw corrupt(FORMAT, "a Huffman code is unknown");
      code = (code << 1) | bits.read(1);
    }
    const index = code + this.#base[length];
    if (index < 0 || index >= this.#symbols.length) throw corrupt(FORMAT, "a Huffman code is unknown");
    return this.#symbols[index];
  }
}

/** The bytes that occur in a block, in order. */
function readSymbols(bits: Bits): Uint8Array {
  const groups = bits.read(16);
  const used: number[] = [];
  for (let group = 0; group < 16; group++) {
    if ((groups & (0x8000 >> group)) === 0) continue;
    const members = bits.read(16);
    for (let i = 0; i < 16; i++) if ((members & (0x8000 >> i)) !== 0) used.push(group * 16 + i);
  }
  if (used.length === 0) throw corrupt(FORMAT, "a block has no symbols");
  return Uint8Array.from(used);
}

/** Which code each run of 50 symbols uses. */
function readSelectors(bits: Bits, codes: number): Uint8Array {
  const count = bits.read(15);
  if (count === 0) throw corrupt(FORMAT, "a block has no selectors");
  const order = Array.from({ length: codes }, (_, i) => i);
  const selectors = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    let place = 0;
    while (bits.read(1) === 1) if (++place >= codes) throw corrupt(FORMAT, "a selector is out of range");
    const [code] = order.splice(place, 1);
    order.unshift(code);
    selectors[i] = code;
  }
  return selectors;
}

function readCode(bits: Bits, symbols: number): Code {
  const lengths = new Uint8Array(symbols);
  let length = bits.read(5);
  for (let symbol = 0; symbol < symbols; symbol++) {
    for (;;) {
      if (length < 1 || length > MAX_CODE_BITS) throw corrupt(FORMAT, "a Huffman code is too long");
      if (bits.read(1) === 0) break;
      length += bits.read(1) === 0 ? 1 : -1;
    }
    lengths[symbol] = length;
  }
  return new Code(lengths);
}

class Decoder {
  readonly #bits: Bits;
  /** One block: the byte in the low eight bits, later the link to its successor above them. */
  #block = new Uint32Array(0);
  position = 0;

  constructor(input: Uint8Array, readonly output: Uint8Array) {
    this.#bits = new Bits(input);
  }

  /** Decodes streams until the input ends. */
  run(): void {
    do this.#stream(); while (this.#bits.nextByte());
  }

  #stream(): void {
    const bits = this.#bits;
    if (bits.read(24) !== 0x425a68) throw corrupt(FORMAT, "it does not start as bzip2 does");
    const level = bits.read(8) - 0x30;
    if (level < 1 || level > 9) throw corrupt(FORMAT, "its block size is unknown");
    this.#block = new Uint32Array(level * 100_000);
    let combined = 0;
    for (;;) {
      const magic = [bits.read(24), bits.read(24)];
      const stored = bits.u32();
      if (magic[0] === END_MAGIC[0] && magic[1] === END_MAGIC[1]) {
        if (stored !== combined) throw corrupt(FORMAT, "the unpacked bytes have a wrong checksum");
        return;
      }
      if (magic[0] !== BLOCK_MAGIC[0] || magic[1] !== BLOCK_MAGIC[1]) {
        throw corrupt(FORMAT, "a block does not start as it should");
      }
      const start = this.position;
      this.#readBlock();
      const crc = crcOf(this.output.subarray(start, this.position));
      if (crc !== stored) throw corrupt(FORMAT, "a block has a wrong checksum");
      combined = ((combined << 1) | (combined >>> 31)) ^ crc;
    }
  }

  #readBlock(): void {
    const bits = this.#bits;
    if (bits.read(1) !== 0) throw corrupt(FORMAT, "it has randomised blocks, which bzip2 0.9.5 gave up");
    const origin = bits.read(24);
    const symbols = readSymbols(bits);
    const codeCount = bits.read(3);
    if (codeCount < 2 || codeCount > 6) throw corrupt(FORMAT, "a block has an impossible number of codes");
    const selectors = readSelectors(bits, codeCount);
    const codes = Array.from({ length: codeCount }, () => readCode(bits, symbols.length + 2));
    const counts = new Int32Array(256);
    const length = this.#readRuns(symbols, selectors, codes, counts);
    if (origin >= length) throw corrupt(FORMAT, "a block's origin lies outside it");
    this.#link(counts, length);
    this.#write(origin, length);
  }

  /** Huffman, zero runs and move to front; gives the block's length and counts its bytes. */
  #readRuns(symbols: Uint8Array, selectors: Uint8Array, codes: readonly Code[], counts: Int32Array): number {
    const block = this.#block;
    const end = symbols.length + 1;
    if (end >= MAX_SYMBOLS) throw corrupt(FORMAT, "a block has too many symbols");
    let length = 0;
    let run = 0;
    let weight = 1;
    for (let group = 0; group < selectors.length; group++) {
      const code = codes[selectors[group]];
      for (let i = 0; i < GROUP_SYMBOLS; i++) {
        const symbol = code.read(this.#bits);
        if (symbol < 2) {
          run += weight << symbol;
          weight <<= 1;
          if (run > block.length) throw corrupt(FORMAT, "a block is too long");
          continue;
        }
        if (run > 0) {
          if (run > block.length - length) throw corrupt(FORMAT, "a block is too long");
          block.fill(symbols[0], length, length + run);
          counts[symbols[0]] += run;
          length += run;
          run = 0;
          weight = 1;
        }
        if (symbol === end) return length;
        if (length >= block.length) throw corrupt(FORMAT, "a block is too long");
        const byte = symbols[symbol - 1];
        symbols.copyWithin(1, 0, symbol - 1);
        symbols[0] = byte;
        block[length++] = byte;
        counts[byte]++;
      }
    }
    throw corrupt(FORMAT, "a block has no end");
  }

  /** Links each byte to the one that follows it in the text. */
  #link(counts: Int32Array, length: number): void {
    const block = this.#block;
    const next = new Int32Array(256);
    for (let byte = 1; byte < 256; byte++) next[byte] = next[byte - 1] + counts[byte - 1];
    for (let i = 0; i < length; i++) block[next[block[i] & 0xff]++] |= i << 8;
  }

  /** Follows the links and unpacks runs of equal bytes. */
  #write(origin: number, length: number): void {
    const block = this.#block;
    const { output } = this;
    let to = this.position;
    let entry = block[origin];
    let previous = -1;
    let equal = 0;
    for (let i = 0; i < length; i++) {
      entry = block[entry >>> 8];
      const byte = entry & 0xff;
      if (equal === RUN) {
        if (byte > output.length - to) throw corrupt(FORMAT, "it is longer than announced");
        output.fill(previous, to, to + byte);
        to += byte;
        equal = 0;
        previous = -1;
        continue;
      }
      if (to >= output.length) throw corrupt(FORMAT, "it is longer than announced");
      output[to++] = byte;
      equal = byte === previous ? equal + 1 : 1;
      previous = byte;
    }
    this.position = to;
  }
}

/**
 * Unpacks bzip2 streams of `size` bytes in all; every checksum in them is compared.
 * @throws ImageError truncated, corrupt
 */
export function unpackBzip2(input: Uint8Array, size: number): Uint8Array {
  const output = new Uint8Array(size);
  const decoder = new Decoder(input, output);
  decoder.run();
  if (decoder.position !== size) throw wrongSize(FORMAT, decoder.position, size);
  return output;
}
