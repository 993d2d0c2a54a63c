import type { Span } from "../source.ts";
import type { Runtime } from "./runtime.ts";
import {
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
  typeName,
} from "./values.ts";

/** A float as Python's repr() writes it: the shortest digits that read back the same. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value < 0 ? "-inf" : "inf";
  const [mantissa, exponentText] = value.toExponential().split("e");
  const exponent = Number(exponentText);
  const sign = Object.is(value, -0) || value < 0 ? "-" : "";
  const digits = mantissa.replace(/[-.]/g, "");
  if (exponent < -4 || exponent >= 16) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : "";
    const padded = String(Math.abs(exponent)).padStart(2, "0");
    return `${sign}${digits[0]}${fraction}e${exponent < 0 ? "-" : "+"}${padded}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${sign}${whole}.${digits.slice(exponent + 1) || "0"}`;
}

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let out = quote;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (character === quote || character === "\\") out += `\\${character}`;
    else if (character === "\n") out += "\\n";
    else if (character === "\r") out += "\\r";
    else if (character === "\t") out += "\\t";
    else if (code < 0x20 || (code >= 0x7f && code < 0xa1) || code === 0xad) {
      out += `\\x${code.toString(16).padStart(2, "0")}`;
    } else out += character;
  }
  return out + quote;
}

/** Python's repr(). */
export function repr(runtime: Runtime, value: PyValue, span: Span): string {
  runtime.step(span);
  if (value === null) return "None";
  switch (typeof value) {
    case "boolean":
      return value ? "True" : "False";
    case "bigint":
      return value.toString();
    case "number":
      return floatText(value);
    case "string":
      runtime.allocate(span, value.length);
      return quoted(value);
  }
  const each = (items: readonly PyValue[]) => items.map((item) => repr(runtime, item, span)).join(", ");
  return runtime.deeper(span, () => {
    if (value instanceof PyList) return runtime.text(span, `[${each(value.items)}]`);
    if (value instanceof PyTuple) {
      return runtime.text(span, `(${each(value.items)}${value.items.length === 1 ? "," : ""})`);
    }
    if (value instanceof PyDict) {
      const entries = [...value.entries.values()].map(([key, item]) =>
        `${repr(runtime, key, span)}: ${repr(runtime, item, span)}`
      );
      return runtime.text(span, `{${entries.join(", ")}}`);
    }
    if (value instanceof PyException) {
      const args = each(value.args);
      return runtime.text(span, `${value.type.name}(${args})`);
    }
    if (value instanceof PyFunction || value instanceof PyBuiltin) return `<function ${value.name}>`;
    if (value instanceof PyModule) return `<module '${value.name}'>`;
    if (value instanceof PyInstance) return `<${value.typeName} object>`;
    if (value instanceof PyType || value instanceof PyExceptionType) return `<class '${value.name}'>`;
    throw new Error(`a ${typeName(value)} without a repr`);
  });
}

/** Python's str(). */
export function str(runtime: Runtime, value: PyValue, span: Span): string {
  if (typeof value === "string") return value;
  if (value instanceof PyException) {
    if (value.args.length === 0) return "";
    return value.args.length === 1
      ? str(runtime, value.args[0], span)
      : repr(runtime, new PyTuple(value.args), span);
  }
  return repr(runtime, value, span);
}
