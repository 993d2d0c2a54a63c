/** What strings can do. */
import type { Arguments } from "./arguments.ts";
import { iterate } from "./operators.ts";
import type { Runtime } from "./runtime.ts";
import type { Span } from "../source.ts";
import { characters, PyList, PyTuple, type PyValue, typeName } from "./values.ts";

interface Method {
  readonly names: readonly string[];
  readonly least: number;
  run(text: string, args: Arguments): PyValue;
}

const method = (names: string, least: number, run: Method["run"]): Method => ({
  names: names === "" ? [] : names.split(" "),
  least,
  run,
});

const SPACES = " \t\n\r\v\f\x85\xa0";

function strip(text: string, set: string | undefined, start: boolean, end: boolean): string {
  const letters = new Set(set ?? SPACES);
  const all = [...text];
  let [from, to] = [0, all.length];
  while (start && from < to && letters.has(all[from])) from++;
  while (end && to > from && letters.has(all[to - 1])) to--;
  return all.slice(from, to).join("");
}

function splitBlanks(text: string, most: number, fromEnd: boolean): string[] {
  const words = text.match(/[^ \t\n\r\v\f\x85\xa0]+/g) ?? [];
  if (most < 0 || words.length <= most) return words;
  if (fromEnd) {
    const kept = words.slice(words.length - most);
    let rest = strip(text, undefined, false, true);
    for (const word of kept.toReversed()) {
      rest = strip(rest.slice(0, rest.length - word.length), undefined, false, true);
    }
    return rest === "" ? kept : [strip(rest, undefined, true, false), ...kept].slice(-(most + 1));
  }
  let rest = strip(text, undefined, true, false);
  for (const word of words.slice(0, most)) rest = strip(rest.slice(word.length), undefined, true, false);
  return rest === "" ? words.slice(0, most) : [...words.slice(0, most), rest];
}

/** str.split() and str.rsplit() */
export function split(
  text: string,
  { runtime, span }: Arguments,
  separator: string | undefined,
  most: number,
  fromEnd: boolean,
): PyList {
  runtime.allocate(span, 2 * text.length);
  if (separator === undefined) return new PyList(splitBlanks(text, most, fromEnd));
  if (separator === "") throw runtime.raise(span, "ValueError", "empty separator");
  const parts = text.split(separator);
  if (most < 0 || parts.length - 1 <= most) return new PyList(parts);
  if (fromEnd) {
    const kept = most === 0 ? [] : parts.slice(-most);
    return new PyList([parts.slice(0, parts.length - kept.length).join(separator), ...kept]);
  }
  return new PyList([...parts.slice(0, most), parts.slice(most).join(separator)]);
}

/** str.join() */
export function join(runtime: Runtime, separator: string, list: PyValue, span: Span): string {
  const pieces: string[] = [];
  let length = 0;
  for (const item of iterate(runtime, list, span)) {
    if (typeof item !== "string") {
      throw runtime.raise(
        span,
        "TypeError",
        `sequence item ${pieces.length}: expected str instance, ${typeName(item)} found`,
      );
    }
    pieces.push(item);
    length += item.length + separator.length;
  }
  runtime.allocate(span, length);
  return pieces.join(separator);
}

/** str.replace() */
export function replace(text: string, args: Arguments, from: string, to: string, most: number): string {
  const { runtime, span } = args;
  const parts = from === "" ? ["", ...text, ""] : text.split(from);
  const count = most < 0 ? parts.length - 1 : Math.min(most, parts.length - 1);
  runtime.allocate(span, text.length + parts.length + count * to.length);
  return parts.slice(0, count + 1).join(to) +
    parts.slice(count + 1).map((part) => from + part).join("");
}

/** Where the search goes on: the text between start and end, and how far in it begins; null if start is beyond. */
function range(text: string, args: Arguments, first: number): { part: string; offset: number } | null {
  const all = characters(text);
  const clamp = (at: number) => at < 0 ? Math.max(0, at + all.length) : at;
  const start = clamp(args.number(first, 0));
  const end = Math.min(clamp(args.number(first + 1, all.length)), all.length);
  if (start > all.length || start > end) return null;
  const part = all.slice(start, end);
  return { part: typeof part === "string" ? part : part.join(""), offset: start };
}

function find(text: string, args: Arguments, last: boolean): number {
  args.runtime.work(args.span, text.length);
  const wanted = args.text(0);
  const place = range(text, args, 1);
  if (place === null) return -1;
  const at = last ? place.part.lastIndexOf(wanted) : place.part.indexOf(wanted);
  return at < 0 ? -1 : place.offset + characters(place.part.slice(0, at)).length;
}

function index(text: string, args: Arguments, last: boolean): bigint {
  const at = find(text, args, last);
  if (at < 0) throw args.runtime.raise(args.span, "ValueError", "substring not found");
  return BigInt(at);
}

function affix(text: string, args: Arguments, test: (part: string, wanted: string) => boolean): boolean {
  const wanted = args.value(0);
  const place = range(text, args, 1);
  for (const item of wanted instanceof PyTuple ? wanted.items : [wanted]) {
    if (typeof item !== "string") throw args.wrong(`${args.name}() wants a str or a tuple of str`);
    args.runtime.work(args.span, item.length);
    if (place !== null && test(place.part, item)) return true;
  }
  return false;
}

function pad(text: string, args: Arguments, place: (missing: number) => number): string {
  const fill = args.optionalText(1) ?? " ";
  if (characters(fill).length !== 1) {
    throw args.wrong("the fill character must be exactly one character long");
  }
  const missing = Math.max(0, args.number(0, 0) - characters(text).length);
  args.runtime.allocate(args.span, text.length + missing);
  const left = place(missing);
  return fill.repeat(left) + text + fill.repeat(missing - left);
}

