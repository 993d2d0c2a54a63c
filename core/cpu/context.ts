/**
 * The vCPU context: everything an x86 processor core keeps, in shared memory, declared once as data.
 * Any pCPU worker may run a context; only one does at a time. Handlers address it by `ctx + offset`.
 */

/** Bytes of one context in memory (a page: the tail is scratch for single stepping). */
export const CONTEXT_BYTES = 4096;

type FieldType = "i32" | "i64" | "v128" | "segment";
const SIZE: Record<FieldType, number> = { i32: 4, i64: 8, v128: 16, segment: 24 };
const ALIGN: Record<FieldType, number> = { i32: 4, i64: 8, v128: 16, segment: 8 };

type Spec = Record<string, FieldType | readonly [FieldType, number]>;

function place<const S extends Spec>(spec: S): { readonly [K in keyof S]: number } {
  const offsets: Record<string, number> = {};
  let at = 0;
  for (const [name, field] of Object.entries(spec)) {
    const [type, count]: readonly [FieldType, number] = typeof field === "string" ? [field, 1] : field;
    at = (at + ALIGN[type] - 1) & ~(ALIGN[type] - 1);
    offsets[name] = at;
    at += SIZE[type] * count;
  }
  if (at > STEP_RECORDS) {
    throw new RangeError(`the vCPU context takes ${at} bytes, more than ${STEP_RECORDS}`);
  }
  return offsets as { readonly [K in keyof S]: number };
}

/** Where single-stepped instructions are decoded to. */
export const STEP_RECORDS = 3072;

export const TWO_PAGES = 8192;

/** Field types. `segment` is {selector i32, attributes i32, limit i32, (padding), base i64}. */
export const CONTEXT_FIELDS = {
  /** rax rcx rdx rbx rsp rbp rsi rdi r8..r15 */
  gpr: ["i64", 16],
  /** Always 0: the base of an address that has none. */
  zero: "i64",
  /** Linear address of the page that is being executed: the base of RIP-relative addresses. Must follow `zero`. */
  codePage: "i64",
  /** Always 8192: the index of RIP-relative addresses whose displacement from the page does not fit in 32 bits. */
  twoPages: "i64",
  /** Lazy arithmetic flags, see flags in core/isa. */
  flagResult: "i64",
  flagAux: "i32",
  /** All of EFLAGS except the six lazy flags, which are 0 here; bit 1 is set. */
  eflags: "i32",
  /** Address of the current TLB's entries. */
  tlb: "i32",
  /** Set with atomics by any thread; tested at each block. Bit 31 is the engine's own, see KICK_ENGINE. */
  kick: "i32",
  /** Instructions left of the current budget. */
  left: "i32",
  /** See CodeMode: what decoded code depends on. */
  codeMode: "i32",
  rip: "i64",
  nextRip: "i64",
  /** 16, 32 or 64: the width that CS gives. */
  mode: "i32",
  cpl: "i32",
  exitReason: "i32",
  exitInfo: "i32",
  /** A 64-bit companion of exitInfo (an address, an offset). */
  exitValue: "i64",
  exitSecond: "i64",
  faultVector: "i32",
  faultErrorCode: "i32",
  faultHasError: "i32",
  /** Where a deliverable exit code of a slow path is left for the handler that called it. */
  pending: "i32",
  /** Linear address of a page fault (CR2's value; cr2 itself is written by whoever delivers the fault). */
  faultAddress: "i64",
  /** Instructions retired since the context was made. */
  retired: "i64",
  /** Machine frame number of the domain's local frame 0. */
  mfnBase: "i64",
  /** Frame of the current top-level page table. */
  rootMfn: "i64",
  /** Frames that page tables may name: guest frames and the hypervisor's reservations. */
  totalFrames: "i32",
  /** Odd while a worker executes this context's code in wasm. */
  epoch: "i32",
  /** Nonzero: addresses are translated. 4 = four-level (long mode). */
  pagingLevels: "i32",
  /** Index of the current space among the context's TLBs, and its SpaceMode. */
  space: "i32",
  spaceMode: "i32",
  /** Where block counters lie: counter of the block at rec is at profile + rec / 8 (profiling modules only). */
  profile: "i32",
  /** Kept states, see profile.ts. */
  snapshots: "i32",
  snapshotsEnd: "i32",
  /** Nonzero once a 2 MiB or 1 GiB page was translated since the last full flush. */
  largePages: "i32",
  /** The domain's frameInfo array and its code map for frames without code (layout.ts, code_cache.ts). */
  frameInfo: "i32",
  emptyMap: "i32",
  xmm: ["v128", 16],
  /** x87 room: eight 16-byte registers, then control words in FXSAVE's order. */
  x87: ["v128", 8],
  fcw: "i32",
  fsw: "i32",
  /** Abridged tag word of FXSAVE. */
  ftw: "i32",
  fop: "i32",
  fip: "i64",
  fdp: "i64",
  mxcsr: "i32",
  tscAux: "i32",
  /** Set by the owner of CR0: what SSE/x87 instructions test. */
  fpuDisabled: "i32",
  es: "segment",
  cs: "segment",
  ss: "segment",
  ds: "segment",
  fs: "segment",
  gs: "segment",
  /** No segment: base 0, the whole address space. What DS, ES, CS and SS are in 64-bit mode and in flat code. */
  flat: "segment",
  /** The same, for addresses based on rSP or rBP: a non-canonical one is #SS. */
  flatStack: "segment",
  ldtr: "segment",
  tr: "segment",
  gdtBase: "i64",
  idtBase: "i64",
  gdtLimit: "i32",
  idtLimit: "i32",
  cr0: "i64",
  cr2: "i64",
  cr3: "i64",
  cr4: "i64",
  cr8: "i64",
  xcr0: "i64",
  efer: "i64",
  dr: ["i64", 8],
  /** Nonzero: a breakpoint of DR7 is enabled. What the instruction met of them, as DR6 has it. See debug_registers.ts. */
  watching: "i32",
  debugHits: "i32",
  star: "i64",
  lstar: "i64",
  cstar: "i64",
  sfmask: "i64",
  kernelGsBase: "i64",
  sysenterCs: "i64",
  sysenterEsp: "i64",
  sysenterEip: "i64",
  pat: "i64",
  apicBase: "i64",
  /** Data of a page-crossing or foreign access on its way. */
  bounce: ["v128", 4],
  /** Where a bounced write goes: two parts, each a byte address, or an offset in a foreign frame (bits of bounceForeign). */
  bounceFirst: "i32",
  bounceSecond: "i32",
  /** Bytes in all and in the first part. A CODE_WRITE leaves its address and size in bounceFirst and bounceSize. */
  bounceSize: "i32",
  bounceSplit: "i32",
  bounceForeign: "i32",
  /** Frame of the last foreign translation. */
  foreignMfn: "i64",
  bounceMfns: ["i64", 2],
  /** Counters, one i64 each. */
  tlbMisses: "i64",
  walks: "i64",
  slowAccesses: "i64",
  foreignAccesses: "i64",
  blocksDecoded: "i64",
  instructionsDecoded: "i64",
  invalidations: "i64",
  steps: "i64",
  exits: ["i64", 96],
  /** Each space: {rootMfn i64, key i32 (-1: free), stamp i32} */
  spaces: ["v128", 16],
} as const satisfies Spec;

