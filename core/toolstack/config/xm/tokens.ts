import type { Position, Source, Span } from "../source.ts";
import { syntaxFault, unsupported } from "./fault.ts";
import { stringValue } from "./string_literal.ts";

/** Python's tokens (The Python Language Reference, "Lexical analysis"; of Python 2 what xm's files used). */
export type Token =
  | {
    readonly kind: "name" | "op" | "newline" | "indent" | "dedent" | "end";
    readonly text: string;
    readonly span: Span;
  }
  | { readonly kind: "string"; readonly text: string; readonly value: string; readonly span: Span }
  | { readonly kind: "number"; readonly text: string; readonly value: bigint | number; readonly span: Span };

const OPERATORS =
  /\*\*=|\/\/=|>>=|<<=|\*\*|\/\/|>>|<<|<=|>=|==|!=|<>|->|\+=|-=|\*=|\/=|%=|&=|\|=|\^=|@=|:=|[-+*/%@&|^~<>()[\]{},:.;=`]/y;

const NUMBER =
  /0[xX][0-9a-fA-F_]+[lL]?|0[oO][0-7_]+[lL]?|0[bB][01_]+[lL]?|(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?[lLjJ]?/y;

/** Digits beyond these are no configuration's number; conversion of more would take long. */
const MAX_DIGITS = 1000;

class Tokenizer {
  readonly tokens: Token[] = [];
  #offset = 0;
  #line = 1;
  #lineStart = 0;
  #parentheses = 0;
  readonly #indents = [0];

  constructor(readonly source: Source) {}

  run(): readonly Token[] {
    const { text } = this.source;
    if (text.startsWith("\ufeff")) this.#offset = 1;
    let fresh = true;
    while (this.#offset < text.length) {
      if (fresh && this.#parentheses === 0) {
        fresh = false;
        if (this.#indentation()) {
          fresh = true;
          continue;
        }
      }
      fresh = this.#next() || fresh;
    }
    const end = this.#span(this.#position());
    if (this.#parentheses > 0) throw syntaxFault(end, "a bracket is still open at the end of the file");
    if (this.tokens.length > 0 && this.tokens.at(-1)?.kind !== "newline") this.#push("newline", "", end);
    for (; this.#indents.length > 1; this.#indents.pop()) this.#push("dedent", "", end);
    this.#push("end", "", end);
    return this.tokens;
  }

  #push(kind: "name" | "op" | "newline" | "indent" | "dedent" | "end", text: string, span: Span): void {
    this.tokens.push({ kind, text, span });
  }

  #position(): Position {
    return { offset: this.#offset, line: this.#line, column: this.#offset - this.#lineStart + 1 };
  }

  #span(start: Position): Span {
    return { source: this.source, start, end: this.#position() };
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#offset;
    return pattern.exec(this.source.text)?.[0];
  }

  #newLine(length: number): void {
    this.#offset += length;
    this.#line++;
    this.#lineStart = this.#offset;
  }

  /** Reads a line's beginning; true if the line has nothing but blanks and a comment, which then are gone. */
  #indentation(): boolean {
    const { text } = this.source;
    let width = 0;
    let at = this.#offset;
    for (; at < text.length; at++) {
      if (text[at] === " ") width++;
      else if (text[at] === "\t") width = (width & ~7) + 8;
      else if (text[at] === "\f") width = 0;
      else break;
    }
    this.#offset = at;
    if (text[at] === "#") this.#offset += this.#match(/[^\r\n]*/y)?.length ?? 0;
    const newline = this.#match(/\r\n|\r|\n/y);
    if (newline !== undefined) {
      this.#newLine(newline.length);
      return true;
    }
    if (this.#offset === text.length) return true;
    if (width > this.#indents[this.#indents.length - 1]) {
      if (this.#indents.length >= 100) {
        throw syntaxFault(this.#span(this.#position()), "too many levels of indentation");
      }
      this.#indents.push(width);
      this.#push("indent", "", this.#span(this.#position()));
    }
    while (width < this.#indents[this.#indents.length - 1]) {
      this.#indents.pop();
      this.#push("dedent", "", this.#span(this.#position()));
      if (width > this.#indents[this.#indents.length - 1]) {
        throw syntaxFault(this.#span(this.#position()), "this line's indentation fits no line above it");
      }
    }
    return false;
  }

  /** Reads one token, blank or comment; true if it ended a logical line. */
  #next(): boolean {
    const start = this.#position();
    const blank = this.#match(/[ \t\f]+|#[^\r\n]*/y);
    if (blank !== undefined) {
      this.#offset += blank.length;
      return false;
    }
    const newline = this.#match(/\r\n|\r|\n/y);
    if (newline !== undefined) {
      if (this.#parentheses === 0) this.#push("newline", "\n", { source: this.source, start, end: start });
      this.#newLine(newline.length);
      return this.#parentheses === 0;
    }
    const continuation = this.#match(/\\(?:\r\n|\r|\n)/y);
    if (continuation !== undefined) {
      this.#newLine(continuation.length);
      return false;
    }
    const prefix = this.#match(
      /(?:[uU]|[bB]|[rR]|[uU][rR]|[bB][rR]|[rR][bB]|[fF]|[fF][rR]|[rR][fF])?(?=['"])/y,
    );
    if (prefix !== undefined) {
      this.#string(start, prefix);
      return false;
    }
    const name = this.#match(/[\p{L}_][\p{L}\p{N}_]*/uy);
    if (name !== undefined) {
      this.#offset += name.length;
      this.#push("name", name, this.#span(start));
      return false;
    }
    if (this.#match(/\.?[0-9]/y) !== undefined) {
      this.#number(start);
      return false;
    }
    const operator = this.#match(OPERATORS);
    if (operator === undefined) {
      const character = String.fromCodePoint(this.source.text.codePointAt(this.#offset) ?? 0);
      this.#offset += character.length;
      throw syntaxFault(this.#span(start), `${JSON.stringify(character)} means nothing here`);
    }
    this.#offset += operator.length;
    if ("([{".includes(operator)) this.#parentheses++;
    else if (")]}".includes(operator) && --this.#parentheses < 0) {
      throw syntaxFault(this.#span(start), `nothing is open that ${operator} could close`);
    }
    this.#push("op", operator, this.#span(start));
    return false;
  }

  #string(start: Position, prefix: string): void {
    const { text } = this.source;
    this.#offset += prefix.length;
    if (/f/i.test(prefix)) throw unsupported(this.#span(start), "an f-string");
    const quote = text[this.#offset];
    const triple = text.startsWith(quote.repeat(3), this.#offset);
    const close = triple ? quote.repeat(3) : quote;
    this.#offset += close.length;
    const from = this.#offset;
    for (;;) {
      const character = text[this.#offset];
      if (character === undefined || (!triple && (character === "\n" || character === "\r"))) {
        throw syntaxFault(
          this.#span(start),
          `the string is not closed: expected ${close} before the ${triple ? "file" : "line"} ends`,
        );
      }
      if (text.startsWith(close, this.#offset)) break;
      const newline = this.#match(/\\?(?:\r\n|\r|\n)/y);
      if (newline !== undefined) this.#newLine(newline.length);
      else this.#offset += character === "\\" && this.#offset + 1 < text.length ? 2 : 1;
    }
    const raw = text.slice(from, this.#offset).replace(/\r\n?/g, "\n");
    this.#offset += close.length;
    const span = this.#span(start);
    const value = /r/i.test(prefix) ? raw : stringValue(raw, span);
    this.tokens.push({ kind: "string", text: text.slice(start.offset, this.#offset), value, span });
  }

  #number(start: Position): void {
    const text = this.#match(NUMBER) ?? "";
    this.#offset += text.length;
    const span = this.#span(start);
    const bad = () => syntaxFault(span, `${text.slice(0, 60)} is no number`);
    if (text.length > MAX_DIGITS) throw syntaxFault(span, "the number is too long");
    if (this.#match(/[\p{L}\p{N}_]/uy) !== undefined || /__|_$|^_/.test(text)) throw bad();
    const plain = text.replace(/_/g, "").replace(/[lL]$/, "");
    if (/[jJ]$/.test(plain)) throw unsupported(span, "an imaginary number");
    if (/^0[xXoObB]/.test(plain)) {
      if (plain.length === 2) throw bad();
      this.tokens.push({ kind: "number", text, value: BigInt(plain.toLowerCase()), span });
    } else if (/[.eE]/.test(plain)) {
      if (/[lL]$/.test(text)) throw bad();
      this.tokens.push({ kind: "number", text, value: Number(plain), span });
    } else if (/^0+[1-9]/.test(plain)) {
      if (/[89]/.test(plain)) throw bad();
      this.tokens.push({ kind: "number", text, value: BigInt(`0o${plain}`), span });
    } else this.tokens.push({ kind: "number", text, value: BigInt(plain), span });
  }
}

/** @throws PythonFault at the first thing that is no Python */
export function tokenize(source: Source): readonly Token[] {
  return new Tokenizer(source).run();
}
