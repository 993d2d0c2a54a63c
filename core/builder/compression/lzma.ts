import { corrupt, truncated } from "./failure.ts";
import { AT, LENGTH, modelCount } from "./lzma_models.ts";
import { EVEN, RangeDecoder } from "./range_decoder.ts";

/** The three numbers of LZMA's first byte: literal context bits, literal position bits, position bits. */
export interface LzmaProperties {
  readonly lc: number;
  readonly lp: number;
  readonly pb: number;
}

/** Parses the byte (pb * 5 + lp) * 9 + lc; undefined when it is out of range. */
export function lzmaProperties(byte: number): LzmaProperties | undefined {
  if (byte >= 9 * 5 * 5) return undefined;
  return { lc: byte % 9, lp: Math.trunc(byte / 9) % 5, pb: Math.trunc(byte / 45) };
}

/** First length of each state after which a literal's context is the byte that a match would have given. */
const FIRST_MATCH_STATE = 7;
const SHORTEST = 2;
/** Distances of this slot and above end in directly coded bits and four aligned ones. */
const DIRECT_SLOT = 14;
const END_DISTANCE = -1;

export type LzmaStop = "limit" | "end marker";

/** The LZMA decoder; its dictionary is the output itself, so that matches reach back to `dictionaryStart`. */
export class LzmaDecoder {
  readonly #rc: RangeDecoder;
  readonly #models: Uint16Array;
  #properties: LzmaProperties = { lc: 0, lp: 0, pb: 0 };
  #state = 0;
  #rep0 = 0;
  #rep1 = 0;
  #rep2 = 0;
  #rep3 = 0;
  /** Where the next byte goes. */
  position = 0;
  dictionaryStart = 0;
  /** Matches may reach back this far. */
  dictionarySize = 0xffff_ffff;

  constructor(readonly format: string, readonly input: Uint8Array, readonly output: Uint8Array) {
    this.#models = new Uint16Array(modelCount(8 + 4));
    this.#rc = new RangeDecoder(input, this.#models);
  }

  /** Offset of the next input byte. */
  get inputPosition(): number {
    return this.#rc.position;
  }

  /** A finished range decoder has nothing left in its code. */
  get isFinished(): boolean {
    return this.#rc.code === 0;
  }

  setProperties(properties: LzmaProperties): void {
    this.#properties = properties;
    this.resetState();
  }

  resetState(): void {
    const { lc, lp } = this.#properties;
    this.#state =
      this.#rep0 =
      this.#rep1 =
      this.#rep2 =
      this.#rep3 =
        0;
    this.#models.fill(EVEN, 0, modelCount(lc + lp));
  }

  /** Puts the range decoder on five bytes at an offset of the input. */
  startInput(offset: number): void {
    if (!this.#rc.start(offset)) throw corrupt(this.format, "a range-coded part does not start with zero");
  }

  #length(base: number, positionState: number): number {
    const rc = this.#rc;
    if (rc.bit(base + LENGTH.choice) === 0) return rc.tree(base + LENGTH.low + positionState * 8, 3);
    if (rc.bit(base + LENGTH.choice2) === 0) return 8 + rc.tree(base + LENGTH.middle + positionState * 8, 3);
    return 16 + rc.tree(base + LENGTH.high, 8);
  }

  /** A new distance (0 is the byte before), or END_DISTANCE. */
  #distance(length: number): number {
    const rc = this.#rc;
    const slot = rc.tree(AT.slot + Math.min(length, 3) * 64, 6);
    if (slot < 4) return slot;
    const bits = (slot >> 1) - 1;
    const start = (2 | (slot & 1)) << bits;
    // The tree's root is model 1 of a group that begins at start - slot.
    if (slot < DIRECT_SLOT) return start + rc.reverseTree(AT.special + start - slot, bits);
    return (start + (rc.direct(bits - 4) << 4) + rc.reverseTree(AT.align, 4)) | 0;
  }

  /** Brings the repeated distance to the front; true when it is the last one, for a single byte. */
  #isShortRepeat(state: number, positionState: number): boolean {
    const rc = this.#rc;
    if (rc.bit(AT.isRep0 + state) === 0) {
      return rc.bit(AT.isRep0Long + (state << 4) + positionState) === 0;
    }
    let distance = this.#rep1;
    if (rc.bit(AT.isRep1 + state) !== 0) {
      if (rc.bit(AT.isRep2 + state) === 0) {
        distance = this.#rep2;
      } else {
        distance = this.#rep3;
        this.#rep3 = this.#rep2;
      }
      this.#rep2 = this.#rep1;
    }
    this.#rep1 = this.#rep0;
    this.#rep0 = distance;
    return false;
  }

  #copy(distance: number, length: number): void {
    const { output } = this;
    let to = this.position;
    const end = to + length;
    let from = to - distance - 1;
    while (to < end) output[to++] = output[from++];
    this.position = to;
  }

  /**
   * Decodes until the output is at `limit`, or an end marker comes.
   * @param inputEnd where the input of this part ends
   * @throws ImageError truncated, corrupt
   */
  run(limit: number, inputEnd: number): LzmaStop {
    const rc = this.#rc;
    const { output, format, dictionaryStart, dictionarySize } = this;
    const { lc, lp, pb } = this.#properties;
    const positionMask = (1 << pb) - 1;
    const literalMask = (1 << lp) - 1;
    const literalShift = 8 - lc;
    let state = this.#state;
    while (this.position < limit) {
      if (rc.position > inputEnd) throw truncated(format);
      const at = this.position;
      const inDictionary = at - dictionaryStart;
      const positionState = inDictionary & positionMask;
      if (rc.bit(AT.isMatch + (state << 4) + positionState) === 0) {
        const previous = inDictionary === 0 ? 0 : output[at - 1];
        const context = ((inDictionary & literalMask) << lc) + (previous >> literalShift);
        const base = AT.literal + 0x300 * context;
        output[at] = state < FIRST_MATCH_STATE
          ? rc.tree(base, 8)
          : rc.matchedLiteral(base, output[at - this.#rep0 - 1]);
        this.position = at + 1;
        state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
        continue;
      }
      let length: number;
      if (rc.bit(AT.isRep + state) === 0) {
        length = this.#length(AT.matchLength, positionState);
        const distance = this.#distance(length);
        this.#rep3 = this.#rep2;
        this.#rep2 = this.#rep1;
        this.#rep1 = this.#rep0;
        this.#rep0 = distance;
        state = state < FIRST_MATCH_STATE ? 7 : 10;
        if (distance === END_DISTANCE) {
          this.#state = state;
          return "end marker";
        }
        length += SHORTEST;
      } else if (this.#isShortRepeat(state, positionState)) {
        length = 1;
        state = state < FIRST_MATCH_STATE ? 9 : 11;
      } else {
        length = SHORTEST + this.#length(AT.repLength, positionState);
        state = state < FIRST_MATCH_STATE ? 8 : 11;
      }
      const distance = this.#rep0 >>> 0;
      if (distance >= inDictionary || distance >= dictionarySize) {
        throw corrupt(format, "a match reaches back before the start");
      }
      if (length > limit - at) throw corrupt(format, "a match goes beyond the end");
      this.#copy(distance, length);
    }
    this.#state = state;
    return "limit";
  }

  /** Whether the next symbol is an end marker; nothing else can follow. */
  endMarker(inputEnd: number): boolean {
    return this.run(this.position + 1, inputEnd) === "end marker";
  }
}
