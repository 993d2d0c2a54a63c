/** Debugging of domains: where they stop (pCPUs), and who stops them (main thread). */
export * from "./debugger.ts";
export type { DebugRegister } from "./registers.ts";
export type { DebugStop } from "./stop.ts";
