import type {
  Argument,
  BinaryOperator,
  Clause,
  Comparison,
  Expression,
  Parameter,
  Parameters,
} from "./ast.ts";
import { type Cursor, KEYWORDS } from "./cursor.ts";
import { syntaxFault, unsupported } from "./fault.ts";

const LEVELS: readonly (readonly string[])[] = [
  ["|"],
  ["^"],
  ["&"],
  ["<<", ">>"],
  ["+", "-"],
  ["*", "/", "//", "%", "@"],
];

const CONSTANTS: Readonly<Record<string, boolean | null>> = { True: true, False: false, None: null };

/** expression ["if" expression "else" expression], lambda */
export function parseTest(cursor: Cursor): Expression {
  return cursor.nested(() => {
    if (cursor.is("lambda")) return parseLambda(cursor);
    const then = parseOr(cursor);
    if (cursor.take("if") === undefined) return then;
    const test = parseOr(cursor);
    cursor.expect("else");
    const otherwise = parseTest(cursor);
    return { kind: "conditional", test, then, otherwise, span: cursor.since(then.span) };
  });
}

/** A test, or several with commas between: then a tuple. */
export function parseTestList(cursor: Cursor): Expression {
  const first = parseTest(cursor);
  if (!cursor.is(",")) return first;
  const items = [first];
  while (cursor.take(",") !== undefined && startsTest(cursor)) items.push(parseTest(cursor));
  return { kind: "tuple", items, span: cursor.since(first.span) };
}

function startsTest(cursor: Cursor): boolean {
  const token = cursor.peek();
  if (token.kind === "string" || token.kind === "number") return true;
  if (token.kind === "name") return !KEYWORDS.has(token.text) || ["not", "lambda"].includes(token.text);
  return token.kind === "op" && ["(", "[", "{", "-", "+", "~", "`"].includes(token.text);
}

function parseLambda(cursor: Cursor): Expression {
  const start = cursor.expect("lambda");
  const parameters = parseParameters(cursor, ":");
  cursor.expect(":");
  const body = parseTest(cursor);
  return { kind: "lambda", parameters, body, span: cursor.since(start.span) };
}

/** Up to, and without, what closes them. */
export function parseParameters(cursor: Cursor, close: string): Parameters {
  const plain: Parameter[] = [];
  const seen = new Set<string>();
  let rest: string | undefined;
  let keywords: string | undefined;
  const named = () => {
    const token = cursor.name("a parameter's name");
    if (seen.has(token.text)) throw syntaxFault(token.span, `the parameter ${token.text} is there twice`);
    seen.add(token.text);
    return token.text;
  };
  while (!cursor.is(close)) {
    const star = cursor.take("**", "*");
    if (keywords !== undefined) throw cursor.expected(`"${close}"`);
    if (star?.text === "**") keywords = named();
    else if (star !== undefined) {
      if (rest !== undefined) throw cursor.expected("a parameter's name");
      rest = named();
    } else {
      if (rest !== undefined) throw unsupported(cursor.peek().span, "a keyword-only parameter");
      if (cursor.is("(")) throw unsupported(cursor.peek().span, "a tuple as a parameter");
      const before = cursor.peek();
      const name = named();
      const initial = cursor.take("=") === undefined ? undefined : parseTest(cursor);
      if (initial === undefined && plain.at(-1)?.default !== undefined) {
        throw syntaxFault(before.span, `the parameter ${name} needs a default, as the one before it has one`);
      }
      plain.push({ name, default: initial });
    }
    if (cursor.take(",") === undefined) break;
  }
  return { plain, rest, keywords };
}

function parseOr(cursor: Cursor): Expression {
  return parseLogic(cursor, "or", () => parseLogic(cursor, "and", () => parseNot(cursor)));
}

function parseLogic(cursor: Cursor, operator: "and" | "or", operand: () => Expression): Expression {
  const first = operand();
  if (!cursor.is(operator)) return first;
  const operands = [first];
  while (cursor.take(operator) !== undefined) operands.push(operand());
  return { kind: "logic", operator, operands, span: cursor.since(first.span) };
}

function parseNot(cursor: Cursor): Expression {
  const start = cursor.take("not");
  if (start === undefined) return parseComparison(cursor);
  const operand = cursor.nested(() => parseNot(cursor));
  return { kind: "unary", operator: "not", operand, span: cursor.since(start.span) };
}

