/** What lists, tuples and dictionaries can do. */
import type { Arguments } from "./arguments.ts";
import { compare, equal, hashKey, iterate } from "./operators.ts";
import { repr } from "./text.ts";
import { PyDict, PyList, PyTuple, type PyValue, truth } from "./values.ts";

interface Method<T> {
  readonly names: readonly string[];
  readonly least: number;
  run(self: T, args: Arguments): PyValue;
}

function method<T>(names: string, least: number, run: Method<T>["run"]): Method<T> {
  return { names: names === "" ? [] : names.split(" "), least, run };
}

/** A position of a list that is there. */
export function position(
  args: Pick<Arguments, "runtime" | "span">,
  at: number,
  length: number,
  what: string,
): number {
  const real = at < 0 ? at + length : at;
  if (real < 0 || real >= length) {
    throw args.runtime.raise(args.span, "IndexError", `${what} index out of range`);
  }
  return real;
}

/** sorted() and list.sort(): stable; the comparisons are counted. */
export function sort(args: Arguments, items: readonly PyValue[], key: PyValue, reverse: boolean): PyValue[] {
  const { runtime, span } = args;
  runtime.allocate(span, items.length);
  const keyed = items.map((item) => ({
    item,
    key: key === null ? item : runtime.call(key, { positional: [item], named: new Map() }, span),
  }));
  const order = (a: { key: PyValue }, b: { key: PyValue }) => compare(runtime, a.key, b.key, span) || 0;
  keyed.sort(reverse ? (a, b) => order(b, a) : order);
  return keyed.map(({ item }) => item);
}

function place(items: readonly PyValue[], args: Arguments): bigint {
  const at = items.findIndex((item) => equal(args.runtime, item, args.value(0), args.span));
  if (at < 0) {
    const shown = repr(args.runtime, args.value(0), args.span);
    throw args.runtime.raise(args.span, "ValueError", `${shown} is not in list`);
  }
  return BigInt(at);
}

function count(items: readonly PyValue[], args: Arguments): bigint {
  return BigInt(items.filter((item) => equal(args.runtime, item, args.value(0), args.span)).length);
}

export const LIST_METHODS: Readonly<Record<string, Method<PyList>>> = {
  append: method("object", 1, ({ items }, args) => {
    args.runtime.allocate(args.span, 1);
    items.push(args.value(0));
    return null;
  }),
  extend: method("iterable", 1, ({ items }, args) => {
    const more = [...iterate(args.runtime, args.value(0), args.span)];
    args.runtime.allocate(args.span, more.length);
    for (const item of more) items.push(item);
    return null;
  }),
  insert: method("index object", 2, ({ items }, args) => {
    args.runtime.allocate(args.span, 1 + items.length / 16);
    items.splice(args.number(0, 0), 0, args.value(1));
    return null;
  }),
  pop: method("index", 0, ({ items }, args) => {
    args.runtime.work(args.span, items.length);
    if (items.length === 0) throw args.runtime.raise(args.span, "IndexError", "pop from empty list");
    return items.splice(position(args, args.number(0, -1), items.length, "pop"), 1)[0];
  }),
  remove: method("value", 1, ({ items }, args) => {
    items.splice(Number(place(items, args)), 1);
    return null;
  }),
  index: method("value", 1, ({ items }, args) => place(items, args)),
  count: method("value", 1, ({ items }, args) => count(items, args)),
  reverse: method("", 0, ({ items }, args) => {
    args.runtime.work(args.span, items.length);
    items.reverse();
    return null;
  }),
  sort: method("cmp key reverse", 0, (list, args) => {
    if (args.at(0) !== undefined && args.at(0) !== null) {
      throw args.wrong("sort() takes key=, no comparison function, here");
    }
    const sorted = sort(args, list.items, args.at(1) ?? null, truth(args.at(2) ?? null));
    sorted.forEach((item, index) => list.items[index] = item);
    return null;
  }),
  copy: method("", 0, ({ items }, args) => {
    args.runtime.allocate(args.span, items.length);
    return new PyList([...items]);
  }),
  clear: method("", 0, ({ items }) => {
    items.length = 0;
    return null;
  }),
};

