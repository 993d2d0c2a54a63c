import { lookup, type Node } from "./node.ts";
import { StoreView } from "./view.ts";

/**
 * A transaction: a view over the store as it was, and the list of what was done in it.
 *
 * Commit succeeds when nothing the transaction looked at was changed by somebody else meanwhile; its writes are
 * then done again on the live store. Otherwise the client gets EAGAIN and tries again (docs/misc/xenstore.txt).
 */
export class Transaction {
  readonly #writes: ((view: StoreView) => void)[] = [];

  constructor(readonly id: number, readonly view: StoreView) {}

  /** Runs a write now, on the snapshot, and again on the live store at commit. */
  write(action: (view: StoreView) => void): void {
    action(this.view);
    this.#writes.push(action);
  }

  conflictsWith(live: Node): boolean {
    for (const [path, generation] of this.view.seen) {
      if (lookup(live, path)?.generation !== generation) return true;
    }
    return false;
  }

  replay(live: StoreView): void {
    for (const action of this.#writes) action(live);
  }
}
