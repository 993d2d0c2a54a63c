import { corrupt, truncated, wrongSize } from "./failure.ts";

/** LZ4 in its legacy frame, which is what the kernel build writes (lz4 -l): blocks of at most 8 MiB, no checksums. */

const FORMAT = "LZ4";
const MAGIC = 0x184c2102;
const BLOCK_BYTES = 8 << 20;
const SHORTEST_MATCH = 4;
/** A length of 15 in a token goes on in further bytes. */
const LONG = 15;
/** From this length on a native copy beats a loop. */
const NATIVE_COPY = 48;

/** Unpacks one block; its matches reach back at most to `start`. Gives the output's new end. */
function unpackBlock(
  input: Uint8Array,
  from: number,
  end: number,
  output: Uint8Array,
  start: number,
): number {
  const limit = Math.min(output.length, start + BLOCK_BYTES);
  let at = from;
  let to = start;
  while (at < end) {
    const token = input[at++];
    let literals = token >> 4;
    if (literals === LONG) {
      let more: number;
      do {
        if (at >= end) throw corrupt(FORMAT, "a block ends inside a length");
        more = input[at++];
        literals += more;
      } while (more === 255);
    }
    if (literals > end - at) throw corrupt(FORMAT, "a block ends inside its literals");
    if (literals > limit - to) throw corrupt(FORMAT, "a block is longer than announced");
    if (literals >= NATIVE_COPY) {
      output.set(input.subarray(at, at + literals), to);
      at += literals;
      to += literals;
    } else {
      for (const literalEnd = at + literals; at < literalEnd;) output[to++] = input[at++];
    }
    if (at === end) return to; // The last sequence has no match.

    if (end - at < 2) throw corrupt(FORMAT, "a block ends inside a match");
    const distance = input[at] | (input[at + 1] << 8);
    at += 2;
    let length = (token & 15) + SHORTEST_MATCH;
    if (length === LONG + SHORTEST_MATCH) {
      let more: number;
      do {
        if (at >= end) throw corrupt(FORMAT, "a block ends inside a length");
        more = input[at++];
        length += more;
      } while (more === 255);
    }
    if (distance === 0 || distance > to - start) {
      throw corrupt(FORMAT, "a match reaches back before the start");
    }
    if (length > limit - to) throw corrupt(FORMAT, "a block is longer than announced");
    const source = to - distance;
    if (length >= NATIVE_COPY && distance >= length) {
      output.copyWithin(to, source, source + length);
      to += length;
    } else if (length >= NATIVE_COPY && distance === 1) {
      output.fill(output[source], to, to + length);
      to += length;
    } else {
      let byte = source;
      for (const matchEnd = to + length; to < matchEnd;) output[to++] = output[byte++];
    }
  }
  throw corrupt(FORMAT, "a block ends with a match");
}

/**
 * Unpacks legacy LZ4 frames of `size` bytes in all.
 * @throws ImageError truncated, corrupt
 */
export function unpackLz4(input: Uint8Array, size: number): Uint8Array {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  if (input.length < 4) throw truncated(FORMAT);
  const output = new Uint8Array(size);
  let at = 0;
  let to = 0;
  while (at < input.length) {
    if (input.length - at < 4) throw truncated(FORMAT);
    const length = view.getUint32(at, true);
    at += 4;
    if (length === MAGIC) continue; // Another frame may follow the first.
    if (at === 4) throw corrupt(FORMAT, "it does not start as a legacy frame does");
    if (length > input.length - at) throw truncated(FORMAT);
    to = unpackBlock(input, at, at + length, output, to);
    at += length;
  }
  if (to !== size) throw wrongSize(FORMAT, to, size);
  return output;
}
