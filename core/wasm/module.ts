/** Builds a module: imports, functions, tables, segments, exports, and its binary form. */
import { Code } from "./code.ts";
import { Encoder, TYPE_CODE } from "./encoder.ts";
import { FunctionBuilder } from "./function.ts";
import type { Exprs } from "./function.ts";
import { operand } from "./operators.ts";
import { FuncRef, GlobalRef, MemoryRef, SegmentRef, TableRef } from "./refs.ts";
import type { IndexSpace, Limits, MemoryLimits } from "./refs.ts";
import { EmitError, FuncType } from "./types.ts";
import type { Expr, NumType, Operand } from "./types.ts";
import { Writer } from "./writer.ts";

type Types = readonly NumType[];

export interface Signature<P extends Types, R extends Types> {
  /** What profilers and stack traces show. */
  name?: string;
  params?: P;
  results?: R;
}

export type Exportable = FuncRef | MemoryRef | TableRef | GlobalRef;

type Body<P extends Types, R extends Types> = (f: FunctionBuilder<P, R>, ...params: Exprs<P>) => void;

interface Import {
  module: string;
  name: string;
  ref: Exportable;
}
interface ElementSegment {
  table: TableRef | undefined;
  offset: Expr | undefined;
  funcs: readonly FuncRef[];
}
interface DataSegment {
  memory: MemoryRef | undefined;
  offset: Expr | undefined;
  bytes: Uint8Array;
}

const FUNCREF = 0x70;
const END = 0x0b;
const SORT_CODE = { func: 0, table: 1, memory: 2, global: 3 } as const;

