/** The formats that the runtime itself unpacks: gzip and zstd. */
import { constants, gunzipSync, zstdDecompressSync } from "node:zlib";
import { corrupt, truncated, wrongSize } from "./failure.ts";

/** The kernel build asks zstd for windows of up to 128 MiB. */
const ZSTD_WINDOW_LOG = 27;

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function unpack(format: string, size: number, act: () => Uint8Array): Uint8Array {
  let output: Uint8Array;
  try {
    output = act();
  } catch (cause) {
    const code = codeOf(cause);
    if (code === "Z_BUF_ERROR") throw truncated(format);
    if (code === "ERR_BUFFER_TOO_LARGE") throw corrupt(format, "it is longer than announced", cause);
    throw corrupt(format, cause instanceof Error ? cause.message : String(cause), cause);
  }
  if (output.length !== size) throw wrongSize(format, output.length, size);
  return output;
}

/**
 * Unpacks a gzip file (RFC 1952) of `size` bytes.
 * @throws ImageError truncated, corrupt
 */
export function unpackGzip(input: Uint8Array, size: number): Uint8Array {
  return unpack("gzip", size, () => gunzipSync(input, { maxOutputLength: Math.max(size, 1) }));
}

const ZSTD_MAGIC = 0xfd2fb528;
/** Frames of other content, which decoders leave out: 16 magic numbers. */
const ZSTD_SKIPPABLE = 0x184d2a50;
const DICTIONARY_BYTES = [0, 1, 2, 4];
const SIZE_BYTES = [0, 2, 4, 8];
const BLOCK_RLE = 1;

/** The end of the zstd frame at an offset, by its headers alone (RFC 8878, 3.1.1); the runtime takes cut-off ones for whole. */
function zstdFrameEnd(input: Uint8Array, start: number): number {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  const need = (end: number) => {
    if (end > input.length) throw truncated("zstd");
    return end;
  };
  need(start + 8);
  const magic = view.getUint32(start, true);
  if (magic >>> 4 === ZSTD_SKIPPABLE >>> 4) return need(start + 8 + view.getUint32(start + 4, true));
  if (magic !== ZSTD_MAGIC) throw corrupt("zstd", "a frame does not start as it should");
  const descriptor = input[start + 4];
  const isSingle = (descriptor & 0x20) !== 0;
  const sizeBytes = isSingle && descriptor >> 6 === 0 ? 1 : SIZE_BYTES[descriptor >> 6];
  let at = start + 5 + (isSingle ? 0 : 1) + DICTIONARY_BYTES[descriptor & 3] + sizeBytes;
  for (let isLast = false; !isLast;) {
    need(at + 3);
    const header = input[at] | (input[at + 1] << 8) | (input[at + 2] << 16);
    isLast = (header & 1) !== 0;
    at = need(at + 3 + ((header >> 1 & 3) === BLOCK_RLE ? 1 : header >> 3));
  }
  return need(at + ((descriptor & 4) !== 0 ? 4 : 0));
}

/**
 * Unpacks a zstd file (RFC 8878) of `size` bytes.
 * @throws ImageError truncated, corrupt
 */
export function unpackZstd(input: Uint8Array, size: number): Uint8Array {
  let end = 0;
  do end = zstdFrameEnd(input, end); while (end < input.length);
  const params = { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG };
  return unpack(
    "zstd",
    size,
    () => zstdDecompressSync(input, { maxOutputLength: Math.max(size, 1), params }),
  );
}
