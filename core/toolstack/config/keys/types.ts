/** What the values of keys can be: how a file's value becomes JSON, and the zod schema that checks it. */
import { z } from "zod";
import { parseDisk, SpecificationError } from "../devices/disk.ts";
import { parseVif } from "../devices/vif.ts";
import type { Span } from "../source.ts";
import { nearest } from "../suggestion.ts";
import { type Json, parseInteger, type Setting, shape, type Value } from "../value.ts";

/** Why a value is refused, at the place of a part of it when that is known. */
export class Refused {
  constructor(readonly message: string, readonly span?: Span) {}
}

export interface KeyType<S extends z.ZodType = z.ZodType> {
  readonly schema: S;
  /** What a value must be, in words: "a number of MiB". */
  readonly expects: string;
  /** The value as the schema takes it. */
  coerce(value: Value, setting: Setting): Json | Refused;
}

const isRefused = (json: Json | Refused): json is Refused => json instanceof Refused;

/** A string; as in xl, a bare number will do. */
export function text(
  check: z.ZodType<string> = z.string(),
  expects = "a string",
): KeyType<z.ZodType<string>> {
  return { schema: check, expects, coerce: (value) => atom(value, expects) };
}

function atom(value: Value, expects: string): string | Refused {
  return value.kind === "atom" ? value.text : new Refused(`expected ${expects}, found a list`, value.span);
}

/** C's largest int: no bound that a file should be told. */
export const MAX_INT = 0x7fffffff;

export function integer(minimum: number, maximum: number, unit = ""): KeyType<z.ZodNumber> {
  const bounds = maximum === MAX_INT
    ? (minimum === -MAX_INT ? "" : `, at least ${minimum}`)
    : ` from ${minimum} to ${maximum}`;
  const expects = `a number${unit === "" ? "" : ` of ${unit}`}${bounds}`;
  return {
    schema: z.int().min(minimum).max(maximum),
    expects,
    coerce: (value, { added, key }) => {
      if (value.kind === "list") return new Refused(`expected ${expects}, found a list`, value.span);
      if (added) return new Refused(`+= cannot be used with the number ${key}`);
      const number = parseInteger(value.text);
      return number === undefined || number < minimum || number > maximum
        ? new Refused(`expected ${expects}, found ${shape(value)}`)
        : number;
    },
  };
}

/** xm took these for numbers too. */
const TRUTHS: Readonly<Record<string, boolean>> = {
  yes: true,
  no: false,
  true: true,
  false: false,
  on: true,
  off: false,
};

export function truth(): KeyType<z.ZodBoolean> {
  const expects = "1 or 0";
  return {
    schema: z.boolean(),
    expects,
    coerce: (value, { added, key }) => {
      if (value.kind === "list") return new Refused(`expected ${expects}, found a list`, value.span);
      if (added) return new Refused(`+= cannot be used with the number ${key}`);
      const word = value.text.toLowerCase();
      if (Object.hasOwn(TRUTHS, word)) return TRUTHS[word];
      const number = parseInteger(value.text);
      return number === undefined ? new Refused(`expected ${expects}, found ${shape(value)}`) : number !== 0;
    },
  };
}

/** One of several words; `numbers` are what xl takes for them as numbers. */
export function choice<const T extends string>(
  options: readonly T[],
  numbers: readonly (T | undefined)[] = [],
): KeyType<z.ZodEnum<{ [K in T]: K }>> {
  const expects = `one of ${options.map((option) => `"${option}"`).join(", ")}`;
  return {
    schema: z.enum(options),
    expects,
    coerce: (value) => {
      if (value.kind === "list") return new Refused(`expected ${expects}; found a list`, value.span);
      const chosen = options.find((option) => option === value.text);
      if (chosen !== undefined) return chosen;
      const number = parseInteger(value.text);
      const numbered = number === undefined ? undefined : numbers[number];
      if (numbered !== undefined) return numbered;
      const meant = nearest(value.text, options);
      const hint = meant === undefined ? "" : `; did you mean "${meant}"?`;
      return new Refused(`expected ${expects}; found ${shape(value)}${hint}`);
    },
  };
}

/** Words with other names that mean the same: the value is the word. */
export function alias<const T extends string>(names: Readonly<Record<string, T>>): KeyType<z.ZodType<T>> {
  const words = [...new Set(Object.values(names))];
  const inner = choice(Object.keys(names));
  return {
    schema: z.enum(words) as unknown as z.ZodType<T>,
    expects: inner.expects,
    coerce: (value, setting) => {
      const chosen = inner.coerce(value, setting);
      return typeof chosen === "string" ? names[chosen] : chosen;
    },
  };
}

