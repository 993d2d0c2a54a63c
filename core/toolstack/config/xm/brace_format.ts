/** STRING.format(...) and format(). */
import type { Span } from "../source.ts";
import { formatFloat, formatInteger, type SignedText } from "./number_format.ts";
import { hashKey, numeric } from "./operators.ts";
import type { Runtime } from "./runtime.ts";
import { repr, str } from "./text.ts";
import {
  type CallArguments,
  characters,
  PyDict,
  PyInstance,
  PyList,
  PyModule,
  PyTuple,
  type PyValue,
  typeName,
} from "./values.ts";

const FIELD = /\{\{|\}\}|\{([^{}!:]*)(?:!([rs]))?(?::((?:[^{}]|\{[^{}]*\})*))?\}|[{}]/g;
const SPEC = /^(?:([^])?([<>=^]))?([-+ ]?)(#?)(0?)(\d*)(,?)(?:\.(\d+))?([bcdeEfFgGnosxX%]?)$/u;

const MAX_WIDTH = 10_000;

export function formatBraces(runtime: Runtime, format: string, args: CallArguments, span: Span): string {
  let automatic = 0;
  const field = (name: string): PyValue => {
    const match = /^([^.[\]]*)((?:\.[^.[\]]+|\[[^\]]+\])*)$/.exec(name);
    if (match === null) throw runtime.raise(span, "ValueError", `the field {${name}} cannot be read`);
    const key = match[1] === "" ? String(automatic++) : match[1];
    let value = /^\d+$/.test(key) ? args.positional[Number(key)] : args.named.get(key);
    if (value === undefined) {
      throw /^\d+$/.test(key)
        ? runtime.raise(span, "IndexError", `no argument number ${key} for the format`)
        : runtime.raise(span, "KeyError", key);
    }
    for (const [, attribute, index] of match[2].matchAll(/\.([^.[\]]+)|\[([^\]]+)\]/g)) {
      value = attribute !== undefined
        ? attributeOf(runtime, value, attribute, span)
        : elementOf(runtime, value, index, span);
    }
    return value;
  };
  const pieces: string[] = [];
  let at = 0;
  for (const match of format.matchAll(FIELD)) {
    pieces.push(format.slice(at, match.index));
    at = match.index + match[0].length;
    runtime.allocate(span, match[0].length);
    if (match[0] === "{{" || match[0] === "}}") pieces.push(match[0][0]);
    else if (match[0].length === 1) {
      throw runtime.raise(span, "ValueError", `a single '${match[0]}' in the format`);
    } else {
      const found = field(match[1]);
      const value = match[2] === "r"
        ? repr(runtime, found, span)
        : match[2] === "s"
        ? str(runtime, found, span)
        : found;
      const spec = (match[3] ?? "").replace(
        /\{([^{}]*)\}/g,
        (_, name: string) => str(runtime, field(name), span),
      );
      pieces.push(formatValue(runtime, value, spec, span));
    }
  }
  pieces.push(format.slice(at));
  return runtime.text(span, pieces.join(""));
}

function attributeOf(runtime: Runtime, value: PyValue, name: string, span: Span): PyValue {
  const found = value instanceof PyInstance
    ? value.attributes.get(name)
    : value instanceof PyModule
    ? value.members.get(name)
    : undefined;
  if (found === undefined) {
    throw runtime.raise(span, "AttributeError", `'${typeName(value)}' object has no attribute '${name}'`);
  }
  return found;
}

function elementOf(runtime: Runtime, value: PyValue, index: string, span: Span): PyValue {
  const numbered = /^\d+$/.test(index);
  const found = value instanceof PyDict
    ? value.entries.get(hashKey(runtime, numbered ? BigInt(index) : index, span))?.[1]
    : value instanceof PyList || value instanceof PyTuple
    ? value.items[Number(index)]
    : undefined;
  if (found === undefined) throw runtime.raise(span, "KeyError", index);
  return found;
}

export function formatValue(runtime: Runtime, value: PyValue, spec: string, span: Span): string {
  if (spec === "") return str(runtime, value, span);
  const match = SPEC.exec(spec);
  if (match === null) throw runtime.raise(span, "ValueError", "Invalid format specifier");
  const [, fill, alignment, sign, alternate, zero, widthText, comma, precisionText, type] = match;
  const width = Number(widthText);
  const precision = precisionText === undefined ? undefined : Number(precisionText);
  if (width > MAX_WIDTH || (precision ?? 0) > MAX_WIDTH) throw runtime.limit(span, "makes too long a text");
  const number = typeof value === "string" ? undefined : numeric(value);
  if (number === undefined && (type !== "" && type !== "s" || sign !== "" || typeof value !== "string")) {
    throw runtime.raise(
      span,
      "ValueError",
      `Unknown format code '${type}' for object of type '${typeName(value)}'`,
    );
  }
  let body: SignedText;
  if (number === undefined) {
    const text = str(runtime, value, span);
    body = {
      sign: "",
      digits: precision === undefined ? text : [...characters(text).slice(0, precision)].join(""),
    };
  } else {
    body = formatNumber(runtime, number, {
      type,
      precision,
      alternate: alternate !== "",
      sign: sign || "-",
    }, span);
    if (comma !== "") {
      body = {
        ...body,
        digits: body.digits.replace(/^\d+/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ",")),
      };
    }
  }
  const length = body.sign.length + characters(body.digits).length;
  const missing = Math.max(0, width - length);
  const side = alignment ?? (zero !== "" && number !== undefined ? "=" : number === undefined ? "<" : ">");
  const padding = fill ?? (zero !== "" ? "0" : " ");
  runtime.allocate(span, length + missing);
  const pad = (count: number) => padding.repeat(count);
  switch (side) {
    case "<":
      return body.sign + body.digits + pad(missing);
    case "^":
      return pad(Math.floor(missing / 2)) + body.sign + body.digits + pad(missing - Math.floor(missing / 2));
    case "=":
      return body.sign + pad(missing) + body.digits;
    default:
      return pad(missing) + body.sign + body.digits;
  }
}

function formatNumber(
  runtime: Runtime,
  number: bigint | number,
  style: { type: string; precision?: number; alternate: boolean; sign: string },
  span: Span,
): SignedText {
  const { type } = style;
  if (typeof number === "bigint" && ["", "d", "n", "b", "o", "x", "X", "c"].includes(type)) {
    if (type === "c") {
      if (number < 0n || number > 0x10ffffn) {
        throw runtime.raise(span, "OverflowError", "%c arg not in range");
      }
      return { sign: "", digits: String.fromCodePoint(Number(number)) };
    }
    if (style.precision !== undefined) {
      throw runtime.raise(span, "ValueError", "Precision not allowed in integer format specifier");
    }
    return formatInteger(number, { ...style, type: type === "" || type === "n" ? "d" : type });
  }
  if (type === "%") {
    const text = formatFloat(Number(number) * 100, { ...style, type: "f" });
    return { ...text, digits: `${text.digits}%` };
  }
  if (!/^[eEfFgG]?$/.test(type)) {
    throw runtime.raise(span, "ValueError", `Unknown format code '${type}' for object of type 'float'`);
  }
  return formatFloat(Number(number), {
    ...style,
    type: type === "" && style.precision !== undefined ? "g" : type,
  });
}
