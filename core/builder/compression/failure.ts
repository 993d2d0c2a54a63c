import { ImageError } from "../errors.ts";

/** The input ends before its own headers say so. */
export function truncated(format: string): ImageError {
  return new ImageError("truncated", `the ${format}-compressed kernel is truncated`);
}

/** The input contradicts itself, or its checksum. */
export function corrupt(format: string, why: string, cause?: unknown): ImageError {
  return new ImageError("corrupt", `the ${format}-compressed kernel is corrupt: ${why}`, { cause });
}

/** What the size written behind the payload says is not what came out. */
export function wrongSize(format: string, unpacked: number, size: number): ImageError {
  return corrupt(format, `it unpacks to ${unpacked} bytes, and ${size} were announced`);
}
