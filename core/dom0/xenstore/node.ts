import { names } from "./path.ts";
import type { Permissions } from "./permissions.ts";

/**
 * A node of the store. Nodes never change: an update makes new nodes from the changed one up to the root and
 * shares all others, so a root is a snapshot and costs nothing to keep.
 *
 * `generation` changes when this node's value, permissions or list of children change, not when a child's do.
 */
export interface Node {
  readonly value: Uint8Array;
  readonly permissions: Permissions;
  readonly children: ReadonlyMap<string, Node>;
  readonly generation: number;
}

let lastGeneration = 0;

export function makeNode(
  value: Uint8Array,
  permissions: Permissions,
  children: ReadonlyMap<string, Node> = new Map(),
): Node {
  return { value, permissions, children, generation: ++lastGeneration };
}

export function lookup(root: Node, path: string): Node | undefined {
  let node: Node | undefined = root;
  for (const name of names(path)) {
    node = node.children.get(name);
    if (!node) return undefined;
  }
  return node;
}

/** The root with the node at `path` (whose parent exists) replaced, created, or removed when `node` is undefined. */
export function replace(root: Node, path: string, node: Node | undefined): Node {
  return replaceAt(root, names(path), 0, node);
}

function replaceAt(at: Node, path: readonly string[], depth: number, node: Node | undefined): Node {
  if (depth === path.length) {
    if (!node) throw new Error("the root cannot be removed");
    return node;
  }
  const name = path[depth];
  const old = at.children.get(name);
  const children = new Map(at.children);
  const next = depth === path.length - 1 ? node : replaceAt(required(old, name), path, depth + 1, node);
  if (next) children.set(name, next);
  else children.delete(name);
  const generation = (old === undefined) === (next === undefined) ? at.generation : ++lastGeneration;
  return { ...at, children, generation };
}

function required(node: Node | undefined, name: string): Node {
  if (!node) throw new Error(`no parent node ${name}`);
  return node;
}

/** Calls `visit` for the node and everything below it, parents first. */
export function walk(node: Node, path: string, visit: (node: Node, path: string) => void): void {
  visit(node, path);
  for (const [name, child] of node.children) {
    walk(child, path === "/" ? `/${name}` : `${path}/${name}`, visit);
  }
}
