import type { Diagnostic, Position, Source, Span } from "./source.ts";

/** Tokens of xl's configuration language (xl.cfg(5); libxlu_cfg_l.l for the exact shapes). */
export type Token =
  | { readonly kind: "identifier" | "number"; readonly text: string; readonly span: Span }
  | { readonly kind: "string"; readonly value: string; readonly text: string; readonly span: Span }
  | {
    readonly kind: "=" | "+=" | "," | "[" | "]" | ";" | "newline" | "end" | "error";
    readonly text: string;
    readonly span: Span;
  };

export type TokenKind = Token["kind"];

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  "'": "'",
  '"': '"',
};

/** What the lexer made of a text: tokens up to and with "end", and what it could not read. */
export interface Lexed {
  readonly tokens: readonly Token[];
  readonly diagnostics: readonly Diagnostic[];
}

class Lexer {
  readonly tokens: Token[] = [];
  readonly diagnostics: Diagnostic[] = [];
  #offset = 0;
  #line = 1;
  #lineStart = 0;

  constructor(readonly source: Source) {}

  run(): Lexed {
    const { text } = this.source;
    while (this.#offset < text.length) this.#next(text);
    this.tokens.push({ kind: "end", text: "", span: this.#span(this.#position()) });
    return this;
  }

  #position(): Position {
    return { offset: this.#offset, line: this.#line, column: this.#offset - this.#lineStart + 1 };
  }

  #span(start: Position): Span {
    return { source: this.source, start, end: this.#position() };
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#offset;
    const match = pattern.exec(this.source.text);
    if (match === null) return undefined;
    this.#offset += match[0].length;
    return match[0];
  }

  #next(text: string): void {
    const start = this.#position();
    if (this.#take(/[ \t\r]+|#[^\n]*/y) !== undefined) return;
    const character = text[this.#offset];
    if (character === "\n") {
      this.#offset++;
      const span = this.#span(start);
      this.#line++;
      this.#lineStart = this.#offset;
      this.tokens.push({ kind: "newline", text: "\n", span });
      return;
    }
    const identifier = this.#take(/[a-z][._0-9a-z]*/y);
    if (identifier !== undefined) {
      this.tokens.push({ kind: "identifier", text: identifier, span: this.#span(start) });
      return;
    }
    const number = this.#take(/[0-9][0-9a-fx]*/y);
    if (number !== undefined) {
      this.tokens.push({ kind: "number", text: number, span: this.#span(start) });
      return;
    }
    const sign = this.#take(/\+=|[=,[\];]/y);
    if (sign !== undefined) {
      this.tokens.push({
        kind: sign as "=" | "+=" | "," | "[" | "]" | ";",
        text: sign,
        span: this.#span(start),
      });
      return;
    }
    if (character === "'" || character === '"') {
      this.#string(start, character);
      return;
    }
    this.#unreadable(start);
  }

  #unreadable(start: Position): void {
    const word = this.#take(/[^ \t\r\n"'[\],;=#]+/y) ?? (this.#offset++, this.source.text[this.#offset - 1]);
    const span = this.#span(start);
    this.tokens.push({ kind: "error", text: word, span });
    const hint = /^[A-Z][A-Za-z0-9_.]*$/.test(word)
      ? "; keys are written in lower case, strings in quotes"
      : /^[A-Za-z/~]/.test(word)
      ? "; strings are written in quotes"
      : /^-\d/.test(word)
      ? "; a negative number is written in quotes"
      : "";
    this.diagnostics.push({ span, message: `cannot read ${JSON.stringify(word)} here${hint}` });
  }

  #string(start: Position, quote: string): void {
    const { text } = this.source;
    this.#offset++;
    let value = "";
    for (;;) {
      const character = text[this.#offset];
      if (character === undefined || character === "\n") {
        const span = this.#span(start);
        this.tokens.push({ kind: "error", text: text.slice(start.offset, this.#offset), span });
        this.diagnostics.push({
          span,
          message: `the string is not closed: expected ${quote} before the line ends`,
        });
        return;
      }
      if (character === quote) {
        this.#offset++;
        const span = this.#span(start);
        this.tokens.push({ kind: "string", value, text: text.slice(start.offset, this.#offset), span });
        return;
      }
      value += character === "\\" ? this.#escape() : character;
      if (character !== "\\") this.#offset++;
    }
  }

  #escape(): string {
    const start = this.#position();
    const { text } = this.source;
    const numeric = this.#take(/\\(?:x[0-9a-fA-F]{2}|[0-7]{1,3})/y);
    if (numeric !== undefined) {
      const code = numeric[1] === "x" ? parseInt(numeric.slice(2), 16) : parseInt(numeric.slice(1), 8);
      return String.fromCharCode(code & 0xff);
    }
    const letter = text[this.#offset + 1];
    if (letter === undefined || letter === "\n") {
      this.#offset++;
      return ""; // The string is not closed either; that is reported.
    }
    this.#offset += 2;
    const simple = SIMPLE_ESCAPES[letter];
    if (simple !== undefined) return simple;
    const what = letter === "x" ? "\\x needs two hexadecimal digits" : `\\${letter} is no escape`;
    this.diagnostics.push({ span: this.#span(start), message: `${what}; write \\\\ for a backslash` });
    return letter;
  }
}

/** Splits a configuration text into tokens; comments and blanks are gone. */
export function lex(source: Source): Lexed {
  return new Lexer(source).run();
}
