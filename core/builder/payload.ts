import { gunzipSync } from "node:zlib";
import { describeFile, isBzImage, isElf, isGzip } from "./identify.ts";
import { MAX_UNPACKED, unpackBzImage } from "./bzimage.ts";
import { ImageError } from "./errors.ts";

function gunzip(bytes: Uint8Array): Uint8Array {
  try {
    return new Uint8Array(gunzipSync(bytes, { maxOutputLength: MAX_UNPACKED }));
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "Z_BUF_ERROR") {
      throw new ImageError("truncated", "the gzip-compressed kernel is truncated", { cause });
    }
    if (code === "ERR_BUFFER_TOO_LARGE") {
      throw new ImageError("corrupt", "the gzip-compressed kernel unpacks to more than 1 GiB", { cause });
    }
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ImageError("corrupt", `the gzip-compressed kernel cannot be unpacked: ${reason}`, { cause });
  }
}

/**
 * Gives the ELF file inside a kernel file: itself, or the content of its gzip wrapping, or a bzImage's payload.
 * @throws ImageError not-a-kernel, unsupported-format, truncated, corrupt
 */
export function unpackKernel(bytes: Uint8Array): Uint8Array {
  if (isGzip(bytes)) {
    const inner = gunzip(bytes);
    if (isElf(inner)) return inner;
    if (isBzImage(inner)) return unpackBzImage(inner);
    throw new ImageError(
      "not-a-kernel",
      `this is gzip-compressed, and inside is ${describeFile(inner)}, not a kernel`,
    );
  }
  if (isBzImage(bytes)) return unpackBzImage(bytes);
  if (!isElf(bytes)) {
    throw new ImageError(
      "not-a-kernel",
      `this is ${describeFile(bytes)}, not a kernel image (an ELF file is expected)`,
    );
  }
  return bytes;
}
