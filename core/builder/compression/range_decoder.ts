/** The binary range decoder of LZMA (the LZMA SDK's specification): adaptive bits, bit trees and direct bits. */

const PROBABILITY_BITS = 11;
const MOVE_BITS = 5;
/** Probability one half: what every model starts from. */
export const EVEN = 1 << (PROBABILITY_BITS - 1);
const FULL = 1 << PROBABILITY_BITS;
/** The range is refilled with a byte when its upper eight bits are zero. */
const TOP_BITS = 24;

/**
 * Reads bits from `input`, whose models are 16-bit probabilities in `models`, named by index.
 * Reading beyond the input gives zeros: whoever drives it compares `position` with its end now and then.
 */
export class RangeDecoder {
  position = 0;
  /** Both are unsigned 32-bit numbers, kept as signed ones. */
  range = -1;
  code = 0;

  constructor(readonly input: Uint8Array, readonly models: Uint16Array) {}

  /** Starts at a byte offset; the first byte of five must be zero. False if it is not. */
  start(position: number): boolean {
    const { input } = this;
    this.range = -1;
    this.code = (input[position + 1] << 24) | (input[position + 2] << 16) | (input[position + 3] << 8) |
      input[position + 4];
    this.position = position + 5;
    return input[position] === 0;
  }

  bit(index: number): 0 | 1 {
    const { models } = this;
    const probability = models[index];
    const bound = Math.imul(this.range >>> PROBABILITY_BITS, probability);
    let decoded: 0 | 1;
    let range: number;
    if ((this.code >>> 0) < (bound >>> 0)) {
      range = bound;
      models[index] = probability + ((FULL - probability) >>> MOVE_BITS);
      decoded = 0;
    } else {
      range = this.range - bound | 0;
      this.code = this.code - bound | 0;
      models[index] = probability - (probability >>> MOVE_BITS);
      decoded = 1;
    }
    if (range >>> TOP_BITS === 0) {
      range <<= 8;
      this.code = (this.code << 8) | this.input[this.position++];
    }
    this.range = range;
    return decoded;
  }

  /** A tree of `1 << bits` leaves, most significant bit first; the models lie at `base + 1` on. */
  tree(base: number, bits: number): number {
    const { models, input } = this;
    const leaves = 1 << bits;
    let { range, code, position } = this;
    let symbol = 1;
    do {
      const index = base + symbol;
      const probability = models[index];
      const bound = Math.imul(range >>> PROBABILITY_BITS, probability);
      if ((code >>> 0) < (bound >>> 0)) {
        range = bound;
        models[index] = probability + ((FULL - probability) >>> MOVE_BITS);
        symbol <<= 1;
      } else {
        range = range - bound | 0;
        code = code - bound | 0;
        models[index] = probability - (probability >>> MOVE_BITS);
        symbol = (symbol << 1) | 1;
      }
      if (range >>> TOP_BITS === 0) {
        range <<= 8;
        code = (code << 8) | input[position++];
      }
    } while (symbol < leaves);
    this.range = range;
    this.code = code;
    this.position = position;
    return symbol - leaves;
  }

  /** A byte whose models are chosen by the byte `match` as long as both agree (a literal after a match). */
  matchedLiteral(base: number, match: number): number {
    const { models, input } = this;
    let { range, code, position } = this;
    let symbol = 1;
    let offset = 0x100;
    do {
      match <<= 1;
      const matchBit = match & offset;
      const index = base + offset + matchBit + symbol;
      const probability = models[index];
      const bound = Math.imul(range >>> PROBABILITY_BITS, probability);
      if ((code >>> 0) < (bound >>> 0)) {
        range = bound;
        models[index] = probability + ((FULL - probability) >>> MOVE_BITS);
        symbol <<= 1;
        offset &= ~matchBit;
      } else {
        range = range - bound | 0;
        code = code - bound | 0;
        models[index] = probability - (probability >>> MOVE_BITS);
        symbol = (symbol << 1) | 1;
        offset &= matchBit;
      }
      if (range >>> TOP_BITS === 0) {
        range <<= 8;
        code = (code << 8) | input[position++];
      }
    } while (symbol < 0x100);
    this.range = range;
    this.code = code;
    this.position = position;
    return symbol & 0xff;
  }

  /** A tree whose least significant bit comes first. */
  reverseTree(base: number, bits: number): number {
    let symbol = 1;
    let value = 0;
    for (let i = 0; i < bits; i++) {
      const bit = this.bit(base + symbol);
      symbol = (symbol << 1) | bit;
      value |= bit << i;
    }
    return value;
  }

  /** Bits of even probability, most significant first; at most 26. */
  direct(bits: number): number {
    const { input } = this;
    let { range, code, position } = this;
    let value = 0;
    for (let i = 0; i < bits; i++) {
      range >>>= 1;
      const one = (code >>> 0) >= (range >>> 0);
      if (one) code = code - range | 0;
      value = (value << 1) | (one ? 1 : 0);
      if (range >>> TOP_BITS === 0) {
        range <<= 8;
        code = (code << 8) | input[position++];
      }
    }
    this.range = range;
    this.code = code;
    this.position = position;
    return value;
  }
}
