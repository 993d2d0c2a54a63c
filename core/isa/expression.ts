/** Constant expressions of assembly text: C's operators and precedence over integers of any size, `$` and labels. */
import { AssemblyError } from "./assembler_error.ts";

/** Looks a name up; undefined: not known (yet). "$" and "$$" are names. */
export type Lookup = (name: string) => bigint | undefined;

/** An expression over names; a sum of terms is split by `linear` for addresses. */
export type Expression =
  | { readonly kind: "number"; readonly value: bigint }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "unary"; readonly op: string; readonly a: Expression }
  | { readonly kind: "binary"; readonly op: string; readonly a: Expression; readonly b: Expression };

const TOKEN =
  /\s*(?:(0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|[0-9][0-9a-fA-F]*[hH]\b|[0-9][0-9_]*)|('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(\$\$?|[A-Za-z_.?@][\w.?@$#~]*)|(<<|>>|[-+*/%&|^~()]))/y;

const PRECEDENCE: Record<string, number> = {
  "|": 1,
  "^": 2,
  "&": 3,
  "<<": 4,
  ">>": 4,
  "+": 5,
  "-": 5,
  "*": 6,
  "/": 6,
  "%": 6,
};

/** Text between quotes as bytes (UTF-8), with \n \r \t \0 \\ \' \" \xNN. */
export function stringBytes(quoted: string): Uint8Array {
  const escapes: Record<string, string> = { n: "\n", r: "\r", t: "\t", "0": "\0" };
  const bytes: number[] = [];
  const body = quoted.slice(1, -1);
  for (const [part] of body.matchAll(/\\x[0-9a-fA-F]{2}|\\.|[^\\]+/gs)) {
    if (part.startsWith("\\x") && part.length === 4) bytes.push(parseInt(part.slice(2), 16));
    else bytes.push(...new TextEncoder().encode(part[0] === "\\" ? escapes[part[1]] ?? part[1] : part));
  }
  return Uint8Array.from(bytes);
}

function number(text: string): bigint {
  const plain = text.replaceAll("_", "");
  if (/[hH]$/.test(plain)) return BigInt("0x" + plain.slice(0, -1));
  return BigInt(plain);
}

class Parser {
  #at = 0;
  #token = "";
  #kind: "number" | "string" | "name" | "op" | "end" = "end";
  constructor(readonly text: string) {
    this.#next();
  }

  #next(): void {
    if (this.text.slice(this.#at).trim() === "") {
      this.#kind = "end";
      this.#token = "";
      return;
    }
    TOKEN.lastIndex = this.#at;
    const match = TOKEN.exec(this.text);
    if (!match) throw new AssemblyError(`cannot read "${this.text.slice(this.#at).trim()}"`);
    this.#at = TOKEN.lastIndex;
    const [, digits, string, name, op] = match;
    this.#token = digits ?? string ?? name ?? op;
    this.#kind = digits ? "number" : string ? "string" : name ? "name" : "op";
  }

  whole(): Expression {
    const made = this.#binary(1);
    if (this.#kind !== "end") {
      throw new AssemblyError(`"${this.#token}" is not expected in "${this.text.trim()}"`);
    }
    return made;
  }

  #binary(level: number): Expression {
    let a = this.#unary();
    while (this.#kind === "op" && PRECEDENCE[this.#token] >= level) {
      const op = this.#token;
      this.#next();
      a = { kind: "binary", op, a, b: this.#binary(PRECEDENCE[op] + 1) };
    }
    return a;
  }

  #unary(): Expression {
    const token = this.#token;
    const kind = this.#kind;
    this.#next();
    if (kind === "number") return { kind: "number", value: number(token) };
    if (kind === "name") return { kind: "name", name: token };
    if (kind === "string") {
      // A character constant: its bytes, little-endian.
      const value = stringBytes(token).reduceRight((sum, byte) => sum << 8n | BigInt(byte), 0n);
      return { kind: "number", value };
    }
    if (kind === "op" && (token === "-" || token === "+" || token === "~")) {
      return { kind: "unary", op: token, a: this.#unary() };
    }
    if (token === "(") {
      const inner = this.#binary(1);
      if (this.#token !== ")") throw new AssemblyError(`")" is missing in "${this.text.trim()}"`);
      this.#next();
      return inner;
    }
    throw new AssemblyError(`an expression is missing in "${this.text.trim()}"`);
  }
}

/** Throws AssemblyError. */
export function parseExpression(text: string): Expression {
  return new Parser(text).whole();
}

/** Names it mentions. */
export function names(e: Expression): string[] {
  switch (e.kind) {
    case "number":
      return [];
    case "name":
      return [e.name];
    case "unary":
      return names(e.a);
    case "binary":
      return [...names(e.a), ...names(e.b)];
  }
}

/** Throws AssemblyError for an unknown name and for a division by zero. */
export function evaluate(e: Expression, lookup: Lookup): bigint {
  switch (e.kind) {
    case "number":
      return e.value;
    case "name": {
      const value = lookup(e.name);
      if (value === undefined) throw new AssemblyError(`${e.name} is not defined`);
      return value;
    }
    case "unary": {
      const a = evaluate(e.a, lookup);
      return e.op === "-" ? -a : e.op === "~" ? ~a : a;
    }
    case "binary": {
      const a = evaluate(e.a, lookup);
      const b = evaluate(e.b, lookup);
      if ((e.op === "/" || e.op === "%") && b === 0n) throw new AssemblyError("division by zero");
      return BINARY[e.op](a, b);
    }
  }
}

const BINARY: Record<string, (a: bigint, b: bigint) => bigint> = {
  "|": (a, b) => a | b,
  "^": (a, b) => a ^ b,
  "&": (a, b) => a & b,
  "<<": (a, b) => a << b,
  ">>": (a, b) => a >> b,
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
  "%": (a, b) => a % b,
};

/** The terms of a sum, with their signs. */
export function terms(e: Expression, sign = 1): { sign: number; term: Expression }[] {
  if (e.kind === "binary" && (e.op === "+" || e.op === "-")) {
    return [...terms(e.a, sign), ...terms(e.b, e.op === "-" ? -sign : sign)];
  }
  if (e.kind === "unary" && e.op !== "~") return terms(e.a, e.op === "-" ? -sign : sign);
  return [{ sign, term: e }];
}