function partition(text: string, args: Arguments, last: boolean): PyTuple {
  const separator = args.text(0);
  args.runtime.allocate(args.span, text.length);
  if (separator === "") throw args.runtime.raise(args.span, "ValueError", "empty separator");
  const at = last ? text.lastIndexOf(separator) : text.indexOf(separator);
  if (at < 0) return new PyTuple(last ? ["", "", text] : [text, "", ""]);
  return new PyTuple([text.slice(0, at), separator, text.slice(at + separator.length)]);
}

function zeroFill(text: string, args: Arguments): string {
  const missing = Math.max(0, args.number(0, 0) - characters(text).length);
  args.runtime.allocate(args.span, text.length + missing);
  const sign = /^[-+]/.exec(text)?.[0] ?? "";
  return sign + "0".repeat(missing) + text.slice(sign.length);
}

const capital = (word: string) => {
  const [first = "", ...rest] = [...word];
  return first.toUpperCase() + rest.join("").toLowerCase();
};

const swapCase = (text: string) =>
  [...text].map((letter) => letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase())
    .join("");

/** All of a string is of a kind, and there is something of it. */
const all = (pattern: RegExp) => method("", 0, (text) => pattern.test(text));

function splitLines(text: string, args: Arguments): PyList {
  args.runtime.allocate(args.span, text.length);
  const lines = text.match(/[^\n\r\v\f\x85\u2028\u2029]*(?:\r\n|[\n\r\v\f\x85\u2028\u2029]|$)/g) ?? [];
  const keep = args.number(0, 0) !== 0;
  const real = lines.filter((line) => line !== "");
  return new PyList(
    keep
      ? real
      : real.map((line) =>
        line.replace(/(?:\r\n|[^])$/, (end) => /^[\n\r\v\f\x85\u2028\u2029]/.test(end) ? "" : end)
      ),
  );
}

function expandTabs(text: string, args: Arguments): string {
  const size = args.number(0, 8);
  let column = 0;
  let out = "";
  for (const letter of text) {
    if (letter === "\t") {
      const width = size > 0 ? size - column % size : 0;
      args.runtime.allocate(args.span, width);
      out += " ".repeat(width);
      column += width;
    } else {
      out += letter;
      column = letter === "\n" || letter === "\r" ? 0 : column + 1;
    }
  }
  return out;
}

/** By name; `format` is elsewhere, as it takes any arguments. */
export const STRING_METHODS: Readonly<Record<string, Method>> = {
  upper: method("", 0, (text) => text.toUpperCase()),
  lower: method("", 0, (text) => text.toLowerCase()),
  capitalize: method("", 0, capital),
  title: method("", 0, (text) => text.replace(/\p{L}+/gu, capital)),
  swapcase: method("", 0, swapCase),
  strip: method("chars", 0, (text, args) => strip(text, args.optionalText(0), true, true)),
  lstrip: method("chars", 0, (text, args) => strip(text, args.optionalText(0), true, false)),
  rstrip: method("chars", 0, (text, args) => strip(text, args.optionalText(0), false, true)),
  split: method(
    "sep maxsplit",
    0,
    (text, args) => split(text, args, args.optionalText(0), args.number(1, -1), false),
  ),
  rsplit: method(
    "sep maxsplit",
    0,
    (text, args) => split(text, args, args.optionalText(0), args.number(1, -1), true),
  ),
  splitlines: method("keepends", 0, splitLines),
  partition: method("sep", 1, (text, args) => partition(text, args, false)),
  rpartition: method("sep", 1, (text, args) => partition(text, args, true)),
  join: method("iterable", 1, (text, args) => join(args.runtime, text, args.value(0), args.span)),
  replace: method(
    "old new count",
    2,
    (text, args) => replace(text, args, args.text(0), args.text(1), args.number(2, -1)),
  ),
  startswith: method(
    "prefix start end",
    1,
    (text, args) => affix(text, args, (part, item) => part.startsWith(item)),
  ),
  endswith: method(
    "suffix start end",
    1,
    (text, args) => affix(text, args, (part, item) => part.endsWith(item)),
  ),
  find: method("sub start end", 1, (text, args) => BigInt(find(text, args, false))),
  rfind: method("sub start end", 1, (text, args) => BigInt(find(text, args, true))),
  index: method("sub start end", 1, (text, args) => index(text, args, false)),
  rindex: method("sub start end", 1, (text, args) => index(text, args, true)),
  count: method("sub start end", 1, (text, args) => {
    args.runtime.allocate(args.span, text.length);
    const place = range(text, args, 1);
    if (place === null) return 0n;
    const wanted = args.text(0);
    return BigInt(wanted === "" ? characters(place.part).length + 1 : place.part.split(wanted).length - 1);
  }),
  zfill: method("width", 1, zeroFill),
  ljust: method("width fillchar", 1, (text, args) => pad(text, args, () => 0)),
  rjust: method("width fillchar", 1, (text, args) => pad(text, args, (missing) => missing)),
  center: method("width fillchar", 1, (text, args) => {
    const odd = args.number(0, 0) & 1;
    return pad(text, args, (missing) => Math.floor(missing / 2) + (missing & 1 & odd));
  }),
  expandtabs: method("tabsize", 0, expandTabs),
  isdigit: all(/^\p{Nd}+$/u),
  isalpha: all(/^\p{L}+$/u),
  isalnum: all(/^[\p{L}\p{N}]+$/u),
  isspace: all(/^[ \t\n\r\v\f\x85\xa0]+$/),
  isupper: method("", 0, (text) => text !== text.toLowerCase() && text === text.toUpperCase()),
  islower: method("", 0, (text) => text !== text.toUpperCase() && text === text.toLowerCase()),
};
