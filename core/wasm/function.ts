/** Builds the body of one function, as a tree of statements. */
import { condition, i32Value, isConst } from "./fold.ts";
import { addressOperand, operand, prefixed } from "./operators.ts";
import type { Address } from "./operators.ts";
import { EmitError, expr, Kind, Label, Local, stmt } from "./types.ts";
import type {
  CallImm,
  CallIndirectImm,
  Expr,
  FuncType,
  I32,
  Indexed,
  NumType,
  Operand,
  Stmt,
} from "./types.ts";
import type { FuncRef, GlobalRef, MemoryRef, SegmentRef, TableRef } from "./refs.ts";

type Types = readonly NumType[];
export type Operands<P extends Types> = { readonly [K in keyof P]: Operand<P[K]> };
export type Exprs<P extends Types> = { readonly [K in keyof P]: Expr<P[K]> };
/** What a call gives: nothing, an expression, or a tuple; a plain array where the signature is not known statically. */
export type Results<R extends Types> = number extends R["length"] ? readonly Expr[]
  : R extends readonly [] ? void
  : R extends readonly [infer T extends NumType] ? Expr<T>
  : Exprs<R>;

export type LabelValue<T extends NumType | "void"> = T extends NumType ? [value: Operand<T>] : [];

const FIRST: Indexed = { index: 0 };
const LOCAL_SET = 0x21;
const MEMORY_INIT = prefixed(0xfc, 8);
const DATA_DROP = prefixed(0xfc, 9);
const MEMORY_COPY = prefixed(0xfc, 10);
const MEMORY_FILL = prefixed(0xfc, 11);
const TABLE_INIT = prefixed(0xfc, 12);
const ELEM_DROP = prefixed(0xfc, 13);
const TABLE_COPY = prefixed(0xfc, 14);
const TABLE_SIZE = prefixed(0xfc, 16);
const ATOMIC_FENCE = prefixed(0xfe, 3);

export class FunctionBuilder<P extends Types = Types, R extends Types = Types> {
  readonly #params: Local[];
  readonly #locals: Local[] = [];
  #statements: Stmt[] = [];
  #live = true;
  /** Indices of locals that a finished `reusing` left free, by type; and those that the current one took. */
  readonly #free = new Map<NumType, number[]>();
  #taken: Local[] | undefined;

  constructor(readonly signature: FuncType<P, R>, readonly name: string) {
    this.#params = signature.params.map((type, i) => new Local(this, type, i, false));
  }

  #calls = 0;

  /** Calls so far that come back here. */
  get calls(): number {
    return this.#calls;
  }
  /** The locals declared, without the parameters. */
  get locals(): readonly Local[] {
    return this.#locals;
  }
  /** The statements so far. */
  get statements(): readonly Stmt[] {
    return this.#statements;
  }
  /** Whether control can reach this point. What is added while it cannot is left out. */
  get live(): boolean {
    return this.#live;
  }

  /** A parameter's value. Where the signature is not known statically, give the type: it is checked. */
  param<I extends number>(i: I): Expr<P[I]>;
  param<T extends NumType>(i: number, type: T): Expr<T>;
  param(i: number, type?: NumType): Expr {
    return this.paramLocal(i, type).get();
  }

  /** A parameter as a local that can be assigned. */
  paramLocal<I extends number>(i: I): Local<P[I]>;
  paramLocal(i: number, type?: NumType): Local;
  paramLocal(i: number, type?: NumType): Local {
    const local = this.#params[i];
    if (local === undefined) this.#fail(`no parameter ${i}`);
    if (type !== undefined && local.type !== type) {
      this.#fail(`parameter ${i} is ${local.type}, expected ${type}`);
    }
    return local;
  }

  params(): Exprs<P> {
    return this.#params.map((local) => local.get()) as unknown as Exprs<P>;
  }

