/** Operands of assembly text. */
import { AssemblyError } from "./assembler_error.ts";
import { NO_REGISTER } from "./decoder.ts";
import { type RegisterFile, SEGMENT_NAMES } from "./encoding.ts";
import { evaluate, type Expression, names, parseExpression, terms } from "./expression.ts";
import { registerName } from "./forms.ts";

export interface RegisterText {
  readonly kind: "reg";
  readonly file: RegisterFile;
  /** 16..19: AH CH DH BH. */
  readonly number: number;
  /** Bytes, for general registers. */
  readonly size: number;
}

export interface MemoryText {
  readonly kind: "mem";
  /** Bytes; 0 when not given. */
  readonly size: number;
  readonly far: boolean;
  /** -1: none given. */
  readonly segment: number;
  readonly base: number;
  readonly index: number;
  /** log2 */
  readonly scale: number;
  /** From the registers in it; 0 when there are none. */
  readonly addrSize: number;
  readonly displacement: Expression;
  /** [rip+x]: the displacement itself; "rel": the distance to it; "abs": neither; "offset": an encoding with the whole address; undefined: as fits. */
  readonly relation: "rip" | "rel" | "abs" | "offset" | undefined;
}

export interface ImmediateText {
  readonly kind: "imm";
  readonly value: Expression;
  /** Bytes, when a size was written. */
  readonly size: number;
  readonly short: boolean;
}

export interface FarText {
  readonly kind: "far";
  readonly selector: Expression;
  readonly offset: Expression;
}

export type OperandText = RegisterText | MemoryText | ImmediateText | FarText;

export const SIZE_WORDS: Readonly<Record<string, number>> = {
  byte: 1,
  word: 2,
  dword: 4,
  fword: 6,
  qword: 8,
  tword: 10,
  oword: 16,
  xmmword: 16,
};

const registers = new Map<string, RegisterText>();
for (const size of [1, 2, 4, 8]) {
  for (let number = 0; number < (size === 1 ? 20 : 16); number++) {
    registers.set(registerName("gpr", number, size), { kind: "reg", file: "gpr", number, size });
  }
}
for (let number = 0; number < 16; number++) {
  for (const file of ["xmm", "cr", "dr"] as const) {
    registers.set(`${file}${number}`, { kind: "reg", file, number, size: 0 });
  }
}
for (let number = 0; number < 8; number++) {
  for (const file of ["mm", "st"] as const) {
    registers.set(`${file}${number}`, { kind: "reg", file, number, size: 0 });
  }
}
SEGMENT_NAMES.forEach((name, number) => registers.set(name, { kind: "reg", file: "seg", number, size: 2 }));

export function registerOf(text: string): RegisterText | undefined {
  return registers.get(text.toLowerCase());
}

/** Splits at commas (or another mark) outside brackets, parentheses and quotes. */
export function splitList(text: string, mark = ","): string[] {
  const parts: string[] = [];
  let depth = 0;
  let quote = "";
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quote) {
      if (c === "\\") i++;
      else if (c === quote) quote = "";
    } else if (c === "'" || c === '"') quote = c;
    else if (c === "[" || c === "(") depth++;
    else if (c === "]" || c === ")") depth--;
    else if (c === mark && depth === 0) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(text.slice(start));
  return parts.map((part) => part.trim());
}

const INSTRUCTION_POINTER: Readonly<Record<string, number>> = { rip: 8, eip: 4 };