/** Byte offsets in a context. */
export const CTX = place(CONTEXT_FIELDS);

export type ContextField = keyof typeof CTX;

export const SEGMENT_BYTES = 24;
export const SEGMENT_SELECTOR = 0;
/** Bits 0-7: type, S, DPL, P of the descriptor; bits 12-15: AVL, L, D/B, G. As in VMCB and VMCS: the descriptor's bits 40-55 without the limit. */
export const SEGMENT_ATTRIBUTES = 4;
/** In bytes, granularity applied. */
export const SEGMENT_LIMIT = 8;
export const SEGMENT_BASE = 16;

/** Bits of a segment's attributes. */
export const Attribute = {
  TYPE: 0xf,
  CODE_DATA: 0x10,
  DPL_SHIFT: 5,
  PRESENT: 0x80,
  AVL: 0x1000,
  LONG: 0x2000,
  BIG: 0x4000,
  GRANULARITY: 0x8000,
  /** Ours: a null selector was loaded, any use faults. */
  UNUSABLE: 0x10000,
} as const;

export const SegmentNumber = { es: 0, cs: 1, ss: 2, ds: 3, fs: 4, gs: 5, flat: 6, flatStack: 7 } as const;

/** The engine's own bit of `kick`; every other bit belongs to the hypervisor and ends `run` with KICK. */
export const KICK_ENGINE = 0x80000000 | 0;

/** EFLAGS bits. */
export const Flag = {
  CF: 1,
  PF: 4,
  AF: 0x10,
  ZF: 0x40,
  SF: 0x80,
  TF: 0x100,
  IF: 0x200,
  DF: 0x400,
  OF: 0x800,
  IOPL: 0x3000,
  NT: 0x4000,
  RF: 0x10000,
  VM: 0x20000,
  AC: 0x40000,
  VIF: 0x80000,
  VIP: 0x100000,
  ID: 0x200000,
} as const;

/** The flags that flagResult and flagAux hold. */
export const LAZY_FLAGS = 0x8d5;

/** What decoded code depends on beside its bytes; part of a code map's identity and of a TLB space's key. */
export const CodeMode = {
  WIDTH: 3,
  WIDTH_16: 0,
  WIDTH_32: 1,
  WIDTH_64: 2,
  /** Every data segment register, CS and SS have base 0 and a 4 GiB limit (and permit reading and writing). */
  FLAT: 4,
  /** SS.B: 32-bit stack pointer (outside 64-bit mode). */
  BIG_STACK: 8,
} as const;

