import { NameMap } from "./name_map.ts";
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
  readonly children: NameMap<Node>;
  readonly generation: number;
}

export const EMPTY_VALUE = new Uint8Array(0);

let lastGeneration = 0;

export function makeNode(
  value: Uint8Array,
  permissions: Permissions,
  children: NameMap<Node> = NameMap.empty(),
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

/** What xenstored holds against the quota `node-size`: header, permissions, value and names of the children. */
export function nodeBytes(node: Node): number {
  return 24 + 8 * node.permissions.length + node.value.length + node.children.nameBytes;
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
  const next = depth === path.length - 1 ? node : replaceAt(required(old, name), path, depth + 1, node);
  const children = next ? at.children.set(name, next) : at.children.delete(name);
  const generation = (old === undefined) === (next === undefined) ? at.generation : ++lastGeneration;
  return { value: at.value, permissions: at.permissions, children, generation };
}

function required(node: Node | undefined, name: string): Node {
  if (!node) throw new Error(`no parent node ${name}`);
  return node;
}

export function childPath(path: string, name: string): string {
  return path === "/" ? `/${name}` : `${path}/${name}`;
}

/** Calls `visit` for the node and everything below it, parents first. */
export function walk(node: Node, path: string, visit: (node: Node, path: string) => void): void {
  visit(node, path);
  for (const { name, value } of node.children.entries()) walk(value, childPath(path, name), visit);
}
