/**
 * A Machine that emits code into one function of the generated module. Subclasses say where operands and registers are: in a record and
 * the context (interpreter), or constants and locals (regions).
 */
import { type ExitName } from "../isa/exits.ts";
import type { Form, FormOperand } from "../isa/forms.ts";
import type { HelperArguments, HelperName, HelperResult } from "../isa/helpers.ts";
import type {
  Int,
  Machine,
  Operand,
  SegmentChoice,
  SegmentName,
  Size,
  StateName,
  StateTypes,
  WordSize,
} from "../isa/meaning.ts";
import { Reg } from "../isa/meaning.ts";
import {
  type Expr,
  type FuncRef,
  type I32,
  i32,
  type I64,
  i64,
  type Local,
  type V128,
  v128,
} from "../wasm/mod.ts";
import { READ_FIRST, STACK_ACCESS } from "./access.ts";
import {
  CONTEXT_FIELDS,
  CTX,
  SEGMENT_BASE,
  SEGMENT_BYTES,
  SEGMENT_LIMIT,
  SEGMENT_SELECTOR,
  SegmentNumber,
  TLB_ADDEND,
  TLB_READ,
  TLB_WRITE,
} from "./context.ts";
import { exitNumber, Vector } from "./exit.ts";
import { LazyFlags } from "./flags.ts";
import { MachineValues } from "./machine_values.ts";
import type { AddressPlace, RegisterPlace } from "./operands.ts";
import { isCanonical, READ, tlbEntry, WRITE } from "./paging.ts";
import type { HandlerBuilder, Linkage } from "./linkage.ts";
import { WRITE_ACCESS } from "./runtime.ts";

export type Helpers = Readonly<Record<HelperName, FuncRef>>;

/** Contributory exceptions and page faults push an error code (AMD64 APM volume 2, table 8-1). */
const HAS_CODE = new Set([8, 10, 11, 12, 13, 14, 17, 21]);

function stateField(name: StateName): { type: "i32" | "i64" | "v128"; offset: number } {
  if (name === "ldtrSelector") return { type: "i32", offset: CTX.ldtr + SEGMENT_SELECTOR };
  if (name === "trSelector") return { type: "i32", offset: CTX.tr + SEGMENT_SELECTOR };
  if (name === "fsBase") return { type: "i64", offset: CTX.fs + SEGMENT_BASE };
  if (name === "gsBase") return { type: "i64", offset: CTX.gs + SEGMENT_BASE };
  const st = /^st([0-7])$/.exec(name);
  if (st) return { type: "v128", offset: CTX.x87 + 16 * Number(st[1]) };
  const type = (CONTEXT_FIELDS as Record<string, unknown>)[name];
  if (type !== "i32" && type !== "i64") throw new Error(`the context has no field ${name}`);
  return { type, offset: CTX[name as keyof typeof CTX] };
}

export abstract class CodeMachine extends MachineValues implements Machine {
  /** The form being emitted. */
  form!: Form;
  /** LOCK is done by compare-and-swap (false in the forms that run exclusively). */
  atomic = false;
  readonly flags: LazyFlags;
  /** Address of the bounce area. */
  readonly bounce: I32;
  #scopes: (() => void)[][] = [];
  #startOver: (() => void) | undefined;

  constructor(
    readonly runtime: Linkage,
    readonly helpers: Helpers,
    readonly handler: HandlerBuilder,
    readonly ctx: I32,
    flags: (machine: CodeMachine) => LazyFlags,
  ) {
    super(handler as never);
    this.bounce = i32.add(ctx, CTX.bounce);
    this.flags = flags(this);
  }

  // What subclasses say

  abstract general(n: number): RegisterPlace;
  abstract operand(form: FormOperand, position: number): Operand;
  /** Leaves at this instruction. */
  abstract leave(reason: number): void;
  /** Leaves at this instruction for the reason in `pending`. */
  abstract leavePending(): void;
  abstract raise(vector: number, errorCode?: I32): void;
  /** Linear address of the next instruction; not bound. */
  abstract nextLinear(): I64;
  /** Goes on at a linear address outside the straight line. */
  abstract goTo(linear: I64): void;
  abstract goToRelative(to: Operand): void;
  /** Offset of the "data" segment's fields from CTX.es. */
  abstract dataSegment(): I32;

