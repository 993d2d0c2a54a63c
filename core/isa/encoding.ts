/**
 * Encoding strings, in the notation of the manuals' opcode maps (AMD64 APM volume 3 appendix A, Intel SDM volume 2 appendix A):
 *
 *     [prefix] opcode bytes [/r | /0../7] [operand{,operand}] {[flag]}
 *
 * prefix    NP: none of 66 F3 F2 may stand before it (others: another encoding, or #UD); 66, F3, F2: that mandatory prefix. None given: 66 is the
 *           operand size, F2 and F3 are ignored (or repeat a string instruction), unless another encoding claims them. With F3 and
 *           F2 mandatory, 66 still is the operand size.
 * opcode    `0F AF`; `50+r`: register in the low three bits; one byte more than the opcode map has is a fixed ModRM byte (`0F 01 C1`).
 * /r, /n    a ModRM byte follows; /n: its reg field extends the opcode.
 * operand   a letter and a size:
 *   E  general register or memory (ModRM.rm)      R  the register only       M  the memory only
 *   G  general register (ModRM.reg)               Z  general register in the opcode (`+r`)
 *   V  XMM register (ModRM.reg)                   W  XMM register or memory (rm)   U  XMM register only (rm)
 *   P  MMX register (ModRM.reg)   Q  MMX register or memory (rm)   N  MMX register only (rm)   STi  x87 stack register (rm)
 *   S  segment register, C  control, D  debug register (reg)
 *   I  immediate   J  relative branch   O  memory at an absolute offset   A  far pointer in the instruction
 *   X  memory at data segment:rSI   Y  memory at ES:rDI
 *   `Rv/Mw`: one operand, register or memory with sizes of their own (also `Udq/Mq`).
 *   A name: AL CL DL .. (fixed byte registers), AX DX .., eAX .. (2 or 4 bytes by operand size), rAX .. (2, 4, 8), ES CS SS DS FS GS, XMM0, ST0, 1, 3.
 *   sizes: b 1, w 2, d 4, q 8, dq ps pd 16, ss 4, sd 8; v 2/4/8 by operand size; z 2/4/4; y 4/4/8; p far pointer in memory (v + 2 bytes),
 *   t 10; env, sav: the x87 environment (14 or 28 bytes by operand size) and that with the registers (94, 108); xs: an XSAVE area.
 *   s descriptor-table pseudo-descriptor (6, or 10 in 64-bit mode), a two words of the operand size (BOUND), fx 512; none: address only (M) .
 *   Ib is zero-extended, Ibs sign-extended to the operand size, Iz sign-extended to 8 when the operand size is 8, Iw zero-extended, Iv of all sizes.
 * flags
 *   [i64] not in 64-bit mode          [o64] only in 64-bit mode
 *   [d64] operand size 8 by default in 64-bit mode, 2 with 66     [f64] always 8 in 64-bit mode
 *   [op16] [op32] [op64] only with that operand size    [a16] [a32] [a64] only with that address size
 *   [mem] [reg] only with ModRM.mod other than 3, or 3 (for encodings without an operand that says so)
 *   [lock] the memory form is atomic without a prefix (XCHG)
 *   [unaligned] a 16-byte memory operand need not be aligned (MOVUPS)
 *   [pop] a memory operand based on rSP is addressed after rSP has grown by the operand size (POP Ev)
 *   [anymod] ModRM.mod is taken as 3, whatever it is (MOV of control and debug registers)
 *   [rexb0] not with REX.B (NOP, which is an exchange of r8 then)
 *   [rare] one generic form is enough, speed does not matter
 *   [cpl0] privileged; for lists and the recorder, the meaning checks it
 *   [noasm] not chosen by the assembler (redundant encodings)
 */
export class EncodingError extends Error {
  override name = "EncodingError";
}

/** Operands of these sizes are written without a size. */
export const UNWRITTEN_SIZES: ReadonlySet<SizeCode> = new Set(["", "s", "a", "fx", "env", "sav", "xs"]);

/** Sizes as in the notation above; "" is an address without a size. */
export type SizeCode =
  | ""
  | "b"
  | "w"
  | "d"
  | "q"
  | "v"
  | "z"
  | "y"
  | "p"
  | "s"
  | "a"
  | "dq"
  | "ps"
  | "pd"
  | "ss"
  | "sd"
  | "fx"
  | "t"
  | "env"
  | "sav"
  | "xs";

