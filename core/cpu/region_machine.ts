/**
 * The Machine of the region translator: operands are constants, general registers and lazy flags are locals, and flag values are
 * made only on the ways out. It emits the descriptions' meanings unchanged.
 */
import type { Decoded, Form, FormOperand, Int, Operand, Size } from "../isa/mod.ts";
import { type FunctionBuilder, type I32, i32, type I64, i64, type Local, type V128 } from "../wasm/mod.ts";
import { STACK_ACCESS } from "./access.ts";
import { CodeMode, CTX, SEGMENT_BASE, SEGMENT_BYTES, SegmentNumber, TLB_ENTRIES } from "./context.ts";
import { ExitReason } from "./exit.ts";
import { type FlagStore, LazyFlags } from "./flags.ts";
import { ContextRegister, FILES } from "./interpreter_machine.ts";
import type { HandlerBuilder, Linkage } from "./linkage.ts";
import { emitRepeated } from "./repeat.ts";
import { CodeMachine, type Helpers, stringAddress } from "./machine.ts";
import {
  type AddressPlace,
  ImmediateOperand,
  MemoryOperand,
  RegisterOperand,
  type RegisterPlace,
} from "./operands.ts";

/** One instruction of a region: what the decoder said, and its record. */
export interface RegionInstruction {
  readonly form: Form;
  readonly decoded: Decoded;
  readonly offset: number;
  readonly record: number;
  /** Instructions from this one to its block's end, itself included. */
  readonly back: number;
}

/** Which registers a region touches: found by emitting it once. */
export interface Touched {
  /** Bits of general registers. */
  used: number;
  written: number;
  flags: boolean;
}

/** Where jumps go; given by the translator. */
export interface Jumps {
  /** An in-page jump from the current instruction; `given` instructions of its block are not run. */
  inPage(offset: number, given: number): void;
}

class LocalRegister implements RegisterPlace {
  constructor(readonly machine: RegionMachine, readonly n: number, readonly high: boolean) {}
  #local(): Local<"i64"> {
    return this.machine.register(this.n);
  }
  read(size: Size): Int {
    this.machine.touched.used |= 1 << this.n;
    const value = this.#local().get();
    if (size === 8) return value;
    const low = i32.wrap_i64(value);
    if (size === 4) return low;
    if (size === 2) return i32.and(low, 0xffff);
    return this.high ? i32.and(i32.shr_u(low, 8), 0xff) : i32.and(low, 0xff);
  }
  write(size: Size, value: Int): void {
    const { machine } = this;
    machine.touched.written |= 1 << this.n;
    const local = this.#local();
    if (size === 8) return machine.f.set(local, machine.i64(value));
    if (size === 4) {
      const low = value.type === "i64" ? i64.and(value as I64, 0xffffffffn) : machine.i64(value);
      return machine.f.set(local, low);
    }
    const mask = size === 2 ? 0xffffn : 0xffn;
    const shift = this.high ? 8n : 0n;
    const kept = i64.and(local.get(), ~(mask << shift));
    const part = i64.shl(i64.and(machine.i64(value), mask), shift);
    machine.f.set(local, i64.or(kept, part));
  }
  readVector(): V128 {
    throw new Error("a general register is no vector");
  }
  writeVector(): void {
    throw new Error("a general register is no vector");
  }
  number(): I32 {
    return i32.const(this.n);
  }
}

/** Flags in two locals, or put off. */
class LocalFlags implements FlagStore {
  readonly result_: Local<"i64">;
  readonly aux_: Local<"i32">;
  #result: (() => I64) | undefined;
  #aux: (() => I32) | undefined;
  constructor(readonly touched: Touched, readonly f: FunctionBuilder, readonly ctx: I32) {
    this.result_ = f.local("i64");
    this.aux_ = f.local("i32");
  }
  #touch(): void {
    this.touched.flags = true;
  }
  result(): I64 {
    this.#touch();
    return this.#result?.() ?? this.result_.get();
  }
  aux(): I32 {
    this.#touch();
    return this.#aux?.() ?? this.aux_.get();
  }
  laterAux(): () => I32 {
    this.#touch();
    return this.#aux ?? (() => this.aux_.get());
  }
  set(result: (() => I64) | undefined, aux: (() => I32) | undefined): void {
    this.#touch();
    if (result) this.#result = result;
    if (aux) this.#aux = aux;
  }
  /** Emits what was put off, for a path that leaves: the straight line goes on as it was. */
  emit(): void {
    const aux = this.#aux?.();
    if (this.#result) this.f.set(this.result_, this.#result());
    if (aux) this.f.set(this.aux_, aux);
  }
  settle(): void {
    this.emit();
    this.#result = undefined;
    this.#aux = undefined;
  }
  /** Nobody looks at them before they are written anew. */
  discard(): void {
    this.#result = undefined;
    this.#aux = undefined;
  }
  eflags(): I32 {
    return i32.load(this.ctx, CTX.eflags);
  }
  setEflags(value: I32): void {
    this.f.do(i32.store(this.ctx, value, CTX.eflags));
  }
}

