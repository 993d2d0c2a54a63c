import { XenStoreError } from "./errors.ts";
import { lookup, makeNode, type Node, replace, walk } from "./node.ts";
import { parentPath } from "./path.ts";
import { isOwner, mayRead, mayWrite, ownedBy, type Permissions } from "./permissions.ts";
import type { Quota } from "./quota.ts";

/** A change that watches are told of once it is in the live store. */
export interface Change {
  readonly path: string;
  readonly kind: "set" | "removed";
}

/**
 * The store as one client sees it during one request or one transaction: reads, writes and permission rules
 * over an immutable root. The owner of the view takes `root`, `changes` and `ownedDelta` from it afterwards.
 */
export class StoreView {
  readonly changes: Change[] = [];
  /** Every path looked at and the generation it had (undefined: not there), to know later whether somebody else changed it. */
  readonly seen = new Map<string, number | undefined>();
  /** Nodes gained or lost by owner. */
  readonly ownedDelta = new Map<number, number>();

  readonly #base: Node;

  constructor(
    public root: Node,
    private readonly quota: Quota,
    private readonly owned: (domid: number) => number,
  ) {
    this.#base = root;
  }

  exists(path: string): boolean {
    return this.#note(path) !== undefined;
  }

  read(path: string, domid: number): Uint8Array {
    return this.#readable(path, domid).value;
  }

  directory(path: string, domid: number): { names: string[]; generation: number } {
    const node = this.#readable(path, domid);
    return { names: [...node.children.keys()], generation: node.generation };
  }

  permissions(path: string, domid: number): Permissions {
    return this.#readable(path, domid).permissions;
  }

  /** WRITE: creates the node and any missing parent. EACCES, ENOSPC. */
  write(path: string, value: Uint8Array, domid: number): void {
    if (domid !== 0 && value.length > this.quota.nodeBytes) throw new XenStoreError("ENOSPC");
    const node = this.#note(path);
    if (node) {
      if (!mayWrite(node.permissions, domid)) throw new XenStoreError("EACCES");
      this.root = replace(this.root, path, makeNode(value.slice(), node.permissions, node.children));
    } else {
      this.#create(path, value, domid);
    }
    this.changes.push({ path, kind: "set" });
  }

  /** MKDIR: nothing happens where the node exists. */
  mkdir(path: string, domid: number): void {
    const node = this.#note(path);
    if (node) {
      if (!mayWrite(node.permissions, domid)) throw new XenStoreError("EACCES");
      return;
    }
    this.#create(path, new Uint8Array(0), domid);
    this.changes.push({ path, kind: "set" });
  }

  /** RM: removes the node and all below it; ENOENT only where the parent does not exist either. */
  remove(path: string, domid: number): void {
    if (path === "/") throw new XenStoreError("EINVAL");
    const node = this.#note(path);
    if (!node) {
      const parent = this.#note(parentPath(path));
      if (!parent) throw this.#missing(path, domid);
      if (!mayWrite(parent.permissions, domid)) throw new XenStoreError("EACCES");
      return;
    }
    if (!mayWrite(node.permissions, domid)) throw new XenStoreError("EACCES");
    walk(node, path, (each) => this.#count(each.permissions[0].domid, -1));
    this.root = replace(this.root, path, undefined);
    this.changes.push({ path, kind: "removed" });
  }

  /** SET_PERMS: for the owner; only Domain-0 may give a node away (EPERM). */
  setPermissions(path: string, permissions: Permissions, domid: number): void {
    if (domid !== 0 && permissions.length > this.quota.permissions) throw new XenStoreError("ENOSPC");
    const node = this.#note(path);
    if (!node) throw this.#missing(path, domid);
    if (!isOwner(node.permissions, domid)) throw new XenStoreError("EACCES");
    const [from, to] = [node.permissions[0].domid, permissions[0].domid];
    if (from !== to) {
      if (domid !== 0) throw new XenStoreError("EPERM");
      this.#count(from, -1);
      this.#count(to, 1);
    }
    this.root = replace(this.root, path, makeNode(node.value, permissions, node.children));
    this.changes.push({ path, kind: "set" });
  }

  #create(path: string, value: Uint8Array, domid: number): void {
    const parent = parentPath(path);
    const above = this.#note(parent) ?? this.#createParent(parent, domid);
    if (!mayWrite(above.permissions, domid)) throw new XenStoreError("EACCES");
    // A guest owns what it makes; Domain-0's nodes are as their parent.
    const permissions: Permissions = domid === 0
      ? above.permissions
      : [{ domid, access: above.permissions[0].access }, ...above.permissions.slice(1)];
    this.#count(permissions[0].domid, 1);
    if (domid !== 0 && this.owned(domid) + (this.ownedDelta.get(domid) ?? 0) > this.quota.nodes) {
      throw new XenStoreError("ENOSPC");
    }
    this.root = replace(this.root, path, makeNode(value.slice(), permissions));
  }

  #createParent(path: string, domid: number): Node {
    this.#create(path, new Uint8Array(0), domid);
    return lookup(this.root, path) ?? makeNode(new Uint8Array(0), ownedBy(0));
  }

  #readable(path: string, domid: number): Node {
    const node = this.#note(path);
    if (!node) throw this.#missing(path, domid);
    if (!mayRead(node.permissions, domid)) throw new XenStoreError("EACCES");
    return node;
  }

  /** A missing node is ENOENT only to those who may read the nearest node above it. */
  #missing(path: string, domid: number): XenStoreError {
    let above = path;
    let node: Node | undefined;
    do {
      above = parentPath(above);
      node = lookup(this.root, above);
    } while (!node);
    return new XenStoreError(mayRead(node.permissions, domid) ? "ENOENT" : "EACCES");
  }

  #note(path: string): Node | undefined {
    const node = lookup(this.root, path);
    // What counts is how the node was before this view changed anything.
    if (!this.seen.has(path)) this.seen.set(path, lookup(this.#base, path)?.generation);
    return node;
  }

  #count(domid: number, by: number): void {
    this.ownedDelta.set(domid, (this.ownedDelta.get(domid) ?? 0) + by);
  }
}