function takeComparison(cursor: Cursor): Comparison | undefined {
  const plain = cursor.take("==", "!=", "<>", "<=", ">=", "<", ">", "in");
  if (plain !== undefined) return plain.text === "<>" ? "!=" : plain.text as Comparison;
  if (cursor.take("is") !== undefined) return cursor.take("not") === undefined ? "is" : "is not";
  if (cursor.is("not") && cursor.peek(1).text === "in") {
    cursor.next();
    cursor.next();
    return "not in";
  }
  return undefined;
}

function parseComparison(cursor: Cursor): Expression {
  const first = parseArithmetic(cursor, 0);
  const rest: { operator: Comparison; operand: Expression }[] = [];
  for (let operator = takeComparison(cursor); operator !== undefined; operator = takeComparison(cursor)) {
    rest.push({ operator, operand: parseArithmetic(cursor, 0) });
  }
  return rest.length === 0 ? first : { kind: "compare", first, rest, span: cursor.since(first.span) };
}

/** What may stand before `in` of a `for`. */
export function parseTarget(cursor: Cursor): Expression {
  const first = parseArithmetic(cursor, 0);
  if (!cursor.is(",")) return first;
  const items = [first];
  while (cursor.take(",") !== undefined && !cursor.is("in")) items.push(parseArithmetic(cursor, 0));
  return { kind: "tuple", items, span: cursor.since(first.span) };
}

function parseArithmetic(cursor: Cursor, level: number): Expression {
  const operand = () => level + 1 < LEVELS.length ? parseArithmetic(cursor, level + 1) : parseUnary(cursor);
  const first = operand();
  const rest: { operator: BinaryOperator; operand: Expression; span: Expression["span"] }[] = [];
  for (let sign = cursor.take(...LEVELS[level]); sign !== undefined; sign = cursor.take(...LEVELS[level])) {
    if (sign.text === "@") throw unsupported(sign.span, "the operator @");
    rest.push({ operator: sign.text as BinaryOperator, operand: operand(), span: sign.span });
  }
  return rest.length === 0 ? first : { kind: "binary", first, rest, span: cursor.since(first.span) };
}

function parseUnary(cursor: Cursor): Expression {
  const sign = cursor.take("-", "+", "~");
  if (sign === undefined) return parsePower(cursor);
  const operand = cursor.nested(() => parseUnary(cursor));
  return { kind: "unary", operator: sign.text as "-" | "+" | "~", operand, span: cursor.since(sign.span) };
}

function parsePower(cursor: Cursor): Expression {
  const base = parsePostfix(cursor);
  const sign = cursor.take("**");
  if (sign === undefined) return base;
  const operand = cursor.nested(() => parseUnary(cursor));
  const span = cursor.since(base.span);
  return { kind: "binary", first: base, rest: [{ operator: "**", operand, span: sign.span }], span };
}

/** Each link makes the tree deeper. */
const MAX_LINKS = 100;

function parsePostfix(cursor: Cursor): Expression {
  let value = parseAtom(cursor);
  for (let links = 0;; links++) {
    const sign = cursor.take(".", "[", "(");
    if (sign === undefined) return value;
    if (links === MAX_LINKS) throw syntaxFault(sign.span, "this is nested too deeply");
    if (sign.text === ".") {
      const name = cursor.name("a name after the dot").text;
      value = { kind: "attribute", object: value, name, span: cursor.since(value.span) };
    } else if (sign.text === "[") {
      const index = parseSubscript(cursor);
      cursor.expect("]");
      value = { kind: "subscript", object: value, index, span: cursor.since(value.span) };
    } else {
      const args = parseArguments(cursor);
      cursor.expect(")");
      value = { kind: "call", callee: value, arguments: args, span: cursor.since(value.span) };
    }
  }
}

function parseSubscript(cursor: Cursor): Expression {
  const start = cursor.peek().span;
  const part = () => cursor.is(":", "]", ",") ? undefined : parseTest(cursor);
  const lower = part();
  if (cursor.take(":") === undefined) {
    if (lower === undefined) throw cursor.expected("an index");
    if (!cursor.is(",")) return lower;
    const items = [lower];
    while (cursor.take(",") !== undefined && !cursor.is("]")) items.push(parseTest(cursor));
    return { kind: "tuple", items, span: cursor.since(start) };
  }
  const upper = part();
  const step = cursor.take(":") === undefined ? undefined : part();
  return { kind: "slice", lower, upper, step, span: cursor.since(start) };
}

