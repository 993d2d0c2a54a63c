/** Pairs of instructions that one handler runs: a comparison (or arithmetic) and the conditional jump behind it. */
import { type Form, forms } from "../isa/mod.ts";

/** Condition codes for which a pair is worth a handler. */
const COMPARED = [2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 15];
const TESTED = [4, 5, 8, 9, 14, 15];
const COUNTED = [4, 5, 8, 9];
const FIRST: Readonly<Record<string, readonly number[]>> = {
  cmp: COMPARED,
  test: TESTED,
  dec: COUNTED,
  inc: COUNTED,
  sub: [2, 3, ...COUNTED],
  add: COUNTED,
  and: COUNTED,
};
/** Instructions that only read memory; the others fuse with registers only. */
const READERS = new Set(["cmp", "test"]);

export interface Pair {
  readonly first: Form;
  /** The jump's form, 0F 8x or 7x alike. */
  readonly jump: Form;
  readonly condition: number;
}

/** Condition code of a Jcc form, or -1. */
export function conditionOf(form: Form): number {
  const { map, opcode } = form.encoding;
  if (form.instruction.flow !== "branch" || form.opSize !== 8) return -1;
  if (map === 0 && opcode >= 0x70 && opcode < 0x80) return opcode - 0x70;
  return map === 1 && opcode >= 0x80 && opcode < 0x90 ? opcode - 0x80 : -1;
}

/** All pairs that get a handler (64-bit code only), found in the records by fused[first form * 16 + condition]. */
export function pairs(): Pair[] {
  const all = forms();
  const jumps: (Form | undefined)[] = [];
  for (const form of all) {
    const condition = conditionOf(form);
    if (condition >= 0) jumps[condition] ??= form;
  }
  const made: Pair[] = [];
  for (const first of all) {
    const conditions = FIRST[first.instruction.name];
    if (!conditions || first.lock || first.opSize === 2 || !first.modes.includes(64)) continue;
    if (first.memory && !READERS.has(first.instruction.name)) continue;
    if (first.encoding.flags.has("rare")) continue;
    for (const condition of conditions) {
      const jump = jumps[condition];
      if (jump) made.push({ first, jump, condition });
    }
  }
  return made;
}
