/**
 * The part of the generated module that every handler uses: memory, table, ways out, jumps, slow accesses.
 *
 * A handler is `(ctx, rec, left) -> reason`. It ends by a tail call to the next record's handler, or by leaving. `left` counts the
 * instructions that the budget still allows after the current block; what a block did not run is given back on the way out.
 */
import {
  f64,
  type FuncRef,
  type FuncType,
  type I32,
  i32,
  type I64,
  i64,
  type Label,
  ModuleBuilder,
  type TableRef,
} from "../wasm/mod.ts";
import { helpers } from "../isa/mod.ts";
import {
  type HandlerBuilder,
  type HandlerParams,
  type HandlerRef,
  type HandlerResults,
  Linkage,
  type RuntimeOptions,
} from "./linkage.ts";
import { type AccessFunctions, emitAccess } from "./access.ts";
import { type BulkFunctions, emitBulk } from "./bulk.ts";
import { CTX, KICK_ENGINE, SEGMENT_ATTRIBUTES, SEGMENT_BASE, SEGMENT_LIMIT } from "./context.ts";
import { ExitReason, Internal, Vector } from "./exit.ts";
import { emitFlagFunctions, type FlagFunctions } from "./flags.ts";
import type { HotCase } from "./hot_machine.ts";
import { emitTranslate, EXECUTE, isCanonical, type Translate } from "./paging.ts";
import { SNAPSHOT_BYTES, SNAPSHOT_HEAD, SNAPSHOT_STATE } from "./profile.ts";
import { REC_BACK, REC_LENGTH, REC_OFFSET, REC_SLOT } from "./record.ts";

/** Emits a handler; inside the hot loop when `hot` is given. */
export type HandlerBody = (f: HandlerBuilder, ctx: I32, rec: I32, left: I32, hot?: HotCase) => void;

type HotBody = (f: HandlerBuilder, ctx: I32, rec: I32, left: I32, head: I64) => void;

/** Room for the handlers; it grows for regions. Each domain has a table on each pCPU: 24 bytes an entry. */
export const TABLE_LIMITS = { initial: 0x1800, maximum: 0x10000 };

const IMPORTED_HELPERS = [
  "random",
  "reciprocal",
  "reciprocalSquareRoot",
  "transcendental",
  "transcendentalPart",
] as const;

/** Functions of the linkage that regions import by their names. */
export const LINKS = [
  "exit",
  "leaveAt",
  "blocked",
  "enterEntry",
  "jumpMiss",
  "segmented",
  "check",
  "capture",
] as const;

export class Runtime extends Linkage {
  readonly m = new ModuleBuilder("cpu");
  override readonly signature: FuncType<HandlerParams, HandlerResults>;
  readonly translate: Translate;
  override readonly access: AccessFunctions;
  override readonly bulk: BulkFunctions;
  override readonly flags: FlagFunctions;
  /** (ctx, rec, left, reason) */
  override readonly exit: FuncRef<readonly ["i32", "i32", "i32", "i32"], HandlerResults>;
  /** (ctx, rec, left): leaves for the reason in `pending` */
  readonly pendingExit: HandlerRef;
  /** (ctx, rec, left, vector, errorCode, hasError) */
  readonly raise: FuncRef<readonly ["i32", "i32", "i32", "i32", "i32", "i32"], HandlerResults>;
  /** (ctx, linear address, left, reason): leaves between instructions */
  override readonly leaveAt: FuncRef<readonly ["i32", "i64", "i32", "i32"], HandlerResults>;
  /** (ctx, rec, left): the block that `rec` heads may not start */
  override readonly blocked: HandlerRef;
  /** (ctx, linear address, left): goes on at a page whose execute translation is missing */
  override readonly jumpMiss: FuncRef<readonly ["i32", "i64", "i32"], HandlerResults>;
  /** (ctx, segment offset, effective address, size | flags): linear address, or -1 with a fault pending */
  override readonly enterEntry: FuncRef<readonly ["i32", "i32", "i32", "i32"], HandlerResults>;
  override readonly segmented: FuncRef<readonly ["i32", "i32", "i64", "i32"], readonly ["i64"]>;
  /** (ctx, va, access, address): compares a TLB hit with a walk */
  override readonly capture: FuncRef<readonly ["i32", "i32"], readonly []>;
  override readonly check: FuncRef<readonly ["i32", "i64", "i32", "i32"], readonly []>;
  /** Helpers in JavaScript. */
  readonly imported: Readonly<Record<typeof IMPORTED_HELPERS[number], FuncRef>>;
  readonly #handlers: HandlerRef[] = [];
  /** Handlers of the hot loop, by slot - 1; sequences of them have the slots behind. */
  readonly #hot: HotBody[] = [];
  readonly #hotLoop: HandlerRef;
  #table: TableRef | undefined;

