import { lookup, type Node } from "./node.ts";
import type { StoreView } from "./view.ts";

/** Of a write that is to be done again, beside its request. */
const WRITE_BYTES = 200;

/**
 * A transaction: a view over the store as it was, and the list of what was done in it.
 *
 * Commit succeeds when nothing the transaction looked at or wrote was changed by somebody else meanwhile; its writes are
 * then done again on the live store. Otherwise the client gets EAGAIN and tries again (docs/misc/xenstore.txt). Two
 * transactions that make different children of one node do not disturb each other.
 */
export class Transaction {
  readonly #writes: ((view: StoreView) => void)[] = [];
  #bytes = 0;

  constructor(readonly id: number, readonly view: StoreView, private readonly base: Node) {}

  /** What its writes take of our memory, about. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Runs a write, whose request had so many bytes, now, on the snapshot, and again on the live store at commit. */
  write(action: (view: StoreView) => void, bytes: number): void {
    this.view.attempt(() => action(this.view));
    this.#writes.push(action);
    this.#bytes += WRITE_BYTES + bytes;
  }

  conflictsWith(live: Node): boolean {
    if (live === this.base) return false;
    for (const [path, generation] of this.view.seen) {
      if (lookup(live, path)?.generation !== generation) return true;
    }
    for (const [path, node] of this.view.removed) {
      if (lookup(live, path) !== node) return true;
    }
    for (const [path, permissions] of this.view.parents) {
      if (lookup(live, path)?.permissions !== permissions) return true;
    }
    return false;
  }

  replay(live: StoreView): void {
    for (const action of this.#writes) action(live);
  }
}
