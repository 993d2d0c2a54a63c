/** Event channels (2-level ABI): channels.ts their states and operations, pending.ts the bits that guests see. @module */
export * from "./channels.ts";
export * from "./pending.ts";
