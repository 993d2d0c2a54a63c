/**
 * The data that a module under construction is made of. Expressions and statements are plain trees; every node has the same
 * hidden class (Node), so that emitting and walking them stay monomorphic.
 */
import type { FuncRef, GlobalRef, MemoryRef, TableRef } from "./refs.ts";

export type NumType = "i32" | "i64" | "f32" | "f64" | "v128";

/** What shape of immediate a node carries, and so how it is encoded. */
export const Kind = {
  /** Operands, then the opcode: arithmetic, select, drop, return, unreachable, ... */
  plain: 0,
  /** imm: number (i32 as a signed 32-bit integer, f32, f64), bigint (i64, signed), Uint8Array of 16 (v128) */
  i32Const: 1,
  i64Const: 2,
  f32Const: 3,
  f64Const: 4,
  v128Const: 5,
  /** imm: Local */
  localGet: 6,
  localSet: 7,
  localTee: 8,
  /** imm: GlobalRef */
  globalGet: 9,
  globalSet: 10,
  /** imm: MemArg */
  memory: 11,
  /** imm: MemArg, with lane */
  memoryLane: 12,
  /** imm: number */
  lane: 13,
  /** imm: Uint8Array of 16 lane numbers */
  shuffle: 14,
  /** imm: CallImm */
  call: 15,
  /** imm: CallIndirectImm; the last argument is the index */
  callIndirect: 16,
  /** imm: Label; body: [statements] (and a result as last argument of the node when it has a type) */
  block: 17,
  loop: 18,
  /** args: [condition]; body: [then, else?] for a statement; imm: IfImm for an expression */
  if: 19,
  /** imm: Label; args: [value?] or [value?, condition] */
  br: 20,
  brIf: 21,
  /** imm: BrTableImm; args: [index] */
  brTable: 22,
  /** imm: the index-space references the opcode wants, in order (memory.copy, table.size, memory.init, ...) */
  refs: 23,
  fence: 24,
} as const;
export type Kind = typeof Kind[keyof typeof Kind];

export interface MemArg {
  /** Bytes added to the address, without wrapping. */
  readonly offset: number;
  /** log2 of the promised alignment. */
  readonly align: number;
  /** undefined: memory 0 */
  readonly memory: MemoryRef | undefined;
  readonly lane: number;
}

export interface CallImm {
  readonly fn: FuncRef;
  /** Where the results go when the call is a statement (none, or several); undefined when it is an expression. */
  readonly results: readonly Local[];
}

export interface CallIndirectImm {
  readonly table: TableRef;
  readonly signature: FuncType;
  readonly results: readonly Local[];
}

/** The arms of an if with a value. */
export interface IfImm {
  readonly thenValue: Expr | undefined;
  readonly elseValue: Expr | undefined;
}

export interface BlockImm {
  readonly label: Label;
  readonly value: Expr | undefined;
}

export interface BrTableImm {
  readonly labels: readonly Label[];
  readonly fallback: Label;
}

/** Anything with an index that is known only when the module is written. */
export interface Indexed {
  readonly index: number;
}

export type Immediate =
  | undefined
  | number
  | bigint
  | Uint8Array
  | Local
  | GlobalRef
  | MemArg
  | CallImm
  | CallIndirectImm
  | IfImm
  | BlockImm
  | Label
  | BrTableImm
  | readonly Indexed[];

/**
 * An immutable expression. It is emitted where it is used: used twice, it is emitted (and evaluated) twice; bind it with
 * `f.let()` when its value must be taken now or is wanted more than once.
 */
export interface Expr<T extends NumType = NumType> {
  readonly type: T;
  /** The instruction's name in the specification's text format, `i32.add`. */
  readonly op: string;
  readonly kind: Kind;
  /** Opcode: one byte, or prefix << 16 | sub-opcode. */
  readonly code: number;
  readonly args: readonly Expr[];
  readonly imm: Immediate;
  readonly body: readonly (readonly Stmt[])[] | undefined;
}

export type I32 = Expr<"i32">;
export type I64 = Expr<"i64">;
export type F32 = Expr<"f32">;
export type F64 = Expr<"f64">;
export type V128 = Expr<"v128">;

/** A statement; it does something only once it is added to a function (`f.do(stmt)`). */
export interface Stmt {
  readonly type: "void";
  readonly op: string;
  readonly kind: Kind;
  readonly code: number;
  readonly args: readonly Expr[];
  readonly imm: Immediate;
  readonly body: readonly (readonly Stmt[])[] | undefined;
}

/** What an operand of type T may be given as: an expression, or a constant. */
export type Operand<T extends NumType> = T extends "i32" | "f32" | "f64" ? Expr<T> | number
  : T extends "i64" ? Expr<T> | bigint | number
  : Expr<T>;

/** The one class behind Expr and Stmt. */
export class Node<T extends NumType | "void"> {
  constructor(
    readonly kind: Kind,
    readonly op: string,
    readonly code: number,
    readonly type: T,
    readonly args: readonly Expr[],
    readonly imm: Immediate,
    readonly body: readonly (readonly Stmt[])[] | undefined,
  ) {}
}

const NONE: readonly Expr[] = [];

/** Builds an expression node; the caller vouches for the types of its arguments. */
export function expr<T extends NumType>(
  kind: Kind,
  op: string,
  code: number,
  type: T,
  args: readonly Expr[] = NONE,
  imm: Immediate = undefined,
  body: readonly (readonly Stmt[])[] | undefined = undefined,
): Expr<T> {
  return new Node(kind, op, code, type, args, imm, body);
}

/** Builds a statement node. */
export function stmt(
  kind: Kind,
  op: string,
  code: number,
  args: readonly Expr[] = NONE,
  imm: Immediate = undefined,
  body: readonly (readonly Stmt[])[] | undefined = undefined,
): Stmt {
  return new Node(kind, op, code, "void", args, imm, body);
}

/** A local variable or parameter of one function. */
export class Local<T extends NumType = NumType> {
  readonly #get: Expr<T>;
  /**
   * @param owner the function it belongs to
   * @param index its number in that function, parameters first
   * @param fixed assigned once, by the statement that made it (`f.let`)
   */
  constructor(readonly owner: object, readonly type: T, readonly index: number, readonly fixed: boolean) {
    this.#get = expr(Kind.localGet, "local.get", 0x20, type, NONE, this);
  }
  /** Its value at the point where the expression is used. */
  get(): Expr<T> {
    return this.#get;
  }
}

/** The target of a branch. A value of type `T` travels with the branch; "void": none. */
export class Label<T extends NumType | "void" = NumType | "void"> {
  /** Still inside its block: only then may it be branched to. */
  open = true;
  /** Some branch goes to it. */
  used = false;
  /** Nesting depth while it is being emitted. */
  depth = 0;
  constructor(readonly type: T, readonly isLoop: boolean) {}
}

/** A function signature, one object per distinct signature of a module. */
export class FuncType<
  P extends readonly NumType[] = readonly NumType[],
  R extends readonly NumType[] = readonly NumType[],
> {
  /** @param owner the module that numbers it */
  constructor(readonly params: P, readonly results: R, readonly index: number, readonly owner: object) {}
}

/** An ill-formed use of the emitter: a bug in the caller, found while building. */
export class EmitError extends Error {
  override name = "EmitError";
}
