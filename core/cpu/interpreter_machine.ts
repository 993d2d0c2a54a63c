/** The Machine of the interpreter's handlers: operands come from a record, registers and flags are in the context. */
import type { Form, FormOperand } from "../isa/forms.ts";
import type { Int, Operand, Size } from "../isa/meaning.ts";
import { type I32, i32, type I64, i64, type V128, v128 } from "../wasm/mod.ts";
import { STACK_ACCESS } from "./access.ts";
import { CTX, Flag, SEGMENT_BASE, SEGMENT_BYTES, SegmentNumber } from "./context.ts";
import { Internal } from "./exit.ts";
import { type FlagStore, LazyFlags } from "./flags.ts";
import { CodeMachine, type Helpers, STRING_DESTINATION, stringAddress } from "./machine.ts";
import {
  type AddressPlace,
  ImmediateOperand,
  MemoryOperand,
  RegisterOperand,
  type RegisterPlace,
} from "./operands.ts";
import {
  REC_ADDRESS_SHIFT,
  REC_BACK,
  REC_BASE,
  REC_CHECKED,
  REC_DISP,
  REC_IMM,
  REC_IMM_HIGH,
  REC_INDEX,
  REC_LENGTH,
  REC_LINEAR_SHIFT,
  REC_OFFSET,
  REC_REGISTERS,
  REC_SCALE,
  REC_SEGMENT,
  REC_TARGET,
  RECORD_BYTES,
} from "./record.ts";
import type { HandlerBuilder } from "./linkage.ts";
import { emitRepeated } from "./repeat.ts";
import type { Runtime } from "./runtime.ts";

/** How a handler finds its memory operand or its jump target; part of a handler's identity. */
export const Addressing = {
  /** base + displacement, no segment */
  BASE: 0,
  /** base + index << scale + displacement, no segment */
  INDEX: 1,
  /** everything: segments, short addresses, 64-bit offsets */
  GENERIC: 2,
  /** Jumps: inside the page, through the code map; outside, through the execute TLB. */
  IN_PAGE: 0,
  OUT_OF_PAGE: 1,
} as const;

export interface HandlerVariant {
  addressing: number;
  /** The flags it writes are not read. */
  deadFlags: boolean;
  /** LOCK forms under the exclusive lock. */
  exclusive: boolean;
}

/** A register in the context. */
export class ContextRegister implements RegisterPlace {
  constructor(
    readonly machine: CodeMachine,
    readonly base: I32,
    readonly offset: number,
    readonly file: number,
    readonly stride: number,
  ) {}
  read(size: Size): Int {
    const { base, offset } = this;
    if (size === 1) return i32.load8_u(base, offset);
    if (size === 2) return i32.load16_u(base, offset);
    return size === 4 ? i32.load(base, offset) : i64.load(base, offset);
  }
  write(size: Size, value: Int): void {
    const { base, offset, machine } = this;
    const { f } = machine;
    if (size === 8) f.do(i64.store(base, machine.i64(value), offset));
    else if (size === 4) {
      const low = value.type === "i64" ? i64.and(value as I64, 0xffffffffn) : machine.i64(value);
      if (this.stride === 8) f.do(i64.store(base, low, offset));
      else f.do(i32.store(base, machine.i32(value), offset));
    } else if (size === 2) f.do(i32.store16(base, machine.i32(value), offset));
    else f.do(i32.store8(base, machine.i32(value), offset));
  }
  readVector(): V128 {
    return v128.load(this.base, this.offset);
  }
  writeVector(value: V128): void {
    this.machine.f.do(v128.store(this.base, value, this.offset));
  }
  number(): I32 {
    const from = i32.sub(i32.add(this.base, this.offset), i32.add(this.machine.ctx, this.file));
    return i32.div_u(from, i32.const(this.stride));
  }
}

