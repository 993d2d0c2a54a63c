/**
 * What an instruction's meaning is written against. A meaning runs once for each form, at build time, and emits code through
 * a Machine: the interpreter's Machine reads operands from a pre-decoded record, the region translator's has them as
 * constants. Implemented by core/cpu; here are types only.
 *
 * Rules a meaning keeps:
 * - it changes no state before its first memory write or push (only that may fault or, for a LOCK form, start over);
 * - a value used twice is bound with `m.let` (operand reads and Machine results documented as bound already are);
 * - it asks for sizes, never assumes 64-bit mode.
 */
import type { Expr, I32, I64, V128 } from "../wasm/types.ts";
import type { ExitName } from "./exits.ts";
import type { HelperArguments, HelperName, HelperResult } from "./helpers.ts";

/** Operand size in bytes that an integer value can have. */
export type Size = 1 | 2 | 4 | 8;
/** Operand, address or stack size in bytes. */
export type WordSize = 2 | 4 | 8;
/** i32 carries operands of 1, 2 and 4 bytes, zero-extended; i64 those of 8. */
export type Int = I32 | I64;
export type Value = I32 | I64 | V128;
export type Constant = number | bigint;
/** An integer expression or a constant that takes the other operand's type. */
export type IntLike = Int | Constant;

export type SegmentName = "es" | "cs" | "ss" | "ds" | "fs" | "gs";
/** A segment, or "data": DS unless the instruction has an override prefix. */
export type SegmentChoice = SegmentName | "data";

/** Register numbers as encoded. For one-byte registers 16..19 are AH CH DH BH. */
export const Reg = {
  rax: 0,
  rcx: 1,
  rdx: 2,
  rbx: 3,
  rsp: 4,
  rbp: 5,
  rsi: 6,
  rdi: 7,
  r8: 8,
  r9: 9,
  r10: 10,
  r11: 11,
  r12: 12,
  r13: 13,
  r14: 14,
  r15: 15,
  ah: 16,
  ch: 17,
  dh: 18,
  bh: 19,
} as const;

/** Exception vectors a meaning can raise. */
export const Vector = {
  DE: 0,
  DB: 1,
  BP: 3,
  OF: 4,
  BR: 5,
  UD: 6,
  NM: 7,
  SS: 12,
  GP: 13,
  PF: 14,
  MF: 16,
  AC: 17,
  XM: 19,
} as const;

/** EFLAGS bits by name. */
export const Flag = {
  CF: 1 << 0,
  PF: 1 << 2,
  AF: 1 << 4,
  ZF: 1 << 6,
  SF: 1 << 7,
  TF: 1 << 8,
  IF: 1 << 9,
  DF: 1 << 10,
  OF: 1 << 11,
  IOPL: 3 << 12,
  NT: 1 << 14,
  RF: 1 << 16,
  VM: 1 << 17,
  AC: 1 << 18,
  VIF: 1 << 19,
  VIP: 1 << 20,
  ID: 1 << 21,
} as const;
export type FlagName = keyof typeof Flag;
/** The six that arithmetic sets. */
export type StatusFlag = "CF" | "PF" | "AF" | "ZF" | "SF" | "OF";

/** Fields of the vCPU context that meanings read or write by name, and their types. I1 and I2 add here; C provides the fields. */
export interface StateTypes {
  cpl: "i32";
  eflags: "i32";
  mxcsr: "i32";
  /** Nonzero while CR0.EM or CR0.TS is set or CR4.OSFXSR is clear: the one test of every SSE instruction. */
  fpuDisabled: "i32";
  cr0: "i64";
  cr2: "i64";
  cr3: "i64";
  cr4: "i64";
  efer: "i64";
  xcr0: "i64";
  tscAux: "i32";
  gdtLimit: "i32";
  gdtBase: "i64";
  idtLimit: "i32";
  idtBase: "i64";
  ldtrSelector: "i32";
  trSelector: "i32";
  /** Bases of FS and GS, to be written. */
  fsBase: "i64";
  gsBase: "i64";
  /** x87: control, status, abridged tag word (FXSAVE's), last opcode, instruction and data pointers, registers by physical number. */
  fcw: "i32";
  fsw: "i32";
  ftw: "i32";
  fop: "i32";
  fip: "i64";
  fdp: "i64";
  st0: "v128";
  st1: "v128";
  st2: "v128";
  st3: "v128";
  st4: "v128";
  st5: "v128";
  st6: "v128";
  st7: "v128";
}
export type StateName = keyof StateTypes;

