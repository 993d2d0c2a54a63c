/** A set of small numbers in shared memory, in no order: an array of them, and where in it each one is. Under its owner's lock. */
import { NONE } from "./layout.ts";

export class IndexSet {
  /**
   * @param first index in `words` of the first place
   * @param place reads, and `setPlace` keeps, the place of a member (NONE: it is none)
   */
  constructor(
    private readonly words: Int32Array,
    private readonly first: number,
    private readonly length: () => number,
    private readonly setLength: (length: number) => void,
    private readonly place: (member: number) => number,
    private readonly setPlace: (member: number, place: number) => void,
  ) {}

  get size(): number {
    return this.length();
  }

  at(place: number): number {
    return this.words[this.first + place];
  }

  add(member: number): void {
    if (this.place(member) !== NONE) return;
    const place = this.length();
    this.setLength(place + 1);
    this.words[this.first + place] = member;
    this.setPlace(member, place);
  }

  delete(member: number): void {
    const place = this.place(member);
    if (place === NONE) return;
    const length = this.length() - 1;
    const last = this.words[this.first + length];
    this.setLength(length);
    this.words[this.first + place] = last;
    this.setPlace(last, place);
    this.setPlace(member, NONE);
  }
}
