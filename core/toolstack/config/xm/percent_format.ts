/** STRING % VALUES. */
import type { Span } from "../source.ts";
import { formatFloat, formatInteger, type SignedText } from "./number_format.ts";
import { hashKey, numeric } from "./operators.ts";
import type { Runtime } from "./runtime.ts";
import { repr, str } from "./text.ts";
import { characters, PyDict, PyInstance, PyList, PyTuple, type PyValue, typeName } from "./values.ts";

const DIRECTIVE = /%(?:\(([^()]*)\))?([-+ #0]*)(\*|\d+)?(?:\.(\*|\d*))?[hlL]?([^])?/g;

/** Widths beyond this are no configuration's. */
const MAX_WIDTH = 10_000;

/** Hands out the values one by one. */
class Values {
  #at = 0;
  readonly #items: readonly PyValue[];

  constructor(readonly runtime: Runtime, readonly given: PyValue, readonly span: Span) {
    this.#items = given instanceof PyTuple ? given.items : [given];
  }

  next(): PyValue {
    if (this.#at >= this.#items.length) {
      throw this.runtime.raise(this.span, "TypeError", "not enough arguments for format string");
    }
    return this.#items[this.#at++];
  }

  named(name: string): PyValue {
    if (!(this.given instanceof PyDict)) {
      throw this.runtime.raise(this.span, "TypeError", "format requires a mapping");
    }
    const found = this.given.entries.get(hashKey(this.runtime, name, this.span));
    if (found === undefined) throw this.runtime.raise(this.span, "KeyError", name);
    return found[1];
  }

  star(): number {
    const value = this.next();
    if (typeof value !== "bigint") throw this.runtime.raise(this.span, "TypeError", "* wants int");
    return Number(value);
  }

  /** A mapping may have more than is used, also what could be one. */
  finish(): void {
    const mapping = this.given instanceof PyDict || this.given instanceof PyList ||
      this.given instanceof PyInstance;
    if (this.#at < this.#items.length && !(mapping && this.#at === 0)) {
      throw this.runtime.raise(
        this.span,
        "TypeError",
        "not all arguments converted during string formatting",
      );
    }
  }
}

export function formatPercent(runtime: Runtime, format: string, given: PyValue, span: Span): string {
  const values = new Values(runtime, given, span);
  const pieces: string[] = [];
  let at = 0;
  for (const match of format.matchAll(DIRECTIVE)) {
    const [all, name, flags, widthText, precisionText, conversion] = match;
    pieces.push(format.slice(at, match.index));
    at = match.index + all.length;
    runtime.allocate(span, all.length);
    if (conversion === undefined) throw runtime.raise(span, "ValueError", "incomplete format");
    if (conversion === "%" && name === undefined && flags === "" && widthText === undefined) {
      pieces.push("%");
      continue;
    }
    let left = flags.includes("-");
    let width = widthText === "*" ? values.star() : Number(widthText ?? 0);
    if (width < 0) [left, width] = [true, -width];
    const precision = precisionText === undefined
      ? undefined
      : Math.max(0, precisionText === "*" ? values.star() : Number(precisionText));
    if (width > MAX_WIDTH || (precision ?? 0) > MAX_WIDTH) throw runtime.limit(span, "makes too long a text");
    if (conversion === "%") {
      pieces.push("%");
      continue;
    }
    const value = name === undefined ? values.next() : values.named(name);
    const text = convert(runtime, conversion, value, flags, precision, span);
    const body = typeof text === "string" ? { sign: "", digits: text } : text;
    const length = body.sign.length + characters(body.digits).length;
    const zeros = flags.includes("0") && !left && typeof text !== "string" && width > length;
    const fill = width > length ? (zeros ? "0" : " ").repeat(width - length) : "";
    runtime.allocate(span, length + fill.length);
    pieces.push(
      left
        ? body.sign + body.digits + fill
        : zeros
        ? body.sign + fill + body.digits
        : fill + body.sign + body.digits,
    );
  }
  pieces.push(format.slice(at));
  values.finish();
  return runtime.text(span, pieces.join(""));
}

function convert(
  runtime: Runtime,
  conversion: string,
  value: PyValue,
  flags: string,
  precision: number | undefined,
  span: Span,
): string | SignedText {
  const sign = flags.includes("+") ? "+" : flags.includes(" ") ? " " : "-";
  const style = { type: conversion, precision, alternate: flags.includes("#"), sign };
  switch (conversion) {
    case "s":
    case "r":
    case "a": {
      const text = conversion === "s" ? str(runtime, value, span) : repr(runtime, value, span);
      return precision === undefined ? text : [...characters(text).slice(0, precision)].join("");
    }
    case "c": {
      const code = numeric(value);
      if (typeof code === "bigint" && code >= 0n && code <= 0x10ffffn) {
        return String.fromCodePoint(Number(code));
      }
      if (typeof value === "string" && characters(value).length === 1) return value;
      throw runtime.raise(span, "TypeError", "%c requires int or char");
    }
    case "d":
    case "i":
    case "u":
    case "x":
    case "X":
    case "o": {
      const number = numeric(value);
      const decimal = "diu".includes(conversion);
      if (number === undefined || (typeof number === "number" && !decimal)) {
        const wanted = decimal ? "a real number" : "an integer";
        throw runtime.raise(
          span,
          "TypeError",
          `%${conversion} format: ${wanted} is required, not ${typeName(value)}`,
        );
      }
      return formatInteger(whole(runtime, number, span), { ...style, type: decimal ? "d" : conversion });
    }
    case "e":
    case "E":
    case "f":
    case "F":
    case "g":
    case "G": {
      const number = numeric(value);
      if (number === undefined) {
        throw runtime.raise(span, "TypeError", `must be real number, not ${typeName(value)}`);
      }
      return formatFloat(Number(number), style);
    }
    default:
      throw runtime.raise(span, "ValueError", `unsupported format character '${conversion}'`);
  }
}

/** A float without its fraction. */
export function whole(runtime: Runtime, number: bigint | number, span: Span): bigint {
  if (typeof number === "bigint") return number;
  if (!Number.isFinite(number)) {
    throw runtime.raise(span, "OverflowError", "cannot convert float infinity or NaN to integer");
  }
  return runtime.integer(span, BigInt(Math.trunc(number)));
}