export class ModuleBuilder {
  readonly #types = new Map<string, FuncType>();
  readonly #imports: Import[] = [];
  readonly #exports = new Map<string, Exportable>();
  readonly #spaces: Record<keyof typeof SORT_CODE, IndexSpace> = {
    func: { imports: 0, owner: this },
    table: { imports: 0, owner: this },
    memory: { imports: 0, owner: this },
    global: { imports: 0, owner: this },
  };
  readonly #funcs: FuncRef[] = [];
  readonly #defined = new Set<FuncRef>();
  readonly #code = new Code(this);
  readonly #tables: TableRef[] = [];
  readonly #memories: MemoryRef[] = [];
  readonly #globals: { ref: GlobalRef; init: Expr }[] = [];
  readonly #elements: ElementSegment[] = [];
  readonly #data: DataSegment[] = [];
  #start: FuncRef | undefined;

  /** @param name what profilers call the module */
  constructor(readonly name?: string) {}

  /** The module's one object for a signature. */
  type<const P extends Types = [], const R extends Types = []>(params: P, results: R): FuncType<P, R> {
    const key = `${params.join()}:${results.join()}`;
    let type = this.#types.get(key);
    if (type === undefined) {
      this.#types.set(key, type = new FuncType(params, results, this.#types.size, this));
    }
    return type as FuncType<P, R>;
  }

  #import<E extends Exportable>(module: string, name: string, ref: E): E {
    this.#imports.push({ module, name, ref });
    return ref;
  }

  importFunc<const P extends Types = [], const R extends Types = []>(
    module: string,
    name: string,
    params: P,
    results: R,
  ): FuncRef<P, R> {
    const space = this.#spaces.func;
    const ref = new FuncRef(space, true, space.imports++, this.type(params, results), name);
    this.#import(module, name, ref);
    return ref;
  }
  importMemory(module: string, name: string, limits: MemoryLimits): MemoryRef {
    const space = this.#spaces.memory;
    return this.#import(module, name, new MemoryRef(space, true, space.imports++, checkedMemory(limits)));
  }
  importTable(module: string, name: string, limits: Limits): TableRef {
    const space = this.#spaces.table;
    return this.#import(module, name, new TableRef(space, true, space.imports++, limits));
  }
  importGlobal<T extends NumType>(module: string, name: string, type: T, mutable = false): GlobalRef<T> {
    const space = this.#spaces.global;
    const ref = new GlobalRef(space, true, space.imports++, type, mutable);
    this.#import(module, name, ref);
    return ref;
  }

  memory(limits: MemoryLimits): MemoryRef {
    const ref = new MemoryRef(this.#spaces.memory, false, this.#memories.length, checkedMemory(limits));
    this.#memories.push(ref);
    return ref;
  }
  /** A table of functions. */
  table(limits: Limits): TableRef {
    const ref = new TableRef(this.#spaces.table, false, this.#tables.length, limits);
    this.#tables.push(ref);
    return ref;
  }
  /** @param init a constant, or `.get()` of an imported immutable global */
  global<T extends NumType>(type: T, mutable: boolean, init: Operand<T>): GlobalRef<T> {
    const ref = new GlobalRef(this.#spaces.global, false, this.#globals.length, type, mutable);
    this.#globals.push({ ref, init: operand(init, type, "global") });
    return ref;
  }

  /** A function whose body comes later, or never is called before it does: `define` it before `toBytes`. */
  declareFunc<const P extends Types = [], const R extends Types = []>(
    signature: Signature<P, R>,
  ): FuncRef<P, R> {
    const type = this.type(signature.params ?? [], signature.results ?? []) as unknown as FuncType<P, R>;
    const ref = new FuncRef(this.#spaces.func, false, this.#funcs.length, type, signature.name);
    this.#funcs.push(ref);
    return ref;
  }

  /** Builds the body of a declared function. */
  define<P extends Types, R extends Types>(ref: FuncRef<P, R>, body: Body<P, R>): void {
    const name = ref.name ?? `func ${ref.position}`;
    if (this.#funcs[ref.position] !== ref) throw new EmitError(`${name} is not this module's`);
    if (this.#defined.has(ref)) throw new EmitError(`${name} has a body already`);
    this.#defined.add(ref);
    const f = new FunctionBuilder(ref.signature, name);
    (body as (f: FunctionBuilder<P, R>, ...params: readonly Expr[]) => void)(f, ...f.params());
    this.#code.add(ref.position, f as FunctionBuilder);
  }

  func<const P extends Types = [], const R extends Types = []>(
    signature: Signature<P, R>,
    body: Body<P, R>,
  ): FuncRef<P, R> {
    const ref = this.declareFunc(signature);
    this.define(ref, body);
    return ref;
  }

  export(name: string, ref: Exportable): void {
    if (this.#exports.has(name)) throw new EmitError(`two exports named ${name}`);
    this.#exports.set(name, ref);
  }

  /** Runs at instantiation. */
  start(ref: FuncRef<[], []>): void {
    this.#start = ref;
  }

  /** Functions put into a table at instantiation. */
  elem(table: TableRef, offset: Operand<"i32">, funcs: readonly FuncRef[]): void {
    this.#elements.push({ table, offset: operand(offset, "i32", "elem"), funcs });
  }
  /** Functions for `f.tableInit`. */
  passiveElem(funcs: readonly FuncRef[]): SegmentRef {
    this.#elements.push({ table: undefined, offset: undefined, funcs });
    return new SegmentRef("elem", this.#elements.length - 1);
  }
  /** Bytes put into a memory at instantiation. */
  data(memory: MemoryRef, offset: Operand<"i32">, bytes: Uint8Array): void {
    this.#data.push({ memory, offset: operand(offset, "i32", "data"), bytes });
  }
  /** Bytes for `f.memoryInit`. */
  passiveData(bytes: Uint8Array): SegmentRef {
    this.#data.push({ memory: undefined, offset: undefined, bytes });
    return new SegmentRef("data", this.#data.length - 1);
  }

  /** The module's binary form. Throws EmitError when a declared function has no body. */
  toBytes(): Uint8Array<ArrayBuffer> {
    const out = new Writer(65536);
    const scratch = new Writer(65536);
    out.append(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
    const section = <T>(id: number, items: readonly T[], write: (w: Writer, item: T, i: number) => void) => {
      if (items.length === 0) return;
      scratch.length = 0;
      scratch.unsigned(items.length);
      items.forEach((item, i) => write(scratch, item, i));
      out.byte(id);
      out.sized(scratch.view());
    };
    section(1, [...this.#types.values()], (w, type) => {
      w.byte(0x60);
      valueTypes(w, type.params);
      valueTypes(w, type.results);
    });
    section(2, this.#imports, (w, { module, name, ref }) => {
      w.name(module);
      w.name(name);
      w.byte(SORT_CODE[ref.sort]);
      if (ref.sort === "func") w.unsigned(ref.signature.index);
      else if (ref.sort === "table") tableType(w, ref);
      else if (ref.sort === "memory") memoryType(w, ref.limits);
      else globalType(w, ref);
    });
    section(3, this.#funcs, (w, ref) => w.unsigned(ref.signature.index));
    section(4, this.#tables, tableType);
    section(5, this.#memories, (w, ref) => memoryType(w, ref.limits));
    section(6, this.#globals, (w, { ref, init }) => {
      globalType(w, ref);
      constantExpression(w, init, this);
    });
    section(7, [...this.#exports], (w, [name, ref]) => {
      w.name(name);
      w.byte(SORT_CODE[ref.sort]);
      w.unsigned(ref.index);
    });
    if (this.#start) {
      scratch.length = 0;
      scratch.unsigned(this.#start.index);
      out.byte(8);
      out.sized(scratch.view());
    }
    section(9, this.#elements, (w, segment) => elementSegment(w, segment, this));
    if (this.#data.length > 0) {
      scratch.length = 0;
      scratch.unsigned(this.#data.length);
      out.byte(12);
      out.sized(scratch.view());
    }
    section(10, this.#funcs, (w, ref, i) => {
      if (!this.#code.has(i)) throw new EmitError(`${ref.name ?? `func ${i}`} is declared but has no body`);
      this.#code.write(w, i);
    });
    section(11, this.#data, (w, segment) => dataSegment(w, segment, this));
    this.#names(out, scratch);
    return out.bytes.slice(0, out.length) as Uint8Array<ArrayBuffer>;
  }

  /** The name section (core specification, appendix: custom sections). */
  #names(out: Writer, scratch: Writer): void {
    const named = this.#funcs.filter((ref) => ref.name !== undefined);
    if (named.length === 0 && this.name === undefined) return;
    scratch.length = 0;
    scratch.name("name");
    const part = new Writer();
    if (this.name !== undefined) {
      part.name(this.name);
      scratch.byte(0);
      scratch.sized(part.view());
    }
    part.length = 0;
    part.unsigned(named.length);
    for (const ref of named) {
      part.unsigned(ref.index);
      part.name(ref.name!);
    }
    scratch.byte(1);
    scratch.sized(part.view());
    out.byte(0);
    out.sized(scratch.view());
  }
}

function checkedMemory(limits: MemoryLimits): MemoryLimits {
  if (limits.shared && limits.maximum === undefined) throw new EmitError("a shared memory needs a maximum");
  return limits;
}

function valueTypes(w: Writer, types: Types): void {
  w.unsigned(types.length);
  for (const type of types) w.byte(TYPE_CODE[type]);
}

function limitsOf(w: Writer, limits: Limits, flags: number): void {
  w.byte(flags | (limits.maximum === undefined ? 0 : 1));
  w.unsigned(limits.initial);
  if (limits.maximum !== undefined) w.unsigned(limits.maximum);
}

function memoryType(w: Writer, limits: MemoryLimits): void {
  limitsOf(w, limits, (limits.shared ? 2 : 0) | (limits.memory64 ? 4 : 0));
}

function tableType(w: Writer, ref: TableRef): void {
  w.byte(FUNCREF);
  limitsOf(w, ref.limits, 0);
}

function globalType(w: Writer, ref: GlobalRef): void {
  w.byte(TYPE_CODE[ref.type]);
  w.byte(ref.mutable ? 1 : 0);
}

function constantExpression(w: Writer, init: Expr, module: object): void {
  const encoder = new Encoder(w, module);
  encoder.begin(undefined);
  encoder.node(init);
  w.byte(END);
}

function elementSegment(w: Writer, { table, offset, funcs }: ElementSegment, module: object): void {
  if (table === undefined || offset === undefined) {
    w.byte(1);
    w.byte(0);
  } else {
    w.byte(2);
    w.unsigned(table.index);
    constantExpression(w, offset, module);
    w.byte(0);
  }
  w.unsigned(funcs.length);
  for (const ref of funcs) w.unsigned(ref.index);
}

function dataSegment(w: Writer, { memory, offset, bytes }: DataSegment, module: object): void {
  if (memory === undefined || offset === undefined) w.byte(1);
  else {
    w.byte(2);
    w.unsigned(memory.index);
    constantExpression(w, offset, module);
  }
  w.sized(bytes);
}
