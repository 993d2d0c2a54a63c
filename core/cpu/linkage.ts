/** What code in any generated module needs to go on or to leave: the interpreter defines these functions, regions import them. */
import {
  type FuncRef,
  type FunctionBuilder,
  type FuncType,
  type I32,
  i32,
  type I64,
  i64,
  type Label,
  type Local,
  type TableRef,
} from "../wasm/mod.ts";
import type { AccessFunctions } from "./access.ts";
import type { BulkFunctions } from "./bulk.ts";
import { CTX, TLB_CODE, TLB_EXECUTE } from "./context.ts";
import { Internal } from "./exit.ts";
import type { FlagFunctions } from "./flags.ts";
import { tlbEntry } from "./paging.ts";
import { SNAPSHOT_AT } from "./profile.ts";
import { REC_BACK, REC_SLOT } from "./record.ts";

export type HandlerParams = readonly ["i32", "i32", "i32"];
export type HandlerResults = readonly ["i32"];
export type HandlerBuilder = FunctionBuilder<HandlerParams, HandlerResults>;
export type HandlerRef = FuncRef<HandlerParams, HandlerResults>;

/** A function that runs many handlers: dispatching inside it is a jump. */
export interface HandlerLoop {
  readonly top: Label<"void">;
  readonly rec: Local<"i32">;
  readonly left: Local<"i32">;
  /** Inside a sequence: emits the handler that follows, whose record is given, in place of the jump. */
  readonly next?: (rec: I32) => void;
}

export interface RuntimeOptions {
  /** Walk the page tables on every TLB hit and compare. */
  checkTlb: boolean;
  /** Count the entries into each block (see profile.ts). */
  profile: boolean;
}

export abstract class Linkage {
  abstract readonly options: RuntimeOptions;
  abstract readonly signature: FuncType<HandlerParams, HandlerResults>;
  abstract readonly table: TableRef;
  abstract readonly access: AccessFunctions;
  abstract readonly bulk: BulkFunctions;
  abstract readonly flags: FlagFunctions;
  /** (ctx, rec, left, reason) */
  abstract readonly exit: FuncRef<readonly ["i32", "i32", "i32", "i32"], HandlerResults>;
  /** (ctx, linear address, left, reason): leaves between instructions */
  abstract readonly leaveAt: FuncRef<readonly ["i32", "i64", "i32", "i32"], HandlerResults>;
  /** (ctx, rec, left): the block that `rec` heads may not start */
  abstract readonly blocked: HandlerRef;
  /** (ctx, address of an entry of a code map, its offset in the page, left): goes on there */
  abstract readonly enterEntry: FuncRef<readonly ["i32", "i32", "i32", "i32"], HandlerResults>;
  /** (ctx, linear address, left): goes on at a page whose execute translation is missing */
  abstract readonly jumpMiss: FuncRef<readonly ["i32", "i64", "i32"], HandlerResults>;
  /** (ctx, segment offset, effective address, size | flags): linear address, or -1 with a fault pending */
  abstract readonly segmented: FuncRef<readonly ["i32", "i32", "i64", "i32"], readonly ["i64"]>;
  /** (ctx, rec): keeps the state with which a block is entered (profiling modules) */
  abstract readonly capture: FuncRef<readonly ["i32", "i32"], readonly []>;
  /** (ctx, va, access, address): compares a TLB hit with a walk */
  abstract readonly check: FuncRef<readonly ["i32", "i64", "i32", "i32"], readonly []>;

  /** Loops of handlers being built. */
  protected readonly loops = new WeakMap<object, HandlerLoop>();

  // Pieces of handlers

  /** Runs the handler of `rec`. */
  dispatch(f: HandlerBuilder, ctx: I32, rec: I32, left: I32): void {
    const loop = this.loops.get(f);
    if (loop?.next) {
      if (left !== loop.left.get()) {
        throw new Error(`${f.name}: only the last of a sequence may leave a block`);
      }
      return loop.next(rec);
    }
    if (loop) {
      f.set(loop.rec, rec);
      if (left !== loop.left.get()) f.set(loop.left, left);
      return f.br(loop.top);
    }
    f.returnCallIndirect(this.table, this.signature, [ctx, rec, left], i32.load(rec, REC_SLOT));
  }

  /** Starts the block that `rec` heads: takes its length from `left`, looks at the budget and at kick. */
  enterBlock(f: HandlerBuilder, ctx: I32, rec: I32, left: I32): void {
    const after = f.let(i32.sub(left, i32.load8_u(rec, REC_BACK)));
    f.if(
      i32.or(i32.shr_u(after, 31), i32.load(ctx, CTX.kick)),
      () => f.returnCall(this.blocked, [ctx, rec, after]),
    );
    if (this.options.profile) {
      const counter = f.let(i32.add(i32.load(ctx, CTX.profile), i32.shr_u(rec, 3)));
      const entries = f.let(i32.add(i32.load(counter), 1));
      f.do(i32.store(counter, entries));
      f.if(i32.eq(entries, SNAPSHOT_AT), () => f.call(this.capture, [ctx, rec]));
    }
    this.dispatch(f, ctx, rec, after);
  }

  /** Goes on at a linear address, through the execute TLB. */
  lookUp(f: HandlerBuilder | FunctionBuilder, ctx: I32, va: I64, left: I32, mayMiss = true): void {
    const h = f as HandlerBuilder;
    const entry = h.let(tlbEntry(ctx, va));
    const page = h.let(i64.and(va, -4096n));
    if (mayMiss) {
      h.if(
        i64.ne(i64.load(entry, TLB_EXECUTE), page),
        () => h.returnCall(this.jumpMiss, [ctx, va, left]),
      );
    }
    const low = h.let(i32.wrap_i64(va));
    const chunk = i32.load(i32.add(i32.load(entry, TLB_CODE), i32.and(i32.shr_u(low, 4), 0xfc)));
    const rec = h.let(i32.load(i32.add(chunk, i32.shl(i32.and(low, 63), 2))));
    h.if(
      i32.eqz(rec),
      () => h.returnCall(this.leaveAt, [ctx, va, left, i32.const(Internal.NEED_CODE)]),
    );
    h.do(i64.store(ctx, page, CTX.codePage));
    this.enterBlock(h, ctx, rec, left);
  }
}
