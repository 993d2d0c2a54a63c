/** Makes typed functions out of tables that name an instruction's opcode and signature. */
import { binaryFold, i32Const, i64Const, isConst, unaryFold } from "./fold.ts";
import { EmitError, expr, Kind, stmt } from "./types.ts";
import type { Expr, MemArg, NumType, Operand, Stmt } from "./types.ts";
import type { MemoryRef } from "./refs.ts";

/** Letters of a signature: "ii:i" takes two i32 and gives an i32. No result letter: a statement. */
interface Letters {
  i: "i32";
  l: "i64";
  f: "f32";
  d: "f64";
  v: "v128";
}
const LETTERS: Letters = { i: "i32", l: "i64", f: "f32", d: "f64", v: "v128" };

type Operands<S extends string> = S extends `${infer H extends keyof Letters}${infer Rest}`
  ? [Operand<Letters[H]>, ...Operands<Rest>]
  : [];
type Outcome<S extends string> = S extends keyof Letters ? Expr<Letters[S]> : Stmt;

type Signature = readonly [code: number, signature: string];
/** Name (of the method; the instruction is `namespace.name`) to opcode and signature. */
export type Table = Readonly<Record<string, Signature>>;

export type Methods<T extends Table> = {
  readonly [N in keyof T]: T[N][1] extends `${infer A}:${infer R}` ? (...args: Operands<A>) => Outcome<R>
    : never;
};

/** A SIMD, atomic or other prefixed opcode. */
export const prefixed = (prefix: number, code: number): number => prefix << 16 | code;

/** An operand as an expression of the type wanted; constants are taken as such. */
export function operand<T extends NumType>(value: Operand<T>, type: T, op: string, position = 0): Expr<T> {
  if (typeof value === "object") {
    if (value.type !== type) throw mismatch(op, position, value.type, type);
    return value as Expr<T>;
  }
  return constant(value as number | bigint, type, op, position) as Expr<T>;
}

function mismatch(op: string, position: number, got: string, wanted: string): EmitError {
  return new EmitError(`${op}: operand ${position + 1} is ${got}, expected ${wanted}`);
}

function constant(value: number | bigint, type: NumType, op: string, position: number): Expr {
  if (type === "i32" && typeof value === "number") {
    if (!Number.isInteger(value)) throw new EmitError(`${op}: ${value} is not an integer`);
    return i32Const(value);
  }
  if (type === "i64") {
    if (typeof value === "number" && !Number.isSafeInteger(value)) {
      throw new EmitError(`${op}: ${value} is not an exact integer, use a bigint`);
    }
    return i64Const(BigInt(value));
  }
  if (type === "f32" && typeof value === "number") {
    return expr(Kind.f32Const, "f32.const", 0x43, "f32", [], value);
  }
  if (type === "f64" && typeof value === "number") {
    return expr(Kind.f64Const, "f64.const", 0x44, "f64", [], value);
  }
  throw mismatch(op, position, typeof value, type);
}

export function constantOf<T extends "i32" | "i64" | "f32" | "f64">(
  type: T,
  value: number | bigint,
): Expr<T> {
  return constant(value, type, `${type}.const`, 0) as Expr<T>;
}

type AnyOperand = Operand<NumType>;

function operator(op: string, code: number, signature: string): (...args: AnyOperand[]) => Expr | Stmt {
  const colon = signature.indexOf(":");
  const types = [...signature.slice(0, colon)].map((letter) => LETTERS[letter as keyof Letters]);
  const result = LETTERS[signature.slice(colon + 1) as keyof Letters];
  const [t0, t1] = types;
  if (types.length === 1) {
    const fold = unaryFold(op);
    return (x) => {
      const a = operand(x, t0, op, 0);
      return fold?.(a) ?? expr(Kind.plain, op, code, result, [a]);
    };
  }
  if (types.length === 2) {
    const fold = binaryFold(op);
    return (x, y) => {
      const a = operand(x, t0, op, 0);
      const b = operand(y, t1, op, 1);
      if (fold !== undefined && (isConst(a) || isConst(b))) {
        const folded = fold(a, b);
        if (folded !== undefined) return folded;
      }
      return expr(Kind.plain, op, code, result, [a, b]);
    };
  }
  return (...args) =>
    expr(Kind.plain, op, code, result, types.map((type, i) => operand(args[i], type, op, i)));
}

/** The functions of one namespace ("i32"), from its table. */
export function methods<const T extends Table>(namespace: string, table: T): Methods<T> {
  const made: Record<string, unknown> = {};
  for (const [name, [code, signature]] of Object.entries(table)) {
    made[name] = operator(`${namespace}.${name}`, code, signature);
  }
  return made as Methods<T>;
}

/** An address: i32 for an ordinary memory, i64 for a 64-bit one, which must then be named. */
export type Address = Expr<"i32"> | Expr<"i64"> | number | bigint;

