/** Grant tables, version 1: table.ts the entries, map.ts mappings, copy.ts copies, dom0.ts Domain-0's, pin.ts what all of them hold, foreign.ts the CPU's way to mapped frames. @module */
export * from "./copy.ts";
export * from "./dom0.ts";
export * from "./error.ts";
export * from "./foreign.ts";
export * from "./map.ts";
export * from "./table.ts";
