/**
 * The x86 instruction set, described once: see meaning.ts for what a description is written against, instructions/ for the descriptions,
 * and encoding.ts for their notation. Importing this module registers all of them.
 */
import "./instructions/mod.ts";

export * from "./meaning.ts";
export * from "./instruction.ts";
export * from "./exits.ts";
export * from "./helpers.ts";
export * from "./encoding.ts";
export * from "./forms.ts";
export * from "./decoder.ts";
export * from "./arithmetic.ts";
export * from "./assembler.ts";
export * from "./disassembler.ts";
export * from "./liveness.ts";
