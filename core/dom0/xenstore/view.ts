import { XenStoreError } from "./errors.ts";
import { EMPTY_VALUE, lookup, makeNode, type Node, nodeBytes, replace, walk } from "./node.ts";
import { parentPath } from "./path.ts";
import {
  isOwner,
  isPrivileged,
  mayRead,
  mayWrite,
  type Permissions,
  type Principal,
  withoutDomain,
} from "./permissions.ts";
import type { Quotas } from "./quota.ts";

/** A change that watches are told of once it is in the live store. */
export interface Change {
  readonly path: string;
  readonly kind: "set" | "removed";
}

/** How many nodes a domain owns in the live store. */
export type OwnedNodes = (domid: number) => number;

/**
 * The store as one client sees it during one request or one transaction: reads, writes and permission rules
 * over an immutable root. The owner of the view takes `root`, `changes` and `ownedDelta` from it afterwards.
 */
export class StoreView {
  readonly changes: Change[] = [];
  /** Every path looked at and the generation it had (undefined: not there), to know later whether somebody else changed it. */
  readonly seen = new Map<string, number | undefined>();
  /** Trees removed whole, as they were. */
  readonly removed = new Map<string, Node>();
  /** Nodes in which new ones were made: what counts is that they are still there with these permissions. */
  readonly parents = new Map<string, Permissions>();
  /** Nodes gained or lost by owner, and by domains that other nodes' permissions name. */
  readonly ownedDelta = new Map<number, number>();
  readonly namedDelta = new Map<number, number>();

  readonly #base: Node;

  /** `inTransaction`: what is looked at counts against the quota `transaction-nodes`. */
  constructor(
    public root: Node,
    readonly who: Principal,
    private readonly quotas: Quotas,
    private readonly owned: OwnedNodes,
    private readonly inTransaction = false,
  ) {
    this.#base = root;
  }

  exists(path: string): boolean {
    return this.#note(path) !== undefined;
  }

  read(path: string): Uint8Array {
    return this.#readable(path).value;
  }

  directory(path: string): { names: string[]; generation: number } {
    const node = this.#readable(path);
    return { names: node.children.names(), generation: node.generation };
  }

  permissions(path: string): Permissions {
    return this.#readable(path).permissions;
  }

  /** WRITE: creates the node and any missing parent. EACCES, ENOSPC. */
  write(path: string, value: Uint8Array): void {
    const node = this.#note(path);
    if (node) {
      if (!mayWrite(node.permissions, this.who)) throw new XenStoreError("EACCES");
      this.#put(path, makeNode(value, node.permissions, node.children));
    } else {
      this.#create(path, value);
    }
    this.changes.push({ path, kind: "set" });
  }

  /** MKDIR: nothing happens where the node exists. */
  mkdir(path: string): void {
    const node = this.#note(path);
    if (node) {
      if (!mayWrite(node.permissions, this.who)) throw new XenStoreError("EACCES");
      return;
    }
    this.#create(path, EMPTY_VALUE);
    this.changes.push({ path, kind: "set" });
  }