const SIZE_CODES = new Set([
  "",
  "b",
  "w",
  "d",
  "q",
  "v",
  "z",
  "y",
  "p",
  "s",
  "a",
  "dq",
  "ps",
  "pd",
  "ss",
  "sd",
  "fx",
  "t",
  "env",
  "sav",
  "xs",
]);
const FIXED_SIZES: Partial<Record<SizeCode, number>> = {
  "": 0,
  b: 1,
  w: 2,
  d: 4,
  q: 8,
  dq: 16,
  ps: 16,
  pd: 16,
  ss: 4,
  sd: 8,
  fx: 512,
  t: 10,
  xs: 576,
};

/** Bytes of a size code at an operand size (2, 4, 8) in a mode. */
export function sizeInBytes(code: SizeCode, opSize: number, mode: number): number {
  switch (code) {
    case "v":
      return opSize;
    case "z":
      return opSize === 2 ? 2 : 4;
    case "y":
      return opSize === 8 ? 8 : 4;
    case "p":
      return opSize + 2;
    case "a":
      return opSize * 2;
    case "s":
      return mode === 64 ? 10 : 6;
    case "env":
      return opSize === 2 ? 14 : 28;
    case "sav":
      return opSize === 2 ? 94 : 108;
    default:
      return FIXED_SIZES[code]!;
  }
}

/** Where an operand's value or register number is found. */
export type Place =
  | "rm"
  | "reg"
  | "opcode"
  | "fixed"
  | "imm"
  | "const"
  | "rel"
  | "offset"
  | "far"
  | "source"
  | "destination";
export type RegisterFile = "gpr" | "xmm" | "mm" | "st" | "seg" | "cr" | "dr";

export interface OperandSpec {
  /** As written, "Ev". */
  readonly text: string;
  readonly place: Place;
  /** undefined for immediates and for what is memory only. */
  readonly file: RegisterFile | undefined;
  /** For place "rm": which of the two it can be. */
  readonly register: boolean;
  readonly memory: boolean;
  readonly size: SizeCode;
  /** Size when it is memory; equal to `size` unless written `Rv/Mw`. */
  readonly memorySize: SizeCode;
  /** Register number (place "fixed") or value (place "const"). */
  readonly value: number;
  /** Ibs: the byte is sign-extended to the operand size. */
  readonly signed: boolean;
}

export type MandatoryPrefix = "" | "NP" | "66" | "F3" | "F2";

export interface Encoding {
  /** The string it was parsed from. */
  readonly text: string;
  readonly prefix: MandatoryPrefix;
  /** 0: one byte; 1: 0F; 2: 0F 38; 3: 0F 3A */
  readonly map: number;
  readonly opcode: number;
  /** Register in the opcode's low three bits. */
  readonly plusR: boolean;
  readonly modrm: boolean;
  /** ModRM.reg that belongs to the opcode, or -1. */
  readonly extension: number;
  /** The whole ModRM byte when it is fixed, or -1. */
  readonly fixedModrm: number;
  readonly operands: readonly OperandSpec[];
  /** "E9 Jz", what remains of the text for the operands: "Ev,Gv". */
  readonly operandText: string;
  /** With ModRM: whether mod may be 3, or other than 3. */
  readonly register: boolean;
  readonly memory: boolean;
  /** Bits: 1 for 16 and 32-bit mode, 2 for 64-bit mode. */
  readonly modes: number;
  /** Operand sizes it exists with. */
  readonly opSizes: readonly number[];
  /** Whether anything about it depends on the operand size. */
  readonly sized: boolean;
  readonly addrSizes: readonly number[];
  /** Uses rSI, rDI or is told apart by the address size. */
  readonly addressed: boolean;
  /**
   * How 66 and REX.W make the operand size. "ignored": 66 does not, because it is part of the opcode or there are only y operands; "narrow": REX.W does not (z operands only); "mode": neither does.
   */
  readonly sizing: "normal" | "default64" | "forced64" | "ignored" | "narrow" | "mode";
  readonly flags: ReadonlySet<string>;
}

const FLAGS = new Set([
  "i64",
  "o64",
  "d64",
  "f64",
  "op16",
  "op32",
  "op64",
  "a16",
  "a32",
  "a64",
  "mem",
  "reg",
  "lock",
  "unaligned",
  "pop",
  "rexb0",
  "anymod",
  "rare",
  "cpl0",
  "noasm",
]);

const BYTE_REGISTERS = ["AL", "CL", "DL", "BL", "AH", "CH", "DH", "BH"];
const WORD_REGISTERS = ["AX", "CX", "DX", "BX", "SP", "BP", "SI", "DI"];
export const SEGMENT_NAMES = ["es", "cs", "ss", "ds", "fs", "gs"] as const;

