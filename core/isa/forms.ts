/**
 * Every form of every instruction: an encoding with operand size, operand kinds, LOCK and REP, address, stack and mode where they matter. A
 * form is what the interpreter has a handler for and what the vectors cover. Numbers follow the order of description and are stable within one build;
 * ids are stable across builds.
 */
import {
  type Encoding,
  operandSize,
  type OperandSpec,
  type RegisterFile,
  SEGMENT_NAMES,
  sizeInBytes,
} from "./encoding.ts";
import { type Access, type Instruction, instructions } from "./instruction.ts";

export interface FormOperand {
  /** As Operand.kind in meaning.ts. */
  readonly kind: "reg" | "mem" | "imm" | "rel" | "xmm" | "mm" | "st" | "seg" | "cr" | "dr";
  /** Bytes; 0: address only. */
  readonly size: number;
  readonly access: Access;
  /** Which register file, for the kinds that have one. */
  readonly file: RegisterFile | undefined;
  /**
   * Register: `Decoded.registers[i]`, i being the position of the operand; "fixed": always `number`. Memory: "modrm" (Decoded's base, index, ...), "source" (segment:rSI),
   * "destination" (ES:rDI). Immediate: "first", "second", or "fixed" (always `number`; Decoded.immediate has it too).
   */
  readonly from: "decoded" | "fixed" | "modrm" | "source" | "destination" | "first" | "second";
  readonly number: number;
  readonly spec: OperandSpec;
}

export interface Form {
  readonly number: number;
  /** `add Ev,Gv o32 mem lock` */
  readonly id: string;
  readonly instruction: Instruction;
  readonly encoding: Encoding;
  /** Bytes, or 0 where the form does not depend on it; likewise addrSize and stackSize. */
  readonly opSize: number;
  readonly addrSize: number;
  readonly stackSize: number;
  /** 16, 32 or 64, or 0 where the form does not depend on it. */
  readonly mode: number;
  /** The modes it occurs in. */
  readonly modes: readonly number[];
  /** ModRM names memory. */
  readonly memory: boolean;
  /** Done atomically: LOCK, or XCHG with memory. */
  readonly lock: boolean;
  readonly rep: "none" | "rep" | "repne";
  readonly operands: readonly FormOperand[];
}

export const MODES = [16, 32, 64] as const;
export const SIZES = [2, 4, 8] as const;
const REPS = ["none", "rep", "repne"] as const;

function formOperands(
  instruction: Instruction,
  encoding: Encoding,
  memory: boolean,
  opSize: number,
  mode: number,
): FormOperand[] {
  const made: FormOperand[] = [];
  let immediates = 0;
  const add = (
    spec: OperandSpec,
    kind: FormOperand["kind"],
    from: FormOperand["from"],
    size: number,
    number = 0,
  ) => {
    const fallback = made.length === 0 && kind !== "imm" && kind !== "rel" ? "rw" : "r";
    const access = instruction.access?.[made.length] ?? fallback;
    const file = kind === "reg"
      ? "gpr"
      : kind === "mem" || kind === "imm" || kind === "rel"
      ? undefined
      : kind;
    made.push({ kind, size, access, file, from, number, spec });
  };
  const immediate = (spec: OperandSpec, size: number) =>
    add(spec, "imm", immediates++ === 0 ? "first" : "second", size);
  for (const spec of encoding.operands) {
    const size = sizeInBytes(spec.size, opSize, mode);
    const kind = spec.file === "gpr" ? "reg" : spec.file ?? "mem";
    switch (spec.place) {
      case "rm":
        if (memory) add(spec, "mem", "modrm", sizeInBytes(spec.memorySize, opSize, mode));
        else add(spec, kind, "decoded", size);
        break;
      case "reg":
      case "opcode":
        add(spec, kind, "decoded", size);
        break;
      case "fixed":
        add(spec, kind, "fixed", size, spec.value);
        break;
      case "offset":
        add(spec, "mem", "modrm", size);
        break;
      case "source":
      case "destination":
        add(spec, "mem", spec.place, size);
        break;
      case "const":
        immediates++;
        add(spec, "imm", "fixed", size, spec.value);
        break;
      case "rel":
        immediates++;
        add(spec, "rel", "first", opSize);
        break;
      case "far":
        immediate(spec, opSize);
        immediate(spec, 2);
        break;
      case "imm":
        // Sign-extended immediates have the size of what they are combined with.
        immediate(spec, spec.signed ? opSize : spec.size === "z" ? opSize : size);
        break;
    }
  }
  return made;
}

/** Stack sizes possible in a mode. */
const stackSizes = (mode: number): readonly number[] => mode === 64 ? [8] : [2, 4];
const addressSizes = (mode: number): readonly number[] => mode === 64 ? [4, 8] : [2, 4];

/** Operand sizes that prefixes can make in a mode. */
function operandSizes(encoding: Encoding, mode: number): number[] {
  const made = new Set<number>();
  for (const prefix66 of [false, true]) {
    for (const rexW of mode === 64 ? [false, true] : [false]) {
      made.add(operandSize(encoding.sizing, mode, prefix66, rexW));
    }
  }
  return SIZES.filter((size) => made.has(size) && encoding.opSizes.includes(size));
}