function items(value: Value, expects: string): readonly Value[] | Refused {
  return value.kind === "list"
    ? value.items
    : new Refused(`expected ${expects}, found ${shape(value)}; write it in brackets: [ ... ]`);
}

function textItems(value: Value, expects: string): string[] | Refused {
  const found = items(value, expects);
  if (found instanceof Refused) return found;
  const out: string[] = [];
  for (const item of found) {
    if (item.kind === "list") return new Refused(`expected ${expects}, found a list in the list`, item.span);
    out.push(item.text);
  }
  return out;
}

export function texts(what = "strings"): KeyType<z.ZodArray<z.ZodString>> {
  const expects = `a list of ${what}`;
  return { schema: z.array(z.string()), expects, coerce: (value) => textItems(value, expects) };
}

export function numbers(): KeyType<z.ZodArray<z.ZodNumber>> {
  const expects = "a list of numbers";
  return {
    schema: z.array(z.int()),
    expects,
    coerce: (value) => {
      const found = textItems(value, expects);
      if (found instanceof Refused) return found;
      const out = found.map(parseInteger);
      const bad = out.indexOf(undefined);
      return bad < 0
        ? out.map((number) => number ?? 0)
        : new Refused(`expected ${expects}, found ${JSON.stringify(found[bad])}`);
    },
  };
}

/** A string or a list of strings, as serial= and cpuid= take them; the result is a list. */
export function textOrTexts(): KeyType<z.ZodUnion<[z.ZodString, z.ZodArray<z.ZodString>]>> {
  const expects = "a string or a list of strings";
  return {
    schema: z.union([z.string(), z.array(z.string())]),
    expects,
    coerce: (value) => value.kind === "atom" ? value.text : textItems(value, expects),
  };
}

/** A truth, or what `other` takes. */
export function truthOr<S extends z.ZodType>(other: KeyType<S>): KeyType<z.ZodUnion<[z.ZodBoolean, S]>> {
  const plain = truth();
  return {
    schema: z.union([plain.schema, other.schema]),
    expects: `${plain.expects} or ${other.expects}`,
    coerce: (value, setting) => {
      const first = plain.coerce(value, setting);
      return isRefused(first) ? other.coerce(value, setting) : first;
    },
  };
}

/** Specifications, each of which is parsed; a fault names the one at fault. */
function specifications<T>(what: string, parse: (spec: string, index: number) => T) {
  const expects = `a list of ${what}`;
  return {
    schema: z.array(z.string()).transform((specs, context): T[] =>
      specs.flatMap((spec, index) => {
        try {
          return [parse(spec, index)];
        } catch (error) {
          if (!(error instanceof SpecificationError)) throw error;
          context.addIssue({ code: "custom", message: error.message, path: [index] });
          return [];
        }
      })
    ),
    expects,
    coerce: (value: Value) => textItems(value, expects),
  };
}

export const disks = () => specifications("disk specifications", parseDisk);
export const vifs = () => specifications("network interface specifications", parseVif);

/** A list of lists of strings: vnuma, vsnd. */
export function textLists(what: string): KeyType<z.ZodArray<z.ZodArray<z.ZodString>>> {
  const expects = `a list of ${what}, each a list of strings`;
  return {
    schema: z.array(z.array(z.string())),
    expects,
    coerce: (value) => {
      const found = items(value, expects);
      if (found instanceof Refused) return found;
      const out: string[][] = [];
      for (const item of found) {
        const inner = textItems(item, expects);
        if (inner instanceof Refused) return new Refused(inner.message, inner.span ?? item.span);
        out.push(inner);
      }
      return out;
    },
  };
}

const CPU_PART = /^\^?(?:nodes?:)?(?:all|\d{1,6}(?:-\d{1,6})?)$/;

/** cpus= and cpus_soft=: one list for all vCPUs, or one for each. */
export function cpuLists(): KeyType<z.ZodUnion<[z.ZodString, z.ZodArray<z.ZodString>]>> {
  const inner = textOrTexts();
  const expects = 'pCPUs like "0-3,5,^1" or "all", or a list of such with one for each vCPU';
  return {
    ...inner,
    expects,
    coerce: (value, setting) => {
      const found = inner.coerce(value, setting);
      if (isRefused(found)) return new Refused(`expected ${expects}, found ${shape(value)}`, found.span);
      for (const list of typeof found === "string" ? [found] : found as readonly string[]) {
        const wrong = list.split(",").find((part) =>
          part !== "" && (!CPU_PART.test(part) || part === "^all")
        );
        if (wrong !== undefined) return new Refused(`expected ${expects}, found ${JSON.stringify(wrong)}`);
      }
      return found;
    },
  };
}
