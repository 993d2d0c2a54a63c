import type { Span } from "../source.ts";
import type { BinaryOperator, Comparison, UnaryOperator } from "./ast.ts";
import { formatPercent } from "./percent_format.ts";
import type { Runtime } from "./runtime.ts";
import { PyDict, PyException, PyList, PyTuple, type PyValue, truth, typeName } from "./values.ts";

type Numeric = bigint | number;

/** A boolean counts as an integer. */
export function numeric(value: PyValue): Numeric | undefined {
  if (typeof value === "boolean") return value ? 1n : 0n;
  return typeof value === "bigint" || typeof value === "number" ? value : undefined;
}

export function integer(value: PyValue): bigint | undefined {
  const number = numeric(value);
  return typeof number === "bigint" ? number : undefined;
}

/** Whether two values are equal to Python. */
export function equal(runtime: Runtime, a: PyValue, b: PyValue, span: Span): boolean {
  runtime.step(span);
  const [x, y] = [numeric(a), numeric(b)];
  if (x !== undefined && y !== undefined) return x == y;
  if (typeof a === "string" && typeof b === "string") {
    runtime.work(span, Math.min(a.length, b.length));
    return a === b;
  }
  const [left, right] = [sequence(a), sequence(b)];
  if (left !== undefined && right !== undefined) {
    return typeName(a) === typeName(b) && left.length === right.length &&
      runtime.deeper(span, () => left.every((item, index) => equal(runtime, item, right[index], span)));
  }
  if (a instanceof PyDict && b instanceof PyDict) {
    return a.entries.size === b.entries.size &&
      runtime.deeper(span, () =>
        [...a.entries].every(([key, [, value]]) => {
          const other = b.entries.get(key);
          return other !== undefined && equal(runtime, value, other[1], span);
        }));
  }
  return a === b;
}

function sequence(value: PyValue): readonly PyValue[] | undefined {
  return value instanceof PyList || value instanceof PyTuple ? value.items : undefined;
}

function compareText(a: string, b: string): number {
  // Code points, not UTF-16 units.
  for (let at = 0; at < a.length && at < b.length; at++) {
    const [x, y] = [a.codePointAt(at) ?? 0, b.codePointAt(at) ?? 0];
    if (x !== y) return x < y ? -1 : 1;
    if (x > 0xffff) at++;
  }
  return a.length - b.length;
}

/** Negative, zero or positive; NaN for what is not ordered. */
export function compare(runtime: Runtime, a: PyValue, b: PyValue, span: Span, sign = "<"): number {
  runtime.step(span);
  const [x, y] = [numeric(a), numeric(b)];
  if (x !== undefined && y !== undefined) return x < y ? -1 : x > y ? 1 : x == y ? 0 : NaN;
  if (typeof a === "string" && typeof b === "string") {
    runtime.work(span, Math.min(a.length, b.length));
    return compareText(a, b);
  }
  const [left, right] = [sequence(a), sequence(b)];
  if (left !== undefined && right !== undefined && typeName(a) === typeName(b)) {
    return runtime.deeper(span, () => {
      for (let at = 0; at < left.length && at < right.length; at++) {
        if (!equal(runtime, left[at], right[at], span)) {
          return compare(runtime, left[at], right[at], span, sign);
        }
      }
      return left.length - right.length;
    });
  }
  throw runtime.raise(
    span,
    "TypeError",
    `'${sign}' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`,
  );
}

/** The `in` operator. */
export function contains(runtime: Runtime, container: PyValue, item: PyValue, span: Span): boolean {
  if (typeof container === "string") {
    if (typeof item !== "string") {
      throw runtime.raise(
        span,
        "TypeError",
        `'in <string>' requires string as left operand, not ${typeName(item)}`,
      );
    }
    runtime.work(span, container.length + item.length);
    return container.includes(item);
  }
  const items = sequence(container);
  if (items !== undefined) return items.some((other) => equal(runtime, other, item, span));
  if (container instanceof PyDict) return container.entries.has(hashKey(runtime, item, span));
  throw runtime.raise(span, "TypeError", `argument of type '${typeName(container)}' is not iterable`);
}