export class RegionMachine extends CodeMachine {
  /** The instruction being emitted. */
  now!: RegionInstruction;
  readonly touched: Touched;
  readonly lazy: LocalFlags;
  readonly left: Local<"i32">;
  readonly codePage: Local<"i64">;
  readonly #tlb: Local<"i32">;
  readonly #registers: (Local<"i64"> | undefined)[] = [];
  readonly exitRecord: Local<"i32">;
  readonly exitReason: Local<"i32">;
  /** Branches to the common ways out; set by the translator. */
  toExit!: () => void;
  jumps!: Jumps;

  constructor(
    linkage: Linkage,
    helpers: Helpers,
    handler: HandlerBuilder,
    ctx: I32,
    readonly codeMode: number,
    /** What an earlier emission found. */
    readonly plan: Touched,
  ) {
    let store: LocalFlags | undefined;
    const touched: Touched = { used: 0, written: 0, flags: false };
    super(linkage, helpers, handler, ctx, (machine) => {
      store = new LocalFlags(touched, machine.f, ctx);
      return new LazyFlags(machine.f, store, linkage.flags);
    });
    this.touched = touched;
    this.lazy = store!;
    this.left = handler.paramLocal(2) as Local<"i32">;
    const { f } = this;
    this.codePage = f.local("i64");
    this.#tlb = f.local("i32");
    this.exitRecord = f.local("i32");
    this.exitReason = f.local("i32");
  }

  register(n: number): Local<"i64"> {
    return this.#registers[n] ??= this.f.local("i64");
  }