  /** RM: removes the node and all below it; ENOENT only where the parent does not exist either. */
  remove(path: string): void {
    const node = this.#note(path);
    if (!node) {
      const missing = this.#missing(path, mayWrite);
      const parentExists = lookup(this.root, parentPath(path)) !== undefined;
      if (missing.code === "ENOENT" && parentExists) return;
      throw missing;
    }
    if (!mayWrite(node.permissions, this.who)) throw new XenStoreError("EACCES");
    if (path === "/") throw new XenStoreError("EINVAL");
    walk(node, path, (each) => this.#count(each.permissions, -1));
    const before = lookup(this.#base, path);
    if (before && !this.removed.has(path)) this.removed.set(path, before);
    this.root = replace(this.root, path, undefined);
    this.changes.push({ path, kind: "removed" });
  }

  /** SET_PERMS: for the owner; only Domain-0 may give a node away (EPERM). */
  setPermissions(path: string, permissions: Permissions): void {
    this.quotas.check(this.who.domid, "node-permissions", permissions.length);
    const node = this.#note(path);
    if (!node) throw this.#missing(path, mayWrite);
    if (!isOwner(node.permissions, this.who)) throw new XenStoreError("EACCES");
    if (permissions[0].domid !== node.permissions[0].domid && !isPrivileged(this.who)) {
      throw new XenStoreError("EPERM");
    }
    this.#count(node.permissions, -1);
    this.#count(permissions, 1);
    this.#put(path, makeNode(node.value, permissions, node.children));
    this.changes.push({ path, kind: "set" });
  }

  /** WRITE and SET_PERMS in one, with one event; for Domain-0. */
  set(path: string, value: Uint8Array, permissions: Permissions): void {
    const node = this.#note(path);
    const parent = parentPath(path);
    if (!lookup(this.root, parent)) this.#createParent(parent);
    if (node) this.#count(node.permissions, -1);
    this.#count(permissions, 1);
    this.root = replace(this.root, path, makeNode(value, permissions, node?.children));
    this.changes.push({ path, kind: "set" });
  }

  /** Removes every node that a dead domain owned, with what is below, and its entries in the permissions of all others. */
  forgetDomain(domid: number): void {
    const gone: string[] = [];
    const visit = (node: Node, path: string): Node => {
      let { children } = node;
      for (const { name, value } of node.children.entries()) {
        const below = path === "/" ? `/${name}` : `${path}/${name}`;
        if (value.permissions[0].domid === domid) {
          gone.push(below);
          continue;
        }
        const kept = visit(value, below);
        if (kept !== value) children = children.set(name, kept);
      }
      const permissions = withoutDomain(node.permissions, domid);
      if (permissions !== node.permissions) {
        this.#count(node.permissions, -1);
        this.#count(permissions, 1);
        return makeNode(node.value, permissions, children);
      }
      return children === node.children ? node : { ...node, children };
    };
    this.root = visit(this.root, "/");
    for (const path of gone) this.remove(path);
  }

  /** Runs `action`; when it throws, nothing that it did to the view stays. */
  attempt<T>(action: () => T): T {
    const { root } = this;
    const changes = this.changes.length;
    const [owned, named] = [new Map(this.ownedDelta), new Map(this.namedDelta)];
    try {
      return action();
    } catch (error) {
      this.root = root;
      this.changes.length = changes;
      for (const [kept, delta] of [[owned, this.ownedDelta], [named, this.namedDelta]]) {
        delta.clear();
        for (const [domid, by] of kept) delta.set(domid, by);
      }
      throw error;
    }
  }

  #create(path: string, value: Uint8Array): void {
    const { domid } = this.who;
    const parent = parentPath(path);
    const above = lookup(this.root, parent) ?? this.#createParent(parent);
    if (!mayWrite(above.permissions, this.who)) throw new XenStoreError("EACCES");
    const before = lookup(this.#base, parent);
    if (before && !this.parents.has(parent)) this.parents.set(parent, before.permissions);
    // A guest owns what it makes; Domain-0's nodes are as their parent.
    const permissions: Permissions = isPrivileged(this.who)
      ? above.permissions
      : [{ domid, access: above.permissions[0].access }, ...above.permissions.slice(1)];
    this.#count(permissions, 1);
    this.quotas.check(domid, "nodes", this.owned(domid) + (this.ownedDelta.get(domid) ?? 0));
    this.#put(path, makeNode(value, permissions));
    const grown = lookup(this.root, parent);
    if (grown) this.quotas.check(domid, "node-size", nodeBytes(grown));
  }

  #createParent(path: string): Node {
    this.#note(path);
    this.#create(path, EMPTY_VALUE);
    const made = lookup(this.root, path);
    if (!made) throw new Error(`${path} was just made`);
    return made;
  }

  #put(path: string, node: Node): void {
    this.quotas.check(this.who.domid, "node-size", nodeBytes(node));
    this.root = replace(this.root, path, node);
  }

  #readable(path: string): Node {
    const node = this.#note(path);
    if (!node) throw this.#missing(path, mayRead);
    if (!mayRead(node.permissions, this.who)) throw new XenStoreError("EACCES");
    return node;
  }

  /** A missing node is ENOENT only to those who might do the same with the nearest node above it. */
  #missing(path: string, may: (permissions: Permissions, who: Principal) => boolean): XenStoreError {
    let above = path;
    let node: Node | undefined;
    do {
      above = parentPath(above);
      node = lookup(this.root, above);
    } while (!node);
    return new XenStoreError(may(node.permissions, this.who) ? "ENOENT" : "EACCES");
  }

  #note(path: string): Node | undefined {
    // What counts is how the node was before this view changed anything.
    if (this.inTransaction && !this.seen.has(path)) {
      this.quotas.check(this.who.domid, "transaction-nodes", this.seen.size + 1);
      this.seen.set(path, lookup(this.#base, path)?.generation);
    }
    return lookup(this.root, path);
  }

  #count([owner, ...others]: Permissions, by: number): void {
    this.ownedDelta.set(owner.domid, (this.ownedDelta.get(owner.domid) ?? 0) + by);
    for (const { domid } of others) this.namedDelta.set(domid, (this.namedDelta.get(domid) ?? 0) + by);
  }
}