  /**
   * @param hotNames handlers of the hot loop (hot_handlers.ts): they get the first slots
   * @param hotSequences runs of them that are cases too (hot_sequences.ts): they get the slots behind
   */
  constructor(
    override readonly options: RuntimeOptions,
    readonly hotNames: readonly string[] = [],
    readonly hotSequences: readonly (readonly string[])[] = [],
  ) {
    super();
    const m = this.m;
    m.importMemory("cpu", "memory", { initial: 1, maximum: 65536, shared: true });
    // Imports come first: a later one would move the index of every function.
    const foreign = m.importFunc("cpu", "foreign", ["i32", "f64", "i32", "i32", "i32", "i32"], ["i32"]);
    const mismatch = m.importFunc("cpu", "tlbMismatch", ["i32", "f64", "i32", "i32", "i32"], []);
    this.imported = Object.fromEntries(
      IMPORTED_HELPERS.map((name) => {
        const { params, result } = helpers[name];
        return [name, m.importFunc("helpers", name, params, [result]) as unknown as FuncRef];
      }),
    ) as unknown as Runtime["imported"];
    this.signature = m.type(["i32", "i32", "i32"], ["i32"]);
    this.translate = emitTranslate(m);
    this.access = emitAccess(m, this.translate, foreign);
    this.bulk = emitBulk(m);
    this.flags = emitFlagFunctions(m);
    this.exit = this.#emitExit();
    this.pendingExit = m.func(
      { name: "pendingExit", params: ["i32", "i32", "i32"], results: ["i32"] },
      (f, ctx, rec, left) => f.returnCall(this.exit, [ctx, rec, left, i32.load(ctx, CTX.pending)]),
    );
    this.raise = m.func(
      { name: "raise", params: ["i32", "i32", "i32", "i32", "i32", "i32"], results: ["i32"] },
      (f, ctx, rec, left, vector, code, hasError) => {
        f.drop(f.call(this.access.fault, [ctx, vector, code, hasError]));
        f.returnCall(this.exit, [ctx, rec, left, i32.const(ExitReason.FAULT)]);
      },
    );
    this.leaveAt = this.#emitLeaveAt();
    this.blocked = this.#emitBlocked();
    this.segmented = this.#emitSegmented();
    this.capture = this.#emitCapture();
    this.check = m.func(
      { name: "checkTlb", params: ["i32", "i64", "i32", "i32"], results: [] },
      (f, ctx, va, access, address) => {
        const walked = f.let(f.call(this.translate, [ctx, va, i32.or(access, 4)]));
        f.if(i32.ne(i32.and(walked, -4096), i32.and(address, -4096)), () => {
          f.call(mismatch, [ctx, f64.convert_i64_u(va), access, address, walked]);
        });
      },
    );
    this.enterEntry = m.declareFunc({
      name: "enterEntry",
      params: ["i32", "i32", "i32", "i32"],
      results: ["i32"],
    });
    this.jumpMiss = m.declareFunc({ name: "jumpMiss", params: ["i32", "i64", "i32"], results: ["i32"] });
    this.#hotLoop = m.declareFunc({ name: "hot loop", params: ["i32", "i32", "i32"], results: ["i32"] });
    for (const _ of [...hotNames, ...hotSequences]) this.#handlers.push(this.#hotLoop);
  }

  /** Defined once the table is there. */
  override get table(): TableRef {
    this.#table ??= this.m.table(TABLE_LIMITS);
    return this.#table;
  }

  /** Adds a handler; gives its slot. */
  handler(name: string, body: HandlerBody): number {
    const hot = this.hotNames.indexOf(name);
    if (hot >= 0) {
      const outside = this.m.func({ name, params: ["i32", "i32", "i32"], results: ["i32"] }, body);
      this.#hot[hot] = (f, ctx, rec, left, head) => body(f, ctx, rec, left, { outside, head });
      return hot + 1;
    }
    const ref = this.m.func({ name, params: ["i32", "i32", "i32"], results: ["i32"] }, body);
    this.#handlers.push(ref);
    return this.#handlers.length;
  }

  get handlerCount(): number {
    return this.#handlers.length;
  }

