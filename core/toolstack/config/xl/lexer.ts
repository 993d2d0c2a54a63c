import type { Diagnostic, Position, Source, Span } from "../source.ts";

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
  /**
   * What libxlutil refuses though nothing can be misread: carriage returns, a byte order mark, a comment without a
   * line feed after it. xm reads such files; so the faults are told only when nothing else is wrong.
   */
  readonly pedantry: readonly Diagnostic[];
  /** What is read as libxlutil reads it, but hardly as it was meant. */
  readonly surprises: readonly Diagnostic[];
}

class Lexer implements Lexed {
  readonly tokens: Token[] = [];
  readonly diagnostics: Diagnostic[] = [];
  readonly pedantry: Diagnostic[] = [];
  readonly surprises: Diagnostic[] = [];
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
    if (this.#take(/[ \t]+/y) !== undefined) return;
    const start = this.#position();
    // A byte that begins nothing is overlooked by libxlutil when it is the very last one.
    const last = this.#offset === text.length - 1 && text.charCodeAt(this.#offset) < 0x80;
    const character = text[this.#offset];
    if (character === "#" && !last) {
      this.#take(/#[^\n]*/y);
      if (this.#offset === text.length) {
        this.pedantry.push({ span: this.#span(start), message: "a comment needs a line feed after it" });
      }
      return;
    }
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
    if (last) {
      this.#offset++;
      this.surprises.push({ span: this.#span(start), message: "the last character means nothing" });
    } else if (character === "'" || character === '"') this.#string(start, character);
    else this.#unreadable(start);
  }

  #unreadable(start: Position): void {
    if (this.#take(/\r(?=\n|$)/y) !== undefined) {
      this.pedantry.push({ span: this.#span(start), message: "a carriage return is not read here" });
      return;
    }
    if (this.#offset === 0 && this.#take(/\ufeff/y) !== undefined) {
      this.pedantry.push({ span: this.#span(start), message: "a byte order mark is not read here" });
      return;
    }
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
    const shown = JSON.stringify(word.length > 60 ? `${word.slice(0, 57)}...` : word);
    this.diagnostics.push({ span, message: `cannot read ${shown} here${hint}` });
  }

  #string(start: Position, quote: string): void {
    const { text } = this.source;
    const close = this.#closing(quote);
    if (close === undefined) {
      const span = this.#span(start);
      this.tokens.push({ kind: "error", text: text.slice(start.offset, this.#offset), span });
      this.diagnostics.push({
        span,
        message: `the string is not closed: expected ${quote} before the line ends`,
      });
      return;
    }
    this.#offset = start.offset + 1;
    const pieces: string[] = [];
    while (this.#offset < close) {
      const from = this.#offset;
      if (text[from] === "\\") pieces.push(this.#escape(close));
      else {
        while (this.#offset < close && text[this.#offset] !== "\\") this.#offset++;
        pieces.push(text.slice(from, this.#offset));
      }
    }
    this.#offset = close + 1;
    const span = this.#span(start);
    const value = pieces.join("");
    if (value.includes("\0")) this.diagnostics.push({ span, message: "a string cannot hold a NUL" });
    this.tokens.push({ kind: "string", value, text: text.slice(start.offset, this.#offset), span });
  }

  /** Where the string's quote is that ends it; without one, the offset is at the end of the line then. */
  #closing(quote: string): number | undefined {
    const { text } = this.source;
    for (this.#offset++; this.#offset < text.length; this.#offset++) {
      const character = text[this.#offset];
      if (character === "\n") return undefined;
      if (character === quote) return this.#offset;
      if (character === "\\" && text[++this.#offset] === "\n") return undefined;
    }
    this.#offset = text.length;
    return undefined;
  }

  #escape(close: number): string {
    const start = this.#position();
    const { text } = this.source;
    const letter = text[this.#offset + 1];
    this.#offset += 2;
    const simple = SIMPLE_ESCAPES[letter];
    if (simple !== undefined) return simple;
    if (letter >= "0" && letter <= "7") {
      // libxlutil reads a number from the characters after the first digit, and then leaves it out.
      const number = /^[ \t\v\f\r]*[+-]?[0-9]+/.exec(
        text.slice(this.#offset, Math.min(this.#offset + 3, close)),
      );
      if (number !== null && number[0].length >= 2) {
        this.#offset += number[0].length;
        this.surprises.push({
          span: this.#span(start),
          message: "xl drops a character written in octal; write the character itself",
        });
        return "";
      }
    }
    const what = letter === "x"
      ? "\\x is not read by xl"
      : letter >= "0" && letter <= "7"
      ? "a character in octal needs three digits"
      : `\\${letter} is no escape`;
    this.diagnostics.push({ span: this.#span(start), message: `${what}; write \\\\ for a backslash` });
    return letter;
  }
}

/** Splits a configuration text into tokens; comments and blanks are gone. */
export function lex(source: Source): Lexed {
  return new Lexer(source).run();
}