type Building = { -readonly [K in keyof Form]: Form[K] } & { modes: number[] };

function formsOf(instruction: Instruction, encoding: Encoding): Building[] {
  const made = new Map<string, Building>();
  const modal = instruction.modal || encoding.operands.some((one) => one.size === "s");
  // How much is pushed depends on the operand size whatever the operands are.
  const sized = encoding.sized || instruction.stack === true;
  const addressed = instruction.addressed || encoding.addressed;
  const reps = instruction.repeat === "while"
    ? REPS
    : instruction.repeat === "rep"
    ? REPS.slice(0, 2)
    : ["none" as const];
  const kinds = encoding.modrm
    ? [false, true].filter((m) => m ? encoding.memory : encoding.register)
    : [false];
  for (const mode of MODES) {
    if ((encoding.modes & (mode === 64 ? 2 : 1)) === 0) continue;
    for (const opSize of operandSizes(encoding, mode)) {
      for (const memory of kinds) {
        const lockable = instruction.lockable === true && memory && encoding.operands[0].place === "rm";
        const locks = encoding.flags.has("lock") && memory ? [true] : lockable ? [false, true] : [false];
        for (const lock of locks) {
          for (const rep of reps) {
            for (const addrSize of addressed ? addressSizes(mode) : [0]) {
              if (addrSize !== 0 && !encoding.addrSizes.includes(addrSize)) continue;
              for (const stackSize of instruction.stack ? stackSizes(mode) : [0]) {
                const marks = [instruction.name];
                if (encoding.operandText) marks.push(encoding.operandText);
                if (sized) marks.push(`o${opSize * 8}`);
                if (encoding.modrm && encoding.memory && encoding.register) {
                  marks.push(memory ? "mem" : "reg");
                }
                if (addrSize) marks.push(`a${addrSize * 8}`);
                if (stackSize) marks.push(`s${stackSize * 8}`);
                if (modal) marks.push(`m${mode}`);
                if (lock && lockable) marks.push("lock");
                if (rep !== "none") marks.push(rep);
                const id = marks.join(" ");
                const known = made.get(id);
                if (known) {
                  if (!known.modes.includes(mode)) known.modes.push(mode);
                  continue;
                }
                made.set(id, {
                  number: 0,
                  id,
                  instruction,
                  encoding,
                  opSize: sized ? opSize : 0,
                  addrSize,
                  stackSize,
                  mode: modal ? mode : 0,
                  modes: [mode],
                  memory,
                  lock,
                  rep,
                  operands: formOperands(instruction, encoding, memory, opSize, mode),
                });
              }
            }
          }
        }
      }
    }
  }
  return [...made.values()];
}

let all: Form[] | undefined;

/** All forms, in order of number. Import mod.ts first, which registers every description. */
export function forms(): readonly Form[] {
  if (all) return all;
  const ids = new Set<string>();
  const made: Form[] = [];
  for (const instruction of instructions()) {
    for (const encoding of instruction.parsed) {
      for (const form of formsOf(instruction, encoding)) {
        // Redundant encodings of one form are told apart by their opcode.
        if (ids.has(form.id)) form.id += ` (${opcodeText(encoding)})`;
        if (ids.has(form.id)) throw new Error(`two forms are called ${form.id}`);
        ids.add(form.id);
        form.number = made.length;
        made.push(form);
      }
    }
  }
  return all = made;
}

function opcodeText(encoding: Encoding): string {
  const bare = encoding.text.replaceAll(/\s*\[\w+\]/g, "");
  return bare.slice(0, bare.length - encoding.operandText.length).trim();
}

/** What the assembler and disassembler call a register: its name at a size. Numbers as in meaning.ts (16..19: AH CH DH BH). */
export function registerName(file: RegisterFile, number: number, size: number): string {
  switch (file) {
    case "xmm":
      return `xmm${number}`;
    case "mm":
      return `mm${number}`;
    case "st":
      return `st${number}`;
    case "seg":
      return SEGMENT_NAMES[number];
    case "cr":
      return `cr${number}`;
    case "dr":
      return `dr${number}`;
    case "gpr":
      return GENERAL[size][number];
  }
}

const LEGACY = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"];
const EXTENDED = [8, 9, 10, 11, 12, 13, 14, 15];
const GENERAL: Readonly<Record<number, readonly string[]>> = {
  1: [
    "al",
    "cl",
    "dl",
    "bl",
    "spl",
    "bpl",
    "sil",
    "dil",
    ...EXTENDED.map((n) => `r${n}b`),
    "ah",
    "ch",
    "dh",
    "bh",
  ],
  2: [...LEGACY, ...EXTENDED.map((n) => `r${n}w`)],
  4: [...LEGACY.map((name) => `e${name}`), ...EXTENDED.map((n) => `r${n}d`)],
  8: [...LEGACY.map((name) => `r${name}`), ...EXTENDED.map((n) => `r${n}`)],
};
