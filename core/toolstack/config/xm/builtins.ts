/** Python's built-in functions and types. */
import type { Span } from "../source.ts";
import { type Arguments, builtin, call } from "./arguments.ts";
import { formatValue } from "./brace_format.ts";
import { sort, update } from "./container_methods.ts";
import { derives, EXCEPTIONS } from "./exceptions.ts";
import { unsupported } from "./fault.ts";
import { binary, compare, equal, hashKey, iterate, numeric } from "./operators.ts";
import { whole } from "./percent_format.ts";
import type { Runtime } from "./runtime.ts";
import { repr, str } from "./text.ts";
import {
  characters,
  PyBuiltin,
  PyDict,
  PyException,
  PyExceptionType,
  PyFunction,
  PyInstance,
  PyList,
  PyModule,
  PyTuple,
  PyType,
  type PyValue,
  Raised,
  truth,
  typeName,
} from "./values.ts";

function parseInteger(args: Arguments): bigint {
  const { runtime, span } = args;
  const value = args.at(0) ?? 0n;
  const base = args.at(1) === undefined ? 10 : args.number(1, 10);
  if (typeof value !== "string") {
    const number = numeric(value);
    if (number === undefined || args.at(1) !== undefined) {
      throw args.wrong(`int() argument must be a string or a real number, not '${typeName(value)}'`);
    }
    return whole(runtime, number, span);
  }
  runtime.work(span, value.length);
  const match = /^([-+]?)(0[xX]|0[oO]|0[bB])?([0-9a-zA-Z]+(?:_[0-9a-zA-Z]+)*)[lL]?$/.exec(value.trim());
  const bad = () =>
    runtime.raise(
      span,
      "ValueError",
      `invalid literal for int() with base ${base}: ${repr(runtime, value, span)}`,
    );
  if (match === null || value.length > 1200) throw bad();
  const radixes: Readonly<Record<string, number>> = { "0x": 16, "0o": 8, "0b": 2 };
  const prefix = match[2]?.toLowerCase();
  const digits = match[3].replace(/_/g, "");
  const radix = base === 0 ? (prefix === undefined ? 10 : radixes[prefix]) : base;
  if (radix < 2 || radix > 36) {
    throw runtime.raise(span, "ValueError", "int() base must be >= 2 and <= 36, or 0");
  }
  // With a base above 11 a prefix like 0b may be digits.
  const all = prefix !== undefined && radixes[prefix] !== radix ? prefix + digits : digits;
  let number = 0n;
  for (const digit of all.toLowerCase()) {
    const worth = parseInt(digit, 36);
    if (!(worth < radix)) throw bad();
    number = number * BigInt(radix) + BigInt(worth);
  }
  return runtime.integer(span, match[1] === "-" ? -number : number);
}

function parseFloatText(args: Arguments, value: PyValue): number {
  const { runtime, span } = args;
  const number = numeric(value);
  if (number !== undefined) return Number(number);
  if (typeof value !== "string") {
    throw runtime.raise(span, "TypeError", `${args.name}() argument must be a string or a real number`);
  }
  const text = value.trim().toLowerCase().replace(/(?<=\d)_(?=\d)/g, "");
  const special = /^([-+]?)(inf|infinity|nan)$/.exec(text);
  if (special !== null) return special[2] === "nan" ? NaN : special[1] === "-" ? -Infinity : Infinity;
  if (!/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/.test(text)) {
    throw runtime.raise(
      span,
      "ValueError",
      `could not convert string to float: ${repr(runtime, value, span)}`,
    );
  }
  return Number(text);
}

function range(args: Arguments): PyList {
  const given = [0, 1, 2].map((index) => args.at(index) === undefined ? undefined : args.integer(index));
  const [start, stop] = given[1] === undefined ? [0n, given[0] ?? 0n] : [given[0] ?? 0n, given[1]];
  const step = given[2] ?? 1n;
  if (step === 0n) throw args.runtime.raise(args.span, "ValueError", "range() arg 3 must not be zero");
  const span = step > 0n ? stop - start : start - stop;
  const count = span <= 0n ? 0n : (span + (step > 0n ? step : -step) - 1n) / (step > 0n ? step : -step);
  args.runtime.allocate(args.span, Number(count));
  return new PyList(Array.from({ length: Number(count) }, (_, index) => start + BigInt(index) * step));
}