  /** A fresh local, zero at the function's entry; inside `reusing` its first value is undefined. */
  local<T extends NumType>(type: T, fixed = false): Local<T> {
    const free = this.#taken && this.#free.get(type)?.pop();
    const index = free ?? this.#params.length + this.#locals.length;
    const local = new Local(this, type, index, fixed);
    if (free === undefined) this.#locals.push(local);
    this.#taken?.push(local);
    return local;
  }

  /**
   * Locals made in `body` are free for other code after it, so that one long function of many parts needs few.
   * They must be assigned before they are read, and not used after `body`.
   */
  reusing(body: () => void): void {
    const outer = this.#taken;
    const taken: Local[] = this.#taken = [];
    body();
    this.#taken = outer;
    for (const { type, index } of taken) {
      const free = this.#free.get(type);
      if (free) free.push(index);
      else this.#free.set(type, [index]);
    }
  }

  /** Adds a statement (a store, say). */
  do(statement: Stmt): void {
    if (statement.type !== "void") {
      this.#fail(`${(statement as { op: string }).op} is not a statement: use drop or let`);
    }
    if (this.#live) this.#statements.push(statement);
  }

  #fail(message: string): never {
    throw new EmitError(`${this.name}: ${message}`);
  }

  set<T extends NumType>(local: Local<T>, value: Operand<NoInfer<T>>): void {
    this.do(stmt(Kind.localSet, "local.set", LOCAL_SET, [this.#assigned(local, value, "local.set")], local));
  }

  /** Assigns where it is used, and gives the value. */
  tee<T extends NumType>(local: Local<T>, value: Operand<NoInfer<T>>): Expr<T> {
    const args = [this.#assigned(local, value, "local.tee")];
    return expr(Kind.localTee, "local.tee", 0x22, local.type, args, local);
  }

  #assigned<T extends NumType>(local: Local<T>, value: Operand<T>, op: string): Expr<T> {
    if (local.owner !== this) this.#fail(`${op}: the local belongs to another function`);
    if (local.fixed) this.#fail(`${op}: the local was bound by let`);
    return operand(value, local.type, op);
  }

  /** Evaluates now; the value may be used any number of times. */
  let<T extends NumType>(value: Expr<T>): Expr<T> {
    if (isConst(value) || (value.kind === Kind.localGet && (value.imm as Local).fixed)) return value;
    const local = this.local(value.type, true);
    this.do(stmt(Kind.localSet, "local.set", LOCAL_SET, [value], local));
    return local.get();
  }

  /** Evaluates now, for its effects. */
  drop(value: Expr): void {
    this.do(stmt(Kind.plain, "drop", 0x1a, [value]));
  }

  globalGet<T extends NumType>(global: GlobalRef<T>): Expr<T> {
    return global.get();
  }
  globalSet<T extends NumType>(global: GlobalRef<T>, value: Operand<NoInfer<T>>): void {
    if (!global.mutable) this.#fail("global.set: the global is not mutable");
    this.do(stmt(Kind.globalSet, "global.set", 0x24, [operand(value, global.type, "global.set")], global));
  }

  // Control flow

  #collect(body: () => void): { statements: Stmt[]; live: boolean } {
    const [outer, wasLive] = [this.#statements, this.#live];
    const statements: Stmt[] = [];
    this.#statements = statements;
    try {
      body();
      return { statements, live: this.#live };
    } finally {
      this.#statements = outer;
      this.#live = wasLive;
    }
  }

  /** With a constant condition only the arm taken is built. */
  if(cond: Operand<"i32">, then: () => void, otherwise?: () => void): void {
    const test = condition(operand(cond, "i32", "if"));
    const known = i32Value(test);
    if (known !== undefined) {
      if (known) then();
      else otherwise?.();
      return;
    }
    const a = this.#collect(then);
    const b = otherwise ? this.#collect(otherwise) : { statements: [], live: true };
    if (a.statements.length === 0 && b.statements.length === 0) this.drop(test);
    else this.do(stmt(Kind.if, "if", 0x04, [test], undefined, [a.statements, b.statements]));
    this.#live &&= a.live || b.live;
  }

  /**
   * Evaluates one of two arms, now. An arm is an operand, or a callback that builds statements and gives the value
   * (or nothing, when its end is not reached).
   */
  ifExpr<T extends NumType>(
    type: T,
    cond: Operand<"i32">,
    then: Operand<NoInfer<T>> | (() => Operand<NoInfer<T>> | void),
    otherwise: Operand<NoInfer<T>> | (() => Operand<NoInfer<T>> | void),
  ): Expr<T> {
    const test = condition(operand(cond, "i32", "if"));
    const known = i32Value(test);
    if (known !== undefined) {
      const value = this.#armValue(type, known ? then : otherwise, "if");
      return value === undefined ? this.local(type, true).get() : this.let(value);
    }
    let [thenValue, elseValue]: [Expr<T> | undefined, Expr<T> | undefined] = [undefined, undefined];
    const a = this.#collect(() => thenValue = this.#armValue(type, then, "if"));
    const b = this.#collect(() => elseValue = this.#armValue(type, otherwise, "if"));
    const imm = { thenValue, elseValue };
    const result = this.let(expr(Kind.if, "if", 0x04, type, [test], imm, [a.statements, b.statements]));
    this.#live &&= a.live || b.live;
    return result;
  }

  #armValue<T extends NumType>(
    type: T,
    arm: Operand<T> | (() => Operand<T> | void),
    op: string,
  ): Expr<T> | undefined {
    const given = typeof arm === "function" ? arm() : arm;
    if (given === undefined) {
      if (this.#live) this.#fail(`${op}: an arm reaches its end without a value`);
      return undefined;
    }
    const value = operand(given as Operand<T>, type, op);
    return this.#live ? value : undefined;
  }

  /** `br(label)` leaves the block. */
  block(body: (label: Label<"void">) => void): void {
    const label = new Label("void", false);
    const { statements, live } = this.#collect(() => body(label));
    label.open = false;
    this.#addBlock(statements, label, "block", 0x02);
    this.#live &&= live || label.used;
  }

  /** `br(label)` starts the next turn; reaching the end leaves the loop. */
  loop(body: (label: Label<"void">) => void): void {
    const label = new Label("void", true);
    const { statements, live } = this.#collect(() => body(label));
    label.open = false;
    this.#addBlock(statements, label, "loop", 0x03);
    this.#live &&= live;
  }

  #addBlock(statements: Stmt[], label: Label, op: "block" | "loop", code: number): void {
    if (!label.used) statements.forEach((statement) => this.do(statement));
    else {
      const imm = { label, value: undefined };
      this.do(stmt(op === "loop" ? Kind.loop : Kind.block, op, code, [], imm, [statements]));
    }
  }

  /** A block with a value, given by `br(label, value)` or returned by the callback. Evaluated now. */
  blockExpr<T extends NumType>(type: T, body: (label: Label<T>) => Operand<NoInfer<T>> | void): Expr<T> {
    const label = new Label(type, false);
    let value: Expr<T> | undefined;
    const { statements, live } = this.#collect(() =>
      value = this.#armValue(type, () => body(label), "block")
    );
    label.open = false;
    const result = this.let(expr(Kind.block, "block", 0x02, type, [], { label, value }, [statements]));
    this.#live &&= live || label.used;
    return result;
  }

  #target(label: Label, op: string, values: readonly Operand<NumType>[]): readonly Expr[] {
    if (!label.open) this.#fail(`${op}: its block has ended`);
    if (this.#live) label.used = true;
    const type = label.type;
    if (values.length !== (type === "void" ? 0 : 1)) {
      this.#fail(`${op}: ${values.length} values for a ${type} label`);
    }
    return type === "void" ? [] : [operand<NumType>(values[0], type, op)];
  }

  br<T extends NumType | "void">(label: Label<T>, ...value: LabelValue<NoInfer<T>>): void {
    this.do(stmt(Kind.br, "br", 0x0c, this.#target(label, "br", value), label));
    this.#live = false;
  }

  brIf<T extends NumType | "void">(
    label: Label<T>,
    cond: Operand<"i32">,
    ...value: LabelValue<NoInfer<T>>
  ): void {
    const test = condition(operand(cond, "i32", "br_if"));
    const known = i32Value(test);
    if (known === 0) return;
    if (known !== undefined) return this.br(label, ...value);
    const args = [...this.#target(label, "br_if", value), test];
    this.do(stmt(Kind.brIf, "br_if", 0x0d, args, label));
  }

  /** To `labels[index]`, or to `fallback` when the index (unsigned) is past them. */
  brTable(labels: readonly Label<"void">[], fallback: Label<"void">, index: Operand<"i32">): void {
    for (const label of [...labels, fallback]) this.#target(label, "br_table", []);
    const args = [operand(index, "i32", "br_table")];
    this.do(stmt(Kind.brTable, "br_table", 0x0e, args, { labels, fallback }));
    this.#live = false;
  }

  return(...values: Operands<R>): void {
    this.do(stmt(Kind.plain, "return", 0x0f, this.#operands("return", this.signature.results, values)));
    this.#live = false;
  }

  unreachable(): void {
    this.do(stmt(Kind.plain, "unreachable", 0x00));
    this.#live = false;
  }

  #operands(op: string, types: Types, values: readonly Operand<NumType>[]): Expr[] {
    if (values.length !== types.length) {
      this.#fail(`${op}: ${values.length} values, expected ${types.length}`);
    }
    return values.map((value, i) => operand<NumType>(value, types[i], op, i));
  }

  // Calls: evaluated now, the results may be used any number of times

  call<A extends Types, B extends Types>(fn: FuncRef<A, B>, args: Operands<A>): Results<B> {
    const operands = this.#operands(`call ${fn.name ?? ""}`, fn.signature.params, args);
    const imm = (results: readonly Local[]): CallImm => ({ fn, results });
    return this.#call(Kind.call, "call", 0x10, fn.signature.results, operands, imm) as Results<B>;
  }

  callIndirect<A extends Types, B extends Types>(
    table: TableRef,
    signature: FuncType<A, B>,
    args: Operands<A>,
    index: Operand<"i32">,
  ): Results<B> {
    const operands = this.#indirect("call_indirect", signature, args, index);
    const imm = (results: readonly Local[]): CallIndirectImm => ({ table, signature, results });
    return this.#call(Kind.callIndirect, "call_indirect", 0x11, signature.results, operands, imm) as Results<
      B
    >;
  }

  #indirect(
    op: string,
    signature: FuncType,
    args: readonly Operand<NumType>[],
    index: Operand<"i32">,
  ): Expr[] {
    return [...this.#operands(op, signature.params, args), operand(index, "i32", op, args.length)];
  }

  #call(
    kind: Kind,
    op: string,
    code: number,
    types: Types,
    args: readonly Expr[],
    imm: (results: readonly Local[]) => CallImm | CallIndirectImm,
  ): Expr | readonly Expr[] | undefined {
    if (this.#live) this.#calls++;
    if (types.length === 1) return this.let(expr(kind, op, code, types[0], args, imm([])));
    const results = types.map((type) => this.local(type, true));
    this.do(stmt(kind, op, code, args, imm(results)));
    return results.length === 0 ? undefined : results.map((local) => local.get());
  }

  /** The call takes this function's place on the stack. */
  returnCall<A extends Types>(fn: FuncRef<A, R>, args: Operands<A>): void {
    const op = `return_call ${fn.name ?? ""}`;
    this.#sameResults(op, fn.signature);
    const imm: CallImm = { fn, results: [] };
    this.do(stmt(Kind.call, "return_call", 0x12, this.#operands(op, fn.signature.params, args), imm));
    this.#live = false;
  }

  returnCallIndirect<A extends Types>(
    table: TableRef,
    signature: FuncType<A, R>,
    args: Operands<A>,
    index: Operand<"i32">,
  ): void {
    const op = "return_call_indirect";
    this.#sameResults(op, signature);
    const imm: CallIndirectImm = { table, signature, results: [] };
    this.do(stmt(Kind.callIndirect, op, 0x13, this.#indirect(op, signature, args, index), imm));
    this.#live = false;
  }

  #sameResults(op: string, signature: FuncType): void {
    const [theirs, ours] = [signature.results.join(), this.signature.results.join()];
    if (theirs !== ours) this.#fail(`${op}: gives (${theirs}), this function (${ours})`);
  }

  // Memory and tables as a whole

  memorySize(memory?: MemoryRef): Expr<"i32"> {
    return expr(Kind.refs, "memory.size", 0x3f, "i32", [], [memory ?? FIRST]);
  }
  /** The old size in pages, or -1. Evaluated where it is used. */
  memoryGrow(pages: Operand<"i32">, memory?: MemoryRef): Expr<"i32"> {
    return expr(Kind.refs, "memory.grow", 0x40, "i32", [operand(pages, "i32", "memory.grow")], [
      memory ?? FIRST,
    ]);
  }
  /** Copies n bytes; the ranges may overlap. Traps when either leaves its memory. */
  memoryCopy(
    to: Address,
    from: Address,
    n: Operand<"i32">,
    toMemory?: MemoryRef,
    fromMemory = toMemory,
  ): void {
    const op = "memory.copy";
    const args = [
      addressOperand(to, toMemory, op),
      addressOperand(from, fromMemory, op),
      operand(n, "i32", op, 2),
    ];
    this.do(stmt(Kind.refs, op, MEMORY_COPY, args, [toMemory ?? FIRST, fromMemory ?? FIRST]));
  }
  memoryFill(to: Address, byte: Operand<"i32">, n: Operand<"i32">, memory?: MemoryRef): void {
    const op = "memory.fill";
    const args = [addressOperand(to, memory, op), operand(byte, "i32", op, 1), operand(n, "i32", op, 2)];
    this.do(stmt(Kind.refs, op, MEMORY_FILL, args, [memory ?? FIRST]));
  }
  memoryInit(
    to: Address,
    data: SegmentRef,
    from: Operand<"i32">,
    n: Operand<"i32">,
    memory?: MemoryRef,
  ): void {
    const op = "memory.init";
    const args = [addressOperand(to, memory, op), operand(from, "i32", op, 1), operand(n, "i32", op, 2)];
    this.do(stmt(Kind.refs, op, MEMORY_INIT, args, [data, memory ?? FIRST]));
  }
  dataDrop(data: SegmentRef): void {
    this.do(stmt(Kind.refs, "data.drop", DATA_DROP, [], [data]));
  }
  tableInit(
    table: TableRef,
    to: Operand<"i32">,
    elem: SegmentRef,
    from: Operand<"i32">,
    n: Operand<"i32">,
  ): void {
    const args = [to, from, n].map((value, i) => operand<"i32">(value, "i32", "table.init", i));
    this.do(stmt(Kind.refs, "table.init", TABLE_INIT, args, [elem, table]));
  }
  elemDrop(elem: SegmentRef): void {
    this.do(stmt(Kind.refs, "elem.drop", ELEM_DROP, [], [elem]));
  }
  tableCopy(
    to: Operand<"i32">,
    from: Operand<"i32">,
    n: Operand<"i32">,
    toTable: TableRef,
    fromTable = toTable,
  ): void {
    const args = [to, from, n].map((value, i) => operand<"i32">(value, "i32", "table.copy", i));
    this.do(stmt(Kind.refs, "table.copy", TABLE_COPY, args, [toTable, fromTable]));
  }
  tableSize(table: TableRef): I32 {
    return expr(Kind.refs, "table.size", TABLE_SIZE, "i32", [], [table]);
  }
  /** Every earlier access of this thread comes before every later one, for all threads. */
  atomicFence(): void {
    this.do(stmt(Kind.fence, "atomic.fence", ATOMIC_FENCE));
  }

  /** For the module: checks that the body gives its results, and hands it over. */
  finish(): readonly Stmt[] {
    if (this.#live && this.signature.results.length > 0) {
      this.#fail(`reaches its end without returning ${this.signature.results.join()}`);
    }
    return this.#statements;
  }
}
