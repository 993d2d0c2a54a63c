/**
 * Which instructions of a block write flags that nobody can see: each flag written is written again before it is read, and nothing between
 * can fault or leave.
 */
import { forms } from "../isa/mod.ts";

const LETTERS = "OSZAPC";

function mask(letters: string | undefined): number {
  let bits = 0;
  for (const letter of letters ?? "") {
    const at = LETTERS.indexOf(letter);
    if (at >= 0) bits |= 1 << at;
  }
  return bits;
}

export class DeadFlags {
  readonly #reads: Uint8Array;
  readonly #writes: Uint8Array;
  readonly #mayWrite: Uint8Array;
  readonly #leaves: Uint8Array;
  readonly #dead = new Uint8Array(256);

  /** @param leaves by form number: 1 when its handler can leave before it is done */
  constructor(leaves: Uint8Array) {
    const all = forms();
    this.#leaves = leaves;
    this.#reads = Uint8Array.from(all, (form) => mask(form.instruction.flags?.reads));
    this.#writes = Uint8Array.from(all, (form) => mask(form.instruction.flags?.writes));
    this.#mayWrite = Uint8Array.from(all, (form) => mask(form.instruction.flags?.mayWrite));
  }

  /** @param block form numbers, -1 for bytes that are no instruction. @returns 1 where what is written is dead; reused by the next call */
  find(block: Int32Array, count: number): Uint8Array {
    const dead = this.#dead;
    let live = 0x3f;
    for (let i = count - 1; i >= 0; i--) {
      const form = block[i];
      if (form < 0) {
        live = 0x3f;
        dead[i] = 0;
        continue;
      }
      const writes = this.#writes[form];
      const all = writes | this.#mayWrite[form];
      dead[i] = all !== 0 && (all & live) === 0 ? 1 : 0;
      live = this.#leaves[form] !== 0 ? 0x3f : (live & ~writes) | this.#reads[form];
    }
    return dead;
  }

  /** Whether somebody can see the flags with which a block of these forms is entered. */
  liveAtEntry(block: readonly number[]): boolean {
    let wanted = 0x3f;
    for (const form of block) {
      if (form < 0 || this.#leaves[form] !== 0 || (this.#reads[form] & wanted) !== 0) return true;
      wanted &= ~this.#writes[form];
      if (wanted === 0) return false;
    }
    return true;
  }
}
