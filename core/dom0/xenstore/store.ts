import { XenStoreError } from "./errors.ts";
import { EMPTY_VALUE, makeNode, type Node } from "./node.ts";
import { DOMAIN_0, mayRead, ownedBy, type Permissions, type Principal } from "./permissions.ts";
import { DEFAULT_QUOTA, type Quota, Quotas } from "./quota.ts";
import { Transaction } from "./transaction.ts";
import { type Change, StoreView } from "./view.ts";
import { type SpecialPath, WatchRegistry } from "./watch.ts";

/**
 * The live store: one immutable root, replaced by each successful request or commit.
 *
 *     const store = new Store();
 *     store.update((view) => view.write("/local/domain/1/name", toBytes("guest")));
 */
export class Store {
  readonly quotas: Quotas;
  readonly watches = new WatchRegistry();
  #root: Node = makeNode(EMPTY_VALUE, ownedBy(0));
  readonly #owned = new Map<number, number>();
  /** Permissions of others' nodes that name a domain. */
  readonly #named = new Map<number, number>();
  readonly #special = new Map<string, Permissions>([
    ["@introduceDomain", ownedBy(0)],
    ["@releaseDomain", ownedBy(0)],
  ]);

  constructor(quota: Readonly<Quota> = DEFAULT_QUOTA) {
    this.quotas = new Quotas(quota);
    this.update((view) => {
      view.mkdir("/tool/xenstored");
      view.mkdir("/local/domain");
    });
  }

  get root(): Node {
    return this.#root;
  }

  /** Nodes that a domain owns. */
  owned(domid: number): number {
    return this.#owned.get(domid) ?? 0;
  }

  /** Runs `action` on the live store as `who`; when it throws, nothing of it happened. Throws XenStoreError. */
  update<T>(action: (view: StoreView) => T, who: Principal = DOMAIN_0): T {
    const view = new StoreView(this.#root, who, this.quotas, (domid) => this.owned(domid));
    const result = action(view);
    this.#apply(view, view.changes);
    return result;
  }

  begin(id: number, who: Principal): Transaction {
    const view = new StoreView(this.#root, who, this.quotas, (domid) => this.owned(domid), true);
    return new Transaction(id, view, this.#root);
  }

  /** Throws EAGAIN where another client changed something that the transaction saw. */
  commit(transaction: Transaction): void {
    if (transaction.conflictsWith(this.#root)) throw new XenStoreError("EAGAIN");
    const { who } = transaction.view;
    const view = new StoreView(this.#root, who, this.quotas, (domid) => this.owned(domid));
    transaction.replay(view);
    this.#apply(view, once(view.changes));
  }

  /** Removes every node a dead domain owned, with what is below, and what was set for it. */
  forgetDomain(domid: number): void {
    const isNamed = this.owned(domid) > 0 || (this.#named.get(domid) ?? 0) > 0;
    if (isNamed) this.update((view) => view.forgetDomain(domid));
    for (const [path, [owner, ...others]] of this.#special) {
      this.#special.set(path, [owner, ...others.filter((entry) => entry.domid !== domid)]);
    }
    this.quotas.forget(domid);
  }

  /** Who may hear of `@introduceDomain` and `@releaseDomain`. Throws ENOENT for other special paths. */
  specialPermissions(path: string, who: Principal): Permissions {
    const permissions = this.#special.get(path);
    if (!permissions || !mayRead(permissions, who)) {
      throw new XenStoreError(who.domid === 0 ? "ENOENT" : "EACCES");
    }
    return permissions;
  }

  /** For Domain-0. Throws EACCES, ENOENT. */
  setSpecialPermissions(path: string, permissions: Permissions, who: Principal): void {
    if (who.domid !== 0) throw new XenStoreError("EACCES");
    this.specialPermissions(path, who);
    this.#special.set(path, permissions);
  }

  /** Tells watchers that a domain came or went. */
  fireSpecial(path: SpecialPath, domid: number): void {
    this.watches.fireSpecial(path, domid, this.#special.get(path) ?? ownedBy(0));
  }

  #apply(view: StoreView, changes: readonly Change[]): void {
    const before = this.#root;
    this.#root = view.root;
    add(this.#owned, view.ownedDelta);
    add(this.#named, view.namedDelta);
    for (const change of changes) this.watches.fire(change, before, view.root);
  }
}

function add(totals: Map<number, number>, deltas: ReadonlyMap<number, number>): void {
  for (const [domid, delta] of deltas) {
    const total = (totals.get(domid) ?? 0) + delta;
    if (total === 0) totals.delete(domid);
    else totals.set(domid, total);
  }
}

/** One change for each path, at its first place: a transaction's events come out once, as removal when it was removed at any time. */
function once(changes: readonly Change[]): Change[] {
  const byPath = new Map<string, Change>();
  for (const change of changes) {
    if (!byPath.has(change.path) || change.kind === "removed") byPath.set(change.path, change);
  }
  return [...byPath.values()];
}
