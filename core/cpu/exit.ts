/**
 * Why the engine came back to its caller. What is pure CPU work is finished inside core/cpu and never appears here.
 *
 * Unless a comment says otherwise `ctx.rip` is at the instruction that exited, `ctx.nextRip` is the one after it, nothing of
 * the instruction has been done and it is not counted as retired: emulate it and call `engine.complete(ctx)`, or raise a fault.
 */
export const ExitReason = {
  /** No exit: also what a handler-level helper returns for "go on". */
  NONE: 0,
  /** The budget is used up exactly; rip is the next instruction to run. */
  BUDGET: 1,
  /** Another thread set `ctx.kick`. rip is the next instruction to run; exitInfo = the bits that were set, already cleared. */
  KICK: 2,
  /** An exception: faultVector, faultErrorCode, faultHasError, faultAddress (for #PF). rip at the faulting instruction. */
  FAULT: 3,
  /** exitInfo = vector, nextRip = where the handler returns to. */
  INT: 4,
  INT3: 5,
  INTO: 6,
  /** INT1 / ICEBP (F1). */
  INT1: 7,
  SYSCALL: 8,
  SYSRET: 9,
  SYSENTER: 10,
  SYSEXIT: 11,
  HLT: 12,
  CPUID: 13,
  RDTSC: 14,
  RDTSCP: 15,
  RDPMC: 16,
  RDMSR: 17,
  WRMSR: 18,
  /** exitInfo: port operand in bits 0-7 when bit 16 is set (immediate form; else DX); bits 8-15 = operand bytes 1, 2 or 4. */
  IN: 19,
  OUT: 20,
  /** String forms; exitInfo bits 8-15 = operand bytes, bit 17 = REP, bits 20-23 = address size in bytes, bits 24-26 = source segment (OUTS). */
  INS: 21,
  OUTS: 22,
  /** exitInfo bits 0-7 = general register, bits 8-15 = control register. */
  MOV_FROM_CR: 23,
  MOV_TO_CR: 24,
  /** exitInfo bits 0-7 = general register, bits 8-15 = debug register. */
  MOV_FROM_DR: 25,
  MOV_TO_DR: 26,
  CLTS: 27,
  /** exitInfo bits 0-15 = the value. */
  LMSW: 28,
  /** exitValue = linear address. */
  INVLPG: 29,
  INVD: 30,
  WBINVD: 31,
  /** exitValue = linear address of the 10-byte (6-byte) pseudo-descriptor, not yet read. */
  LGDT: 32,
  LIDT: 33,
  /** exitInfo bits 0-15 = selector. */
  LLDT: 34,
  LTR: 35,
  SWAPGS: 36,
  CLI: 37,
  STI: 38,
  /** POPF that would change IF or IOPL without the privilege is not an exit; this one is taken for TF or VM games only. */
  POPF: 39,
  /** IRET that leaves the current privilege level, or any IRET when ops do not handle it; exitInfo = operand bytes. */
  IRET: 40,
  /** MOV/POP to a segment register, LDS..: exitInfo bits 0-2 = segment (es cs ss ds fs gs), bits 16-31 = selector. */
  SEGMENT_LOAD: 41,
  /** Far transfers: exitInfo bits 0-15 = selector, bits 16-23 = operand bytes; exitValue = offset. */
  FAR_JUMP: 42,
  FAR_CALL: 43,
  /** exitInfo bits 0-15 = bytes to release beside the return address, bits 16-23 = operand bytes. */
  FAR_RETURN: 44,
  VMCALL: 45,
  VMMCALL: 46,
  MONITOR: 47,
  MWAIT: 48,
  XSETBV: 49,
  XGETBV: 50,
  RDRAND: 51,
  RDSEED: 52,
  /** Single step: the instruction has retired and TF was set when it began (#DB is due). rip is the next instruction. */
  TRAP_STEP: 53,
  INVPCID: 54,
  /** LAR, LSL, VERR, VERW: exitInfo bits 0-15 = selector, bits 16-19 = which (0..3), bits 20-27 = destination register, bits 28-31 = operand bytes. */
  SEGMENT_QUERY: 55,
  /** SGDT, SIDT, SLDT, STR, SMSW are done in wasm unless UMIP is on. */
  STORE_TABLE: 56,
  /** FXSAVE/FXRSTOR and the like when CR0.TS or CR0.EM forbid are FAULTs. Nothing else is emulated by the host. */
  /** `hooks.foreign` asked to leave: exitInfo = what it returned. */
  FOREIGN: 57,
  RSM: 58,
  WRFSBASE: 59,
} as const;
export type ExitReason = number;

/** Reasons that never leave the engine. */
export const Internal = {
  /** ctx.rip has no decoded code yet (or its execute translation is missing). */
  NEED_CODE: 64,
  /** The instruction would write where code was decoded: drop that code, then run it alone. */
  CODE_WRITE: 65,
  /** The second half of a page-straddling instruction changed. */
  STRADDLE: 66,
  /** A locked access that wasm has no atomic for: run it with every other vCPU of the domain stopped. */
  EXCLUSIVE: 67,
  /** The end record behind a single stepped instruction. */
  STEPPED: 68,
} as const;

const names: string[] = [];
for (const [name, value] of [...Object.entries(ExitReason), ...Object.entries(Internal)]) names[value] = name;

/** For messages and counters. */
export function exitName(reason: number): string {
  return names[reason] ?? `exit ${reason}`;
}

/** How many exit counters a context has. */
export const EXIT_COUNTERS = 80;

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
