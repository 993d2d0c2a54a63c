/** Generates the interpreter: one wasm module with a handler for every form and way of addressing. */
import { defineFloatHelpers } from "../isa/softfloat/mod.ts";
import { defineIntegerHelpers } from "../isa/arithmetic.ts";
import { defineFloat80Helpers } from "../isa/float80/mod.ts";
import { defineVectorHelpers } from "../isa/vector_helpers.ts";
import { type Form, forms, type HelperName, helpers } from "../isa/mod.ts";
import type { FuncRef } from "../wasm/mod.ts";
import { i32, i64 } from "../wasm/mod.ts";
import { CTX } from "./context.ts";
import { ExitReason, Internal } from "./exit.ts";
import { pairs } from "./fusion.ts";
import { HOT_HANDLERS } from "./hot_handlers.ts";
import { HOT_SEQUENCES } from "./hot_sequences.ts";
import { HotMachine } from "./hot_machine.ts";
import { Addressing, type HandlerVariant, InterpreterMachine } from "./interpreter_machine.ts";
import type { Helpers } from "./machine.ts";
import { REC_DISP, REC_TARGET } from "./record.ts";
import type { RuntimeOptions } from "./linkage.ts";
import { type HandlerBody, Runtime } from "./runtime.ts";
import { sequenceTable } from "./sequences.ts";
import { emitStraddle } from "./straddle.ts";

/** Handlers are found at form * VARIANTS + variant. */
export const VARIANTS = 8;
/** Variant of a way of addressing when the flags that are written are dead; 0 to 2 are Addressing when they are not. */
export const DEAD_FLAGS = 3;
/** Variant of a LOCK form under the exclusive lock. */
export const EXCLUSIVE = 6;

/** Handlers that belong to no form, by their place after the forms' in `slots`. */
export const Special = {
  /** To another block: in the page, or outside. */
  LINK: 0,
  LINK_OUT: 1,
  /** Ends a stepped instruction. */
  STEPPED: 2,
  /** Guards an instruction that straddles two pages. */
  STRADDLE: 3,
  /** Raises the exception in the record (bytes that are no instruction). */
  RAISE: 4,
  /** Where a debugger may want to stop. */
  BREAKPOINT: 5,
} as const;
const SPECIALS = 6;

/** The generated handlers and what the decoder must know of them: made once, posted to workers. */
export interface InterpreterImage {
  readonly module: WebAssembly.Module;
  /** Function table slots by form * VARIANTS + variant, 0 for none; then the special handlers'. */
  readonly slots: Uint16Array;
  /** Slots of pairs (fusion.ts) by form * 16 + condition; 0 for none. */
  readonly fused: Uint16Array;
  /** Sequences that have a slot of their own (sequences.ts). */
  readonly sequences: Uint16Array;
  /** By form number: 1 when its handlers can leave (fault, exit, jump) before the instruction is done. */
  readonly leaves: Uint8Array;
  /** First slot for regions. */
  readonly regionSlot: number;
  readonly bytes: number;
  readonly checksTlb: boolean;
  readonly profiles: boolean;
}

export type InterpreterOptions = Partial<RuntimeOptions>;

/** Their flag results are often dead, and they run often. */
const OFTEN_DEAD = new Set([
  "add",
  "sub",
  "and",
  "or",
  "xor",
  "inc",
  "dec",
  "neg",
  "shl",
  "shr",
  "sar",
  "imul",
  "adc",
  "sbb",
]);

export function emitHelpers(runtime: Runtime): Helpers {
  const { m } = runtime;
  const integer = defineIntegerHelpers(m);
  const made = {
    ...integer,
    ...defineFloat80Helpers(m, { ...integer, ...runtime.imported }),
    ...defineFloatHelpers(m),
    ...defineVectorHelpers(m),
    ...runtime.imported,
  } as Record<
    HelperName,
    FuncRef
  >;
  for (const name of Object.keys(helpers) as HelperName[]) {
    if (!made[name]) throw new Error(`no helper ${name}`);
    m.export(`helper.${name}`, made[name]);
  }
  return made;
}

/** The ways of addressing that a form has handlers for. */
export function addressings(form: Form): readonly number[] {
  if (form.operands.some((operand) => operand.kind === "rel")) {
    return [Addressing.IN_PAGE, Addressing.OUT_OF_PAGE];
  }
  if (!form.operands.some((operand) => operand.kind === "mem" && operand.from === "modrm")) return [0];
  const { flags, operands } = form.encoding;
  const only = flags.has("rare") || !form.modes.includes(64) ||
    operands.some((operand) => operand.place === "offset");
  return only ? [Addressing.GENERIC] : [Addressing.BASE, Addressing.INDEX, Addressing.GENERIC];
}

/** An image before its module is compiled: plain data. */
export interface InterpreterCode extends Omit<InterpreterImage, "module" | "bytes"> {
  readonly code: Uint8Array<ArrayBuffer>;
}

/** Keeps generated code from one process to the next; never throws. */
export interface InterpreterStore {
  /** What was saved for the same options by the same version of this code. */
  load(options: InterpreterOptions): InterpreterCode | undefined;
  save(options: InterpreterOptions, code: InterpreterCode): void;
}

