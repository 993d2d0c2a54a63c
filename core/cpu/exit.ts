/**
 * Why the engine came back to its caller. What is pure CPU work is finished inside core/cpu and never appears here.
 *
 * `ctx.rip` is at the instruction that exited, `ctx.nextRip` is the one after it, nothing of the instruction has been done and it is
 * not counted as retired: emulate it and call `engine.complete(ctx)`, or raise a fault. BUDGET, KICK, TRAP_STEP and BREAKPOINT stand between
 * instructions: rip is the next one to run.
 */
import { type ExitName, exits } from "../isa/exits.ts";

const engineReasons = {
  /** Go on: what a helper returns when nothing is to be told. Never returned by `run`. */
  NONE: 0,
  /** The budget is used up exactly. */
  BUDGET: 1,
  /** Another thread set `ctx.kick`. exitInfo = the bits that were set, already cleared. */
  KICK: 2,
  /** An exception: faultVector, faultErrorCode, faultHasError, faultAddress (#PF). */
  FAULT: 3,
  /** #DB is due: an instruction has retired that began with TF set or met a data breakpoint, or an instruction breakpoint is at rip. exitInfo = DR6's bits. */
  TRAP_STEP: 4,
  /** `hooks.foreign` asked to leave: exitInfo = what it returned. The instruction has not been done. */
  FOREIGN: 5,
  /** A debugger's breakpoint is at rip (see breakpoints.ts); the instruction has not been done. */
  BREAKPOINT: 6,
} as const;

/** Reasons that never leave the engine. */
export const Internal = {
  /** ctx.rip has no decoded code yet, or its execute translation is missing. */
  NEED_CODE: 8,
  /** The instruction would write where code was decoded: drop that code, then run it. */
  CODE_WRITE: 9,
  /** The second half of a page-straddling instruction is not what was decoded. */
  STRADDLE: 10,
  /** A locked access that wasm has no atomic for: run it with every other vCPU of the domain stopped. */
  EXCLUSIVE: 11,
  /** The end record behind a stepped instruction. */
  STEPPED: 12,
} as const;

/** The first reason that is an instruction's. */
const FIRST = 16;

/** The reasons of core/isa/exits.ts in upper case (HLT, CPUID, SEGLOAD...), whose words it documents, and the engine's own. */
export const ExitReason = {
  ...engineReasons,
  ...Object.fromEntries(Object.keys(exits).map((name, i) => [name.toUpperCase(), FIRST + i])),
} as typeof engineReasons & { readonly [N in Uppercase<ExitName>]: number };
export type ExitReason = number;

/** The number of an instruction's reason. */
export function exitNumber(name: ExitName): number {
  return ExitReason[name.toUpperCase() as Uppercase<ExitName>];
}

const names: string[] = [];
for (const [name, value] of [...Object.entries(ExitReason), ...Object.entries(Internal)]) {
  names[value] = name;
}

/** For messages and counters. */
export function exitName(reason: number): string {
  return names[reason] ?? `exit ${reason}`;
}

/** How many exit counters a context has. */
export const EXIT_COUNTERS = 96;

/** Exception vectors (AMD64 APM volume 2, table 8-1). */
export const Vector = {
  DE: 0,
  DB: 1,
  NMI: 2,
  BP: 3,
  OF: 4,
  BR: 5,
  UD: 6,
  NM: 7,
  DF: 8,
  TS: 10,
  NP: 11,
  SS: 12,
  GP: 13,
  PF: 14,
  MF: 16,
  AC: 17,
  MC: 18,
  XM: 19,
} as const;
