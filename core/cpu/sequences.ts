/**
 * Sequences: runs of records that one case of the hot loop executes, so that the jumps from one handler to the next are saved. Each record
 * of a run keeps a handler of its own, so code can be entered and left anywhere in it.
 */

/**
 * Slots of the sequences, as plain data: for each one its length, its handlers' slots and its own slot.
 * @param hotNames names of the handlers with slots 1, 2, ...
 * @param sequences names each; their slots follow
 */
export function sequenceTable(
  hotNames: readonly string[],
  sequences: readonly (readonly string[])[],
): Uint16Array {
  return Uint16Array.from(sequences.flatMap((names, i) => [
    names.length,
    ...names.map((name) => hotNames.indexOf(name) + 1),
    hotNames.length + 1 + i,
  ]));
}

interface Node {
  /** The sequence's slot that ends here; 0 for none. */
  slot: number;
  readonly next: Map<number, Node>;
}

const makeNode = (): Node => ({ slot: 0, next: new Map() });

/** Finds the longest sequence that a block has at some place. */
export class SequenceMatcher {
  readonly #root = makeNode();

  /** @param table see sequenceTable */
  constructor(table: Uint16Array) {
    for (let at = 0; at < table.length; at += table[at] + 2) {
      const end = at + table[at] + 1;
      let node = this.#root;
      for (let i = at + 1; i < end; i++) {
        let next = node.next.get(table[i]);
        if (next === undefined) node.next.set(table[i], next = makeNode());
        node = next;
      }
      node.slot = table[end];
    }
  }

  /** @returns the slot of the longest sequence among slots[from..end), or 0 */
  longest(slots: Uint16Array, from: number, end: number): number {
    let node: Node | undefined = this.#root;
    let found = 0;
    for (let i = from; i < end; i++) {
      node = node.next.get(slots[i]);
      if (node === undefined) break;
      if (node.slot !== 0) found = node.slot;
    }
    return found;
  }
}
