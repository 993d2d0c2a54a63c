/** Predicates of the CMP instructions, applied to a Relation. */
import { i32 } from "../../wasm/mod.ts";
import type { I32 } from "../../wasm/mod.ts";
import { Relation } from "./compare.ts";

/** Bits of a Relation for which predicates 0 to 3 hold: EQ, LT, LE, UNORD. 4 to 7 are their negations. */
const HOLDS = [Relation.equal, Relation.less, Relation.less | Relation.equal, Relation.unordered]
  .reduce((table, bits, i) => table | bits << 4 * i, 0);
/** Whether a comparison predicate is invalid for quiet NaNs too: LT, LE and their negations. */
export const signallingPredicate = (predicate: I32): I32 =>
  i32.and(i32.shr_u(0b01100110, i32.and(predicate, 7)), 1);
/** 0 or 1: whether the predicate holds for the relation. */
export function predicateHolds(predicate: I32, relation: I32): I32 {
  const accepted = i32.shr_u(HOLDS, i32.shl(i32.and(predicate, 3), 2));
  const holds = i32.ne(i32.and(i32.and(accepted, 7), relation), 0);
  return i32.xor(holds, i32.and(i32.shr_u(predicate, 2), 1));
}