/** TLB entries: {read tag i64, write tag i64, execute tag i64, addend i32, code map i32}. A tag is a page's linear address, or -1. */
export const TLB_ENTRY_BYTES = 32;
export const TLB_READ = 0;
export const TLB_WRITE = 8;
export const TLB_EXECUTE = 16;
export const TLB_ADDEND = 24;
export const TLB_CODE = 28;
/** Entries of one space; a power of two. */
export const TLB_ENTRIES = 1024;
/** Spaces (TLBs) of one vCPU. */
export const TLB_SPACES = 4;

/** Typed access to contexts from JavaScript. 64-bit fields are pairs of int32; BigInt only where speed does not count. */
export class ContextView {
  readonly i32: Int32Array;
  readonly u8: Uint8Array;
  readonly data: DataView;
  constructor(readonly buffer: ArrayBufferLike) {
    this.i32 = new Int32Array(buffer);
    this.u8 = new Uint8Array(buffer);
    this.data = new DataView(buffer);
  }
  /** An i32 field, or the low half of an i64 one. */
  get(ctx: number, field: ContextField): number {
    return this.i32[(ctx + CTX[field]) >>> 2];
  }
  set(ctx: number, field: ContextField, value: number): void {
    this.i32[(ctx + CTX[field]) >>> 2] = value;
  }
  /** The high half of an i64 field. */
  high(ctx: number, field: ContextField): number {
    return this.i32[(ctx + CTX[field] + 4) >>> 2];
  }
  set64(ctx: number, field: ContextField, low: number, high: number): void {
    const at = (ctx + CTX[field]) >>> 2;
    this.i32[at] = low;
    this.i32[at + 1] = high;
  }
  /** Unsigned. */
  big(ctx: number, field: ContextField, index = 0): bigint {
    return this.data.getBigUint64(ctx + CTX[field] + index * 8, true);
  }
  setBig(ctx: number, field: ContextField, value: bigint, index = 0): void {
    this.data.setBigUint64(ctx + CTX[field] + index * 8, BigInt.asUintN(64, value), true);
  }
  /** A 64-bit field as a number; exact below 2^53. */
  number(ctx: number, field: ContextField, index = 0): number {
    const at = (ctx + CTX[field] + index * 8) >>> 2;
    return (this.i32[at] >>> 0) + this.i32[at + 1] * 0x100000000;
  }
  reg(ctx: number, n: number): bigint {
    return this.data.getBigUint64(ctx + CTX.gpr + n * 8, true);
  }
  setReg(ctx: number, n: number, value: bigint): void {
    this.data.setBigUint64(ctx + CTX.gpr + n * 8, BigInt.asUintN(64, value), true);
  }
  /** RFLAGS as the guest would push it. */
  flags(ctx: number): number {
    const result = this.get(ctx, "flagResult"), high = this.high(ctx, "flagResult");
    const aux = this.get(ctx, "flagAux");
    let flags = this.get(ctx, "eflags");
    if (aux < 0) flags |= Flag.CF;
    if (((aux >>> 31) ^ (aux >>> 30)) & 1) flags |= Flag.OF;
    if (aux & 8) flags |= Flag.AF;
    if ((result | high) === 0) flags |= Flag.ZF;
    if ((high < 0) !== ((aux & 1) !== 0)) flags |= Flag.SF;
    let parity = (result ^ (aux >> 8)) & 0xff;
    parity ^= parity >> 4;
    parity ^= parity >>> 2;
    parity ^= parity >>> 1;
    if (!(parity & 1)) flags |= Flag.PF;
    return flags;
  }
  /** Sets all of RFLAGS: the lazy ones go to flagResult and flagAux. */
  setFlags(ctx: number, flags: number): void {
    const carry = flags & Flag.CF ? 1 : 0;
    const overflow = flags & Flag.OF ? 1 : 0;
    const zero = (flags & Flag.ZF) !== 0;
    const sign = flags & Flag.SF ? 1 : 0;
    // A zero result has even parity and a clear sign: aux bit 0 turns the sign, bits 8-15 turn the parity.
    const result = zero ? 0 : 1;
    const parityOfResult = zero ? 1 : 0;
    const parity = flags & Flag.PF ? 1 : 0;
    const aux = (carry << 31) | ((carry ^ overflow) << 30) | (flags & Flag.AF ? 8 : 0) | sign |
      (parity !== parityOfResult ? 0x100 : 0);
    this.set64(ctx, "flagResult", result, 0);
    this.set(ctx, "flagAux", aux);
    this.set(ctx, "eflags", (flags & ~LAZY_FLAGS) | 2);
  }
}
