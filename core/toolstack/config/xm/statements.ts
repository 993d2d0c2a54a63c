import type { Source } from "../source.ts";
import type { BinaryOperator, Expression, Handler, Statement } from "./ast.ts";
import { Cursor } from "./cursor.ts";
import { parseParameters, parseTarget, parseTest, parseTestList } from "./expressions.ts";
import { syntaxFault, unsupported } from "./fault.ts";

const UNSUPPORTED: Readonly<Record<string, string>> = {
  class: "a class",
  with: 'a "with" statement',
  exec: 'an "exec" statement',
  nonlocal: 'a "nonlocal" statement',
  async: '"async"',
  "@": "a decorator",
};

/**
 * Parses a Python program.
 * @throws PythonFault at the first statement that is no Python or not supported
 */
export function parseProgram(source: Source): readonly Statement[] {
  const cursor = new Cursor(source);
  const statements: Statement[] = [];
  while (cursor.peek().kind !== "end") {
    if (cursor.peek().kind === "newline") cursor.next();
    else statements.push(...parseStatement(cursor));
  }
  return statements;
}

function parseStatement(cursor: Cursor): readonly Statement[] {
  const token = cursor.peek();
  if (token.kind === "indent") throw syntaxFault(token.span, "this line is indented for no reason");
  if (token.kind === "name" || token.kind === "op") {
    // `exec` and `async` are names in other versions of Python; only with something behind them are they statements.
    const next = cursor.peek(1);
    const alone = ["exec", "async"].includes(token.text) && next.kind === "op";
    if (Object.hasOwn(UNSUPPORTED, token.text) && !alone) {
      throw unsupported(token.span, UNSUPPORTED[token.text]);
    }
    switch (token.text) {
      case "if":
        return [parseIf(cursor)];
      case "for":
        return [parseFor(cursor)];
      case "while":
        return [parseWhile(cursor)];
      case "def":
        return [parseDef(cursor)];
      case "try":
        return [parseTry(cursor)];
    }
  }
  return parseLine(cursor);
}

/** Simple statements with semicolons between, up to the end of the line. */
function parseLine(cursor: Cursor): readonly Statement[] {
  const statements: Statement[] = [];
  do {
    if (cursor.peek().kind === "newline") break;
    statements.push(parseSimple(cursor));
  } while (cursor.take(";") !== undefined);
  if (cursor.peek().kind !== "newline") throw cursor.expected("the end of the line");
  cursor.next();
  return statements;
}

function parseBlock(cursor: Cursor): readonly Statement[] {
  cursor.expect(":");
  if (cursor.peek().kind !== "newline") return parseLine(cursor);
  cursor.next();
  while (cursor.peek().kind === "newline") cursor.next();
  if (cursor.peek().kind !== "indent") throw cursor.expected("an indented block");
  cursor.next();
  const statements: Statement[] = [];
  while (cursor.peek().kind !== "dedent") {
    if (cursor.peek().kind === "newline") cursor.next();
    else statements.push(...parseStatement(cursor));
  }
  cursor.next();
  return statements;
}

function parseElse(cursor: Cursor): readonly Statement[] {
  return cursor.take("else") === undefined ? [] : parseBlock(cursor);
}

function parseIf(cursor: Cursor): Statement {
  const start = cursor.next();
  const branches: { test: Expression; body: readonly Statement[] }[] = [];
  do {
    const test = parseTest(cursor);
    branches.push({ test, body: parseBlock(cursor) });
  } while (cursor.take("elif") !== undefined);
  return { kind: "if", branches, otherwise: parseElse(cursor), span: start.span };
}

function parseFor(cursor: Cursor): Statement {
  const start = cursor.next();
  const target = parseTarget(cursor);
  checkTarget(target);
  cursor.expect("in");
  const iterable = parseTestList(cursor);
  const body = parseBlock(cursor);
  return { kind: "for", target, iterable, body, otherwise: parseElse(cursor), span: start.span };
}

function parseWhile(cursor: Cursor): Statement {
  const start = cursor.next();
  const test = parseTest(cursor);
  const body = parseBlock(cursor);
  return { kind: "while", test, body, otherwise: parseElse(cursor), span: start.span };
}

function parseDef(cursor: Cursor): Statement {
  const start = cursor.next();
  const name = cursor.name("the function's name").text;
  cursor.expect("(");
  const parameters = parseParameters(cursor, ")");
  cursor.expect(")");
  if (cursor.is("->")) throw unsupported(cursor.peek().span, "a type annotation");
  return { kind: "def", name, parameters, body: parseBlock(cursor), span: start.span };
}

function parseTry(cursor: Cursor): Statement {
  const start = cursor.next();
  const body = parseBlock(cursor);
  const handlers: Handler[] = [];
  for (let except = cursor.take("except"); except !== undefined; except = cursor.take("except")) {
    if (cursor.is(":")) {
      handlers.push({ body: parseBlock(cursor) });
      continue;
    }
    const types = parseTest(cursor);
    const name = cursor.take("as", ",") === undefined
      ? undefined
      : cursor.name("a name for the exception").text;
    handlers.push({ types, name, body: parseBlock(cursor) });
  }
  const otherwise = handlers.length > 0 ? parseElse(cursor) : [];
  const last = cursor.take("finally") === undefined ? [] : parseBlock(cursor);
  if (handlers.length === 0 && last.length === 0) throw cursor.expected('"except" or "finally"');
  return { kind: "try", body, handlers, otherwise, finally: last, span: start.span };
}