function length(args: Arguments): bigint {
  const value = args.value(0);
  if (typeof value === "string") return BigInt(characters(value).length);
  if (value instanceof PyList || value instanceof PyTuple) return BigInt(value.items.length);
  if (value instanceof PyDict) return BigInt(value.entries.size);
  throw args.wrong(`object of type '${typeName(value)}' has no len()`);
}

/** min() and max(): of one list or of the arguments. */
function extreme(name: string, sign: 1 | -1): PyBuiltin {
  return new PyBuiltin(name, (runtime, { positional, named }, span) => {
    const items = positional.length === 1 ? iterate(runtime, positional[0], span) : positional;
    const key = named.get("key");
    let best: { item: PyValue; key: PyValue } | undefined;
    for (const item of items) {
      const keyed = key === undefined
        ? item
        : runtime.call(key, { positional: [item], named: new Map() }, span);
      if (best === undefined || compare(runtime, keyed, best.key, span) * sign > 0) {
        best = { item, key: keyed };
      }
    }
    if (best === undefined) throw runtime.raise(span, "ValueError", `${name}() arg is an empty sequence`);
    return best.item;
  });
}

function zip(runtime: Runtime, lists: readonly PyValue[], span: Span): PyList {
  const items = lists.map((list) => iterate(runtime, list, span));
  const count = items.length === 0 ? 0 : Math.min(...items.map((list) => list.length));
  runtime.allocate(span, count * lists.length);
  return new PyList(
    Array.from({ length: count }, (_, index) => new PyTuple(items.map((list) => list[index]))),
  );
}

function map(runtime: Runtime, [callee, ...lists]: readonly PyValue[], span: Span): PyList {
  if (callee === undefined || lists.length === 0) {
    throw runtime.raise(span, "TypeError", "map() must have two arguments");
  }
  return new PyList(
    zip(runtime, lists, span).items.map((item) =>
      runtime.call(callee, { positional: (item as PyTuple).items, named: new Map() }, span)
    ),
  );
}

const radix = (name: string, prefix: string, base: number) =>
  builtin(name, ["number"], 1, (args) => {
    const value = args.integer(0);
    return `${value < 0n ? "-" : ""}${prefix}${(value < 0n ? -value : value).toString(base)}`;
  });

/** A copy of what is in a container. */
function listOf({ runtime, span }: Arguments, value: PyValue | undefined): PyValue[] {
  const items = value === undefined ? [] : iterate(runtime, value, span);
  runtime.allocate(span, items.length);
  return [...items];
}

function types(): ReadonlyMap<string, PyType> {
  const of = (name: string) => (value: PyValue) => typeName(value) === name;
  const text = new PyType(
    "str",
    call(
      "str",
      ["object"],
      0,
      (args) => args.at(0) === undefined ? "" : str(args.runtime, args.value(0), args.span),
    ),
    of("str"),
  );
  const int = new PyType(
    "int",
    call("int", ["x", "base"], 0, parseInteger),
    (value) => typeof value === "bigint" || typeof value === "boolean",
  );
  const all = [
    text,
    int,
    new PyType(
      "float",
      call("float", ["x"], 0, (args) => parseFloatText(args, args.at(0) ?? 0n)),
      of("float"),
    ),
    new PyType("bool", call("bool", ["x"], 0, (args) => truth(args.at(0) ?? null)), of("bool")),
    new PyType("list", call("list", ["x"], 0, (args) => new PyList(listOf(args, args.at(0)))), of("list")),
    new PyType(
      "tuple",
      call("tuple", ["x"], 0, (args) => new PyTuple(listOf(args, args.at(0)))),
      of("tuple"),
    ),
    new PyType("dict", (runtime, { positional, named }, span) => {
      const dict = new PyDict();
      call("dict", ["x"], 0, (args) => {
        if (args.at(0) !== undefined) update(args, dict, args.value(0));
        return null;
      })(runtime, { positional, named: new Map() }, span);
      for (const [key, value] of named) dict.entries.set(hashKey(runtime, key, span), [key, value]);
      return dict;
    }, of("dict")),
  ];
  const byName = new Map(all.map((type) => [type.name, type]));
  // Python 2's other names.
  return byName.set("unicode", text).set("basestring", text).set("long", int);
}