  /** Emits the meaning of one form, as a loop when it repeats or starts over. */
  emit(form: Form): void {
    this.form = form;
    this.flags.borrows = form.instruction.flags?.reads?.includes("C") ?? false;
    const { f } = this;
    if (form.lock && this.atomic) {
      f.loop((again) => {
        this.#startOver = () => f.br(again);
        this.scoped(() => this.meaning());
        this.#startOver = undefined;
      });
    } else this.meaning();
  }

  protected meaning(): void {
    const { form } = this;
    form.instruction.meaning(this, ...form.operands.map((operand, i) => this.operand(operand, i)));
  }

  /** Runs `action` when the arm or loop that is being emitted ends. */
  onLeave(action: () => void): void {
    this.#scopes.at(-1)?.push(action);
  }
  scoped(body: () => void): void {
    const scope: (() => void)[] = [];
    this.#scopes.push(scope);
    body();
    this.#scopes.pop();
    for (const action of scope) action();
  }

  startOverUnless(condition: I32): void {
    const again = this.#startOver;
    if (!again) throw new Error(`${this.form.id}: a locked write outside a LOCK form`);
    this.f.if(i32.eqz(condition), again);
  }

  // Form

  #property<T extends number>(value: number, what: string): T {
    if (value === 0) throw new Error(`${this.form.id} does not depend on ${what}`);
    return value as T;
  }
  get mode(): 16 | 32 | 64 {
    return this.#property(this.form.mode, "the mode");
  }
  get opSize(): WordSize {
    return this.#property(this.form.opSize, "the operand size");
  }
  get addrSize(): WordSize {
    return this.#property(this.form.addrSize, "the address size");
  }
  get stackSize(): WordSize {
    return this.#property(this.form.stackSize, "the stack size");
  }
  get lock(): boolean {
    return this.form.lock;
  }
  get rep(): "none" | "rep" | "repne" {
    return this.form.rep;
  }

  // Registers and state

  reg(n: number, size: Size): Int {
    return this.let(this.general(n).read(size));
  }
  setReg(n: number, size: Size, value: Int): void {
    this.general(n).write(size, value);
  }
  xmm(n: number): V128 {
    return this.f.let(v128.load(this.ctx, CTX.xmm + n * 16));
  }
  setXmm(n: number, value: V128): void {
    this.f.do(v128.store(this.ctx, value, CTX.xmm + n * 16));
  }
  #x87(n: I32 | number): I32 {
    return typeof n === "number" ? i32.add(this.ctx, n * 16) : i32.add(this.ctx, i32.shl(n, 4));
  }
  x87(n: I32 | number): V128 {
    return this.f.let(v128.load(this.#x87(n), CTX.x87));
  }
  setX87(n: I32 | number, value: V128): void {
    this.f.do(v128.store(this.#x87(n), value, CTX.x87));
  }
  state<N extends StateName>(name: N): Expr<StateTypes[N]> {
    const { type, offset } = stateField(name);
    const value: Expr = type === "i32"
      ? i32.load(this.ctx, offset)
      : type === "i64"
      ? i64.load(this.ctx, offset)
      : v128.load(this.ctx, offset);
    return this.f.let(value) as Expr<StateTypes[N]>;
  }
  setState<N extends StateName>(name: N, value: Expr<StateTypes[N]>): void {
    const { offset } = stateField(name);
    const given = value as Expr;
    if (given.type === "i32") this.f.do(i32.store(this.ctx, given as I32, offset));
    else if (given.type === "i64") this.f.do(i64.store(this.ctx, given as I64, offset));
    else this.f.do(v128.store(this.ctx, given as V128, offset));
  }
  selector(segment: SegmentName): I32 {
    return this.f.let(i32.load(this.ctx, CTX[segment] + SEGMENT_SELECTOR));
  }
  segmentBase(segment: SegmentName): I64 {
    return this.f.let(i64.load(this.ctx, CTX[segment] + SEGMENT_BASE));
  }

  // Memory

  /** Byte address of `size` readable bytes at a linear address; leaves on a fault. */
  readable(linear: I64, size: number, stack: () => I32 | number): I32 {
    return this.#pointer(linear, size, TLB_READ, () => {
      const info = i32.or(i32.const(size), asExpr(stack()));
      return this.f.call(this.runtime.access.slowRead, [this.ctx, linear, info]);
    });
  }
  writable(linear: I64, size: number, stack: () => I32 | number, readFirst: boolean): I32 {
    return this.#pointer(linear, size, TLB_WRITE, () => {
      const info = i32.or(i32.const(size | (readFirst ? READ_FIRST : 0)), asExpr(stack()));
      return this.f.call(this.runtime.access.slowWrite, [this.ctx, linear, info]);
    });
  }
  #pointer(linear: I64, size: number, tag: number, slow: () => I32): I32 {
    const { f, ctx } = this;
    const entry = f.let(this.tlbEntry(linear));
    const last = size > 1 ? i64.add(linear, BigInt(size - 1)) : linear;
    const pointer = f.local("i32");
    f.if(i64.eq(i64.load(entry, tag), i64.and(last, -4096n)), () => {
      f.set(pointer, i32.add(i32.wrap_i64(linear), i32.load(entry, TLB_ADDEND)));
      if (this.runtime.options.checkTlb) {
        const access = tag === TLB_WRITE ? WRITE : READ;
        f.call(this.runtime.check, [ctx, linear, i32.const(access), pointer.get()]);
      }
    }, () => {
      this.missed(pointer, slow);
    });
    return f.let(pointer.get());
  }
  /** The TLB has no entry that allows the access. */
  protected missed(pointer: Local<"i32">, slow: () => I32): void {
    const { f } = this;
    f.set(pointer, slow());
    f.if(i32.eq(pointer.get(), -1), () => this.leavePending());
  }
  protected tlbEntry(linear: I64): I32 {
    return tlbEntry(this.ctx, linear);
  }
  loadFrom(size: Size, pointer: I32): Int {
    if (size === 1) return i32.load8_u(pointer);
    if (size === 2) return i32.load16_u(pointer, 0, 1);
    return size === 4 ? i32.load(pointer, 0, 1) : i64.load(pointer, 0, 1);
  }
  storeTo(size: Size, pointer: I32, value: Int): void {
    const { f } = this;
    if (size === 8) f.do(i64.store(pointer, this.i64(value), 0, 1));
    else if (size === 4) f.do(i32.store(pointer, this.i32(value), 0, 1));
    else if (size === 2) f.do(i32.store16(pointer, this.i32(value), 0, 1));
    else f.do(i32.store8(pointer, this.i32(value)));
  }
  /** After a write through `writable`: carries bounced bytes to their place. */
  commitBounce(pointer: I32): void {
    const { f } = this;
    f.if(i32.eq(pointer, this.bounce), () => {
      f.if(f.call(this.runtime.access.commit, [this.ctx]), () => this.leavePending());
    });
  }

  /** Linear address for a segment named by the meaning. */
  protected linearOf(segment: SegmentChoice, address: Int, size: number, write: boolean): I64 {
    const { f, ctx, form } = this;
    const wide = this.i64(address);
    const long = form.addrSize === 8 || form.stackSize === 8 || form.mode === 64;
    if (long) {
      if (segment === "data") {
        const base = i64.load(i32.add(ctx, this.dataSegment()), CTX.es + SEGMENT_BASE);
        return f.let(i64.add(wide, base));
      }
      if (segment === "fs" || segment === "gs") return f.let(i64.add(wide, this.segmentBase(segment)));
      return f.let(wide);
    }
    const offset = segment === "data"
      ? this.dataSegment()
      : i32.const(SegmentNumber[segment] * SEGMENT_BYTES);
    return this.segmentedLinear(offset, f.let(wide), size, write);
  }
  /** With the checks of a segment that is known only at run time; leaves on a fault. */
  segmentedLinear(offset: I32, effective: I64, size: number, write: boolean): I64 {
    const { f, ctx } = this;
    const info = i32.const(size | (write ? WRITE_ACCESS : 0));
    const linear = f.let(f.call(this.runtime.segmented, [ctx, offset, effective, info]));
    f.if(i64.eq(linear, -1n), () => this.leavePending());
    return linear;
  }
  load(size: Size, segment: SegmentChoice, address: Int): Int {
    return this.let(this.loadFrom(size, this.#readPointer(size, segment, address)));
  }
  #readPointer(size: number, segment: SegmentChoice, address: Int): I32 {
    const linear = this.linearOf(segment, address, size, false);
    return this.readable(linear, size, () => segment === "ss" ? STACK_ACCESS : 0);
  }
  #writePointer(size: number, segment: SegmentChoice, address: Int): I32 {
    const linear = this.linearOf(segment, address, size, true);
    return this.writable(linear, size, () => segment === "ss" ? STACK_ACCESS : 0, false);
  }
  store(size: Size, segment: SegmentChoice, address: Int, value: Int): void {
    const bound = this.let(value);
    const pointer = this.#writePointer(size, segment, address);
    this.storeTo(size, pointer, bound);
    this.commitBounce(pointer);
  }
  loadVector(segment: SegmentChoice, address: Int): V128 {
    return this.f.let(v128.load(this.#readPointer(16, segment, address), 0, 1));
  }
  storeVector(segment: SegmentChoice, address: Int, value: V128): void {
    const bound = this.f.let(value);
    const pointer = this.#writePointer(16, segment, address);
    this.f.do(v128.store(pointer, bound, 0, 1));
    this.commitBounce(pointer);
  }
  probeWrite(size: number, segment: SegmentChoice, address: Int): void {
    this.#writePointer(size, segment, address);
  }

  // Stack

  stackPointer(): Int {
    return this.reg(Reg.rsp, this.stackSize);
  }
  setStackPointer(value: Int): void {
    this.setReg(Reg.rsp, this.stackSize, value);
  }
  push(value: Int, size: WordSize = this.opSize): void {
    const top = this.let(this.truncate(this.sub(this.stackPointer(), size), this.stackSize));
    this.store(size, "ss", top, value);
    this.setStackPointer(top);
  }
  pop(size: WordSize = this.opSize): Int {
    const top = this.stackPointer();
    const value = this.load(size, "ss", top);
    this.setStackPointer(this.add(top, size));
    return value;
  }

  // Flow

  if(condition: I32, then: () => void, otherwise?: () => void): void {
    // Bound before the flags are settled, which may change what it is made of.
    const test = this.f.let(condition);
    this.flags.fork();
    const known = this.flags.known;
    const arm = (body: () => void) => () => {
      this.flags.restore(known);
      this.scoped(body);
      if (this.f.live) this.flags.join();
    };
    this.f.if(test, arm(then), otherwise && arm(otherwise));
    this.flags.forget();
  }
  loop(body: (to: { again(): void; leave(): void }) => void): void {
    const { f, flags } = this;
    flags.fork();
    flags.forget();
    const to = (target: () => void) => () => {
      flags.join();
      target();
    };
    f.block((done) => {
      f.loop((again) => {
        this.scoped(() => body({ again: to(() => f.br(again)), leave: to(() => f.br(done)) }));
        if (f.live) flags.join();
      });
    });
    flags.forget();
  }
  nextRip(): Int {
    const next = this.nextLinear();
    if (this.opSize === 8) return this.f.let(next);
    const rip = i64.sub(next, i64.load(this.ctx, CTX.cs + SEGMENT_BASE));
    return this.let(this.truncate(rip, this.opSize));
  }
  target(value: Int): I64 {
    const { f, ctx } = this;
    if (this.opSize === 8) {
      const to = f.let(this.i64(value));
      f.if(i32.eqz(isCanonical(to)), () => this.raise(Vector.GP, i32.const(0)));
      return to;
    }
    const to = f.let(i64.extend_i32_u(this.i32(this.truncate(value, this.opSize))));
    f.if(
      i64.gt_u(to, i64.load32_u(ctx, CTX.cs + SEGMENT_LIMIT)),
      () => this.raise(Vector.GP, i32.const(0)),
    );
    return to;
  }
  jump(to: I64 | Operand): void {
    if ("kind" in to && to.kind === "rel") return this.goToRelative(to as Operand);
    const target = to as I64;
    if (this.opSize === 8) return this.goTo(target);
    const linear = i64.add(target, i64.load(this.ctx, CTX.cs + SEGMENT_BASE));
    this.goTo(this.f.let(i64.and(linear, 0xffffffffn)));
  }
  branch(condition: I32, to: Operand): void {
    this.f.if(condition, () => this.goToRelative(to));
  }
  fault(vector: number, errorCode?: I32 | number): void {
    this.raise(vector, typeof errorCode === "number" ? i32.const(errorCode) : errorCode);
  }
  faultIf(condition: I32, vector: number, errorCode?: I32 | number): void {
    this.f.if(condition, () => this.fault(vector, errorCode));
  }
  requireCpl0(): void {
    this.faultIf(i32.load(this.ctx, CTX.cpl), Vector.GP, 0);
  }
  requireIopl(): void {
    const iopl = i32.and(i32.shr_u(i32.load(this.ctx, CTX.eflags), 12), 3);
    this.faultIf(i32.gt_u(i32.load(this.ctx, CTX.cpl), iopl), Vector.GP, 0);
  }
  exit(reason: ExitName, info?: Int | number, value?: Int | number, second?: Int | number): void {
    const { f, ctx } = this;
    const wide = (given: Int | number): I64 =>
      typeof given === "number" ? i64.const(BigInt(given)) : this.i64(given);
    if (info !== undefined) {
      f.do(i32.store(ctx, typeof info === "number" ? i32.const(info) : this.i32(info), CTX.exitInfo));
    }
    if (value !== undefined) f.do(i64.store(ctx, wide(value), CTX.exitValue));
    if (second !== undefined) f.do(i64.store(ctx, wide(second), CTX.exitSecond));
    this.leave(exitNumber(reason));
  }
  helper<N extends HelperName>(name: N, ...args: HelperArguments<N>): HelperResult<N> {
    const ref = this.helpers[name];
    const results = this.f.call(ref, args as readonly Expr[] as never);
    return results as unknown as HelperResult<N>;
  }
  advance(register: number, size: Size): void {
    const back = i32.and(i32.shr_u(i32.load(this.ctx, CTX.eflags), 9), 2);
    const step = i32.mul(i32.sub(1, back), size);
    const { addrSize } = this;
    const distance = addrSize === 8 ? i64.extend_i32_s(step) : step;
    this.setReg(
      register,
      addrSize,
      this.truncate(this.add(this.reg(register, addrSize), distance), addrSize),
    );
  }

  /** Whether an exception has an error code. */
  protected hasErrorCode(vector: number): boolean {
    return HAS_CODE.has(vector);
  }
}

function asExpr(value: I32 | number): I32 {
  return typeof value === "number" ? i32.const(value) : value;
}

/** The address of a string operand: a segment and rSI or rDI. */
export function stringAddress(machine: CodeMachine, register: number, segment: () => I32): AddressPlace {
  const { f, ctx } = machine;
  return {
    effective: () => machine.i64(machine.reg(register, machine.addrSize)),
    linear(effective, size, write) {
      if (machine.addrSize === 8) {
        return i64.add(effective, i64.load(i32.add(ctx, segment()), CTX.es + SEGMENT_BASE));
      }
      return machine.segmentedLinear(f.let(segment()), effective, size, write);
    },
    stack: () => 0,
    wrap: (address) => machine.i64(machine.truncate(address, machine.addrSize)),
  };
}

export const STRING_DESTINATION = SegmentNumber.es * SEGMENT_BYTES;
