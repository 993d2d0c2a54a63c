/** Writes the trees of one function's body. */
import { EmitError, Kind } from "./types.ts";
import type {
  BlockImm,
  BrTableImm,
  CallImm,
  CallIndirectImm,
  Expr,
  IfImm,
  Indexed,
  Label,
  Local,
  MemArg,
  NumType,
  Stmt,
} from "./types.ts";
import { Ref } from "./refs.ts";
import type { Writer } from "./writer.ts";

export const TYPE_CODE: Record<NumType, number> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b };
const EMPTY = 0x40;
const END = 0x0b;
const ELSE = 0x05;
const UNREACHABLE = 0x00;
const LOCAL_SET = 0x21;
const DROP = 0x1a;

/** An index that may still grow: the number of bytes written, where, and what it refers to. */
export interface Fixup {
  readonly at: number;
  readonly size: number;
  readonly ref: Ref;
}

export class Encoder {
  readonly out: Writer;
  /** Indices written so far that a later import of the same sort would change, in the order of their places. */
  readonly fixups: Fixup[] = [];
  #owner: object | undefined;
  #depth = 0;

  /** @param module what every function, type, table, memory and global mentioned must belong to */
  constructor(out: Writer, readonly module: object) {
    this.out = out;
  }

  /** @param owner the function whose locals may appear, undefined in a constant expression */
  begin(owner: object | undefined): void {
    this.#owner = owner;
    this.#depth = 0;
  }

  statements(list: readonly Stmt[]): void {
    for (let i = 0; i < list.length; i++) this.node(list[i]);
  }

  opcode(code: number): void {
    if (code < 0x100) this.out.byte(code);
    else {
      this.out.byte(code >>> 16);
      this.out.unsigned(code & 0xffff);
    }
  }

  node(e: Expr | Stmt): void {
    const { out } = this;
    const { args, imm } = e;
    for (let i = 0; i < args.length; i++) this.node(args[i]);
    switch (e.kind) {
      case Kind.plain:
        this.opcode(e.code);
        break;
      case Kind.i32Const:
        out.byte(e.code);
        out.signed32(imm as number);
        break;
      case Kind.i64Const:
        out.byte(e.code);
        out.signed64(imm as bigint);
        break;
      case Kind.f32Const:
        out.byte(e.code);
        out.f32(imm as number);
        break;
      case Kind.f64Const:
        out.byte(e.code);
        out.f64(imm as number);
        break;
      case Kind.v128Const:
      case Kind.shuffle:
        this.opcode(e.code);
        out.append(imm as Uint8Array);
        break;
      case Kind.localGet:
      case Kind.localSet:
      case Kind.localTee:
        out.byte(e.code);
        this.#local(imm as Local);
        break;
      case Kind.globalGet:
      case Kind.globalSet:
        out.byte(e.code);
        this.#index(imm as unknown as Indexed);
        break;
      case Kind.memory:
        this.opcode(e.code);
        this.#memArg(imm as MemArg);
        break;
      case Kind.memoryLane:
        this.opcode(e.code);
        this.#memArg(imm as MemArg);
        out.byte((imm as MemArg).lane);
        break;
      case Kind.lane:
        this.opcode(e.code);
        out.byte(imm as number);
        break;
      case Kind.call: {
        const call = imm as CallImm;
        out.byte(e.code);
        this.#index(call.fn);
        this.#results(call.results);
        break;
      }
      case Kind.callIndirect: {
        const call = imm as CallIndirectImm;
        out.byte(e.code);
        if (call.signature.owner !== this.module) throw new EmitError(`${e.op}: a type of another module`);
        out.unsigned(call.signature.index);
        this.#index(call.table);
        this.#results(call.results);
        break;
      }
      case Kind.block:
      case Kind.loop:
        this.#block(e, imm as BlockImm);
        break;
      case Kind.if:
        this.#if(e, imm as IfImm | undefined);
        break;
      case Kind.br:
        out.byte(e.code);
        this.#label(imm as Label);
        break;
      case Kind.brIf:
        out.byte(e.code);
        this.#label(imm as Label);
        if (args.length === 2) out.byte(DROP);
        break;
      case Kind.brTable: {
        const { labels, fallback } = imm as BrTableImm;
        out.byte(e.code);
        out.unsigned(labels.length);
        for (const label of labels) this.#label(label);
        this.#label(fallback);
        break;
      }
      case Kind.refs:
        this.opcode(e.code);
        for (const ref of imm as readonly Indexed[]) this.#index(ref);
        break;
      case Kind.fence:
        this.opcode(e.code);
        out.byte(0);
        break;
    }
  }

  #index(ref: Indexed): void {
    const at = this.out.length;
    this.out.unsigned(ref.index);
    if (!(ref instanceof Ref)) return;
    if (ref.space.owner !== this.module) throw new EmitError(`${ref.describe()} belongs to another module`);
    if (!ref.imported) this.fixups.push({ at, size: this.out.length - at, ref });
  }

  #local(local: Local): void {
    if (local.owner !== this.#owner) throw new EmitError(`local ${local.index} belongs to another function`);
    this.out.unsigned(local.index);
  }

  #memArg(imm: MemArg): void {
    const { out } = this;
    if (imm.memory === undefined) out.byte(imm.align);
    else {
      out.byte(imm.align | 0x40);
      this.#index(imm.memory);
    }
    out.unsigned(imm.offset);
  }

  /** The results of a call are on the stack, last on top. */
  #results(results: readonly Local[]): void {
    for (let i = results.length - 1; i >= 0; i--) {
      this.out.byte(LOCAL_SET);
      this.#local(results[i]);
    }
  }

  #label(label: Label): void {
    this.out.unsigned(this.#depth - label.depth);
  }

  #value(value: Expr | undefined): void {
    if (value === undefined) this.out.byte(UNREACHABLE);
    else this.node(value);
  }

  #block(e: Expr | Stmt, imm: BlockImm): void {
    const { out } = this;
    out.byte(e.code);
    out.byte(e.type === "void" ? EMPTY : TYPE_CODE[e.type]);
    imm.label.depth = ++this.#depth;
    this.statements(e.body![0]);
    if (e.type !== "void") this.#value(imm.value);
    this.#depth--;
    out.byte(END);
  }

  #if(e: Expr | Stmt, imm: IfImm | undefined): void {
    const { out } = this;
    const [then, otherwise] = e.body!;
    out.byte(e.code);
    out.byte(e.type === "void" ? EMPTY : TYPE_CODE[e.type]);
    this.#depth++;
    this.statements(then);
    if (imm !== undefined) this.#value(imm.thenValue);
    if (imm !== undefined || otherwise.length > 0) {
      out.byte(ELSE);
      this.statements(otherwise);
      if (imm !== undefined) this.#value(imm.elseValue);
    }
    this.#depth--;
    out.byte(END);
  }
}
