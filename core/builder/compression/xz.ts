import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { crc64 } from "./crc.ts";
import { corrupt, truncated, wrongSize } from "./failure.ts";
import { dictionarySize, Lzma2Decoder } from "./lzma2.ts";
import { unfilterX86 } from "./x86_filter.ts";

/** The .xz file format, version 1.1.0: one stream of LZMA2 blocks, where the x86 filter may come before. */

const FORMAT = "XZ";
const HEADER_MAGIC = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00];
const HEADER_BYTES = 12;
const FOOTER_MAGIC = 0x5a59; // "YZ", little endian
const FILTER_X86 = 0x04;
const FILTER_LZMA2 = 0x21;

interface Check {
  readonly size: number;
  /** Compares unpacked bytes with what is stored. */
  matches(bytes: Uint8Array, stored: Uint8Array): boolean;
}

function u32(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}

const CHECKS: Readonly<Record<number, Check>> = {
  0: { size: 0, matches: () => true },
  1: { size: 4, matches: (bytes, stored) => crc32(bytes) === u32(stored, 0) },
  4: {
    size: 8,
    matches: (bytes, stored) => crc64(bytes) === (BigInt(u32(stored, 4)) << 32n | BigInt(u32(stored, 0))),
  },
  10: {
    size: 32,
    matches: (bytes, stored) => createHash("sha256").update(bytes).digest().equals(Buffer.from(stored)),
  },
};

/** Reads fields one after another, up to an end. */
class Fields {
  constructor(readonly bytes: Uint8Array, public at: number, readonly end: number) {}

  byte(): number {
    if (this.at >= this.end) {
      throw this.end < this.bytes.length ? corrupt(FORMAT, "a header is too short") : truncated(FORMAT);
    }
    return this.bytes[this.at++];
  }

  /** A variable-length integer: seven bits a byte, at most nine bytes; inexact above 2^53, where nothing can match. */
  integer(): number {
    let value = 0;
    for (let i = 0; i < 9; i++) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) {
        if (byte === 0 && i > 0) break;
        return value;
      }
    }
    throw corrupt(FORMAT, "a header has an impossible number");
  }
}

function checkCrc(input: Uint8Array, from: number, to: number, what: string): void {
  if (to + 4 > input.length) throw truncated(FORMAT);
  if (crc32(input.subarray(from, to)) !== u32(input, to)) {
    throw corrupt(FORMAT, `${what} has a wrong checksum`);
  }
}

interface BlockHeader {
  readonly bytes: number;
  readonly packed?: number;
  readonly unpacked?: number;
  readonly dictionary: number;
  /** Where the x86 filter begins to count, if there is one. */
  readonly x86Start?: number;
}

function readBlockHeader(input: Uint8Array, at: number): BlockHeader {
  const bytes = (input[at] + 1) * 4;
  const end = at + bytes - 4;
  checkCrc(input, at, end, "a block header");
  const fields = new Fields(input, at + 1, end);
  const flags = fields.byte();
  if ((flags & 0x3c) !== 0) throw corrupt(FORMAT, "a block header has reserved bits");
  const packed = (flags & 0x40) !== 0 ? fields.integer() : undefined;
  const unpacked = (flags & 0x80) !== 0 ? fields.integer() : undefined;
  let dictionary: number | undefined;
  let x86Start: number | undefined;
  const filters = (flags & 3) + 1;
  for (let i = 0; i < filters; i++) {
    const id = fields.integer();
    const size = fields.integer();
    const properties = fields.at;
    if (size > fields.end - properties) throw corrupt(FORMAT, "a block header is too short");
    fields.at += size;
    if (id === FILTER_LZMA2 && size === 1 && i === filters - 1) {
      dictionary = dictionarySize(input[properties]);
      continue;
    }
    if (id !== FILTER_X86 || x86Start !== undefined || (size !== 0 && size !== 4)) {
      throw corrupt(FORMAT, `it uses filter 0x${id.toString(16)}, where x86 and LZMA2 are known`);
    }
    x86Start = size === 4 ? u32(input, properties) : 0;
  }
  if (dictionary === undefined) throw corrupt(FORMAT, "a block header names no LZMA2 filter of a known size");
  while (fields.at < end) if (fields.byte() !== 0) throw corrupt(FORMAT, "a block header has reserved bytes");
  return { bytes, packed, unpacked, dictionary, x86Start };
}