/** Generates everything: some hundred milliseconds where `store` does not have it yet. */
export function buildInterpreter(
  options: InterpreterOptions = {},
  store?: InterpreterStore,
): InterpreterImage {
  const kept = store?.load(options);
  const made = kept ?? emitInterpreter(options);
  if (kept === undefined) store?.save(options, made);
  const { code, ...tables } = made;
  return { module: new WebAssembly.Module(code), bytes: code.length, ...tables };
}

/** Generates the module's bytes and the tables that go with them. */
export function emitInterpreter(options: InterpreterOptions = {}): InterpreterCode {
  // Profiles count single handlers.
  const hotSequences = options.profile ? [] : HOT_SEQUENCES;
  const runtime = new Runtime({ checkTlb: false, profile: false, ...options }, HOT_HANDLERS, hotSequences);
  const helperRefs = emitHelpers(runtime);
  const all = forms();
  const slots = new Uint16Array(all.length * VARIANTS + SPECIALS);
  const leaves = new Uint8Array(all.length);
  const machineFor = (which: HandlerVariant, ...[f, ctx, rec, left, hot]: Parameters<HandlerBody>) =>
    hot
      ? new HotMachine(runtime, helperRefs, f, ctx, rec, left, which, hot)
      : new InterpreterMachine(runtime, helperRefs, f, ctx, rec, left, which);
  for (const form of all) {
    const emit = (variant: number, addressing: number, deadFlags: boolean, exclusive: boolean) => {
      slots[form.number * VARIANTS + variant] = runtime.handler(
        `${form.id} /${variant}`,
        (f, ctx, rec, left, hot) => {
          const which = { addressing, deadFlags, exclusive };
          const machine = machineFor(which, f, ctx, rec, left, hot);
          machine.emitHandler(form);
          if (machine.mayLeave && !hot) leaves[form.number] = 1;
        },
      );
    };
    const writesFlags = form.instruction.flags?.writes !== undefined;
    for (const addressing of addressings(form)) {
      emit(addressing, addressing, false, false);
      if (writesFlags && !form.lock && OFTEN_DEAD.has(form.instruction.name)) {
        emit(DEAD_FLAGS + addressing, addressing, true, false);
      }
    }
    if (form.lock) emit(EXCLUSIVE, Addressing.GENERIC, false, true);
  }
  const fused = new Uint16Array(all.length * 16);
  for (const { first, jump, condition } of pairs()) {
    fused[first.number * 16 + condition] = runtime.handler(
      `${first.id} j${condition}`,
      (f, ctx, rec, left, hot) => {
        const which = { addressing: Addressing.BASE, deadFlags: false, exclusive: false };
        machineFor(which, f, ctx, rec, left, hot).emitPair(first, jump);
      },
    );
  }
  const special = (which: number, slot: number) => slots[all.length * VARIANTS + which] = slot;
  special(Special.LINK, emitLink(runtime, true));
  special(Special.LINK_OUT, emitLink(runtime, false));
  special(
    Special.STEPPED,
    runtime.handler("stepped", (f, ctx, rec, left) => {
      f.returnCall(runtime.exit, [ctx, rec, left, i32.const(Internal.STEPPED)]);
    }),
  );
  special(Special.STRADDLE, emitStraddle(runtime));
  special(
    Special.RAISE,
    runtime.handler("undefined", (f, ctx, rec, left) => {
      const vector = f.let(i32.load(rec, REC_DISP));
      const isGeneral = i32.eq(vector, 13);
      f.returnCall(runtime.raise, [ctx, rec, left, vector, i32.const(0), isGeneral]);
    }),
  );
  special(
    Special.BREAKPOINT,
    runtime.handler("breakpoint", (f, ctx, rec, left) => {
      f.returnCall(runtime.exit, [ctx, rec, left, i32.const(ExitReason.BREAKPOINT)]);
    }),
  );
  const regionSlot = runtime.handlerCount + 1;
  const { checkTlb: checksTlb, profile: profiles } = runtime.options;
  const sequences = sequenceTable(HOT_HANDLERS, hotSequences);
  return { code: runtime.finish(), slots, fused, sequences, leaves, regionSlot, checksTlb, profiles };
}

/** A block's end that is no instruction: on to the next block. */
function emitLink(runtime: Runtime, inPage: boolean): number {
  return runtime.handler(inPage ? "link" : "link out", (f, ctx, rec, left) => {
    const linear = () => i64.add(i64.load(ctx, CTX.codePage), i64.load32_s(rec, REC_DISP));
    if (!inPage) {
      const wide = f.let(linear());
      const long = i32.eq(i32.load(ctx, CTX.mode), 64);
      return runtime.lookUp(f, ctx, f.let(i64.select(long, wide, i64.and(wide, 0xffffffffn))), left);
    }
    const next = f.let(i32.load(i32.load(rec, REC_TARGET)));
    f.if(i32.eqz(next), () => {
      f.returnCall(runtime.leaveAt, [ctx, linear(), left, i32.const(Internal.NEED_CODE)]);
    });
    runtime.enterBlock(f, ctx, next, left);
  });
}
