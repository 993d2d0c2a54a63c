/** Where LZMA's models lie in one array: index of each group, and how the states move on. */

/** A symbol is one of twelve states, which remember the kinds of the last few. */
export const STATES = 12;
const POSITION_STATES = 16;

const LOW = 2;
const MIDDLE = LOW + POSITION_STATES * 8;
const HIGH = MIDDLE + POSITION_STATES * 8;
/** Offsets inside the models of a length: two choices, then three trees. */
export const LENGTH = {
  choice: 0,
  choice2: 1,
  low: LOW,
  middle: MIDDLE,
  high: HIGH,
  models: HIGH + 256,
} as const;

const sizes = {
  isMatch: STATES * POSITION_STATES,
  isRep: STATES,
  isRep0: STATES,
  isRep1: STATES,
  isRep2: STATES,
  isRep0Long: STATES * POSITION_STATES,
  slot: 4 * 64,
  special: 128,
  align: 16,
  matchLength: LENGTH.models,
  repLength: LENGTH.models,
  literal: 0,
} as const;

type Group = keyof typeof sizes;

function offsets(): Readonly<Record<Group, number>> {
  let next = 0;
  const entries = Object.entries(sizes).map(([name, size]) => {
    const at = next;
    next += size;
    return [name, at];
  });
  return Object.fromEntries(entries) as Record<Group, number>;
}

export const AT = offsets();

/** Models in all for `lc` + `lp` bits of literal context. */
export function modelCount(contextBits: number): number {
  return AT.literal + (0x300 << contextBits);
}