const operand = (text: string, place: Place, rest: Partial<OperandSpec>): OperandSpec => ({
  text,
  place,
  file: undefined,
  register: false,
  memory: false,
  size: "",
  memorySize: rest.size ?? "",
  value: 0,
  signed: false,
  ...rest,
});

function fixedOperand(text: string): OperandSpec | undefined {
  if (text === "1" || text === "3") return operand(text, "const", { size: "b", value: Number(text) });
  if (text === "XMM0") return operand(text, "fixed", { file: "xmm", register: true, size: "dq" });
  if (text === "ST0") return operand(text, "fixed", { file: "st", register: true, size: "t" });
  if (text === "STi") return operand(text, "rm", { file: "st", register: true, size: "t" });
  const segment = SEGMENT_NAMES.indexOf(text.toLowerCase() as "es");
  if (segment >= 0) return operand(text, "fixed", { file: "seg", register: true, size: "w", value: segment });
  const byte = BYTE_REGISTERS.indexOf(text);
  const register = (size: SizeCode, value: number) =>
    operand(text, "fixed", { file: "gpr", register: true, size, value });
  if (byte >= 0) return register("b", byte < 4 ? byte : byte + 12);
  const word = WORD_REGISTERS.indexOf(text.slice(-2));
  if (word < 0) return undefined;
  if (text.length === 2) return register("w", word);
  if (text.length === 3 && text[0] === "e") return register("z", word);
  if (text.length === 3 && text[0] === "r") return register("v", word);
  return undefined;
}

function sizeCode(text: string, whole: string): SizeCode {
  if (!SIZE_CODES.has(text)) throw new EncodingError(`${whole}: unknown operand size ${text}`);
  return text as SizeCode;
}

function parseOperand(text: string, whole: string): OperandSpec {
  const fixed = fixedOperand(text);
  if (fixed) return fixed;
  const slash = text.indexOf("/");
  if (slash > 0) {
    const register = parseOperand(text.slice(0, slash), whole);
    const memory = parseOperand(text.slice(slash + 1), whole);
    if (
      register.place !== "rm" || !register.register || register.memory || memory.register || !memory.memory
    ) {
      throw new EncodingError(`${whole}: ${text} is not register/memory`);
    }
    return { ...register, text, memory: true, memorySize: memory.size };
  }
  const letter = text[0];
  const signed = letter === "I" && text === "Ibs";
  const size = sizeCode(signed ? "b" : text.slice(1), whole);
  const make = (place: Place, file?: RegisterFile, register = false, memory = false) =>
    operand(text, place, { file, register, memory, size, signed });
  switch (letter) {
    case "E":
      return make("rm", "gpr", true, true);
    case "R":
      return make("rm", "gpr", true);
    case "M":
      return make("rm", undefined, false, true);
    case "W":
      return make("rm", "xmm", true, true);
    case "U":
      return make("rm", "xmm", true);
    case "Q":
      return make("rm", "mm", true, true);
    case "N":
      return make("rm", "mm", true);
    case "P":
      return make("reg", "mm", true);
    case "G":
      return make("reg", "gpr", true);
    case "V":
      return make("reg", "xmm", true);
    case "S":
      return make("reg", "seg", true);
    case "C":
      return make("reg", "cr", true);
    case "D":
      return make("reg", "dr", true);
    case "Z":
      return make("opcode", "gpr", true);
    case "I":
      return make("imm");
    case "J":
      return make("rel");
    case "O":
      return make("offset", undefined, false, true);
    case "A":
      return make("far");
    case "X":
      return make("source", undefined, false, true);
    case "Y":
      return make("destination", undefined, false, true);
    default:
      throw new EncodingError(`${whole}: unknown operand ${text}`);
  }
}

const OPCODE_BYTE = /^[0-9A-F]{2}(\+r)?$/;
const DEPENDS_ON_SIZE = new Set(["v", "z", "y", "p", "a", "env", "sav"]);
const DEPENDS_ON_W = new Set(["v", "y", "p", "a", "env", "sav"]);
const DEPENDS_ON_66 = new Set(["v", "z", "p", "a", "env", "sav"]);

