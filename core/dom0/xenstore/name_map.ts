/**
 * A persistent map from names to values: `set` and `delete` give a new map that shares all but a few small arrays with
 * the old one, so a directory of thousands of nodes costs no copy when one of them changes. A hash trie, 32 ways.
 * Entries are listed in the order in which their names came, as xenstored lists children.
 */
export class NameMap<T> {
  private constructor(
    private readonly root: Branch<T> | undefined,
    readonly size: number,
    /** Bytes of all names, each with its nul, as DIRECTORY sends them. */
    readonly nameBytes: number,
    private readonly nextOrder: number,
  ) {}

  static readonly #empty = new NameMap<never>(undefined, 0, 0, 0);

  static empty<T>(): NameMap<T> {
    return NameMap.#empty;
  }

  get(name: string): T | undefined {
    return this.root && find(this.root, name, hashOf(name))?.value;
  }

  set(name: string, value: T): NameMap<T> {
    const hash = hashOf(name);
    const old = this.root && find(this.root, name, hash);
    const leaf = { name, hash, order: old?.order ?? this.nextOrder, value };
    const root = insert(this.root, leaf, 0);
    if (old) return new NameMap(root, this.size, this.nameBytes, this.nextOrder);
    return new NameMap(root, this.size + 1, this.nameBytes + name.length + 1, this.nextOrder + 1);
  }

  delete(name: string): NameMap<T> {
    const hash = hashOf(name);
    if (!this.root || !find(this.root, name, hash)) return this;
    if (this.size === 1) return NameMap.empty();
    const root = remove(this.root, name, hash, 0);
    return new NameMap(root, this.size - 1, this.nameBytes - name.length - 1, this.nextOrder);
  }

  /** All entries, oldest name first. */
  entries(): { readonly name: string; readonly value: T }[] {
    const leaves: Leaf<T>[] = [];
    if (this.root) collect(this.root, leaves);
    return leaves.sort((a, b) => a.order - b.order);
  }

  names(): string[] {
    return this.entries().map(({ name }) => name);
  }
}

interface Leaf<T> {
  readonly name: string;
  readonly hash: number;
  readonly order: number;
  readonly value: T;
}

/** Slots stand in the order of their bits; below the last level, where hashes are equal, `bits` is 0 and slots are leaves. */
interface Branch<T> {
  readonly bits: number;
  readonly slots: readonly (Branch<T> | Leaf<T>)[];
}

const LEVEL_BITS = 5;
const LAST_LEVEL = 30;

/** Guests choose names: the seed keeps them from choosing equal hashes. */
const SEED = crypto.getRandomValues(new Uint32Array(1))[0];

function hashOf(name: string): number {
  let hash = SEED;
  for (let i = 0; i < name.length; i++) {
    hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) ^ (hash >>> 15);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

function isBranch<T>(slot: Branch<T> | Leaf<T>): slot is Branch<T> {
  return "slots" in slot;
}

function bitOf(hash: number, level: number): number {
  return 1 << ((hash >>> level) & 31);
}

function indexOf(bits: number, bit: number): number {
  let below = bits & (bit - 1);
  below -= (below >>> 1) & 0x55555555;
  below = (below & 0x33333333) + ((below >>> 2) & 0x33333333);
  return Math.imul((below + (below >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

function find<T>(root: Branch<T>, name: string, hash: number): Leaf<T> | undefined {
  let branch = root;
  for (let level = 0; level <= LAST_LEVEL; level += LEVEL_BITS) {
    const bit = bitOf(hash, level);
    if ((branch.bits & bit) === 0) return undefined;
    const slot = branch.slots[indexOf(branch.bits, bit)];
    if (!isBranch(slot)) return slot.name === name ? slot : undefined;
    branch = slot;
  }
  return branch.slots.find((slot): slot is Leaf<T> => !isBranch(slot) && slot.name === name);
}

function insert<T>(branch: Branch<T> | undefined, leaf: Leaf<T>, level: number): Branch<T> {
  if (level > LAST_LEVEL) {
    const others = branch?.slots.filter((slot) => isBranch(slot) || slot.name !== leaf.name) ?? [];
    return { bits: 0, slots: [...others, leaf] };
  }
  const bit = bitOf(leaf.hash, level);
  if (!branch) return { bits: bit, slots: [leaf] };
  const { bits, slots } = branch;
  const at = indexOf(bits, bit);
  if ((bits & bit) === 0) return { bits: bits | bit, slots: slots.toSpliced(at, 0, leaf) };
  const old = slots[at];
  const below = level + LEVEL_BITS;
  if (isBranch(old)) return { bits, slots: slots.with(at, insert(old, leaf, below)) };
  if (old.name === leaf.name) return { bits, slots: slots.with(at, leaf) };
  return { bits, slots: slots.with(at, insert(insert(undefined, old, below), leaf, below)) };
}

/** Without `name`, which is there; undefined when nothing is left. */
function remove<T>(branch: Branch<T>, name: string, hash: number, level: number): Branch<T> | undefined {
  const { bits, slots } = branch;
  if (level > LAST_LEVEL) {
    const rest = slots.filter((slot) => isBranch(slot) || slot.name !== name);
    return rest.length > 0 ? { bits, slots: rest } : undefined;
  }
  const bit = bitOf(hash, level);
  const at = indexOf(bits, bit);
  const old = slots[at];
  const left = isBranch(old) ? remove(old, name, hash, level + LEVEL_BITS) : undefined;
  if (left) return { bits, slots: slots.with(at, left) };
  return slots.length > 1 ? { bits: bits & ~bit, slots: slots.toSpliced(at, 1) } : undefined;
}

function collect<T>(branch: Branch<T>, leaves: Leaf<T>[]): void {
  for (const slot of branch.slots) {
    if (isBranch(slot)) collect(slot, leaves);
    else leaves.push(slot);
  }
}
