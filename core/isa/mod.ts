/** The x86 instruction set, described once. */
export * from "./meaning.ts";
export * from "./instruction.ts";
export * from "./exits.ts";
export * from "./helpers.ts";
export * from "./encoding.ts";
