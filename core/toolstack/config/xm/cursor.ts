import type { Source, Span } from "../source.ts";
import { type PythonFault, syntaxFault } from "./fault.ts";
import { type Token, tokenize } from "./tokens.ts";

/** Deeper nesting is no configuration; the stack of the evaluator is bounded by it. */
const MAX_NESTING = 100;

export const KEYWORDS: ReadonlySet<string> = new Set(
  ("and as assert break class continue def del elif else except exec finally for from global if import in is lambda " +
    "not or pass print raise return try while with yield nonlocal async await").split(" "),
);

function describe(token: Token): string {
  switch (token.kind) {
    case "newline":
      return "the end of the line";
    case "end":
      return "the end of the file";
    case "indent":
      return "a deeper indentation";
    case "dedent":
      return "the end of the block";
    case "string":
      return "a string";
    case "number":
      return "a number";
    default:
      return `"${token.text}"`;
  }
}

/** A place in a program's tokens. */
export class Cursor {
  readonly tokens: readonly Token[];
  #at = 0;
  #nesting = 0;

  constructor(readonly source: Source) {
    this.tokens = tokenize(source);
  }

  peek(ahead = 0): Token {
    return this.tokens[Math.min(this.#at + ahead, this.tokens.length - 1)];
  }

  next(): Token {
    const token = this.peek();
    this.#at++;
    return token;
  }

  /** Takes an operator or keyword if it is next. */
  take(...texts: string[]): Token | undefined {
    return this.is(...texts) ? this.next() : undefined;
  }

  is(...texts: string[]): boolean {
    const token = this.peek();
    return (token.kind === "op" || token.kind === "name") && texts.includes(token.text);
  }

  expect(text: string): Token {
    const token = this.take(text);
    if (token === undefined) throw this.expected(`"${text}"`);
    return token;
  }

  name(what: string): Token {
    const token = this.peek();
    if (token.kind !== "name" || KEYWORDS.has(token.text)) throw this.expected(what);
    return this.next();
  }

  expected(what: string): PythonFault {
    const token = this.peek();
    return syntaxFault(token.span, `expected ${what}, found ${describe(token)}`);
  }

  /** Runs a rule one level deeper. */
  nested<T>(rule: () => T): T {
    if (++this.#nesting > MAX_NESTING) throw syntaxFault(this.peek().span, "this is nested too deeply");
    const result = rule();
    this.#nesting--;
    return result;
  }

  /** From a token or an expression to what was read last. */
  since(start: Span): Span {
    const last = this.tokens[Math.max(0, this.#at - 1)];
    return { ...start, end: last.span.end };
  }
}
