/**
 * Reasons for which an instruction leaves the generated code, each with its words: info (i32), value and second (i64).
 * core/cpu numbers them and adds those that are no instruction's (budget, kick, fault). Sizes are in bytes; "opSize" where the
 * host cannot know it otherwise. Segment numbers: es 0, cs 1, ss 2, ds 3, fs 4, gs 5.
 */
export const exits = {
  hlt: "",
  cpuid: "",
  rdtsc: "",
  rdtscp: "",
  rdpmc: "",
  rdmsr: "",
  wrmsr: "",
  syscall: "",
  sysret: "info: opSize",
  sysenter: "",
  sysexit: "info: opSize",
  /** Software interrupts: RIP of the frame is nextRip. */
  int: "info: vector",
  int3: "",
  into: "",
  int1: "",
  iret: "info: opSize | stackSize << 8",
  /** CLI and STI after the IOPL check: the host changes IF (and holds interrupts back for one instruction after STI). */
  cli: "",
  sti: "",
  in: "info: port | size << 16. Result to AL, AX or EAX",
  out: "info: port | size << 16; value: what is written",
  /**
   * One iteration: the host reads or writes the port, moves rDI or rSI, and, repeated, decrements rCX and completes the instruction when it is zero
   * (left at its RIP it comes back for the next). A repetition whose rCX is zero does not exit.
   */
  ins: "info: port | size << 16 | addrSize << 24 | repeated << 31; ES:rDI is writable",
  outs: "info: port | size << 16 | addrSize << 24 | repeated << 31; value: what is written",
  /**
   * Load of a segment register other than CS. info: segment | bytes to add to rSP << 8 (POP) | stackSize << 16 (POP), value: selector.
   */
  segload: "info: segment | popped << 8 | stackSize << 16; value: selector",
  /** LES LDS LFS LGS LSS. */
  farload: "info: segment | register << 8 | size << 16; value: selector; second: offset",
  farjmp: "info: opSize; value: selector; second: offset",
  farcall: "info: opSize | stackSize << 8; value: selector; second: offset",
  retf: "info: opSize | stackSize << 8 | bytes to release << 16",
  movfromcr: "info: cr | register << 8 | size << 16",
  movtocr: "info: cr | register << 8 | size << 16; value: what is written",
  movfromdr: "info: dr | register << 8 | size << 16",
  movtodr: "info: dr | register << 8 | size << 16; value: what is written",
  clts: "",
  lmsw: "value: machine status word",
  invd: "",
  wbinvd: "",
  invlpg: "value: linear address",
  lgdt: "info: limit; value: base",
  lidt: "info: limit; value: base",
  lldt: "value: selector",
  ltr: "value: selector",
  /** LAR, LSL, VERR, VERW: descriptor lookups. */
  lar: "info: register | size << 8; value: selector",
  lsl: "info: register | size << 8; value: selector",
  verr: "value: selector",
  verw: "value: selector",
  arpl: "",
  vmcall: "",
  vmmcall: "",
  swapgs: "",
  xgetbv: "",
  xsetbv: "",
  monitor: "value: linear address",
  mwait: "",
  rsm: "",
} as const;

export type ExitName = keyof typeof exits;
