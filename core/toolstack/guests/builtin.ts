/** The guests that Xenolith brings along. */

/** A built-in guest's kernel image, or undefined when there is none of that name. */
export function builtinGuest(_name: string): Uint8Array | undefined {
  return undefined;
}