/** Throws EncodingError. */
export function parseEncoding(text: string): Encoding {
  const flags = new Set<string>();
  const words: string[] = text.replaceAll(/\[(\w+)\]/g, (_, flag: string) => {
    if (!FLAGS.has(flag)) throw new EncodingError(`${text}: unknown flag ${flag}`);
    flags.add(flag);
    return "";
  }).trim().split(/\s+/);
  let prefix: MandatoryPrefix = "";
  if (words[0] === "NP" || (/^(66|F3|F2)$/.test(words[0]) && OPCODE_BYTE.test(words[1] ?? ""))) {
    prefix = words.shift() as MandatoryPrefix;
  }
  let map = 0;
  let code = words.shift() ?? "";
  if (code === "0F" && words.length > 0) {
    map = 1;
    code = words.shift()!;
    if ((code === "38" || code === "3A") && OPCODE_BYTE.test(words[0] ?? "")) {
      map = code === "38" ? 2 : 3;
      code = words.shift()!;
    }
  }
  if (!OPCODE_BYTE.test(code)) throw new EncodingError(`${text}: no opcode`);
  let extension = -1;
  let fixedModrm = -1;
  let modrm = false;
  if (words.length > 0 && OPCODE_BYTE.test(words[0])) {
    fixedModrm = parseInt(words.shift()!, 16);
    extension = fixedModrm >> 3 & 7;
    modrm = true;
  } else if (words.length > 0 && /^\/[r0-7]$/.test(words[0])) {
    const which = words.shift()!;
    modrm = true;
    if (which !== "/r") extension = Number(which[1]);
  }
  if (words.length > 1) throw new EncodingError(`${text}: ${words[1]} is left over`);
  const operandText = words[0] ?? "";
  const operands = operandText === "" ? [] : operandText.split(",").map((one) => parseOperand(one, text));
  const inModrm = operands.filter((one) => one.place === "rm" || one.place === "reg");
  if (inModrm.length > 0 && !modrm) throw new EncodingError(`${text}: operands need /r or /n`);
  if (inModrm.some((one) => one.place === "reg") && extension >= 0) {
    throw new EncodingError(`${text}: the reg field is used twice`);
  }
  const rm = operands.find((one) => one.place === "rm");
  const plusR = code.endsWith("+r");
  if (plusR !== operands.some((one) => one.place === "opcode")) {
    throw new EncodingError(`${text}: +r and Z go together`);
  }
  const sizes = [2, 4, 8].filter((size) => flags.has(`op${size * 8}`));
  const addresses = [2, 4, 8].filter((size) => flags.has(`a${size * 8}`));
  const depends = (codes: ReadonlySet<string>) =>
    operands.some((one) =>
      codes.has(one.size) || codes.has(one.memorySize) || one.signed || one.place === "rel"
    );
  const onlyY = depends(DEPENDS_ON_SIZE) && !depends(DEPENDS_ON_66);
  const onlyZ = depends(DEPENDS_ON_SIZE) && !depends(DEPENDS_ON_W) &&
    !operands.some((one) => one.place === "rel");
  const ignores66 = prefix === "66" || prefix === "NP" || onlyY;
  return {
    text,
    prefix,
    map,
    opcode: parseInt(code, 16),
    plusR,
    modrm,
    extension,
    fixedModrm,
    operands,
    operandText,
    register: modrm && !flags.has("mem") && (fixedModrm < 0 ? rm?.register ?? true : fixedModrm >= 0xc0),
    memory: modrm && !flags.has("reg") && (fixedModrm < 0 ? rm?.memory ?? true : fixedModrm < 0xc0),
    modes: flags.has("i64") ? 1 : flags.has("o64") ? 2 : 3,
    opSizes: sizes.length > 0 ? sizes : [2, 4, 8],
    sized: sizes.length > 0 || flags.has("d64") || flags.has("f64") ||
      operands.some((one) =>
        DEPENDS_ON_SIZE.has(one.size) || DEPENDS_ON_SIZE.has(one.memorySize) || one.signed ||
        one.place === "rel"
      ),
    addrSizes: addresses.length > 0 ? addresses : [2, 4, 8],
    addressed: addresses.length > 0 ||
      operands.some((one) => one.place === "source" || one.place === "destination"),
    sizing: flags.has("f64")
      ? onlyY ? "mode" : "forced64"
      : flags.has("d64")
      ? "default64"
      : ignores66
      ? "ignored"
      : onlyZ
      ? "narrow"
      : "normal",
    flags,
  };
}

/** The operand size that prefixes make in a mode. */
export function operandSize(
  sizing: Encoding["sizing"],
  mode: number,
  prefix66: boolean,
  rexW: boolean,
): number {
  if (sizing === "mode") return mode === 64 ? 8 : 4;
  if (mode !== 64) {
    if (sizing === "ignored") return 4;
    return (mode === 32) !== prefix66 ? 4 : 2;
  }
  if (sizing === "forced64") return 8;
  if (rexW && sizing !== "narrow") return 8;
  if (sizing === "ignored") return 4;
  return prefix66 ? 2 : sizing === "default64" ? 8 : 4;
}