const TYPES = types();
const NONE_TYPE = new PyType("NoneType", () => null, (value) => value === null);

function typeOf(value: PyValue, runtime: Runtime, span: Span): PyValue {
  if (value === null) return NONE_TYPE;
  const known = TYPES.get(typeName(value));
  if (known !== undefined) return known;
  if (value instanceof PyException) return value.type;
  throw runtime.raise(span, "TypeError", `the type of a ${typeName(value)} is not known here`);
}

export function isInstance(runtime: Runtime, value: PyValue, type: PyValue, span: Span): boolean {
  if (type instanceof PyTuple) return type.items.some((one) => isInstance(runtime, value, one, span));
  if (type instanceof PyType) return type.holds(value);
  if (type instanceof PyExceptionType) return value instanceof PyException && derives(value.type, type);
  throw runtime.raise(span, "TypeError", "isinstance() arg 2 must be a type or a tuple of types");
}

function isCallable(value: PyValue): boolean {
  return value instanceof PyFunction || value instanceof PyBuiltin || value instanceof PyType ||
    value instanceof PyExceptionType;
}

/** Named, and refused by that name. */
const REFUSED =
  "open file eval exec execfile compile input raw_input __import__ reload getattr setattr delattr globals locals vars dir id object property super iter next set frozenset bytes bytearray staticmethod classmethod breakpoint apply buffer intern memoryview slice complex help";

