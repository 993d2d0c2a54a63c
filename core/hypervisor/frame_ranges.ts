/** Machine frame numbers: each domain has a range of its own, a multiple of 512 frames, first fit. */

const UNIT = 512;
/** The first unit stays unused: mfn 0 names nothing, and low machine memory is not a domain's. */
const FIRST = 512 * 2;
/** The machine-to-phys table of the PV ABI spans 2^35 frames; page-table entries of the PV ABI carry 40 bits. */
const LIMIT = 2 ** 32;

export class FrameRanges {
  /** Sorted by start. */
  readonly #taken: { start: number; frames: number }[] = [];

  /** @returns the first mfn of a free range. @throws RangeError when there is none */
  allocate(frames: number): number {
    const wanted = Math.ceil(frames / UNIT) * UNIT;
    let start = FIRST, place = 0;
    for (; place < this.#taken.length; place++) {
      if (this.#taken[place].start - start >= wanted) break;
      start = this.#taken[place].start + this.#taken[place].frames;
    }
    if (start + wanted > LIMIT) throw new RangeError(`no machine frames left for ${frames}`);
    this.#taken.splice(place, 0, { start, frames: wanted });
    return start;
  }

  free(start: number): void {
    const place = this.#taken.findIndex((range) => range.start === start);
    if (place < 0) throw new RangeError(`no range begins at mfn ${start}`);
    this.#taken.splice(place, 1);
  }
}