export const TUPLE_METHODS: Readonly<Record<string, Method<PyTuple>>> = {
  index: method("value", 1, ({ items }, args) => place(items, args)),
  count: method("value", 1, ({ items }, args) => count(items, args)),
};

/** Puts a value into a dictionary, unless it is os.environ. */
export function store(
  args: Pick<Arguments, "runtime" | "span">,
  dict: PyDict,
  key: PyValue,
  value: PyValue,
): void {
  writable(args, dict);
  args.runtime.allocate(args.span, 2);
  dict.entries.set(hashKey(args.runtime, key, args.span), [key, value]);
}

export function writable({ runtime, span }: Pick<Arguments, "runtime" | "span">, dict: PyDict): void {
  if (dict.readOnly) throw runtime.raise(span, "TypeError", "os.environ is read only here");
}

/** dict(), dict.update(): from another or from pairs. */
export function update(args: Arguments, dict: PyDict, source: PyValue): void {
  const { runtime, span } = args;
  if (source instanceof PyDict) {
    for (const [key, value] of [...source.entries.values()]) store(args, dict, key, value);
    return;
  }
  for (const pair of iterate(runtime, source, span)) {
    const [key, value, ...more] = iterate(runtime, pair, span);
    if (value === undefined || more.length > 0) {
      throw runtime.raise(span, "ValueError", "dictionary wants pairs");
    }
    store(args, dict, key, value);
  }
}

function listed(
  dict: PyDict,
  args: Arguments,
  pick: (entry: readonly [PyValue, PyValue]) => PyValue,
): PyList {
  args.runtime.allocate(args.span, 2 * dict.entries.size);
  return new PyList([...dict.entries.values()].map(pick));
}

const keys = method<PyDict>("", 0, (dict, args) => listed(dict, args, ([key]) => key));
const values = method<PyDict>("", 0, (dict, args) => listed(dict, args, ([, value]) => value));
const items = method<PyDict>(
  "",
  0,
  (dict, args) => listed(dict, args, ([key, value]) => new PyTuple([key, value])),
);

export const DICT_METHODS: Readonly<Record<string, Method<PyDict>>> = {
  keys,
  values,
  items,
  iterkeys: keys,
  itervalues: values,
  iteritems: items,
  get: method("key default", 1, (dict, args) => {
    const found = dict.entries.get(hashKey(args.runtime, args.value(0), args.span));
    return found === undefined ? args.at(1) ?? null : found[1];
  }),
  has_key: method(
    "key",
    1,
    (dict, args) => dict.entries.has(hashKey(args.runtime, args.value(0), args.span)),
  ),
  setdefault: method("key default", 1, (dict, args) => {
    const found = dict.entries.get(hashKey(args.runtime, args.value(0), args.span));
    if (found !== undefined) return found[1];
    store(args, dict, args.value(0), args.at(1) ?? null);
    return args.at(1) ?? null;
  }),
  pop: method("key default", 1, (dict, args) => {
    writable(args, dict);
    const key = hashKey(args.runtime, args.value(0), args.span);
    const found = dict.entries.get(key);
    dict.entries.delete(key);
    if (found !== undefined) return found[1];
    const other = args.at(1);
    if (other === undefined) {
      throw args.runtime.raise(args.span, "KeyError", repr(args.runtime, args.value(0), args.span));
    }
    return other;
  }),
  update: method("other", 0, (dict, args) => {
    if (args.at(0) !== undefined) update(args, dict, args.value(0));
    return null;
  }),
  copy: method("", 0, (dict, args) => {
    const copy = new PyDict();
    update(args, copy, dict);
    return copy;
  }),
  clear: method("", 0, (dict, args) => {
    writable(args, dict);
    dict.entries.clear();
    return null;
  }),
};