/** A decoded operand of the form being built. */
export interface Operand {
  /** "reg": general register; "mem": memory; "imm"; "rel": branch displacement; the others: those register files. An "st" operand has only a number (of ST(i)). */
  readonly kind: "reg" | "mem" | "imm" | "rel" | "xmm" | "mm" | "st" | "seg" | "cr" | "dr";
  /** Bytes: 1, 2, 4, 8, 16, or what the encoding says (6 and 10 for pointers); 0 for an address only. */
  readonly size: number;
  /** Type of read() and write(): by size. */
  readonly type: "i32" | "i64" | "v128";
  /**
   * The value, zero-extended, bound (may be used many times; a second read() gives the same). An XMM operand narrower than 16
   * bytes gives its low bytes. A "rw" memory operand is translated for writing here; a locked one is read atomically.
   */
  read(): Int;
  /** As read(), but a "rw" memory operand is translated for reading only: where nothing may come to be written. */
  peek(): Int;
  /** read(), sign-extended from `size` to the whole of its type. */
  readSigned(): Int;
  /** All 16 bytes of an XMM register, or of a 16-byte memory operand; bound. */
  readVector(): V128;
  /**
   * Stores the low `size` bytes (excess bits are ignored). A 4-byte general register is zero-extended to 8, narrower ones and
   * XMM registers keep the rest. Only an operand with "w" or "rw" access. In a LOCK form this is the compare-and-swap that
   * starts the meaning over when it fails. A locked operand of 16 bytes, or one that is not aligned, is done by the Machine under
   * the domain's exclusive lock from read() to write(): a meaning does nothing for it.
   */
  write(value: Value): void;
  /** All 16 bytes: of an XMM register whatever the operand's size, or of a 16-byte memory operand. */
  writeVector(value: V128): void;
  /** Effective address without segment base, truncated to the address size; bound. Memory only. */
  address(): I64;
  /** address() plus the base of the operand's segment, truncated to 4 bytes outside 64-bit mode. Memory only. */
  linear(): I64;
  /**
   * A memory operand of another size at a byte distance: address() + distance, wrapped to the address size, in the operand's own segment.
   * `distance` may be a run-time value (BT with a register offset). Access as the operand's.
   */
  at(distance: I64 | number, size: number): Operand;
  /** Register number in its file, i32. Not for memory or immediates. */
  number(): I32;
}

/** A mutable local. */
export interface Variable<T extends "i32" | "i64" | "v128"> {
  get(): Expr<T>;
  set(value: Expr<T>): void;
}

export interface Flags {
  /** After result = a + b (+ carry in). CF, OF, AF from operands and result, ZF SF PF from the result; excess bits of the result are ignored. */
  afterAdd(size: Size, a: Int, b: Int, result: Int): void;
  /** After result = a - b (- borrow in). */
  afterSub(size: Size, a: Int, b: Int, result: Int): void;
  /** CF stays. */
  afterInc(size: Size, a: Int, result: Int): void;
  /** CF stays. */
  afterDec(size: Size, a: Int, result: Int): void;
  /** CF = OF = AF = 0. */
  afterLogic(size: Size, result: Int): void;
  /** ZF SF PF from the result; the others as given (i32 0 or 1), 0 when not named. */
  afterResult(
    size: Size,
    result: Int,
    others: { CF?: I32 | number; OF?: I32 | number; AF?: I32 | number },
  ): void;
  /** Only those named change; values i32 0 or 1. */
  set(values: Partial<Record<FlagName, I32 | number>>): void;
  /** 0 or 1; bound. */
  get(name: Exclude<FlagName, "IOPL">): I32;
  /** Condition code 0..15 as encoded in Jcc; 0 or 1. */
  condition(code: number): I32;
  /** The whole of EFLAGS, bit 1 set. */
  image(): I32;
  /**
   * Takes from `image` the flags in `mask` (i32, EFLAGS layout). If TF, IF, AC or NT may change the Machine does what follows from it
   * (the instruction ends its block).
   */
  load(image: I32, mask: I32 | number): void;
}

export interface Machine {
  /** Mode of the code; only for a description that says `modal: true`, otherwise one form serves several modes and reading it throws. */
  readonly mode: 16 | 32 | 64;
  readonly opSize: WordSize;
  /** Only for forms that depend on it (string instructions, LOOP, JCXZ, `addressed: true`), otherwise reading it throws. */
  readonly addrSize: WordSize;
  /** Only for a description that says `stack: true`. */
  readonly stackSize: WordSize;
  readonly lock: boolean;
  readonly rep: "none" | "rep" | "repne";

