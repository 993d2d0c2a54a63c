/** Why an image cannot be started. */
export type ImageErrorKind =
  /** The file is not a kernel image at all. */
  | "not-a-kernel"
  /** A kernel image of a format that is not read yet. */
  | "unsupported-format"
  /** The file ends before what its headers promise. */
  | "truncated"
  /** The headers contradict themselves. */
  | "corrupt"
  /** An ELF file without any Xen notes. */
  | "no-xen-notes"
  /** A Xen kernel, but not for the mode that was asked for. */
  | "wrong-mode"
  /** The kernel requires a feature that is not offered. */
  | "unsupported-feature"
  /** The domain's memory cannot hold the image and its start-of-day pages. */
  | "out-of-memory";

/** An image that cannot be started; the message is one sentence for the user, without a file name. */
export class ImageError extends Error {
  override readonly name = "ImageError";

  constructor(readonly kind: ImageErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** Hexadecimal for messages. */
export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
