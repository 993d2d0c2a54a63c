import { XenStoreError } from "./errors.ts";
import { makeNode, type Node, walk } from "./node.ts";
import { ownedBy } from "./permissions.ts";
import { DEFAULT_QUOTA, type Quota } from "./quota.ts";
import { Transaction } from "./transaction.ts";
import { type Change, StoreView } from "./view.ts";

export type ChangeListener = (change: Change, before: Node, after: Node) => void;

/**
 * The live store: one immutable root, replaced by each successful request or commit.
 *
 *     const store = new Store();
 *     store.update((view) => view.write("/local/domain/1/name", bytes, 0));
 */
export class Store {
  #root: Node = makeNode(new Uint8Array(0), ownedBy(0));
  readonly #owned = new Map<number, number>();
  readonly #listeners = new Set<ChangeListener>();
  #lastTransaction = 0;

  constructor(readonly quota: Quota = DEFAULT_QUOTA) {
    this.update((view) => {
      view.mkdir("/tool/xenstored", 0);
      view.mkdir("/local/domain", 0);
    });
  }

  get root(): Node {
    return this.#root;
  }

  /** Calls `listener` for every change once it is in the live store, in the order of the changes. */
  subscribe(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Runs `action` on the live store; when it throws, nothing of it happened. */
  update<T>(action: (view: StoreView) => T): T {
    const view = this.#view(this.#root);
    const result = action(view);
    this.#apply(view);
    return result;
  }

  begin(): Transaction {
    this.#lastTransaction = this.#lastTransaction % 0x7fffffff + 1;
    return new Transaction(this.#lastTransaction, this.#view(this.#root));
  }

  /** Throws EAGAIN where another client changed something that the transaction saw. */
  commit(transaction: Transaction): void {
    if (transaction.conflictsWith(this.#root)) throw new XenStoreError("EAGAIN");
    this.update((view) => transaction.replay(view));
  }

  /** Removes every node a dead domain owned, with what is below (docs/misc/xenstore.txt, permissions). */
  forgetDomain(domid: number): void {
    const paths: string[] = [];
    walk(this.#root, "/", (node, path) => {
      if (path !== "/" && node.permissions[0].domid === domid) paths.push(path);
    });
    this.update((view) => {
      // Children go with their parents; removing one that is gone already changes nothing.
      for (const path of paths) {
        if (view.exists(path)) view.remove(path, 0);
      }
    });
    this.#owned.delete(domid);
  }

  #view(root: Node): StoreView {
    return new StoreView(root, this.quota, (domid) => this.#owned.get(domid) ?? 0);
  }

  #apply(view: StoreView): void {
    const before = this.#root;
    this.#root = view.root;
    for (const [domid, delta] of view.ownedDelta) {
      this.#owned.set(domid, (this.#owned.get(domid) ?? 0) + delta);
    }
    for (const change of view.changes) {
      for (const listener of this.#listeners) listener(change, before, this.#root);
    }
  }
}