export function compares(
  runtime: Runtime,
  operator: Comparison,
  a: PyValue,
  b: PyValue,
  span: Span,
): boolean {
  switch (operator) {
    case "==":
      return equal(runtime, a, b, span);
    case "!=":
      return !equal(runtime, a, b, span);
    case "<":
      return compare(runtime, a, b, span, operator) < 0;
    case "<=":
      return compare(runtime, a, b, span, operator) <= 0;
    case ">":
      return compare(runtime, a, b, span, operator) > 0;
    case ">=":
      return compare(runtime, a, b, span, operator) >= 0;
    case "in":
      return contains(runtime, b, a, span);
    case "not in":
      return !contains(runtime, b, a, span);
    case "is":
      return a === b;
    case "is not":
      return a !== b;
  }
}

/** The key under which a dictionary keeps a value: equal values have equal keys. */
export function hashKey(runtime: Runtime, value: PyValue, span: Span): string {
  runtime.step(span);
  const number = numeric(value);
  if (number !== undefined) {
    return typeof number === "number" && Number.isInteger(number) ? `n${BigInt(number)}` : `n${number}`;
  }
  if (typeof value === "string") {
    runtime.work(span, value.length);
    return `s${value.length}:${value}`;
  }
  if (value === null) return "N";
  if (value instanceof PyTuple) {
    return runtime.deeper(
      span,
      () => runtime.text(span, `t${value.items.map((item) => hashKey(runtime, item, span)).join("")};`),
    );
  }
  if (value instanceof PyList || value instanceof PyDict || typeof value !== "object") {
    throw runtime.raise(span, "TypeError", `unhashable type: '${typeName(value)}'`);
  }
  throw runtime.raise(span, "TypeError", `a ${typeName(value)} cannot be a key here`);
}

export function unary(runtime: Runtime, operator: UnaryOperator, value: PyValue, span: Span): PyValue {
  if (operator === "not") return !truth(value);
  const number = numeric(value);
  if (number === undefined || (operator === "~" && typeof number === "number")) {
    throw runtime.raise(span, "TypeError", `bad operand type for unary ${operator}: '${typeName(value)}'`);
  }
  if (operator === "+") return number;
  if (operator === "-") return -number;
  return runtime.integer(span, ~(number as bigint));
}

export function binary(
  runtime: Runtime,
  operator: BinaryOperator,
  a: PyValue,
  b: PyValue,
  span: Span,
): PyValue {
  if (operator === "%" && typeof a === "string") return formatPercent(runtime, a, b, span);
  if (typeof a === "boolean" && typeof b === "boolean") {
    if (operator === "&") return a && b;
    if (operator === "|") return a || b;
    if (operator === "^") return a !== b;
  }
  const [x, y] = [numeric(a), numeric(b)];
  if (x !== undefined && y !== undefined) return arithmetic(runtime, operator, x, y, span);
  if (operator === "+") {
    if (typeof a === "string" && typeof b === "string") {
      runtime.allocate(span, a.length + b.length);
      return a + b;
    }
    if (a instanceof PyList && b instanceof PyList) {
      return new PyList(concat(runtime, a.items, b.items, span));
    }
    if (a instanceof PyTuple && b instanceof PyTuple) {
      return new PyTuple(concat(runtime, a.items, b.items, span));
    }
    if (typeof a === "string") {
      throw runtime.raise(span, "TypeError", `can only concatenate str (not "${typeName(b)}") to str`);
    }
  }
  if (operator === "*") {
    const repeated = y === undefined ? repeat(runtime, b, x, span) : repeat(runtime, a, y, span);
    if (repeated !== undefined) return repeated;
  }
  throw runtime.raise(
    span,
    "TypeError",
    `unsupported operand type(s) for ${operator}: '${typeName(a)}' and '${typeName(b)}'`,
  );
}

function concat(runtime: Runtime, a: readonly PyValue[], b: readonly PyValue[], span: Span): PyValue[] {
  runtime.allocate(span, a.length + b.length);
  return [...a, ...b];
}

function repeat(
  runtime: Runtime,
  value: PyValue,
  times: Numeric | undefined,
  span: Span,
): PyValue | undefined {
  if (typeof times !== "bigint") return undefined;
  const count = times < 0n ? 0 : Number(times);
  const items = sequence(value);
  const length = typeof value === "string" ? value.length : items?.length;
  if (length === undefined) return undefined;
  runtime.allocate(span, length === 0 ? 0 : length * count);
  const real = length === 0 ? 0 : count;
  if (typeof value === "string") return value.repeat(real);
  const out: PyValue[] = [];
  for (let round = 0; round < real; round++) for (const item of items ?? []) out.push(item);
  return value instanceof PyTuple ? new PyTuple(out) : new PyList(out);
}