export class InterpreterMachine extends CodeMachine {
  constructor(
    override readonly runtime: Runtime,
    helpers: Helpers,
    handler: HandlerBuilder,
    ctx: I32,
    public rec: I32,
    readonly left: I32,
    readonly variant: HandlerVariant,
  ) {
    super(
      runtime,
      helpers,
      handler,
      ctx,
      (machine) => new LazyFlags(machine.f, contextFlags(machine), runtime.flags),
    );
    this.flags.dead = variant.deadFlags;
  }

  /** Emits the whole handler. */
  emitHandler(form: Form): void {
    this.atomic = form.lock && !this.variant.exclusive;
    if (form.rep !== "none") emitRepeated(this, form);
    else this.emit(form);
    if (this.f.live) this.#next();
  }

  /** An instruction and the conditional jump behind it: the second record is the jump's own. */
  emitPair(first: Form, jump: Form): void {
    this.emit(first);
    this.rec = this.f.let(i32.add(this.rec, RECORD_BYTES));
    this.emit(jump);
    this.#next();
  }

  #next(): void {
    const { f, rec, left, runtime, ctx, handler } = this;
    if (this.flags.trapFlagTouched) {
      f.if(i32.and(i32.load(ctx, CTX.eflags), Flag.TF), () => {
        const after = i32.sub(i32.add(left, i32.load8_u(rec, REC_BACK)), 1);
        handler.returnCall(runtime.leaveAt, [ctx, this.nextLinear(), after, i32.const(Internal.STEPPED)]);
      });
    }
    runtime.dispatch(handler, ctx, i32.add(rec, RECORD_BYTES), left);
  }

  // Operands

  general(n: number): RegisterPlace {
    const offset = n >= 16 ? CTX.gpr + (n - 16) * 8 + 1 : CTX.gpr + n * 8;
    return new ContextRegister(this, this.ctx, offset, CTX.gpr, 8);
  }

  #register(form: FormOperand, position: number): RegisterPlace {
    if (form.file === "gpr" && form.from === "fixed") return this.general(form.number);
    if (form.from === "fixed") {
      const [file, stride] = FILES[form.file!];
      return new ContextRegister(this, this.ctx, file + stride * form.number, file, stride);
    }
    const [file, stride] = FILES[form.file!];
    const base = this.f.let(i32.add(this.ctx, this.registerOffset(position)));
    return new ContextRegister(this, base, file, file, stride);
  }

  /** Where the record says that a register operand is. */
  protected registerOffset(position: number): I32 {
    return i32.load8_u(this.rec, REC_REGISTERS + position);
  }

  operand(form: FormOperand, position: number): Operand {
    const { rec, ctx } = this;
    switch (form.kind) {
      case "reg":
      case "xmm":
      case "mm":
      case "seg":
        return new RegisterOperand(this, form, this.#register(form, position));
      case "cr":
      case "dr":
      case "st":
        return new RegisterOperand(this, form, new NumberedRegister(this, position));
      case "mem": {
        const aligned = form.size === 16 && !this.form.encoding.flags.has("unaligned");
        let place: AddressPlace;
        if (form.from === "source") place = stringAddress(this, 6, () => this.dataSegment());
        else if (form.from === "destination") {
          const segment = this.addrSize === 8 ? SegmentNumber.flat * SEGMENT_BYTES : STRING_DESTINATION;
          place = stringAddress(this, 7, () => i32.const(segment));
        } else if (this.variant.addressing === Addressing.GENERIC) place = new GenericAddress(this);
        else place = new SimpleAddress(this, this.variant.addressing === Addressing.INDEX);
        return new MemoryOperand(this, form, place, aligned);
      }
      case "imm":
      case "rel": {
        if (form.from === "fixed") {
          return new ImmediateOperand(this, form, () => this.const(form.size as Size, form.number));
        }
        const field = form.from === "second" ? REC_IMM_HIGH : REC_IMM;
        if (form.size === 8) {
          return new ImmediateOperand(this, form, () =>
            i64.or(
              i64.extend_i32_u(i32.load(rec, REC_IMM)),
              i64.shl(i64.extend_i32_u(i32.load(rec, REC_IMM_HIGH)), 32n),
            ));
        }
        return new ImmediateOperand(this, form, () => i32.load(rec, field));
      }
    }
    throw new Error(`${this.form.id}: operand ${position} at ${ctx.op}`);
  }

  override dataSegment(): I32 {
    return i32.load8_u(this.rec, REC_SEGMENT);
  }

  // Flow

  /** Some path does not reach the end of the instruction. */
  mayLeave = false;

  leave(reason: number): void {
    this.mayLeave = true;
    const { handler, runtime, ctx, rec, left } = this;
    handler.returnCall(runtime.exit, [ctx, rec, left, i32.const(reason)]);
  }
  leavePending(): void {
    this.mayLeave = true;
    const { handler, runtime, ctx, rec, left } = this;
    handler.returnCall(runtime.pendingExit, [ctx, rec, left]);
  }
  raise(vector: number, errorCode?: I32): void {
    this.mayLeave = true;
    const { handler, runtime, ctx, rec, left } = this;
    const has = this.hasErrorCode(vector);
    const code = has ? errorCode ?? i32.const(0) : i32.const(0);
    handler.returnCall(runtime.raise, [
      ctx,
      rec,
      left,
      i32.const(vector),
      code,
      i32.const(has ? 1 : 0),
    ]);
  }
  nextLinear(): I64 {
    const { ctx, rec } = this;
    const offset = i32.add(i32.load16_u(rec, REC_OFFSET), i32.load8_u(rec, REC_LENGTH));
    return i64.add(i64.load(ctx, CTX.codePage), i64.extend_i32_u(offset));
  }
  /** What is left when a jump leaves the block: a conditional one gives back the rest of it. */
  #remaining(): I32 {
    if (this.form.instruction.flow !== "branch") return this.left;
    return this.f.let(i32.sub(i32.add(this.left, i32.load8_u(this.rec, REC_BACK)), 1));
  }
  goTo(linear: I64): void {
    this.mayLeave = true;
    this.runtime.lookUp(this.handler, this.ctx, linear, this.#remaining());
  }
  goToRelative(to: Operand): void {
    this.mayLeave = true;
    const { handler, runtime, ctx, rec, f } = this;
    if (this.variant.addressing === Addressing.IN_PAGE) {
      const left = this.#remaining();
      const next = f.let(i32.load(i32.load(rec, REC_TARGET)));
      f.if(i32.eqz(next), () => {
        const linear = i64.add(i64.load(ctx, CTX.codePage), i64.load32_s(rec, REC_DISP));
        handler.returnCall(runtime.leaveAt, [ctx, linear, left, i32.const(Internal.NEED_CODE)]);
      });
      runtime.enterBlock(handler, ctx, next, left);
      return;
    }
    if (this.opSize === 8) {
      this.goTo(f.let(i64.add(i64.load(ctx, CTX.codePage), i64.load32_s(rec, REC_DISP))));
    } else {
      // Through EIP, which wraps at the operand size.
      this.jump(this.target(this.add(this.nextRip(), to.read())));
    }
  }
}

