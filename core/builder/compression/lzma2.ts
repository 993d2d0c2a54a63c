import { corrupt, truncated } from "./failure.ts";
import { LzmaDecoder, lzmaProperties } from "./lzma.ts";

/** LZMA2 as XZ's blocks hold it: chunks of LZMA or of plain bytes, each with a control byte (xz-file-format, 5.3.1). */

const PLAIN_RESET = 1;
const PLAIN = 2;
const LZMA = 0x80;
/** What an LZMA chunk starts anew, by bits 5 and 6 of its control byte. */
const RESET = { nothing: 0, state: 1, properties: 2, dictionary: 3 } as const;

/** The dictionary size that the filter's one byte of properties says; undefined when reserved. */
export function dictionarySize(byte: number): number | undefined {
  if (byte > 40) return undefined;
  return byte === 40 ? 0xffff_ffff : (2 | (byte & 1)) * 2 ** ((byte >> 1) + 11);
}

export class Lzma2Decoder {
  readonly #lzma: LzmaDecoder;

  constructor(readonly format: string, readonly input: Uint8Array, readonly output: Uint8Array) {
    this.#lzma = new LzmaDecoder(format, input, output);
  }

  /**
   * Decodes chunks from an input offset up to and with the end chunk; gives the offsets behind both.
   * @throws ImageError truncated, corrupt
   */
  decode(inputStart: number, outputStart: number, dictionary: number): { input: number; output: number } {
    const lzma = this.#lzma;
    const { input, output, format } = this;
    let at = inputStart;
    lzma.position = outputStart;
    lzma.dictionarySize = dictionary;
    let needsDictionary = true;
    let needsProperties = true;
    let needsState = true;
    for (;;) {
      if (at >= input.length) throw truncated(format);
      const control = input[at];
      if (control === 0) return { input: at + 1, output: lzma.position };
      const header = control < LZMA ? 3 : control < LZMA + (RESET.properties << 5) ? 5 : 6;
      if (at + header > input.length) throw truncated(format);
      const reset = control < LZMA ? RESET.nothing : control >> 5 & 3;
      if (control === PLAIN_RESET || reset === RESET.dictionary) {
        needsDictionary = false;
        lzma.dictionaryStart = lzma.position;
      } else if (needsDictionary) throw corrupt(format, "it does not start with a dictionary reset");

      const low = (input[at + 1] << 8 | input[at + 2]) + 1;
      if (control < LZMA) {
        if (control > PLAIN) throw corrupt(format, `a chunk has control byte ${control}`);
        if (at + header + low > input.length) throw truncated(format);
        if (lzma.position + low > output.length) throw corrupt(format, "it is longer than announced");
        output.set(input.subarray(at + header, at + header + low), lzma.position);
        lzma.position += low;
        at += header + low;
        continue;
      }
      const unpacked = (control & 0x1f) * 0x1_0000 + low;
      const end = at + header + (input[at + 3] << 8 | input[at + 4]) + 1;
      if (end > input.length) throw truncated(format);
      if (lzma.position + unpacked > output.length) throw corrupt(format, "it is longer than announced");
      if (reset >= RESET.properties) {
        const properties = lzmaProperties(input[at + 5]);
        if (properties === undefined || properties.lc + properties.lp > 4) {
          throw corrupt(format, "a chunk has impossible LZMA properties");
        }
        lzma.setProperties(properties);
        needsProperties = needsState = false;
      } else if (needsProperties) throw corrupt(format, "its first LZMA chunk has no properties");
      else if (reset === RESET.state) {
        lzma.resetState();
        needsState = false;
      } else if (needsState) throw corrupt(format, "a chunk goes on from a state that was dropped");
      if (end - (at + header) < 5) throw corrupt(format, "a chunk is too short");
      lzma.startInput(at + header);
      const stop = lzma.run(lzma.position + unpacked, end);
      if (stop === "end marker" || lzma.inputPosition !== end || !lzma.isFinished) {
        throw corrupt(format, "a chunk does not end where its header says");
      }
      at = end;
    }
  }
}
