/** A small seeded generator (xorshift128, seeded by FNV-1a of a text): the same text gives the same numbers everywhere. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: string) {
    let h = 0x811c9dc5;
    const mix = (n: number) => {
      h = Math.imul(h ^ n, 0x01000193);
      h ^= h >>> 15;
    };
    for (let i = 0; i < seed.length; i++) mix(seed.charCodeAt(i));
    const word = () => {
      for (let i = 0; i < 8; i++) mix(i + 1);
      return h | 1;
    };
    [this.#a, this.#b, this.#c, this.#d] = [word(), word(), word(), word()];
    for (let i = 0; i < 16; i++) this.u32();
  }

  u32(): number {
    let t = this.#d;
    const s = this.#a;
    this.#d = this.#c;
    this.#c = this.#b;
    this.#b = s;
    t ^= t << 11;
    t ^= t >>> 8;
    this.#a = t ^ s ^ (s >>> 19);
    return this.#a >>> 0;
  }
  u64(): bigint {
    return BigInt(this.u32()) << 32n | BigInt(this.u32());
  }
  /** 0 <= n < limit */
  below(limit: number): number {
    return this.u32() % limit;
  }
  /** True in about `percent` of 100 calls. */
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)];
  }
}