  // Values. Binary operations take the type of `a`; constants and the second operand are brought to it (zero-extended, wrapped).
  /** Binds a value: evaluated here, once. */
  let<T extends "i32" | "i64" | "v128">(value: Expr<T>): Expr<T>;
  let(value: Int): Int;
  variable<T extends "i32" | "i64" | "v128">(type: T, initial: Expr<T>): Variable<T>;
  /** A constant in the type that carries `size`. */
  const(size: Size, value: Constant): Int;
  add(a: Int, b: IntLike): Int;
  sub(a: Int, b: IntLike): Int;
  mul(a: Int, b: IntLike): Int;
  and(a: Int, b: IntLike): Int;
  or(a: Int, b: IntLike): Int;
  xor(a: Int, b: IntLike): Int;
  not(a: Int): Int;
  neg(a: Int): Int;
  /** Shifts and rotations of the whole i32 or i64; counts modulo its width, as in wasm. */
  shl(a: Int, count: IntLike): Int;
  shr(a: Int, count: IntLike): Int;
  sar(a: Int, count: IntLike): Int;
  rotl(a: Int, count: IntLike): Int;
  rotr(a: Int, count: IntLike): Int;
  clz(a: Int): Int;
  ctz(a: Int): Int;
  popcnt(a: Int): Int;
  eq(a: Int, b: IntLike): I32;
  ne(a: Int, b: IntLike): I32;
  eqz(a: Int): I32;
  ltu(a: Int, b: IntLike): I32;
  lts(a: Int, b: IntLike): I32;
  leu(a: Int, b: IntLike): I32;
  les(a: Int, b: IntLike): I32;
  select<T extends "i32" | "i64" | "v128">(condition: I32, a: Expr<T>, b: Expr<T>): Expr<T>;
  select(condition: I32, a: Int, b: Int): Int;
  /** Low `size` bytes, zero-extended, in the type that carries `size`. */
  truncate(value: Int, size: Size): Int;
  /** From `from` bytes to all of the type that carries `to`. */
  signExtend(value: Int, from: Size, to: Size): Int;
  /** A garbage-free value in the type that carries `to`. */
  zeroExtend(value: Int, to: Size): Int;
  /** To i64, zero-extended. */
  i64(value: Int): I64;
  /** To i32, the low half. */
  i32(value: Int): I32;

  // Registers and state.
  /** Register `n` as encoded, zero-extended; bound. */
  reg(n: number, size: Size): Int;
  /** A 4-byte write zero-extends to 8; narrower ones keep the rest. */
  setReg(n: number, size: Size, value: Int): void;
  xmm(n: number): V128;
  setXmm(n: number, value: V128): void;
  /** x87 register by its physical number (0 to 7, not from TOP): 80 bits, zero above; bound. */
  x87(n: I32 | number): V128;
  setX87(n: I32 | number, value: V128): void;
  state<N extends StateName>(name: N): Expr<StateTypes[N]>;
  setState<N extends StateName>(name: N, value: Expr<StateTypes[N]>): void;
  selector(segment: SegmentName): I32;
  segmentBase(segment: SegmentName): I64;

  // Memory, by segment and effective address (wrapped to the address size or, for SS, the stack size, by the caller).
  /** Zero-extended, bound. Sizes up to 8. */
  load(size: Size, segment: SegmentChoice, address: Int): Int;
  store(size: Size, segment: SegmentChoice, address: Int, value: Int): void;
  loadVector(segment: SegmentChoice, address: Int): V128;
  storeVector(segment: SegmentChoice, address: Int, value: V128): void;
  /** Faults as a write of `size` bytes there would; changes nothing. For instructions that write in several places. */
  probeWrite(size: number, segment: SegmentChoice, address: Int): void;

  // Stack; `stack: true` descriptions only. rSP changes after the access, so a fault leaves it.
  /** rSP at the stack size. */
  stackPointer(): Int;
  /** Wraps to the stack size (a 4-byte one zero-extends, a 2-byte one keeps the rest). */
  setStackPointer(value: Int): void;
  /** Default size: opSize. */
  push(value: Int, size?: WordSize): void;
  pop(size?: WordSize): Int;

  readonly flags: Flags;

  // Flow.
  if(condition: I32, then: () => void, otherwise?: () => void): void;
  /** Falling off the end of the body leaves the loop; again() starts it over, leave() leaves it. */
  loop(body: (to: { again(): void; leave(): void }) => void): void;
  /** RIP of the next instruction, truncated to opSize, in its type; bound. */
  nextRip(): Int;
  /** A computed near target truncated to opSize; #GP(0) here, with nothing changed, if it is not canonical. */
  target(value: Int): I64;
  /** Near jump; the meaning's last act on its path. */
  jump(to: I64 | Operand): void;
  /** Conditional relative jump; the meaning's last act. */
  branch(condition: I32, to: Operand): void;
  /** Raises an exception: RIP at this instruction. Error code: i32; none where the vector has none. */
  fault(vector: number, errorCode?: I32 | number): void;
  faultIf(condition: I32, vector: number, errorCode?: I32 | number): void;
  /** #GP(0) unless CPL is 0. */
  requireCpl0(): void;
  /** #GP(0) unless CPL <= IOPL. */
  requireIopl(): void;
  /**
   * Leaves to the host: ctx.rip at this instruction, ctx.nextRip at the next. The words go to ctx.exitInfo (i32), ctx.exitValue and
   * ctx.exitSecond (i64, zero-extended); what they hold for each reason: core/isa/exits.ts. The host emulates, then completes.
   */
  exit(reason: ExitName, info?: Int | number, value?: Int | number, second?: Int | number): void;
  helper<N extends HelperName>(name: N, ...args: HelperArguments<N>): HelperResult<N>;

  // String instructions.
  /** Register += size, or -= size when DF is set, at the address size. */
  advance(register: number, size: Size): void;
}