/** Register files in the context: where, and bytes from one to the next. */
export const FILES: Record<string, readonly [file: number, stride: number]> = {
  gpr: [CTX.gpr, 8],
  xmm: [CTX.xmm, 16],
  mm: [CTX.x87, 16],
  seg: [CTX.es, SEGMENT_BYTES],
};

/** Control and debug registers: only their number is known here, the host does the rest. */
class NumberedRegister implements RegisterPlace {
  constructor(readonly machine: InterpreterMachine, readonly position: number) {}
  #fail(): never {
    throw new Error(`${this.machine.form.id}: a control or debug register has only a number`);
  }
  read(): Int {
    return this.#fail();
  }
  write(): void {
    this.#fail();
  }
  readVector(): V128 {
    return this.#fail();
  }
  writeVector(): void {
    this.#fail();
  }
  number(): I32 {
    return i32.load8_u(this.machine.rec, REC_REGISTERS + this.position);
  }
}

/** 64-bit addresses without a segment base. */
class SimpleAddress implements AddressPlace {
  constructor(readonly machine: InterpreterMachine, readonly indexed: boolean) {}
  effective(): I64 {
    const { ctx, rec } = this.machine;
    const base = i64.load(i32.add(ctx, i32.load8_u(rec, REC_BASE)));
    const sum = i64.add(base, i64.load32_s(rec, REC_DISP));
    if (!this.indexed) return sum;
    const index = i64.load(i32.add(ctx, i32.load8_u(rec, REC_INDEX)));
    return i64.add(sum, i64.shl(index, i64.load8_u(rec, REC_SCALE)));
  }
  linear(effective: I64): I64 {
    return effective;
  }
  /** rSP (offset 32) or rBP (40) as the base. */
  stack(): I32 {
    const base = i32.load8_u(this.machine.rec, REC_BASE);
    return i32.shl(i32.eq(i32.and(base, ~8), 32), 8);
  }
  wrap(address: I64): I64 {
    return address;
  }
}

