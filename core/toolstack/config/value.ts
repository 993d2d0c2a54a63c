/** What keys hold, whichever dialect wrote it. */
import type { Span } from "./source.ts";

/** A single value: what quotes enclosed, or a number as it was written. */
export interface Atom {
  readonly kind: "atom";
  readonly text: string;
  readonly quoted: boolean;
  readonly span: Span;
}

export interface List {
  readonly kind: "list";
  readonly items: readonly Value[];
  readonly span: Span;
}

export type Value = Atom | List;

/** KEY = VALUE or KEY += VALUE. */
export interface Assignment {
  readonly key: string;
  readonly keySpan: Span;
  readonly operator: "=" | "+=";
  readonly value: Value;
}

/** What a key finally holds. */
export interface Setting {
  readonly key: string;
  readonly keySpan: Span;
  readonly value: Value;
  /** The value was put together with +=, which numbers do not allow. */
  readonly added: boolean;
}

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

const LONG_MAX = 2n ** 63n - 1n;
const SPACE = " \t\n\v\f\r";

/** C's strtol(text, NULL, 0) over the whole text, as xl reads numbers (quoted ones too); undefined if it is none. */
export function parseLong(written: string): bigint | undefined {
  let start = 0;
  while (start < written.length && SPACE.includes(written[start])) start++;
  const match = /^([+-]?)(0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)$/i.exec(written.slice(start, start + 64));
  if (match === null || written.length - start > 64) return undefined;
  const digits = match[2];
  const magnitude = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
  const value = match[1] === "-" ? -magnitude : magnitude;
  return value > LONG_MAX || value < -LONG_MAX - 1n ? undefined : value;
}

/** As parseLong, for numbers that a double holds exactly. */
export function parseInteger(written: string): number | undefined {
  const long = parseLong(written);
  if (long === undefined) return undefined;
  const number = Number(long);
  return Number.isSafeInteger(number) ? number : undefined;
}

/** A list's numbers are strings to xl; one is shown as a number only where that changes nothing. */
function itemJson(value: Value): Json {
  if (value.kind === "list") return value.items.map(itemJson);
  const number = value.quoted ? undefined : parseInteger(value.text);
  return number !== undefined && String(number) === value.text ? number : value.text;
}

/** A key's value as a string, a number or a list of such: numbers are those written without quotes. */
export function settingJson({ value, added }: Pick<Setting, "value" | "added">): Json {
  if (value.kind === "list" || value.quoted || added) return itemJson(value);
  return parseInteger(value.text) ?? value.text;
}

/** How a value reads in a message. */
export function shape(found: Value): string {
  if (found.kind === "list") return "a list";
  const text = found.text.length > 80 ? `${found.text.slice(0, 77)}...` : found.text;
  return found.quoted ? `the string ${JSON.stringify(text)}` : `the number ${text}`;
}