/** As in Signature, without the address ("v:" stores a v128, ":i" loads an i32), and the width in bytes. */
type Access = readonly [code: number, signature: string, width: number];
export type AccessTable = Readonly<Record<string, Access>>;

/** An i64 address goes only with a memory that is named. */
interface Accessor<A extends unknown[], R> {
  (addr: Operand<"i32">, ...rest: [...A, offset?: number, align?: number, memory?: MemoryRef]): R;
  (addr: Operand<"i64">, ...rest: [...A, offset: number, align: number, memory: MemoryRef]): R;
}
interface AtomicAccessor<A extends unknown[], R> {
  (addr: Operand<"i32">, ...rest: [...A, offset?: number, memory?: MemoryRef]): R;
  (addr: Operand<"i64">, ...rest: [...A, offset: number, memory: MemoryRef]): R;
}

export type AccessMethods<T extends AccessTable> = {
  readonly [N in keyof T]: T[N][1] extends `${infer A}:${infer R}` ? Accessor<Operands<A>, Outcome<R>>
    : never;
};
/** Atomic accesses have no choice of alignment. */
export type AtomicMethods<T extends AccessTable> = {
  readonly [N in keyof T]: T[N][1] extends `${infer A}:${infer R}` ? AtomicAccessor<Operands<A>, Outcome<R>>
    : never;
};

const PLAIN_MEMARGS: (MemArg | undefined)[][] = [[], [], [], [], []];

/** Memory immediate; align in bytes. Small common ones are shared. */
export function memArg(
  op: string,
  width: number,
  offset: number,
  align: number,
  memory: MemoryRef | undefined,
  lane = 0,
): MemArg {
  if (!(offset >= 0) || !Number.isInteger(offset) || (offset > 0xffffffff && !memory?.limits.memory64)) {
    throw new EmitError(`${op}: offset ${offset} is not an unsigned 32-bit number`);
  }
  const log2 = 31 - Math.clz32(align);
  if (align !== 1 << log2 || align > width) {
    throw new EmitError(`${op}: alignment ${align} is not 1..${width}`);
  }
  if (memory !== undefined || lane !== 0 || offset > 4095) return { offset, align: log2, memory, lane };
  return PLAIN_MEMARGS[log2][offset] ??= { offset, align: log2, memory, lane };
}

export function addressOperand(addr: Address, memory: MemoryRef | undefined, op: string): Expr {
  return operand<NumType>(addr, memory === undefined ? "i32" : memory.addressType, op, 0);
}

function access(
  op: string,
  [code, signature, width]: Access,
  atomic: boolean,
): (...args: unknown[]) => Expr | Stmt {
  const colon = signature.indexOf(":");
  const types = [...signature.slice(0, colon)].map((letter) => LETTERS[letter as keyof Letters]);
  const result: NumType | undefined = LETTERS[signature.slice(colon + 1) as keyof Letters];
  const make = (args: readonly Expr[], offset: unknown, align: unknown, memory: unknown): Expr | Stmt => {
    const imm = atomic
      ? memArg(op, width, (offset ?? 0) as number, width, align as MemoryRef | undefined)
      : memArg(
        op,
        width,
        (offset ?? 0) as number,
        (align ?? width) as number,
        memory as MemoryRef | undefined,
      );
    return result === undefined
      ? stmt(Kind.memory, op, code, args, imm)
      : expr(Kind.memory, op, code, result, args, imm);
  };
  // An atomic access has its memory where others have their alignment.
  const address = (addr: unknown, align: unknown, memory: unknown): Expr =>
    addressOperand(addr as Address, (atomic ? align : memory) as MemoryRef | undefined, op);
  const value = (given: unknown, i: number): Expr => operand(given as AnyOperand, types[i], op, i + 1);
  switch (types.length) {
    case 0:
      return (addr, offset, align, memory) => make([address(addr, align, memory)], offset, align, memory);
    case 1:
      return (addr, a, offset, align, memory) =>
        make([address(addr, align, memory), value(a, 0)], offset, align, memory);
    default:
      return (addr, a, b, offset, align, memory) =>
        make([address(addr, align, memory), value(a, 0), value(b, 1)], offset, align, memory);
  }
}

function accessMethods(namespace: string, table: AccessTable, atomic: boolean): unknown {
  const made: Record<string, unknown> = {};
  for (const [name, entry] of Object.entries(table)) {
    made[name] = access(`${namespace}.${name.replace("atomic_", "atomic.")}`, entry, atomic);
  }
  return made;
}

/** Loads and stores of one namespace. */
export function accesses<const T extends AccessTable>(namespace: string, table: T): AccessMethods<T> {
  return accessMethods(namespace, table, false) as AccessMethods<T>;
}

/** Atomic accesses of one namespace. */
export function atomics<const T extends AccessTable>(namespace: string, table: T): AtomicMethods<T> {
  return accessMethods(namespace, table, true) as AtomicMethods<T>;
}
