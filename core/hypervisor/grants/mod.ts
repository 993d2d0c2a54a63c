/** Grant tables, version 1: table.ts the entries, map.ts mappings, copy.ts copies, foreign.ts the CPU's way to mapped frames. @module */
export * from "./copy.ts";
export * from "./foreign.ts";
export * from "./map.ts";
export * from "./table.ts";