class GenericAddress implements AddressPlace {
  constructor(readonly machine: InterpreterMachine) {}
  effective(): I64 {
    const { ctx, rec, form } = this.machine;
    if (form.encoding.operands.some((operand) => operand.place === "offset")) {
      return this.wrap(i64.load(rec, REC_DISP));
    }
    const base = i64.load(i32.add(ctx, i32.load8_u(rec, REC_BASE)));
    const index = i64.load(i32.add(ctx, i32.load8_u(rec, REC_INDEX)));
    const scaled = i64.shl(index, i64.load8_u(rec, REC_SCALE));
    return this.wrap(i64.add(i64.add(base, i64.load32_s(rec, REC_DISP)), scaled));
  }
  linear(effective: I64, size: number, write: boolean): I64 {
    const { machine } = this;
    const { f, ctx, rec } = machine;
    const linear = f.local("i64");
    f.if(i32.load8_u(rec, REC_CHECKED), () => {
      f.set(linear, machine.segmentedLinear(machine.dataSegment(), effective, size, write));
    }, () => {
      const base = i64.load(i32.add(ctx, machine.dataSegment()), CTX.es + SEGMENT_BASE);
      const shift = f.let(i64.load8_u(rec, REC_LINEAR_SHIFT));
      f.set(linear, i64.shr_u(i64.shl(i64.add(effective, base), shift), shift));
    });
    return linear.get();
  }
  stack(): I32 {
    const segment = this.machine.dataSegment();
    const flatStack = SegmentNumber.flatStack * SEGMENT_BYTES;
    const stack = i32.or(
      i32.eq(segment, SegmentNumber.ss * SEGMENT_BYTES),
      i32.eq(segment, flatStack),
    );
    return i32.mul(stack, STACK_ACCESS);
  }
  wrap(address: I64): I64 {
    const { f, rec } = this.machine;
    const shift = f.let(i64.load8_u(rec, REC_ADDRESS_SHIFT));
    return i64.shr_u(i64.shl(address, shift), shift);
  }
}

function contextFlags(machine: CodeMachine): FlagStore {
  const { f, ctx } = machine;
  return {
    result: () => i64.load(ctx, CTX.flagResult),
    aux: () => i32.load(ctx, CTX.flagAux),
    settle() {},
    laterAux: () => () => i32.load(ctx, CTX.flagAux),
    set(result, aux) {
      if (result) f.do(i64.store(ctx, result(), CTX.flagResult));
      if (aux) f.do(i32.store(ctx, aux(), CTX.flagAux));
    },
    eflags: () => i32.load(ctx, CTX.eflags),
    setEflags: (value) => f.do(i32.store(ctx, value, CTX.eflags)),
  };
}
