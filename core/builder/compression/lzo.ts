import { crc32 } from "node:zlib";
import { corrupt, truncated, wrongSize } from "./failure.ts";
import { unpackLzo1x } from "./lzo1x.ts";

/** lzop's file format, which the kernel build uses for LZO: a header, then blocks with their checksums. */

const FORMAT = "LZO";
const MAGIC = [0x89, 0x4c, 0x5a, 0x4f, 0x00, 0x0d, 0x0a, 0x1a, 0x0a];
/** The first version whose header has a level and a second half of the time. */
const VERSION_LEVEL = 0x0940;
const METHOD_LZO1X = [1, 2, 3];
/** Flags; "unpacked" and "packed" say which bytes of a block a checksum covers. */
const FLAG = {
  unpackedAdler: 0x1,
  packedAdler: 0x2,
  extraField: 0x40,
  unpackedCrc: 0x100,
  packedCrc: 0x200,
  multipart: 0x400,
  filter: 0x800,
  headerCrc: 0x1000,
} as const;
const MAX_BLOCK = 64 << 20;
/** Sums of this many bytes stay below 2^31 before they are reduced. */
const ADLER_RUN = 2048;

/** Adler-32 (RFC 1950), unsigned. */
function adler32(bytes: Uint8Array): number {
  let a = 1;
  let b = 0;
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(at + ADLER_RUN, bytes.length);
    for (; at < end; at++) {
      a += bytes[at];
      b += a;
    }
    a %= 65521;
    b %= 65521;
  }
  return ((b << 16) | a) >>> 0;
}

/** Big-endian fields, one after another. */
class Fields {
  at = 0;
  readonly #view: DataView;

  constructor(readonly bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  take(count: number): number {
    if (count > this.bytes.length - this.at) throw truncated(FORMAT);
    const at = this.at;
    this.at += count;
    return at;
  }

  u8(): number {
    return this.bytes[this.take(1)];
  }

  u16(): number {
    return this.#view.getUint16(this.take(2));
  }

  u32(): number {
    return this.#view.getUint32(this.take(4));
  }
}

/** Reads the header; gives its flags. */
function readHeader(fields: Fields): number {
  const { bytes } = fields;
  const start = fields.take(MAGIC.length);
  if (MAGIC.some((byte, i) => bytes[start + i] !== byte)) {
    throw corrupt(FORMAT, "it does not start as lzop does");
  }
  const version = fields.u16();
  fields.u16(); // version of the library
  if (version >= VERSION_LEVEL) fields.u16(); // version needed to extract
  const method = fields.u8();
  if (!METHOD_LZO1X.includes(method)) throw corrupt(FORMAT, `it uses method ${method}, where LZO1X is known`);
  if (version >= VERSION_LEVEL) fields.u8(); // level
  const flags = fields.u32();
  if ((flags & (FLAG.filter | FLAG.multipart)) !== 0) {
    throw corrupt(FORMAT, "it uses a filter or several parts, which kernels do not");
  }
  fields.take(version >= VERSION_LEVEL ? 12 : 8); // mode and time
  fields.take(fields.u8()); // name
  const covered = bytes.subarray(start + MAGIC.length, fields.at);
  const sum = (flags & FLAG.headerCrc) !== 0 ? crc32(covered) : adler32(covered);
  if (fields.u32() !== sum) throw corrupt(FORMAT, "its header has a wrong checksum");
  if ((flags & FLAG.extraField) !== 0) {
    fields.take(fields.u32());
    fields.u32();
  }
  return flags;
}

/**
 * Unpacks an lzop file of `size` bytes; every checksum in it is compared.
 * @throws ImageError truncated, corrupt
 */
export function unpackLzo(input: Uint8Array, size: number): Uint8Array {
  const fields = new Fields(input);
  const flags = readHeader(fields);
  const output = new Uint8Array(size);
  const sums = (adler: number, crc: number) => ({
    adler: (flags & adler) !== 0 ? fields.u32() : undefined,
    crc: (flags & crc) !== 0 ? fields.u32() : undefined,
  });
  const check = (bytes: Uint8Array, { adler, crc }: ReturnType<typeof sums>) => {
    if ((adler ?? adler32(bytes)) !== adler32(bytes) || (crc ?? crc32(bytes)) !== crc32(bytes)) {
      throw corrupt(FORMAT, "a block has a wrong checksum");
    }
  };
  let to = 0;
  for (;;) {
    const unpacked = fields.u32();
    if (unpacked === 0) break;
    const packed = fields.u32();
    if (packed > unpacked || unpacked > MAX_BLOCK) throw corrupt(FORMAT, "a block has impossible lengths");
    if (unpacked > size - to) throw corrupt(FORMAT, "it is longer than announced");
    const unpackedSums = sums(FLAG.unpackedAdler, FLAG.unpackedCrc);
    const packedSums = packed < unpacked ? sums(FLAG.packedAdler, FLAG.packedCrc) : undefined;
    const from = fields.take(packed);
    const source = input.subarray(from, from + packed);
    if (packedSums === undefined) output.set(source, to);
    else {
      check(source, packedSums);
      unpackLzo1x(input, from, from + packed, output, to, to + unpacked);
    }
    check(output.subarray(to, to + unpacked), unpackedSums);
    to += unpacked;
  }
  if (fields.at !== input.length) throw corrupt(FORMAT, "something follows its end");
  if (to !== size) throw wrongSize(FORMAT, to, size);
  return output;
}
