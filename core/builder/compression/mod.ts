/** What a bzImage's payload may be compressed with: each format with its first bytes and its decoder. */
import { unpackBzip2 } from "./bzip2.ts";
import { unpackLz4 } from "./lz4.ts";
import { unpackLzma } from "./lzma_alone.ts";
import { unpackLzo } from "./lzo.ts";
import { unpackXz } from "./xz.ts";
import { unpackGzip, unpackZstd } from "./zlib.ts";

export interface Compression {
  readonly name: string;
  readonly magic: readonly number[];
  /** gzip ends in its unpacked size anyway; behind the others the kernel build writes it. */
  readonly sizeAppended: boolean;
  /**
   * Unpacks the whole input to exactly `size` bytes.
   * @throws ImageError truncated, corrupt
   */
  unpack(input: Uint8Array, size: number): Uint8Array;
}

export const COMPRESSIONS: readonly Compression[] = [
  { name: "gzip", magic: [0x1f, 0x8b, 0x08], sizeAppended: false, unpack: unpackGzip },
  { name: "bzip2", magic: [0x42, 0x5a, 0x68], sizeAppended: true, unpack: unpackBzip2 },
  { name: "LZMA", magic: [0x5d, 0x00, 0x00], sizeAppended: true, unpack: unpackLzma },
  { name: "XZ", magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], sizeAppended: true, unpack: unpackXz },
  { name: "LZO", magic: [0x89, 0x4c, 0x5a, 0x4f], sizeAppended: true, unpack: unpackLzo },
  { name: "LZ4", magic: [0x02, 0x21, 0x4c, 0x18], sizeAppended: true, unpack: unpackLz4 },
  { name: "zstd", magic: [0x28, 0xb5, 0x2f, 0xfd], sizeAppended: true, unpack: unpackZstd },
];

/** The compression that some bytes start with. */
export function compressionOf(bytes: Uint8Array): Compression | undefined {
  return COMPRESSIONS.find(({ magic }) => magic.every((byte, i) => bytes[i] === byte));
}
