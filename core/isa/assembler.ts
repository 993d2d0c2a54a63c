/**
 * The assembler: Intel syntax as NASM's, from the encodings of the descriptions.
 *
 *     bits 16|32|64      org ADDRESS        align N[, BYTE]        times N STATEMENT      NAME equ EXPRESSION
 *     db dw dd dq VALUE|"string", ...      label:      .local:     ; comment
 *
 * Memory is `[base+index*scale+disp]` with an optional size word before it and segment inside (`qword [fs:rax+8]`). In 64-bit code an address that is only
 * a label is relative to rip; `[abs x]` is not, `[rel x]` always is, `[rip+8]` gives the displacement itself. Far transfers are `jmp far dword [rax]` and
 * `jmp 0x10:0x1000`. Prefixes are written before: lock rep repe repne, segments, o16 o32 o64 and a16 a32 a64 where no operand shows the size.
 */
import { AssemblyError } from "./assembler_error.ts";
import { emit, type EmitOptions, type InstructionText } from "./emit.ts";
import type { Encoding } from "./encoding.ts";
import { evaluate, type Lookup, names, parseExpression, stringBytes } from "./expression.ts";
import { parseOperandText, splitList } from "./operand_text.ts";

export { AssemblyError };

type Mode = 16 | 32 | 64;

export interface EncodeOptions {
  /** Default: 64 */
  mode?: Mode;
  /** Address of the instruction; default 0. */
  origin?: bigint | number;
  labels?: ReadonlyMap<string, bigint>;
  /** Only this encoding. */
  encoding?: Encoding;
}

export interface AssembleOptions {
  /** Until the first `bits`; default: 64 */
  mode?: Mode;
  /** Until the first `org`; default 0. */
  origin?: bigint | number;
  /** Names known from outside. */
  labels?: ReadonlyMap<string, bigint>;
}

export interface Assembled {
  readonly bytes: Uint8Array;
  /** Addresses of labels and values of equ; a local label is `parent.local`. */
  readonly labels: ReadonlyMap<string, bigint>;
  /** What each line became. */
  readonly listing: readonly ListingLine[];
}

export interface ListingLine {
  /** 1-based */
  readonly line: number;
  readonly address: bigint;
  readonly bytes: Uint8Array;
  readonly text: string;
}

const PREFIXES: Readonly<Record<string, string>> = {
  lock: "lock",
  rep: "rep",
  repe: "rep",
  repz: "rep",
  repne: "repne",
  repnz: "repne",
  es: "es",
  cs: "cs",
  ss: "ss",
  ds: "ds",
  fs: "fs",
  gs: "gs",
  o16: "o16",
  o32: "o32",
  o64: "o64",
  a16: "a16",
  a32: "a32",
  a64: "a64",
};

function parseInstruction(text: string): InstructionText {
  const prefixes: string[] = [];
  let rest = text.trim();
  for (;;) {
    const [word] = /^\S*/.exec(rest)!;
    const prefix = PREFIXES[word.toLowerCase()];
    if (prefix === undefined) break;
    prefixes.push(prefix);
    rest = rest.slice(word.length).trim();
  }
  const [mnemonic] = /^\S*/.exec(rest)!;
  if (!/^[A-Za-z]\w*$/.test(mnemonic)) throw new AssemblyError(`"${rest}" is no instruction`);
  const operandText = rest.slice(mnemonic.length).trim();
  const operands = operandText === "" ? [] : splitList(operandText).map(parseOperandText);
  return { mnemonic: mnemonic.toLowerCase(), operands, prefixes };
}

/** One instruction. Throws AssemblyError. */
export function encodeText(text: string, options: EncodeOptions = {}): Uint8Array {
  const { labels, mode = 64, encoding } = options;
  const address = BigInt(options.origin ?? 0);
  const lookup: Lookup = (name) => {
    if (name === "$") return address;
    const value = labels?.get(name);
    if (value === undefined) throw new AssemblyError(`${name} is not defined`);
    return value;
  };
  return emit(parseInstruction(text), { mode, address, lookup, encoding });
}

interface Line {
  readonly number: number;
  readonly text: string;
  /** Full names of labels at its start. */
  readonly labels: string[];
  /** The label that local names belong to. */
  readonly parent: string;
  readonly statement: Statement | undefined;
}

type Statement =
  | { kind: "instruction"; instruction: InstructionText }
  | { kind: "data"; size: number; values: (Uint8Array | string)[] }
  | { kind: "align"; to: string; fill: string | undefined }
  | { kind: "times"; count: string; statement: Statement }
  | { kind: "equ"; name: string; value: string }
  | { kind: "org"; address: string }
  | { kind: "bits"; mode: Mode };