function functions(): PyBuiltin[] {
  return [
    builtin("len", ["object"], 1, length),
    builtin("range", ["start", "stop", "step"], 1, range),
    builtin("xrange", ["start", "stop", "step"], 1, range),
    builtin("repr", ["object"], 1, (args) => repr(args.runtime, args.value(0), args.span)),
    builtin("abs", ["x"], 1, (args) => {
      const number = numeric(args.value(0));
      if (number === undefined) throw args.wrong(`bad operand type for abs(): '${typeName(args.value(0))}'`);
      return number < 0 ? -number : number;
    }),
    extreme("min", -1),
    extreme("max", 1),
    builtin("sum", ["iterable", "start"], 1, (args) => {
      let total: PyValue = args.at(1) ?? 0n;
      for (const item of iterate(args.runtime, args.value(0), args.span)) {
        total = binary(args.runtime, "+", total, item, args.span);
      }
      return total;
    }),
    builtin("any", ["iterable"], 1, (args) => iterate(args.runtime, args.value(0), args.span).some(truth)),
    builtin("all", ["iterable"], 1, (args) => iterate(args.runtime, args.value(0), args.span).every(truth)),
    builtin("sorted", ["iterable", "key", "reverse"], 1, (args) =>
      new PyList(
        sort(
          args,
          iterate(args.runtime, args.value(0), args.span),
          args.at(1) ?? null,
          truth(args.at(2) ?? null),
        ),
      )),
    builtin("reversed", ["sequence"], 1, (args) => new PyList(listOf(args, args.value(0)).reverse())),
    builtin("enumerate", ["iterable", "start"], 1, (args) => {
      const items = listOf(args, args.value(0));
      const start = args.at(1) === undefined ? 0n : args.integer(1);
      return new PyList(items.map((item, index) => new PyTuple([start + BigInt(index), item])));
    }),
    new PyBuiltin("zip", (runtime, { positional }, span) => zip(runtime, positional, span)),
    new PyBuiltin("map", (runtime, { positional }, span) => map(runtime, positional, span)),
    builtin("filter", ["function", "iterable"], 2, (args) => {
      const test = args.value(0);
      const items = listOf(args, args.value(1));
      return new PyList(
        items.filter((item) =>
          truth(
            test === null
              ? item
              : args.runtime.call(test, { positional: [item], named: new Map() }, args.span),
          )
        ),
      );
    }),
    radix("hex", "0x", 16),
    radix("oct", "0o", 8),
    radix("bin", "0b", 2),
    ...["chr", "unichr"].map((name) =>
      builtin(name, ["i"], 1, (args) => {
        const code = args.integer(0);
        if (code < 0n || code > 0x10ffffn) {
          throw args.runtime.raise(args.span, "ValueError", "chr() arg not in range");
        }
        return String.fromCodePoint(Number(code));
      })
    ),
    builtin("ord", ["c"], 1, (args) => {
      const text = args.text(0);
      if (characters(text).length !== 1) throw args.wrong("ord() expected a character");
      return BigInt(text.codePointAt(0) ?? 0);
    }),
    builtin("round", ["number", "digits"], 1, (args) => {
      const number = numeric(args.value(0));
      if (number === undefined) throw args.wrong("round() wants a number");
      const digits = args.at(1);
      if (typeof number === "bigint" && digits === undefined) return number;
      if (digits !== undefined) {
        return Number(Number(number).toFixed(Math.max(0, Math.min(100, args.number(1, 0)))));
      }
      const floor = Math.floor(Number(number));
      const rest = Number(number) - floor;
      const up = rest > 0.5 || (rest === 0.5 && floor % 2 !== 0);
      return whole(args.runtime, up ? floor + 1 : floor, args.span);
    }),
    builtin("divmod", ["a", "b"], 2, (args) =>
      new PyTuple([
        binary(args.runtime, "//", args.value(0), args.value(1), args.span),
        binary(args.runtime, "%", args.value(0), args.value(1), args.span),
      ])),
    builtin(
      "pow",
      ["a", "b"],
      2,
      (args) => binary(args.runtime, "**", args.value(0), args.value(1), args.span),
    ),
    builtin(
      "cmp",
      ["a", "b"],
      2,
      (args) =>
        equal(args.runtime, args.value(0), args.value(1), args.span)
          ? 0n
          : compare(args.runtime, args.value(0), args.value(1), args.span) < 0
          ? -1n
          : 1n,
    ),
    builtin(
      "format",
      ["value", "spec"],
      1,
      (args) => formatValue(args.runtime, args.value(0), args.optionalText(1) ?? "", args.span),
    ),
    builtin(
      "isinstance",
      ["object", "type"],
      2,
      (args) => isInstance(args.runtime, args.value(0), args.value(1), args.span),
    ),
    builtin("type", ["object"], 1, (args) => typeOf(args.value(0), args.runtime, args.span)),
    builtin("callable", ["object"], 1, (args) => isCallable(args.value(0))),
    builtin("hasattr", ["object", "name"], 2, (args) => {
      const value = args.value(0);
      if (value instanceof PyModule) return value.members.has(args.text(1));
      if (value instanceof PyInstance) return value.attributes.has(args.text(1));
      throw unsupported(args.span, "hasattr() of a plain value");
    }),
    new PyBuiltin("print", (runtime, { positional }, span) => print(runtime, positional, span)),
    builtin("exit", ["code"], 0, exit),
    builtin("quit", ["code"], 0, exit),
  ];
}

/** sys.exit() */
export function exit(args: Arguments): PyValue {
  const type = EXCEPTIONS.get("SystemExit");
  if (type === undefined) throw new Error("no SystemExit");
  throw new Raised(new PyException(type, args.at(0) === undefined ? [] : [args.value(0)]), args.span);
}

/** What is printed goes to nobody but who asks the runtime for it. */
export function print(runtime: Runtime, values: readonly PyValue[], span: Span): null {
  runtime.printed.push(runtime.text(span, values.map((value) => str(runtime, value, span)).join(" ")));
  return null;
}

function builtins(): ReadonlyMap<string, PyValue> {
  const all = new Map<string, PyValue>();
  for (const name of REFUSED.split(" ")) {
    all.set(
      name,
      new PyBuiltin(name, (_runtime, _args, span) => {
        throw unsupported(span, `${name}()`);
      }),
    );
  }
  for (const [name, type] of EXCEPTIONS) all.set(name, type);
  for (const [name, type] of TYPES) all.set(name, type);
  for (const each of functions()) all.set(each.name, each);
  return all;
}

/** By name. */
export const BUILTINS = builtins();
