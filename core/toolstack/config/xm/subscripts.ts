import type { Span } from "../source.ts";
import { position } from "./container_methods.ts";
import { hashKey, integer } from "./operators.ts";
import type { Runtime } from "./runtime.ts";
import { repr } from "./text.ts";
import { characters, PyDict, PyList, PyTuple, type PyValue, typeName } from "./values.ts";

/** OBJECT[KEY] */
export function index(runtime: Runtime, object: PyValue, key: PyValue, span: Span): PyValue {
  if (object instanceof PyDict) {
    const found = object.entries.get(hashKey(runtime, key, span));
    if (found === undefined) throw runtime.raise(span, "KeyError", repr(runtime, key, span));
    return found[1];
  }
  const letters = typeof object === "string" ? characters(object) : undefined;
  const items = object instanceof PyList || object instanceof PyTuple ? object.items : letters;
  if (items === undefined) {
    throw runtime.raise(span, "TypeError", `'${typeName(object)}' object is not subscriptable`);
  }
  const at = integer(key);
  if (at === undefined) {
    throw runtime.raise(
      span,
      "TypeError",
      `${typeName(object)} indices must be integers, not '${typeName(key)}'`,
    );
  }
  if (typeof object === "string" && letters !== object) runtime.work(span, object.length);
  const near = at > 1n << 40n ? Infinity : at < -(1n << 40n) ? -Infinity : Number(at);
  return items[position({ runtime, span }, near, items.length, typeName(object))];
}

function bound(runtime: Runtime, value: PyValue, span: Span): number | undefined {
  if (value === null) return undefined;
  const number = integer(value);
  if (number === undefined) throw runtime.raise(span, "TypeError", "slice indices must be integers or None");
  return number > 1n << 40n ? 2 ** 40 : number < -(1n << 40n) ? -(2 ** 40) : Number(number);
}

/** OBJECT[LOWER:UPPER:STEP] */
export function slice(
  runtime: Runtime,
  object: PyValue,
  [lower, upper, by]: readonly [PyValue, PyValue, PyValue],
  span: Span,
): PyValue {
  const items = typeof object === "string"
    ? characters(object)
    : object instanceof PyList || object instanceof PyTuple
    ? object.items
    : undefined;
  if (items === undefined) {
    throw runtime.raise(span, "TypeError", `'${typeName(object)}' object is not subscriptable`);
  }
  const { length } = items;
  const step = bound(runtime, by, span) ?? 1;
  if (step === 0) throw runtime.raise(span, "ValueError", "slice step cannot be zero");
  const [first, last] = step > 0 ? [0, length] : [-1, length - 1];
  const clamp = (at: number) => Math.max(first, Math.min(last, at < 0 ? at + length : at));
  const from = bound(runtime, lower, span);
  const to = bound(runtime, upper, span);
  const start = from === undefined ? (step > 0 ? first : last) : clamp(from);
  const stop = to === undefined ? (step > 0 ? last : first) : clamp(to);
  runtime.allocate(span, Math.max(0, Math.ceil((stop - start) / step)));
  const out: PyValue[] = [];
  for (let at = start; step > 0 ? at < stop : at > stop; at += step) out.push(items[at]);
  if (typeof object === "string") return out.join("");
  return object instanceof PyTuple ? new PyTuple(out) : new PyList(out);
}