const DATA: Readonly<Record<string, number>> = { db: 1, dw: 2, dd: 4, dq: 8 };
const LABEL = /^\s*(\.?[A-Za-z_?@][\w.?@$#~]*)\s*:(?!:)/;

function stripComment(text: string): string {
  return splitList(text, ";")[0];
}

function parseStatement(text: string): Statement {
  const [word] = /^\S*/.exec(text)!;
  const rest = text.slice(word.length).trim();
  const lower = word.toLowerCase();
  if (lower in DATA) {
    const values = splitList(rest).map((item) =>
      /^(".*"|'.*')$/s.test(item) && (lower === "db" || item.length > 2 + DATA[lower])
        ? stringBytes(item)
        : item
    );
    return { kind: "data", size: DATA[lower], values };
  }
  if (lower === "align") {
    const [to, fill] = splitList(rest);
    return { kind: "align", to, fill };
  }
  if (lower === "org") return { kind: "org", address: rest };
  if (lower === "bits") {
    if (!/^(16|32|64)$/.test(rest)) throw new AssemblyError(`bits ${rest}: 16, 32 or 64`);
    return { kind: "bits", mode: Number(rest) as Mode };
  }
  const equ = /^(\S+)\s+equ\s+(.*)$/i.exec(text);
  if (equ) return { kind: "equ", name: equ[1], value: equ[2] };
  if (lower === "times") {
    const at = /^(.*?)\s+((?:d[bwdq]|[a-z]\w*)(?:\s.*)?)$/is.exec(rest);
    if (!at) throw new AssemblyError("times needs a number and a statement");
    return { kind: "times", count: at[1], statement: parseStatement(at[2]) };
  }
  return { kind: "instruction", instruction: parseInstruction(text) };
}

function parseLines(text: string): Line[] {
  const lines: Line[] = [];
  let parent = "";
  text.split("\n").forEach((whole, i) => {
    try {
      let rest = stripComment(whole);
      const labels: string[] = [];
      for (;;) {
        const label = LABEL.exec(rest);
        // `fs:[...]` is an operand, but no line starts with one.
        if (!label) break;
        const name = label[1].startsWith(".") ? parent + label[1] : label[1];
        if (!label[1].startsWith(".")) parent = name;
        labels.push(name);
        rest = rest.slice(label[0].length);
      }
      rest = rest.trim();
      const statement = rest === "" ? undefined : parseStatement(rest);
      if (labels.length > 0 || statement) {
        lines.push({ number: i + 1, text: whole.trim(), labels, parent, statement });
      }
    } catch (error) {
      throw located(error, i + 1);
    }
  });
  return lines;
}

function located(error: unknown, line: number): unknown {
  if (error instanceof AssemblyError && error.line === undefined) {
    return new AssemblyError(error.message, line);
  }
  return error;
}

/** Passes until no length and no address changes; lengths only grow, so it ends. */
const MAXIMUM_PASSES = 50;

class Assembly {
  readonly #lines: Line[];
  readonly #labels = new Map<string, bigint>();
  readonly #outside: ReadonlyMap<string, bigint>;
  readonly #lengths = new Map<string, number>();
  readonly #options: AssembleOptions;
  #last = false;
  #changed = false;
  #mode: Mode = 64;
  #address = 0n;
  #origin = 0n;

  constructor(text: string, options: AssembleOptions) {
    this.#lines = parseLines(text);
    this.#options = options;
    this.#outside = options.labels ?? new Map();
    const seen = new Set<string>();
    for (const { labels, statement, number } of this.#lines) {
      for (const name of statement?.kind === "equ" ? [...labels, statement.name] : labels) {
        if (seen.has(name)) throw new AssemblyError(`${name} is defined twice`, number);
        seen.add(name);
      }
    }
  }

  run(): Assembled {
    for (let pass = 0; pass < MAXIMUM_PASSES; pass++) {
      this.#changed = false;
      this.#pass();
      if (!this.#changed) {
        this.#last = true;
        const listing = this.#pass();
        const bytes = new Uint8Array(listing.reduce((sum, line) => sum + line.bytes.length, 0));
        let at = 0;
        for (const line of listing) {
          bytes.set(line.bytes, at);
          at += line.bytes.length;
        }
        return { bytes, labels: this.#labels, listing };
      }
    }
    throw new AssemblyError("addresses do not settle");
  }

  #pass(): ListingLine[] {
    this.#mode = this.#options.mode ?? 64;
    this.#address = this.#origin = BigInt(this.#options.origin ?? 0);
    const listing: ListingLine[] = [];
    for (const line of this.#lines) {
      try {
        for (const name of line.labels) this.#define(name, this.#address);
        if (!line.statement) continue;
        const address = this.#address;
        const bytes = this.#assemble(line.statement, line, `${line.number}`);
        if (this.#last && bytes.length > 0) {
          listing.push({ line: line.number, address, bytes, text: line.text });
        }
      } catch (error) {
        throw located(error, line.number);
      }
    }
    return listing;
  }

  #define(name: string, value: bigint): void {
    if (this.#labels.get(name) === value) return;
    this.#labels.set(name, value);
    this.#changed = true;
  }

  #lookup(line: Line): Lookup {
    return (name) => {
      if (name === "$") return this.#address;
      if (name === "$$") return this.#origin;
      const full = name.startsWith(".") ? line.parent + name : name;
      const value = this.#labels.get(full) ?? this.#outside.get(full);
      if (value === undefined && this.#last) throw new AssemblyError(`${name} is not defined`);
      return value;
    };
  }

  /** The value, or undefined in a pass that does not know its names yet. */
  #value(text: string, line: Line): bigint | undefined {
    const e = parseExpression(text);
    const lookup = this.#lookup(line);
    return names(e).some((name) => lookup(name) === undefined) ? undefined : evaluate(e, lookup);
  }

  /** A value that decides a length: unknown counts as 0 until it is known. */
  #count(text: string, line: Line, what: string): number {
    const value = this.#value(text, line);
    if (value === undefined) {
      this.#changed = true;
      return 0;
    }
    if (value < 0n || value > 1n << 28n) throw new AssemblyError(`${what} ${value}`);
    return Number(value);
  }

  #assemble(statement: Statement, line: Line, key: string): Uint8Array {
    switch (statement.kind) {
      case "bits":
        this.#mode = statement.mode;
        return EMPTY;
      case "org":
        this.#address = this.#origin = this.#value(statement.address, line) ?? 0n;
        return EMPTY;
      case "equ": {
        const value = this.#value(statement.value, line);
        if (value === undefined) this.#changed = true;
        else {this.#define(
            statement.name.startsWith(".") ? line.parent + statement.name : statement.name,
            value,
          );}
        return EMPTY;
      }
      case "align": {
        const to = BigInt(this.#count(statement.to, line, "align"));
        if (to < 1n) return EMPTY;
        const length = Number((to - this.#address % to) % to);
        const fill = statement.fill === undefined ? 0x90n : this.#value(statement.fill, line) ?? 0n;
        return this.#advance(new Uint8Array(length).fill(Number(BigInt.asUintN(8, fill))));
      }
      case "times": {
        const count = this.#count(statement.count, line, "times");
        const parts: number[] = [];
        for (let i = 0; i < count; i++) {
          parts.push(...this.#assemble(statement.statement, line, `${key}.${i}`));
        }
        return Uint8Array.from(parts);
      }
      case "data":
        return this.#advance(this.#data(statement, line));
      case "instruction": {
        const bytes = emit(statement.instruction, this.#emitOptions(line, key));
        if (this.#lengths.get(key) !== bytes.length) {
          this.#lengths.set(key, bytes.length);
          this.#changed = true;
        }
        return this.#advance(bytes);
      }
    }
  }

  #emitOptions(line: Line, key: string): EmitOptions {
    return {
      mode: this.#mode,
      address: this.#address,
      lookup: this.#lookup(line),
      minimum: this.#lengths.get(key),
    };
  }

  #advance(bytes: Uint8Array): Uint8Array {
    this.#address += BigInt(bytes.length);
    return bytes;
  }

  #data({ size, values }: { size: number; values: (Uint8Array | string)[] }, line: Line): Uint8Array {
    const bytes: number[] = [];
    for (const value of values) {
      if (typeof value !== "string") {
        bytes.push(...value);
        while (bytes.length % size !== 0) bytes.push(0);
        continue;
      }
      const number = this.#value(value, line) ?? 0n;
      const limit = 1n << BigInt(size * 8);
      if (number >= limit || number < -limit / 2n) {
        throw new AssemblyError(`${value} does not fit ${size} bytes`);
      }
      for (let i = 0; i < size; i++) bytes.push(Number(BigInt.asUintN(8, number >> BigInt(8 * i))));
    }
    return Uint8Array.from(bytes);
  }
}

const EMPTY = new Uint8Array(0);

/** Throws AssemblyError with the line. */
export function assemble(text: string, options: AssembleOptions = {}): Assembled {
  return new Assembly(text, options).run();
}
