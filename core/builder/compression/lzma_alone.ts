import { corrupt, truncated, wrongSize } from "./failure.ts";
import { LzmaDecoder, lzmaProperties } from "./lzma.ts";

/** A .lzma file (LZMA alone): properties, dictionary size, unpacked size or all ones, one range-coded stream. */

const FORMAT = "LZMA";
const HEADER_BYTES = 13;

/**
 * Unpacks an LZMA file of `size` bytes. The format has no checksum.
 * @throws ImageError truncated, corrupt
 */
export function unpackLzma(input: Uint8Array, size: number): Uint8Array {
  if (input.length < HEADER_BYTES + 5) throw truncated(FORMAT);
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  const properties = lzmaProperties(input[0]);
  if (properties === undefined) throw corrupt(FORMAT, "its properties are impossible");
  const announced = view.getBigUint64(5, true);
  const hasSize = announced !== 0xffff_ffff_ffff_ffffn;
  if (hasSize && announced !== BigInt(size)) throw wrongSize(FORMAT, Number(announced), size);

  const output = new Uint8Array(size);
  const decoder = new LzmaDecoder(FORMAT, input, output);
  decoder.dictionarySize = Math.max(view.getUint32(1, true), 4096);
  decoder.setProperties(properties);
  decoder.startInput(HEADER_BYTES);
  const stop = decoder.run(size, input.length);
  if (stop === "end marker") throw wrongSize(FORMAT, decoder.position, size);
  // With its size known, a stream may still have an end marker; without, it must.
  const atEnd = decoder.inputPosition === input.length && decoder.isFinished;
  if ((!hasSize || !atEnd) && !decoder.endMarker(input.length)) {
    throw corrupt(FORMAT, "it goes on behind its announced size");
  }
  if (decoder.inputPosition > input.length) throw truncated(FORMAT);
  if (decoder.inputPosition < input.length || !decoder.isFinished) {
    throw corrupt(FORMAT, "something follows its end");
  }
  return output;
}