/** What the index must repeat about each block. */
interface BlockRecord {
  /** Header, packed bytes and check, without padding. */
  readonly unpadded: number;
  readonly unpacked: number;
}

function checkIndex(input: Uint8Array, start: number, blocks: readonly BlockRecord[], flags: number): void {
  const fields = new Fields(input, start + 1, input.length);
  const wrong = () => corrupt(FORMAT, "its index does not describe its blocks");
  if (fields.integer() !== blocks.length) throw wrong();
  for (const { unpadded, unpacked } of blocks) {
    if (fields.integer() !== unpadded || fields.integer() !== unpacked) throw wrong();
  }
  while ((fields.at - start) % 4 !== 0) if (fields.byte() !== 0) throw wrong();
  checkCrc(input, start, fields.at, "the index");
  const footer = fields.at + 4;
  if (footer + HEADER_BYTES > input.length) throw truncated(FORMAT);
  if (crc32(input.subarray(footer + 4, footer + 10)) !== u32(input, footer)) {
    throw corrupt(FORMAT, "the footer has a wrong checksum");
  }
  const indexSize = (u32(input, footer + 4) + 1) * 4;
  const magic = input[footer + 10] | (input[footer + 11] << 8);
  if (
    magic !== FOOTER_MAGIC || indexSize !== footer - start || input[footer + 8] !== 0 ||
    input[footer + 9] !== flags
  ) {
    throw corrupt(FORMAT, "the footer does not match the header");
  }
}

/**
 * Unpacks one XZ stream of `size` bytes; every checksum in it is compared.
 * @throws ImageError truncated, corrupt
 */
export function unpackXz(input: Uint8Array, size: number): Uint8Array {
  if (input.length < HEADER_BYTES) throw truncated(FORMAT);
  if (HEADER_MAGIC.some((byte, i) => input[i] !== byte)) {
    throw corrupt(FORMAT, "it does not start as XZ does");
  }
  checkCrc(input, 6, 8, "the header");
  const flags = input[7];
  if (input[6] !== 0 || !(flags in CHECKS)) throw corrupt(FORMAT, `it uses check ${flags}, which is unknown`);
  const check = CHECKS[flags];
  const output = new Uint8Array(size);
  const lzma2 = new Lzma2Decoder(FORMAT, input, output);
  const blocks: BlockRecord[] = [];
  let at = HEADER_BYTES;
  let to = 0;
  for (;;) {
    if (at >= input.length) throw truncated(FORMAT);
    if (input[at] === 0) break;
    const header = readBlockHeader(input, at);
    const packedStart = at + header.bytes;
    const decoded = lzma2.decode(packedStart, to, header.dictionary);
    const packed = decoded.input - packedStart;
    const unpacked = decoded.output - to;
    if ((header.packed ?? packed) !== packed || (header.unpacked ?? unpacked) !== unpacked) {
      throw corrupt(FORMAT, "a block is not as long as its header says");
    }
    const block = output.subarray(to, decoded.output);
    if (header.x86Start !== undefined) unfilterX86(block, header.x86Start);
    const checkAt = decoded.input + (-packed & 3);
    if (checkAt + check.size > input.length) throw truncated(FORMAT);
    if (input.subarray(decoded.input, checkAt).some((byte) => byte !== 0)) {
      throw corrupt(FORMAT, "a block's padding is not zero");
    }
    if (!check.matches(block, input.subarray(checkAt, checkAt + check.size))) {
      throw corrupt(FORMAT, "the unpacked bytes have a wrong checksum");
    }
    blocks.push({ unpadded: header.bytes + packed + check.size, unpacked });
    at = checkAt + check.size;
    to = decoded.output;
  }
  checkIndex(input, at, blocks, flags);
  if (to !== size) throw wrongSize(FORMAT, to, size);
  return output;
}
