import { lex, type Token, type TokenKind } from "./lexer.ts";
import type { Diagnostic, Source, Span } from "./source.ts";

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

/** A file's statements in order, and the faults that were skipped to find them. */
export interface ParsedConfig {
  readonly assignments: readonly Assignment[];
  readonly diagnostics: readonly Diagnostic[];
}

function describe(token: Token): string {
  switch (token.kind) {
    case "newline":
      return "the end of the line";
    case "end":
      return "the end of the file";
    case "identifier":
      return `the word ${token.text}`;
    case "string":
      return "a string";
    case "number":
      return "a number";
    default:
      return `"${token.text}"`;
  }
}

/** Thrown and caught inside the parser only, to skip to the next line. */
class SyntaxFault extends Error {
  constructor(readonly diagnostic?: Diagnostic) {
    super(diagnostic?.message);
  }
}

class Parser {
  readonly assignments: Assignment[] = [];
  readonly diagnostics: Diagnostic[] = [];
  #at = 0;

  constructor(readonly tokens: readonly Token[]) {}

  run(): void {
    for (;;) {
      const token = this.#peek();
      if (token.kind === "end") return;
      if (token.kind === "newline" || token.kind === ";") {
        this.#at++;
        continue;
      }
      try {
        this.#assignment();
      } catch (fault) {
        if (!(fault instanceof SyntaxFault)) throw fault;
        if (fault.diagnostic !== undefined) this.diagnostics.push(fault.diagnostic);
        while (!["newline", "end"].includes(this.#peek().kind)) this.#at++;
      }
    }
  }

  #peek(): Token {
    return this.tokens[this.#at];
  }

  #take(...kinds: TokenKind[]): Token | undefined {
    const token = this.#peek();
    if (!kinds.includes(token.kind)) return undefined;
    this.#at++;
    return token;
  }

  #expected(what: string): SyntaxFault {
    const token = this.#peek();
    // The lexer has already said what is wrong with an unreadable token.
    if (token.kind === "error") return new SyntaxFault();
    return new SyntaxFault({ span: token.span, message: `expected ${what}, found ${describe(token)}` });
  }

  #assignment(): void {
    const key = this.#take("identifier");
    if (key === undefined) throw this.#expected("a key");
    const operator = this.#take("=", "+=");
    if (operator === undefined) throw this.#expected(`= or += after ${key.text}`);
    const value = this.#value();
    if (!["newline", ";", "end"].includes(this.#peek().kind)) {
      throw this.#expected("the end of the line or ; after the value");
    }
    this.assignments.push({
      key: key.text,
      keySpan: key.span,
      operator: operator.kind === "+=" ? "+=" : "=",
      value,
    });
  }

  #value(): Value {
    const token = this.#peek();
    if (token.kind === "string" || token.kind === "number") {
      this.#at++;
      const quoted = token.kind === "string";
      return {
        kind: "atom",
        text: token.kind === "string" ? token.value : token.text,
        quoted,
        span: token.span,
      };
    }
    if (token.kind === "[") return this.#list();
    if (token.kind === "identifier") {
      throw new SyntaxFault({
        span: token.span,
        message:
          `expected a value, found the word ${token.text}; strings are written in quotes: "${token.text}"`,
      });
    }
    throw this.#expected("a value (a string in quotes, a number or a [list])");
  }

  #list(): List {
    const open = this.#peek();
    this.#at++;
    const items: Value[] = [];
    this.#newlines();
    while (this.#peek().kind !== "]") {
      items.push(this.#value());
      this.#newlines();
      if (this.#take(",") === undefined) break;
      this.#newlines();
    }
    const close = this.#take("]");
    if (close === undefined) {
      throw this.#expected(`, or ] in the list that begins on line ${open.span.start.line}`);
    }
    return { kind: "list", items, span: { ...open.span, end: close.span.end } };
  }

  #newlines(): void {
    while (this.#take("newline") !== undefined);
  }
}

/** Parses a configuration text; faults are collected, not thrown, and each costs its line. */
export function parseConfig(source: Source): ParsedConfig {
  const { tokens, diagnostics } = lex(source);
  const parser = new Parser(tokens);
  parser.run();
  const all = [...diagnostics, ...parser.diagnostics];
  all.sort((a, b) => a.span.start.offset - b.span.start.offset);
  return { assignments: parser.assignments, diagnostics: all };
}
