/** One description an instruction: what a file in instructions/ is made of, and the registry that everything else is built from. */
import { type Encoding, parseEncoding } from "./encoding.ts";
import type { Machine, Operand } from "./meaning.ts";

/** How an operand is used. "" : only its address (LEA), or an operand that is only printed. */
export type Access = "r" | "w" | "rw" | "";

/**
 * How the instruction continues. undefined: at the next instruction (it may fault). All others end a block.
 * "branch": conditional relative jump; "jump", "call", "return": near transfers; "leave": may or does exit to the host, or changes
 * what later instructions mean.
 */
export type FlowKind = "branch" | "jump" | "call" | "return" | "leave";

/** What a conformance test knows about one execution, to say which flags are undefined. */
export interface UndefinedCase {
  /** Operand size in bytes of the first operand. */
  readonly size: number;
  /** Operand values before the instruction, zero-extended, in the order of the encoding. */
  readonly values: readonly bigint[];
}

/** Letters: O S Z A P C (status), D I T N (direction, interrupt, trap, nested task), L (IOPL), K (AC), V (ID). */
export interface FlagEffects {
  /** Written by every execution that completes (a value or an undefined one). */
  readonly writes?: string;
  /** Written by some executions only (shift counts of zero): does not make an earlier write dead. */
  readonly mayWrite?: string;
  readonly reads?: string;
  /** Which of the written ones have no defined value. */
  readonly undefined?: string | ((known: UndefinedCase) => string);
}

export interface InstructionSpec {
  /** See encoding.ts. */
  readonly encodings: readonly string[];
  /** One for each operand; default: "rw" for the first (when it is no immediate), "r" for the others. */
  readonly access?: readonly Access[];
  /** LOCK is allowed when the first operand is memory. */
  readonly lockable?: boolean;
  /**
   * String instructions: the meaning is one iteration, the Machine repeats it. "rep": F2 and F3 both repeat rCX times; "while": F3 repeats while
   * ZF is set, F2 while it is clear.
   */
  readonly repeat?: "rep" | "while";
  readonly flags?: FlagEffects;
  readonly flow?: FlowKind;
  /** Uses the stack: a form for each stack size. */
  readonly stack?: boolean;
  /** Depends on the address size other than through a memory operand: a form for each address size. */
  readonly addressed?: boolean;
  /** Depends on the mode of the code: a form for each mode. */
  readonly modal?: boolean;
  /** Other names the assembler takes ("jz"). */
  readonly aliases?: readonly string[];
  /** CPUID feature it belongs to ("sse2", "popcnt"); none: always there. */
  readonly feature?: string;
  /** Bytes of the memory operand, [from, to), that differ between processors (FXSAVE's MXCSR_MASK): masked by the conformance test. */
  readonly openBytes?: readonly [number, number];
  /** x87 results that the processor rounds its own way: one in the last place, and C1, may differ from the recording. */
  readonly approximate?: boolean;
  /** Why no vectors can be recorded for it at user level ("privileged", "leaves to the host"), shown by the conformance test. */
  readonly unrecorded?: string;
  meaning(m: Machine, ...operands: Operand[]): void;
}

export interface Instruction extends InstructionSpec {
  /** The mnemonic, lower case. */
  readonly name: string;
  readonly parsed: readonly Encoding[];
}

const registry: Instruction[] = [];

/** Describes an instruction and registers it. Throws an EncodingError for a string outside the grammar. */
export function instruction(name: string, spec: InstructionSpec): Instruction {
  const made: Instruction = { ...spec, name, parsed: spec.encodings.map((text) => parseEncoding(text)) };
  registry.push(made);
  return made;
}

/** All descriptions, in the order of their definition. */
export function instructions(): readonly Instruction[] {
  return registry;
}

/** Condition codes 0..15 in the order of their encoding: first name, then other names. */
export const conditions: readonly (readonly string[])[] = [
  ["o"],
  ["no"],
  ["b", "c", "nae"],
  ["ae", "nc", "nb"],
  ["e", "z"],
  ["ne", "nz"],
  ["be", "na"],
  ["a", "nbe"],
  ["s"],
  ["ns"],
  ["p", "pe"],
  ["np", "po"],
  ["l", "nge"],
  ["ge", "nl"],
  ["le", "ng"],
  ["g", "nle"],
];

/** Status flags that each condition reads. */
export const conditionReads: readonly string[] = [
  "O",
  "O",
  "C",
  "C",
  "Z",
  "Z",
  "CZ",
  "CZ",
  "S",
  "S",
  "P",
  "P",
  "SO",
  "SO",
  "SZO",
  "SZO",
];
