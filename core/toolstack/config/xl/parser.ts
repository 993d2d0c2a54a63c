import type { Diagnostic, Source } from "../source.ts";
import type { Assignment, Value } from "../value.ts";
import { lex, type Token, type TokenKind } from "./lexer.ts";

/** A file's statements in order, and the faults that were skipped to find them. */
export interface ParsedConfig {
  readonly assignments: readonly Assignment[];
  readonly diagnostics: readonly Diagnostic[];
  /** See `Lexed`. */
  readonly pedantry: readonly Diagnostic[];
  readonly surprises: readonly Diagnostic[];
}

/** libxlutil takes about five times as many; here more would go beyond the stack where values are walked. */
const MAX_NESTING = 1000;

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

  /** Reads a value; lists may be nested thousands deep, so their frames are kept in an array. */
  #value(): Value {
    const open: { readonly token: Token; readonly items: Value[] }[] = [];
    for (;;) {
      const token = this.#peek();
      let done: Value | undefined;
      if (token.kind === "[") {
        if (open.length === MAX_NESTING) {
          throw new SyntaxFault({
            span: token.span,
            message: `lists are nested more than ${MAX_NESTING} deep here`,
          });
        }
        this.#at++;
        open.push({ token, items: [] });
        this.#newlines();
        if (this.#peek().kind !== "]") continue;
      } else done = this.#atom(token);
      for (;;) {
        const list = open.at(-1);
        if (list === undefined) {
          if (done === undefined) throw this.#expected("a value");
          return done;
        }
        if (done !== undefined) {
          list.items.push(done);
          this.#newlines();
          if (this.#take(",") !== undefined) {
            this.#newlines();
            if (this.#peek().kind !== "]") break;
          }
        }
        const close = this.#take("]");
        if (close === undefined) {
          throw this.#expected(`, or ] in the list that begins on line ${list.token.span.start.line}`);
        }
        open.pop();
        done = { kind: "list", items: list.items, span: { ...list.token.span, end: close.span.end } };
      }
    }
  }

  #atom(token: Token): Value {
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
    if (token.kind === "identifier") {
      throw new SyntaxFault({
        span: token.span,
        message:
          `expected a value, found the word ${token.text}; strings are written in quotes: "${token.text}"`,
      });
    }
    throw this.#expected("a value (a string in quotes, a number or a [list])");
  }

  #newlines(): void {
    while (this.#take("newline") !== undefined);
  }
}

/** Parses a configuration text; faults are collected, not thrown, and each costs its line. */
export function parseConfig(source: Source): ParsedConfig {
  const { tokens, diagnostics, pedantry, surprises } = lex(source);
  const parser = new Parser(tokens);
  parser.run();
  const all = [...diagnostics, ...parser.diagnostics];
  all.sort((a, b) => a.span.start.offset - b.span.start.offset);
  return { assignments: parser.assignments, diagnostics: all, pedantry, surprises };
}
