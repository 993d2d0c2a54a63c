import { type Compression, compressionOf, COMPRESSIONS } from "./compression/mod.ts";
import { ImageError } from "./errors.ts";
import { describeFile, isElf } from "./identify.ts";

/**
 * A Linux boot protocol image (Documentation/arch/x86/boot.rst). A Xen domain builder uses of it only the payload:
 * the compressed vmlinux, which boot loaders leave to the code in front of it.
 */

/** Offsets into the file of the setup header's fields. */
const SETUP = {
  setupSects: 0x1f1,
  bootFlag: 0x1fe,
  version: 0x206,
  payloadOffset: 0x248,
  payloadLength: 0x24c,
} as const;

const SECTOR = 512;
const BOOT_FLAG = 0xaa55;
/** Zero means this number, for very old kernels. */
const DEFAULT_SETUP_SECTS = 4;
/** The first version with payload_offset and payload_length (Linux 2.6.26). */
const VERSION_PAYLOAD = 0x0208;
/** A kernel unpacks to at most this many bytes (libxenguest's limit as well). */
export const MAX_UNPACKED = 1 << 30;
const SIZE_BYTES = 4;

function versionText(version: number): string {
  return `${version >> 8}.${String(version & 0xff).padStart(2, "0")}`;
}

/** The payload of a bzImage: still compressed, or an ELF file already. */
export interface Payload {
  readonly bytes: Uint8Array;
  /** Undefined for a payload that is an ELF file itself. */
  readonly compression?: Compression;
}

/**
 * Finds the payload.
 * @throws ImageError unsupported-format, truncated, corrupt
 */
export function bzImagePayload(file: Uint8Array): Payload {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const truncated = (what: string, end: number) =>
    new ImageError(
      "truncated",
      `the bzImage is truncated: ${what} ends at byte ${end}, but the file has only ${file.length} bytes`,
    );
  if (file.length < SETUP.version + 2) throw truncated("its setup header", SETUP.version + 2);
  if (view.getUint16(SETUP.bootFlag, true) !== BOOT_FLAG) {
    throw new ImageError("corrupt", "the bzImage is corrupt: its boot sector has no 0xaa55 at the end");
  }
  const version = view.getUint16(SETUP.version, true);
  if (version < VERSION_PAYLOAD) {
    throw new ImageError(
      "unsupported-format",
      `this bzImage has boot protocol ${
        versionText(version)
      }, which does not say where the kernel lies in it; ` +
        `${versionText(VERSION_PAYLOAD)} (Linux 2.6.26) or later is needed, or the uncompressed vmlinux`,
    );
  }
  if (file.length < SETUP.payloadLength + 4) throw truncated("its setup header", SETUP.payloadLength + 4);
  const setupSects = file[SETUP.setupSects] || DEFAULT_SETUP_SECTS;
  const start = (setupSects + 1) * SECTOR + view.getUint32(SETUP.payloadOffset, true);
  const length = view.getUint32(SETUP.payloadLength, true);
  if (length === 0) {
    throw new ImageError("corrupt", "the bzImage is corrupt: its header announces a payload of no bytes");
  }
  if (start + length > file.length) throw truncated("its payload", start + length);
  const bytes = file.subarray(start, start + length);
  if (isElf(bytes)) return { bytes };
  const compression = compressionOf(bytes);
  if (compression === undefined) {
    const names = COMPRESSIONS.map(({ name }) => name).join(", ");
    throw new ImageError(
      "unsupported-format",
      `the bzImage's payload is ${describeFile(bytes)}, where an ELF file or one of ${names} is expected`,
    );
  }
  return { bytes, compression };
}

/**
 * Unpacks the ELF file in a bzImage.
 * @throws ImageError unsupported-format, truncated, corrupt, not-a-kernel
 */
export function unpackBzImage(file: Uint8Array): Uint8Array {
  const { bytes, compression } = bzImagePayload(file);
  if (compression === undefined) return bytes;
  const { name, sizeAppended, unpack } = compression;
  const input = sizeAppended ? bytes.subarray(0, Math.max(0, bytes.length - SIZE_BYTES)) : bytes;
  if (bytes.length < 2 * SIZE_BYTES) {
    throw new ImageError("truncated", `the ${name}-compressed kernel is truncated`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = view.getUint32(bytes.length - SIZE_BYTES, true);
  if (size > MAX_UNPACKED) {
    throw new ImageError(
      "corrupt",
      `the ${name}-compressed kernel is corrupt: it announces ${size} bytes, which is more than 1 GiB`,
    );
  }
  const elf = unpack(input, size);
  if (!isElf(elf)) {
    throw new ImageError("not-a-kernel", `inside this bzImage is ${describeFile(elf)}, not a kernel`);
  }
  return elf;
}