/** Throws AssemblyError. */
export function parseOperandText(text: string): OperandText {
  let rest = text.trim();
  let size = 0;
  let far = false;
  let short = false;
  for (;;) {
    const word = /^([A-Za-z]+)\s+(?=\S)/.exec(rest)?.[1].toLowerCase() ??
      (/^([a-z]+)(?=\[)/i.exec(rest)?.[1].toLowerCase());
    if (word === undefined) break;
    if (word in SIZE_WORDS) size = SIZE_WORDS[word];
    else if (word === "far") far = true;
    else if (word === "short") short = true;
    else if (word !== "ptr" && word !== "near") break;
    rest = rest.slice(word.length).trim();
  }
  const outside = /^([a-z]s)\s*:\s*(\[.*)$/is.exec(rest);
  let segment = -1;
  if (outside) {
    segment = segmentNumber(outside[1]);
    rest = outside[2];
  }
  if (rest.startsWith("[")) {
    if (!rest.endsWith("]")) throw new AssemblyError(`"]" is missing in "${text}"`);
    return parseMemory(rest.slice(1, -1), size, far, segment);
  }
  const register = registerOf(rest);
  if (register) return register;
  const pointer = splitList(rest, ":");
  if (pointer.length === 2) {
    return { kind: "far", selector: parseExpression(pointer[0]), offset: parseExpression(pointer[1]) };
  }
  return { kind: "imm", value: parseExpression(rest), size, short };
}

function segmentNumber(name: string): number {
  const number = SEGMENT_NAMES.indexOf(name.toLowerCase() as "es");
  if (number < 0) throw new AssemblyError(`${name} is not a segment register`);
  return number;
}

function parseMemory(text: string, size: number, far: boolean, outer: number): MemoryText {
  let body = text.trim();
  let segment = outer;
  const inner = /^([a-z]s)\s*:(.*)$/is.exec(body);
  if (inner) {
    segment = segmentNumber(inner[1]);
    body = inner[2].trim();
  }
  let relation: MemoryText["relation"];
  const word = /^(rel|abs|qword)\s+(.*)$/is.exec(body);
  if (word) {
    relation = word[1].toLowerCase() === "qword" ? "offset" : word[1].toLowerCase() as "rel" | "abs";
    body = word[2];
  }
  let base = NO_REGISTER;
  let index = NO_REGISTER;
  let scale = -1;
  let addrSize = 0;
  let displacement: Expression | undefined;
  const sized = (bytes: number) => {
    if (addrSize !== 0 && addrSize !== bytes) throw new AssemblyError(`[${text}] mixes register sizes`);
    addrSize = bytes;
  };
  for (const { sign, term } of terms(parseExpression(body))) {
    const used = registersIn(term);
    if (used === undefined) {
      const value: Expression = sign < 0 ? { kind: "unary", op: "-", a: term } : term;
      displacement = displacement ? { kind: "binary", op: "+", a: displacement, b: value } : value;
      continue;
    }
    if (sign < 0) throw new AssemblyError(`[${text}] subtracts a register`);
    if (used.pointer !== undefined) {
      relation = "rip";
      sized(used.pointer);
      continue;
    }
    sized(used.size);
    const log = [1n, 2n, 4n, 8n].indexOf(used.factor);
    if (log < 0) throw new AssemblyError(`[${text}] scales by ${used.factor}`);
    if (used.scaled && scale < 0) {
      if (index !== NO_REGISTER) {
        if (base !== NO_REGISTER) throw new AssemblyError(`[${text}] has too many registers`);
        base = index;
      }
      index = used.number;
      scale = log;
    } else if (base === NO_REGISTER && !used.scaled) base = used.number;
    else if (index === NO_REGISTER && !used.scaled) index = used.number;
    else throw new AssemblyError(`[${text}] has too many registers`);
  }
  if (scale < 0) scale = 0;
  // rSP cannot be an index; unscaled, the two may change places.
  if (index === 4 && scale === 0 && addrSize !== 2) [base, index] = [index, base];
  return {
    kind: "mem",
    size,
    far,
    segment,
    base,
    index,
    scale,
    addrSize,
    displacement: displacement ?? { kind: "number", value: 0n },
    relation,
  };
}

interface UsedRegister {
  number: number;
  size: number;
  factor: bigint;
  scaled: boolean;
  /** Size of the instruction pointer, if it is that. */
  pointer?: number;
}

/** The register in a term of an address, or undefined when it is a constant. */
function registersIn(term: Expression): UsedRegister | undefined {
  if (term.kind === "name") {
    const pointer = INSTRUCTION_POINTER[term.name.toLowerCase()];
    if (pointer !== undefined) return { number: 0, size: pointer, factor: 1n, scaled: false, pointer };
    const register = registerOf(term.name);
    if (!register) return undefined;
    if (register.file !== "gpr" || register.size === 1) {
      throw new AssemblyError(`${term.name} cannot be in an address`);
    }
    return { number: register.number, size: register.size, factor: 1n, scaled: false };
  }
  if (!names(term).some((name) => registerOf(name) !== undefined)) return undefined;
  if (term.kind === "binary" && term.op === "*") {
    const [a, b] = [registersIn(term.a), registersIn(term.b)];
    const register = a ?? b;
    const factor = a ? term.b : term.a;
    if (register && !(a && b)) {
      return {
        ...register,
        factor: evaluate(factor, () => undefined),
        scaled: true,
      };
    }
  }
  throw new AssemblyError("a register stands where only a constant can");
}
