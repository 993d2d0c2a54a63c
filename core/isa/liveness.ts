/**
 * Which flag results of a block nobody sees, for choosing handlers that do no flag work: each flag written is written again before it is read, and before
 * anything that can leave, for a fault shows the flags to the guest.
 */
import { type Form, forms } from "./forms.ts";

/** Bits of the six status flags in this module's masks, by their letters in descriptions. */
export const STATUS_BITS: Readonly<Record<string, number>> = { C: 1, P: 2, A: 4, Z: 8, S: 16, O: 32 };
export const ALL_STATUS = 63;

const mask = (letters = "") => [...letters].reduce((bits, letter) => bits | (STATUS_BITS[letter] ?? 0), 0);

export interface FlagMasks {
  readonly reads: number;
  /** Written whenever the instruction completes. */
  readonly writes: number;
  /** Written at least sometimes; includes writes. */
  readonly touches: number;
}

/** Status flags that a form reads and writes. */
export function flagMasks({ instruction, rep }: Form): FlagMasks {
  const { reads, writes, mayWrite } = instruction.flags ?? {};
  // Repeated zero times nothing is written.
  return {
    reads: mask(reads),
    writes: rep === "none" ? mask(writes) : 0,
    touches: mask(writes) | mask(mayWrite),
  };
}

export class Liveness {
  readonly #masks: readonly FlagMasks[] = forms().map(flagMasks);
  readonly #leaves: Uint8Array;
  readonly #dead = new Uint8Array(256);

  /** @param leaves by form number: 1 when it can fault, or leave before it is done, which only its emitted code tells */
  constructor(leaves: Uint8Array) {
    this.#leaves = leaves;
  }

  /**
   * @param block form numbers in order, -1 for bytes that are no instruction; 256 at most
   * @returns 1 for each instruction that writes status flags of which none is live after it; reused by the next call
   */
  find(block: ArrayLike<number>, count: number): Uint8Array {
    const dead = this.#dead;
    // What comes after the block may read anything.
    let live = ALL_STATUS;
    for (let i = count - 1; i >= 0; i--) {
      const form = block[i];
      if (form < 0) {
        dead[i] = 0;
        live = ALL_STATUS;
        continue;
      }
      const { reads, writes, touches } = this.#masks[form];
      dead[i] = touches !== 0 && (touches & live) === 0 ? 1 : 0;
      live = this.#leaves[form] !== 0 ? ALL_STATUS : live & ~writes | reads;
    }
    return dead;
  }

  /** Whether somebody can see the flags with which a block of these forms is entered. */
  liveAtEntry(block: readonly number[]): boolean {
    let wanted = ALL_STATUS;
    for (const form of block) {
      if (form < 0 || this.#leaves[form] !== 0 || (this.#masks[form].reads & wanted) !== 0) return true;
      wanted &= ~this.#masks[form].writes;
      if (wanted === 0) return false;
    }
    return true;
  }
}