  /** Emits what is left and gives the module's bytes. */
  finish(): Uint8Array<ArrayBuffer> {
    const { m } = this;
    this.#emitHotLoop();
    m.define(this.jumpMiss, (f, ctx, va, left) => {
      const long = i32.eq(i32.load(ctx, CTX.mode), 64);
      f.if(i32.and(long, i32.eqz(isCanonical(va))), () => {
        f.drop(f.call(this.access.fault, [ctx, i32.const(Vector.GP), i32.const(0), i32.const(1)]));
        f.returnCall(this.leaveAt, [ctx, va, left, i32.const(ExitReason.FAULT)]);
      });
      const page = f.let(f.call(this.translate, [ctx, va, i32.const(EXECUTE)]));
      f.if(i32.eq(page, -1), () => f.returnCall(this.leaveAt, [ctx, va, left, i32.load(ctx, CTX.pending)]));
      // Code in foreign frames is not run.
      f.if(i32.eq(page, -2), () => {
        f.do(i64.store(ctx, va, CTX.faultAddress));
        const user = i32.shl(i32.eq(i32.load(ctx, CTX.cpl), 3), 2);
        f.drop(f.call(this.access.fault, [ctx, i32.const(Vector.PF), i32.or(user, 0x19), i32.const(1)]));
        f.returnCall(this.leaveAt, [ctx, va, left, i32.const(ExitReason.FAULT)]);
      });
      this.lookUp(f, ctx, va, left, false);
    });
    m.define(this.enterEntry, (f, ctx, entry, offset, left) => {
      const next = f.let(i32.load(entry));
      f.if(i32.eqz(next), () => {
        const linear = i64.add(i64.load(ctx, CTX.codePage), i64.extend_i32_u(offset));
        f.returnCall(this.leaveAt, [ctx, linear, left, i32.const(Internal.NEED_CODE)]);
      });
      this.enterBlock(f as unknown as HandlerBuilder, ctx, next, left);
    });
    const run = m.func({ name: "run", params: ["i32", "i32"], results: ["i32"] }, (f, ctx, left) => {
      const va = f.let(i64.add(i64.load(ctx, CTX.rip), i64.load(ctx, CTX.cs + SEGMENT_BASE)));
      const long = i32.eq(i32.load(ctx, CTX.mode), 64);
      this.lookUp(f, ctx, f.let(i64.select(long, va, i64.and(va, 0xffffffffn))), left);
    });
    const enter = m.func(
      { name: "enter", params: ["i32", "i32", "i32"], results: ["i32"] },
      (f, ctx, rec, left) => {
        this.dispatch(f, ctx, rec, left);
      },
    );
    const translate = m.func(
      { name: "translate32", params: ["i32", "i32", "i32", "i32"], results: ["i32"] },
      (f, ctx, low, high, access) => {
        const va = f.let(
          i64.or(i64.extend_i32_u(low), i64.shl(i64.extend_i32_u(high), 32n)),
        );
        const long = i32.eq(i32.load(ctx, CTX.mode), 64);
        f.if(i32.and(long, i32.eqz(isCanonical(va))), () => {
          f.returnCall(this.access.fault, [ctx, i32.const(Vector.GP), i32.const(0), i32.const(1)]);
        });
        const page = f.let(f.call(this.translate, [ctx, va, access]));
        f.if(i32.and(page, 0xfff), () => f.return(page));
        f.return(i32.or(page, i32.and(low, 0xfff)));
      },
    );
    const { initial } = TABLE_LIMITS;
    if (this.#handlers.length >= initial) {
      throw new Error(`${this.#handlers.length} handlers in a table of ${initial}`);
    }
    m.elem(this.table, 1, this.#handlers);
    m.export("run", run);
    m.export("enter", enter);
    m.export("translate", translate);
    m.export("table", this.table);
    // What regions import.
    for (const name of LINKS) m.export(name, this[name]);
    for (const [name, ref] of Object.entries({ ...this.access, ...this.bulk, ...this.flags })) {
      m.export(name, ref);
    }
    return m.toBytes();
  }

  /**
   * The handlers that run most are cases of one function: from one to the next is a jump with everything in registers, where a tail call
   * through the table loads the callee's instance and from there the memory's base, one after the other (V8).
   */
  #emitHotLoop(): void {
    const missing = this.hotNames.find((_, i) => this.#hot[i] === undefined);
    if (missing !== undefined) throw new Error(`no handler is named ${missing}`);
    this.m.define(this.#hotLoop, (f, ctx) => {
      const debugging = this.options.checkTlb || this.options.profile;
      const loop = { rec: f.paramLocal(1), left: f.paramLocal(2) };
      const [rec, left] = [loop.rec.get(), loop.left.get()];
      const bodies = [...this.#hot, ...this.hotSequences.map((names) => this.#sequence(names))];
      const nameOf = (at: number) =>
        this.hotNames[at] ?? this.hotSequences[at - this.hotNames.length].join(", ");
      const head = f.local("i64");
      const slot = i32.wrap_i64(head.get());
      const labels: Label<"void">[] = [];
      f.loop((top) => {
        this.loops.set(f, { top, ...loop });
        f.set(head, i64.load(rec, REC_SLOT));
        f.block((other) => {
          const cases = (n: number): void => {
            if (n === 0) return this.#emitChoice(f, labels, other, slot);
            f.block((label) => {
              labels[n - 1] = label;
              cases(n - 1);
            });
            f.reusing(() => bodies[n - 1](f, ctx, rec, left, head.get()));
            if (f.calls > 0 && !debugging) throw new Error(`${nameOf(n - 1)} calls inside the hot loop`);
          };
          cases(bodies.length);
        });
        f.returnCallIndirect(this.table, this.signature, [ctx, rec, left], slot);
      });
    });
  }

  /**
   * Goes to a slot's case by one of two jump tables, for odd and even slots: the branch between them is history that processors predict the jump with.
   * Those whose history is of conditional branches only (seen on Zen 3) take nearly every jump of a single table wrong in loops of more than ten handlers.
   */
  #emitChoice(f: HandlerBuilder, labels: readonly Label<"void">[], other: Label<"void">, slot: I32): void {
    const odd = labels.filter((_, at) => at % 2 === 0);
    const even = labels.filter((_, at) => at % 2 === 1);
    const half = i32.shr_u(slot, 1);
    f.if(i32.and(slot, 1), () => f.brTable(odd, other, half), () => f.brTable([other, ...even], other, half));
  }

