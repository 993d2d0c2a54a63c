import { childPath, lookup, type Node, walk } from "./node.ts";
import { parentPath } from "./path.ts";
import { mayRead, type Permissions, type Principal } from "./permissions.ts";
import type { Change } from "./view.ts";

/** Whoever sets watches. */
export interface Watcher {
  readonly principal: Principal;
  /** `path` as the watcher sees it: relative when the watch was. */
  event(path: string, token: string): void;
}

/** A client's wish to hear of changes at or below a path. */
export interface Watch {
  readonly watcher: Watcher;
  /** Absolute, or a special path such as `@releaseDomain`. */
  readonly path: string;
  readonly token: string;
  /** Levels below `path` that count; all when undefined. */
  readonly depth?: number;
  /** Characters of a path that a relative watch does not show. */
  readonly hidden: number;
}

export type SpecialPath = "@introduceDomain" | "@releaseDomain";

/** All watches of all clients by path, so that a change costs as many look-ups as its path has names, however many watch. */
export class WatchRegistry {
  readonly #byPath = new Map<string, Set<Watch>>();
  readonly #age = new Map<Watch, number>();
  #lastAge = 0;

  get size(): number {
    return this.#age.size;
  }

  add(watch: Watch): void {
    const same = this.#byPath.get(watch.path);
    if (same) same.add(watch);
    else this.#byPath.set(watch.path, new Set([watch]));
    this.#age.set(watch, ++this.#lastAge);
  }

  delete(watch: Watch): void {
    const same = this.#byPath.get(watch.path);
    this.#age.delete(watch);
    if (same?.delete(watch) && same.size === 0) this.#byPath.delete(watch.path);
  }

  /**
   * Tells the watches of a change. A removed tree tells the watches on each of its nodes, deepest first, then those
   * above it (tools/xenstored/core.c, delnode_sub). `before` and `after` are the roots around the change: who may not read a node
   * (as it is or was) nor its parent hears nothing of it.
   */
  fire(change: Change, before: Node, after: Node): void {
    if (this.#age.size === 0) return;
    if (change.kind === "removed") {
      const gone = lookup(before, change.path);
      if (!gone) return;
      const below: [Node, string][] = [];
      for (const { name, value } of gone.children.entries()) {
        walk(value, childPath(change.path, name), (node, path) => below.push([node, path]));
      }
      for (const [node, path] of below.reverse()) {
        const exact = this.#byPath.get(path);
        if (exact) this.#tell([...exact], path, [node.permissions]);
      }
    }
    const permissions: Permissions[] = [];
    for (const root of [after, before]) {
      for (const path of [change.path, parentPath(change.path)]) {
        const node = lookup(root, path);
        if (node) permissions.push(node.permissions);
      }
    }
    this.#tell(this.#covering(change.path), change.path, permissions);
  }

  /** `@introduceDomain` or `@releaseDomain` for a domain; `permissions` are those of the special path. */
  fireSpecial(special: SpecialPath, domid: number, permissions: Permissions): void {
    const plain = [...this.#byPath.get(special) ?? []];
    this.#tell(plain.filter(({ depth }) => depth === undefined), special, [permissions]);
    const numbered = [
      ...plain.filter(({ depth }) => depth !== undefined && depth > 0),
      ...this.#byPath.get(`${special}/${domid}`) ?? [],
    ];
    this.#tell(numbered, `${special}/${domid}`, [permissions]);
  }

  /** The watches at `path` and above it that reach down to it. */
  #covering(path: string): Watch[] {
    const found = [...this.#byPath.get(path) ?? []];
    let levels = 0;
    for (let above = path; above !== "/";) {
      above = parentPath(above);
      levels++;
      for (const watch of this.#byPath.get(above) ?? []) {
        if (watch.depth === undefined || watch.depth >= levels) found.push(watch);
      }
    }
    return found;
  }

  #tell(watches: Watch[], path: string, readable: readonly Permissions[]): void {
    if (watches.length > 1) watches.sort((a, b) => (this.#age.get(a) ?? 0) - (this.#age.get(b) ?? 0));
    for (const { watcher, hidden, token } of watches) {
      if (readable.some((each) => mayRead(each, watcher.principal))) {
        watcher.event(path.slice(hidden), token);
      }
    }
  }
}