function arithmetic(runtime: Runtime, operator: BinaryOperator, x: Numeric, y: Numeric, span: Span): PyValue {
  if (typeof x === "bigint" && typeof y === "bigint") return integers(runtime, operator, x, y, span);
  return floats(runtime, operator, Number(x), Number(y), span);
}

function bits(value: bigint): number {
  return (value < 0n ? -value : value).toString(2).length;
}

function floorDivide(x: bigint, y: bigint): bigint {
  const quotient = x / y;
  return x % y !== 0n && (x < 0n) !== (y < 0n) ? quotient - 1n : quotient;
}

function integers(runtime: Runtime, operator: BinaryOperator, x: bigint, y: bigint, span: Span): PyValue {
  switch (operator) {
    case "+":
      return runtime.integer(span, x + y);
    case "-":
      return runtime.integer(span, x - y);
    case "*":
      return runtime.integer(span, x * y);
    case "&":
      return x & y;
    case "|":
      return x | y;
    case "^":
      return x ^ y;
    case "<<":
    case ">>":
      if (y < 0n) throw runtime.raise(span, "ValueError", "negative shift count");
      if (operator === ">>") return y > 5000n ? (x < 0n ? -1n : 0n) : x >> y;
      if (x === 0n) return 0n;
      runtime.checkBits(span, bits(x) + Number(y));
      return runtime.integer(span, x << y);
    case "**":
      if (y < 0n) return floats(runtime, operator, Number(x), Number(y), span);
      if (x > 1n || x < -1n) runtime.checkBits(span, (bits(x) - 1) * Number(y));
      else if (y > 1n) return x === -1n && y % 2n === 0n ? 1n : x;
      return runtime.integer(span, x ** y);
  }
  if (y === 0n) throw runtime.raise(span, "ZeroDivisionError", "integer division or modulo by zero");
  const quotient = floorDivide(x, y);
  if (operator === "%") return x - quotient * y;
  if (operator === "/" && quotient * y !== x) {
    runtime.notices.push({
      span,
      message: "the division of integers is rounded down, as xm's Python did; // says so",
    });
  }
  return quotient;
}

function floats(runtime: Runtime, operator: BinaryOperator, x: number, y: number, span: Span): PyValue {
  switch (operator) {
    case "+":
      return x + y;
    case "-":
      return x - y;
    case "*":
      return x * y;
    case "**":
      if (x === 0 && y < 0) {
        throw runtime.raise(span, "ZeroDivisionError", "0.0 cannot be raised to a negative power");
      }
      if (x < 0 && !Number.isInteger(y)) {
        throw runtime.raise(span, "ValueError", "the result is a complex number");
      }
      return x ** y;
    case "/":
    case "//":
    case "%": {
      if (y === 0) throw runtime.raise(span, "ZeroDivisionError", "float division by zero");
      if (operator === "/") return x / y;
      let rest = x % y;
      if (rest !== 0 && (rest < 0) !== (y < 0)) rest += y;
      if (operator === "%") return rest === 0 ? Object.is(y, -0) || y < 0 ? -0 : 0 : rest;
      const quotient = Math.round((x - rest) / y);
      return quotient;
    }
    default:
      throw runtime.raise(
        span,
        "TypeError",
        `unsupported operand type(s) for ${operator}: 'float' and 'float'`,
      );
  }
}

/** The elements that `for` visits. */
export function iterate(runtime: Runtime, value: PyValue, span: Span): readonly PyValue[] {
  const items = sequence(value);
  if (items !== undefined) {
    runtime.work(span, items.length);
    return items;
  }
  if (typeof value === "string") {
    runtime.allocate(span, value.length);
    return [...value];
  }
  if (value instanceof PyDict) {
    runtime.allocate(span, value.entries.size);
    return [...value.entries.values()].map(([key]) => key);
  }
  if (value instanceof PyException) return value.args;
  throw runtime.raise(span, "TypeError", `'${typeName(value)}' object is not iterable`);
}