function endsStatement(cursor: Cursor): boolean {
  return cursor.peek().kind === "newline" || cursor.is(";");
}

function parseSimple(cursor: Cursor): Statement {
  const { span, kind, text } = cursor.peek();
  if (kind !== "name") return parseExpressionStatement(cursor);
  switch (text) {
    case "pass":
    case "break":
    case "continue":
      cursor.next();
      return { kind: text, span };
    case "return": {
      cursor.next();
      const value = endsStatement(cursor) ? undefined : parseTestList(cursor);
      return { kind: "return", value, span };
    }
    case "import":
    case "from":
      return parseImport(cursor);
    case "global": {
      cursor.next();
      const names: string[] = [];
      do names.push(cursor.name("a name").text); while (cursor.take(",") !== undefined);
      return { kind: "global", names, span };
    }
    case "raise": {
      cursor.next();
      if (endsStatement(cursor)) return { kind: "raise", span };
      const value = parseTest(cursor);
      if (cursor.is("from")) throw unsupported(cursor.peek().span, '"raise" with "from"');
      const argument = cursor.take(",") === undefined ? undefined : parseTest(cursor);
      return { kind: "raise", value, argument, span: cursor.since(span) };
    }
    case "assert": {
      cursor.next();
      const test = parseTest(cursor);
      const message = cursor.take(",") === undefined ? undefined : parseTest(cursor);
      return { kind: "assert", test, message, span: cursor.since(span) };
    }
    case "del": {
      cursor.next();
      const list = parseTestList(cursor);
      const targets = list.kind === "tuple" ? list.items : [list];
      targets.forEach(checkTarget);
      return { kind: "delete", targets, span };
    }
    case "print":
      if (cursor.peek(1).kind !== "op" || cursor.peek(1).text !== "(") return parsePrint(cursor);
  }
  return parseExpressionStatement(cursor);
}

function parsePrint(cursor: Cursor): Statement {
  const { span } = cursor.next();
  const values: Expression[] = [];
  if (cursor.is("=", ".", "[")) throw cursor.expected("a value");
  cursor.take(">>");
  while (!endsStatement(cursor)) {
    values.push(parseTest(cursor));
    if (cursor.take(",") === undefined) break;
  }
  return { kind: "print", values, span };
}

function dottedName(cursor: Cursor): string {
  let name = cursor.name("a module's name").text;
  while (cursor.take(".") !== undefined) name += `.${cursor.name("a module's name").text}`;
  return name;
}

function parseImport(cursor: Cursor): Statement {
  const start = cursor.next();
  if (start.text === "import") {
    const names: { module: string; as?: string }[] = [];
    do {
      const module = dottedName(cursor);
      names.push({ module, as: cursor.take("as") === undefined ? undefined : cursor.name("a name").text });
    } while (cursor.take(",") !== undefined);
    return { kind: "import", names, span: cursor.since(start.span) };
  }
  if (cursor.is(".")) throw unsupported(cursor.peek().span, "an import of a neighbouring file");
  const module = dottedName(cursor);
  cursor.expect("import");
  if (cursor.take("*") !== undefined) {
    return { kind: "from", module, names: "*", span: cursor.since(start.span) };
  }
  const bracket = cursor.take("(");
  const names: { name: string; as: string }[] = [];
  do {
    const name = cursor.name("a name").text;
    names.push({ name, as: cursor.take("as") === undefined ? name : cursor.name("a name").text });
  } while (cursor.take(",") !== undefined && !cursor.is(")"));
  if (bracket !== undefined) cursor.expect(")");
  return { kind: "from", module, names, span: cursor.since(start.span) };
}

const AUGMENTED = ["+=", "-=", "*=", "/=", "//=", "%=", "**=", "<<=", ">>=", "&=", "|=", "^="];

function parseExpressionStatement(cursor: Cursor): Statement {
  const first = parseTestList(cursor);
  const augmented = cursor.take(...AUGMENTED);
  if (augmented !== undefined) {
    if (first.kind === "tuple" || first.kind === "list") {
      throw syntaxFault(first.span, `nothing can be assigned to this with ${augmented.text}`);
    }
    checkTarget(first);
    const operator = augmented.text.slice(0, -1) as BinaryOperator;
    return { kind: "augmented", target: first, operator, value: parseTestList(cursor), span: first.span };
  }
  if (cursor.is(":")) throw unsupported(cursor.peek().span, "a type annotation");
  if (!cursor.is("=")) return { kind: "expression", value: first, span: first.span };
  const chain = [first];
  while (cursor.take("=") !== undefined) chain.push(parseTestList(cursor));
  const targets = chain.slice(0, -1);
  targets.forEach(checkTarget);
  return { kind: "assign", targets, value: chain[chain.length - 1], span: first.span };
}

function checkTarget(target: Expression): void {
  switch (target.kind) {
    case "name":
    case "subscript":
    case "attribute":
      return;
    case "tuple":
    case "list":
      target.items.forEach(checkTarget);
      return;
    default:
      throw syntaxFault(target.span, "nothing can be assigned to this");
  }
}