  /** Handlers of records that follow each other, one behind the other. */
  #sequence(names: readonly string[]): HotBody {
    const parts = names.map((name) => this.#hot[this.hotNames.indexOf(name)]);
    return (f, ctx, rec, left, head) => {
      const loop = this.loops.get(f)!;
      const emitFrom = (n: number, rec: I32, head: I64): void => {
        let follows = n === names.length - 1;
        const next = (at: I32) => {
          follows = true;
          const own = f.let(at);
          emitFrom(n + 1, own, f.let(i64.load(own, REC_SLOT)));
        };
        this.loops.set(f, follows ? loop : { ...loop, next });
        parts[n](f, ctx, rec, left, head);
        if (!follows) throw new Error(`${names[n]} does not go on to what follows it in ${names.join(", ")}`);
      };
      emitFrom(0, rec, head);
    };
  }

  #emitExit() {
    return this.m.func({ name: "exit", params: ["i32", "i32", "i32", "i32"], results: ["i32"] }, (
      f,
      ctx,
      rec,
      left,
      reason,
    ) => {
      const at = i64.add(i64.load(ctx, CTX.codePage), i64.load16_u(rec, REC_OFFSET));
      const rip = f.let(i64.sub(at, i64.load(ctx, CTX.cs + SEGMENT_BASE)));
      const long = f.let(i32.eq(i32.load(ctx, CTX.mode), 64));
      const mask = f.let(i64.select(long, i64.const(-1), i64.const(0xffffffffn)));
      f.do(i64.store(ctx, i64.and(rip, mask), CTX.rip));
      f.do(i64.store(ctx, i64.and(i64.add(rip, i64.load8_u(rec, REC_LENGTH)), mask), CTX.nextRip));
      f.do(i32.store(ctx, i32.add(left, i32.load8_u(rec, REC_BACK)), CTX.left));
      f.do(i32.store(ctx, reason, CTX.exitReason));
      f.return(reason);
    });
  }

  #emitCapture() {
    return this.m.func({ name: "capture", params: ["i32", "i32"], results: [] }, (f, ctx, rec) => {
      const snapshots = f.let(i32.load(ctx, CTX.snapshots));
      const n = f.let(i32.add(i32.atomic_rmw_add(snapshots, 1), 1));
      const at = f.let(i32.add(snapshots, i32.mul(n, SNAPSHOT_BYTES)));
      f.if(i32.gt_u(i32.add(at, SNAPSHOT_BYTES), i32.load(ctx, CTX.snapshotsEnd)), () => {
        f.drop(i32.atomic_rmw_sub(snapshots, 1));
        f.return();
      });
      f.do(i32.store(at, rec));
      f.memoryCopy(i32.add(at, SNAPSHOT_HEAD), ctx, SNAPSHOT_STATE);
    });
  }

  #emitLeaveAt() {
    return this.m.func({ name: "leaveAt", params: ["i32", "i64", "i32", "i32"], results: ["i32"] }, (
      f,
      ctx,
      va,
      left,
      reason,
    ) => {
      const rip = f.let(i64.sub(va, i64.load(ctx, CTX.cs + SEGMENT_BASE)));
      const long = i32.eq(i32.load(ctx, CTX.mode), 64);
      f.do(i64.store(ctx, i64.select(long, rip, i64.and(rip, 0xffffffffn)), CTX.rip));
      f.do(i32.store(ctx, left, CTX.left));
      f.do(i32.store(ctx, reason, CTX.exitReason));
      f.return(reason);
    });
  }

  #emitBlocked() {
    return this.m.func({ name: "blocked", params: ["i32", "i32", "i32"], results: ["i32"] }, (
      f,
      ctx,
      rec,
      left,
    ) => {
      const kicked = i32.load(ctx, CTX.kick);
      const reason = i32.select(kicked, i32.const(ExitReason.KICK), i32.const(ExitReason.BUDGET));
      f.returnCall(this.exit, [ctx, rec, left, reason]);
    });
  }

  /** Protected-mode segment checks (AMD64 APM volume 2, section 4.12): presence, rights, limit; then base + address. */
  #emitSegmented() {
    return this.m.func({ name: "segmented", params: ["i32", "i32", "i64", "i32"], results: ["i64"] }, (
      f,
      ctx,
      offset,
      address,
      info,
    ) => {
      const segment = f.let(i32.add(i32.add(ctx, CTX.es), offset));
      const base = f.let(i64.load(segment, SEGMENT_BASE));
      f.if(i32.eq(i32.load(ctx, CTX.mode), 64), () => {
        // Only FS and GS have a base in 64-bit mode.
        f.return(i64.add(address, i64.select(i32.ge_u(offset, 96), base, i64.const(0))));
      });
      const bad = () => {
        // A misaligned vector is #GP whatever else is wrong with its address.
        const misaligned = i32.and(
          i32.and(i32.wrap_i64(i64.add(address, base)), 15),
          i32.sub(0, i32.ne(i32.and(info, ALIGNED_ACCESS), 0)),
        );
        const overStack = i32.or(i32.eq(offset, 48), i32.ne(i32.and(info, 0x100), 0));
        const stack = i32.and(overStack, i32.eqz(misaligned));
        const vector = i32.select(stack, i32.const(Vector.SS), i32.const(Vector.GP));
        f.drop(f.call(this.access.fault, [ctx, vector, i32.const(0), i32.const(1)]));
        f.return(i64.const(-1));
      };
      const attributes = f.let(i32.load(segment, SEGMENT_ATTRIBUTES));
      f.if(i32.and(attributes, 0x10000), bad);
      const code = f.let(i32.and(attributes, 8));
      const rightBit = i32.and(attributes, 2);
      f.if(i32.and(info, WRITE_ACCESS), () => f.if(i32.or(code, i32.eqz(rightBit)), bad), () => {
        f.if(i32.and(i32.shr_u(code, 3), i32.eqz(rightBit)), bad);
      });
      const size = f.let(i64.extend_i32_u(i32.and(info, 0xff)));
      const last = f.let(i64.sub(i64.add(address, size), 1n));
      const limit = f.let(i64.load32_u(segment, SEGMENT_LIMIT));
      f.if(i32.eq(i32.and(attributes, 0xc), 4), () => {
        const top = i64.select(i32.and(attributes, 0x4000), i64.const(0xffffffffn), i64.const(0xffffn));
        f.if(i32.or(i64.le_u(address, limit), i64.gt_u(last, top)), bad);
      }, () => f.if(i64.gt_u(last, limit), bad));
      f.return(i64.and(i64.add(base, address), 0xffffffffn));
    });
  }
}

/** Flag of `segmented`'s last parameter. */
export const WRITE_ACCESS = 0x400;
/** Another: 16 bytes that must be aligned. */
export const ALIGNED_ACCESS = 0x800;

/** Bits of kick that end `run`. */
export const KICK_OTHERS = ~KICK_ENGINE;
