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

/**
 * Unpacks a zstd file (RFC 8878) of `size` bytes.
 * @throws ImageError truncated, corrupt
 */
export function unpackZstd(input: Uint8Array, size: number): Uint8Array {
  const params = { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG };
  return unpack(
    "zstd",
    size,
    () => zstdDecompressSync(input, { maxOutputLength: Math.max(size, 1), params }),
  );
}