function parseArguments(cursor: Cursor): readonly Argument[] {
  const args: Argument[] = [];
  while (!cursor.is(")")) {
    const star = cursor.take("*", "**");
    if (star !== undefined) args.push({ star: star.text as "*" | "**", value: parseTest(cursor) });
    else if (cursor.peek().kind === "name" && cursor.peek(1).text === "=" && cursor.peek(1).kind === "op") {
      const name = cursor.name("an argument");
      if (args.some((argument) => argument.name === name.text)) {
        throw syntaxFault(name.span, `the argument ${name.text} is given twice`);
      }
      cursor.expect("=");
      args.push({ name: name.text, value: parseTest(cursor) });
    } else {
      const at = cursor.peek().span;
      if (args.some(({ name, star }) => name !== undefined || star === "**")) {
        throw syntaxFault(at, "an argument without a name stands behind one with a name");
      }
      const value = parseTest(cursor);
      args.push({ value: cursor.is("for") ? parseComprehension(cursor, "list", value) : value });
    }
    if (cursor.take(",") === undefined) break;
  }
  return args;
}

function parseComprehension(
  cursor: Cursor,
  shape: "list" | "dict",
  element: Expression,
  value?: Expression,
): Expression {
  const clauses: Clause[] = [];
  while (cursor.take("for") !== undefined) {
    const target = parseTarget(cursor);
    cursor.expect("in");
    const iterable = parseOr(cursor);
    const conditions: Expression[] = [];
    while (cursor.take("if") !== undefined) conditions.push(parseOr(cursor));
    clauses.push({ target, iterable, conditions });
    if (clauses.length > 10) throw syntaxFault(iterable.span, "this is nested too deeply");
  }
  return { kind: "comprehension", shape, element, value, clauses, span: cursor.since(element.span) };
}

function parseAtom(cursor: Cursor): Expression {
  const token = cursor.peek();
  if (token.kind === "string") {
    const pieces: string[] = [];
    for (let piece = cursor.peek(); piece.kind === "string"; piece = cursor.peek()) {
      pieces.push(piece.value);
      cursor.next();
    }
    return { kind: "constant", value: pieces.join(""), span: cursor.since(token.span) };
  }
  if (token.kind === "number") {
    cursor.next();
    return { kind: "constant", value: token.value, span: token.span };
  }
  if (token.kind === "name") {
    if (Object.hasOwn(CONSTANTS, token.text)) {
      cursor.next();
      return { kind: "constant", value: CONSTANTS[token.text], span: token.span };
    }
    if (["yield", "await"].includes(token.text)) throw unsupported(token.span, `"${token.text}"`);
    // print is a statement or a function, as the file likes.
    const id = cursor.is("print") ? cursor.next().text : cursor.name("a value").text;
    return { kind: "name", id, span: token.span };
  }
  if (cursor.take("(") !== undefined) {
    if (cursor.take(")") !== undefined) return { kind: "tuple", items: [], span: cursor.since(token.span) };
    const inner = parseTestList(cursor);
    const value = cursor.is("for") && inner.kind !== "tuple"
      ? parseComprehension(cursor, "list", inner)
      : inner;
    cursor.expect(")");
    return { ...value, span: cursor.since(token.span) };
  }
  if (cursor.take("[") !== undefined) return parseListRest(cursor, token.span);
  if (cursor.take("{") !== undefined) return parseDictRest(cursor, token.span);
  if (cursor.is("`")) throw unsupported(token.span, "a value in backquotes");
  throw cursor.expected("a value");
}

function parseListRest(cursor: Cursor, start: Expression["span"]): Expression {
  const items: Expression[] = [];
  while (!cursor.is("]")) {
    if (cursor.is("*")) throw unsupported(cursor.peek().span, "a list spread into another");
    items.push(parseTest(cursor));
    if (items.length === 1 && cursor.is("for")) {
      const list = parseComprehension(cursor, "list", items[0]);
      cursor.expect("]");
      return { ...list, span: cursor.since(start) };
    }
    if (cursor.take(",") === undefined) break;
  }
  cursor.expect("]");
  return { kind: "list", items, span: cursor.since(start) };
}

function parseDictRest(cursor: Cursor, start: Expression["span"]): Expression {
  const entries: (readonly [Expression, Expression])[] = [];
  while (!cursor.is("}")) {
    if (cursor.is("**")) throw unsupported(cursor.peek().span, "a dictionary spread into another");
    const key = parseTest(cursor);
    if (cursor.is(",", "}", "for")) throw unsupported(key.span, "a set");
    cursor.expect(":");
    const value = parseTest(cursor);
    if (entries.length === 0 && cursor.is("for")) {
      const dict = parseComprehension(cursor, "dict", key, value);
      cursor.expect("}");
      return { ...dict, span: cursor.since(start) };
    }
    entries.push([key, value]);
    if (cursor.take(",") === undefined) break;
  }
  cursor.expect("}");
  return { kind: "dict", entries, span: cursor.since(start) };
}