  /** Loads what the region keeps in locals. */
  enter(): void {
    const { f, ctx, plan } = this;
    f.set(this.codePage, i64.load(ctx, CTX.codePage));
    f.set(this.#tlb, i32.load(ctx, CTX.tlb));
    for (let n = 0; n < 16; n++) {
      if ((plan.used | plan.written) >> n & 1) f.set(this.register(n), i64.load(ctx, CTX.gpr + n * 8));
    }
    if (plan.flags) {
      f.set(this.lazy.result_, i64.load(ctx, CTX.flagResult));
      f.set(this.lazy.aux_, i32.load(ctx, CTX.flagAux));
    }
  }
  /** Stores it back. Flags that were put off must have been emitted. */
  spill(): void {
    const { f, ctx, plan } = this;
    for (let n = 0; n < 16; n++) {
      if (plan.written >> n & 1) f.do(i64.store(ctx, this.register(n).get(), CTX.gpr + n * 8));
    }
    if (plan.flags) {
      f.do(i64.store(ctx, this.lazy.result_.get(), CTX.flagResult));
      f.do(i32.store(ctx, this.lazy.aux_.get(), CTX.flagAux));
    }
  }

  emitInstruction(instruction: RegionInstruction): void {
    this.now = instruction;
    this.atomic = instruction.form.lock;
    if (instruction.form.rep !== "none") emitRepeated(this, instruction.form);
    else this.emit(instruction.form);
  }

  protected override tlbEntry(linear: I64): I32 {
    const index = i32.and(i32.wrap_i64(i64.shr_u(linear, 7n)), (TLB_ENTRIES - 1) << 5);
    return i32.add(this.#tlb.get(), index);
  }

  // Operands

  general(n: number): RegisterPlace {
    return n >= 16 ? new LocalRegister(this, n - 16, true) : new LocalRegister(this, n, false);
  }

  operand(form: FormOperand, position: number): Operand {
    const { decoded } = this.now;
    const number = form.from === "fixed" ? form.number : decoded.registers[position];
    switch (form.kind) {
      case "reg":
        return new RegisterOperand(this, form, this.general(number));
      case "xmm":
      case "mm":
      case "seg": {
        const [file, stride] = FILES[form.kind];
        const place = new ContextRegister(this, this.ctx, file + stride * number, file, stride);
        return new RegisterOperand(this, form, place);
      }
      case "st":
      case "cr":
      case "dr":
        return new RegisterOperand(this, form, new ConstantNumber(this, number));
      case "mem": {
        const aligned = form.size === 16 && !this.form.encoding.flags.has("unaligned");
        let place: AddressPlace;
        if (form.from === "source") place = stringAddress(this, 6, () => this.dataSegment());
        else if (form.from === "destination") {
          const segment = this.addrSize === 8 ? SegmentNumber.flat : SegmentNumber.es;
          place = stringAddress(this, 7, () => i32.const(segment * SEGMENT_BYTES));
        } else place = new ConstantAddress(this, decoded, this.now.offset);
        return new MemoryOperand(this, form, place, aligned);
      }
      case "imm":
      case "rel": {
        const low = form.from === "fixed"
          ? form.number
          : form.from === "second"
          ? decoded.second
          : decoded.immediate;
        const wide = BigInt(decoded.immediateHigh) << 32n | BigInt(decoded.immediate >>> 0);
        const value = form.size === 8 && form.from !== "fixed" ? i64.const(wide) : undefined;
        return new ImmediateOperand(this, form, () => value ?? this.const(form.size as Size, low));
      }
    }
  }

  get long(): boolean {
    return (this.codeMode & CodeMode.WIDTH) === CodeMode.WIDTH_64;
  }
  segmentOffset(): number {
    const { segment } = this.now.decoded;
    let number = segment;
    if ((this.codeMode & CodeMode.FLAT) && segment < 4) {
      number = segment === SegmentNumber.ss ? SegmentNumber.flatStack : SegmentNumber.flat;
    }
    return number * SEGMENT_BYTES;
  }
  dataSegment(): I32 {
    return i32.const(this.segmentOffset());
  }

  // Flow

  leave(reason: number): void {
    this.#leave(i32.const(reason));
  }
  #leave(reason: I32): void {
    const { f } = this;
    f.set(this.exitReason, reason);
    f.set(this.exitRecord, this.now.record);
    this.lazy.emit();
    this.toExit();
  }
  leavePending(): void {
    this.#leave(i32.load(this.ctx, CTX.pending));
  }
  raise(vector: number, errorCode?: I32): void {
    const has = this.hasErrorCode(vector);
    const code = has ? errorCode ?? i32.const(0) : i32.const(0);
    const { access } = this.runtime;
    this.f.drop(this.f.call(access.fault, [this.ctx, i32.const(vector), code, i32.const(has ? 1 : 0)]));
    this.#leave(i32.const(ExitReason.FAULT));
  }
  nextLinear(): I64 {
    return i64.add(this.codePage.get(), BigInt(this.now.offset + this.now.decoded.length));
  }
  goTo(linear: I64): void {
    const { f, runtime, ctx } = this;
    const to = f.let(linear);
    this.lazy.emit();
    this.spill();
    const left = f.let(i32.add(this.left.get(), this.now.back - 1));
    runtime.lookUp(this.handler, ctx, to, left);
  }
  goToRelative(to: Operand): void {
    const { decoded, offset, form, back } = this.now;
    const target = offset + decoded.length + decoded.immediate;
    if ((this.codeMode & CodeMode.FLAT) && target >= 0 && target < 4096 && form.opSize !== 2) {
      return this.jumps.inPage(target, back - 1);
    }
    if (this.opSize === 8) return this.goTo(i64.add(this.codePage.get(), BigInt(target)));
    this.jump(this.target(this.add(this.nextRip(), to.read())));
  }
}

/** Registers of which only the number counts. */
class ConstantNumber implements RegisterPlace {
  constructor(readonly machine: RegionMachine, readonly n: number) {}
  #fail(): never {
    throw new Error(`${this.machine.form.id}: this register has only a number`);
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
    return i32.const(this.n);
  }
}

class ConstantAddress implements AddressPlace {
  constructor(readonly machine: RegionMachine, readonly decoded: Decoded, readonly offset: number) {}
  effective(): I64 {
    const { machine, decoded } = this;
    let displacement = BigInt(decoded.dispHigh) << 32n | BigInt(decoded.disp >>> 0);
    let sum: I64 | undefined;
    if (decoded.ripRelative) {
      displacement += BigInt(this.offset + decoded.length);
      sum = machine.codePage.get();
    } else if (decoded.base < 16) sum = machine.general(decoded.base).read(8) as I64;
    if (decoded.index < 16) {
      const index = i64.shl(machine.general(decoded.index).read(8) as I64, BigInt(decoded.scale));
      sum = sum ? i64.add(sum, index) : index;
    }
    const total = sum ? i64.add(sum, displacement) : i64.const(displacement);
    return this.wrap(total);
  }
  linear(effective: I64, size: number, write: boolean): I64 {
    const { machine } = this;
    const segment = machine.segmentOffset();
    if (segment >= SegmentNumber.flat * SEGMENT_BYTES) {
      return machine.long ? effective : i64.and(effective, 0xffffffffn);
    }
    if (machine.long) return i64.add(effective, i64.load(machine.ctx, CTX.es + segment + SEGMENT_BASE));
    return machine.segmentedLinear(i32.const(segment), effective, size, write);
  }
  stack(): number {
    return this.decoded.segment === SegmentNumber.ss ? STACK_ACCESS : 0;
  }
  wrap(address: I64): I64 {
    const { addrSize } = this.decoded;
    return addrSize === 8 ? address : i64.and(address, addrSize === 4 ? 0xffffffffn : 0xffffn);
  }
}
