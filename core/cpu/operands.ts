/** Operands of the form being built: registers, memory, immediates. Places of registers and addresses come from the machine's kind. */
import type { Operand, Value } from "../isa/meaning.ts";
import type { FormOperand } from "../isa/forms.ts";
import type { Int, Size } from "../isa/meaning.ts";
import { type I32, i32, type I64, i64, type V128, v128 } from "../wasm/mod.ts";
import { Internal, Vector } from "./exit.ts";
import type { CodeMachine } from "./machine.ts";
import { ALIGNED_ACCESS } from "./runtime.ts";

/** A register as the machine keeps it. */
export interface RegisterPlace {
  /** Zero-extended; not bound. */
  read(size: Size): Int;
  write(size: Size, value: Int): void;
  readVector(): V128;
  writeVector(value: V128): void;
  number(): I32;
}

/** How a memory operand's address is made. */
export interface AddressPlace {
  /** Effective address, wrapped; not bound. */
  effective(): I64;
  /** Linear address of `size` bytes at a bound effective address, segment checks done; not bound. */
  linear(effective: I64, size: number, write: boolean): I64;
  /** STACK_ACCESS when a non-canonical address is #SS, else 0. */
  stack(): I32 | number;
  /** Wraps a sum to the address size. */
  wrap(address: I64): I64;
}

/** Binds and remembers a value where control flow allows it. */
export class Once<T> {
  #value: T | undefined;
  constructor(readonly machine: CodeMachine) {}
  get(make: () => T): T {
    if (this.#value === undefined) {
      this.#value = make();
      this.machine.onLeave(() => this.#value = undefined);
    }
    return this.#value;
  }
  get known(): T | undefined {
    return this.#value;
  }
}

abstract class Base {
  constructor(readonly machine: CodeMachine, readonly form: FormOperand) {}
  get kind(): Operand["kind"] {
    return this.form.kind;
  }
  get size(): number {
    return this.form.size;
  }
  get type(): "i32" | "i64" | "v128" {
    return this.size === 16 ? "v128" : this.size === 8 ? "i64" : "i32";
  }
  protected fail(what: string): never {
    throw new Error(`${this.machine.form.id}: ${what} of a ${this.kind} operand`);
  }
  abstract read(): Int;
  peek(): Int {
    return this.read();
  }
  readSigned(): Int {
    const size = this.size as Size;
    return this.machine.let(this.machine.signExtend(this.read(), size, size === 8 ? 8 : 4));
  }
  readVector(): V128 {
    return this.fail("readVector");
  }
  write(_value: Value): void {
    this.fail("write");
  }
  writeVector(_value: V128): void {
    this.fail("writeVector");
  }
  address(): I64 {
    return this.fail("address");
  }
  linear(): I64 {
    return this.fail("linear");
  }
  at(_distance: I64 | number, _size: number): Operand {
    return this.fail("at");
  }
  number(): I32 {
    return this.fail("number");
  }
}

export class RegisterOperand extends Base implements Operand {
  readonly #value = new Once<Int>(this.machine);
  readonly #vector = new Once<V128>(this.machine);
  constructor(machine: CodeMachine, form: FormOperand, readonly place: RegisterPlace) {
    super(machine, form);
  }
  read(): Int {
    return this.#value.get(() => this.machine.let(this.place.read(this.size as Size)));
  }
  override readVector(): V128 {
    return this.#vector.get(() => this.machine.let(this.place.readVector()));
  }
  override write(value: Value): void {
    if (value.type === "v128") this.place.writeVector(value);
    else this.place.write(this.size as Size, value);
  }
  override writeVector(value: V128): void {
    this.place.writeVector(value);
  }
  override number(): I32 {
    return this.place.number();
  }
}

export class ImmediateOperand extends Base implements Operand {
  constructor(machine: CodeMachine, form: FormOperand, readonly value: () => Int) {
    super(machine, form);
  }
  read(): Int {
    return this.machine.let(this.value());
  }
}

export class MemoryOperand extends Base implements Operand {
  readonly #effective = new Once<I64>(this.machine);
  readonly #linear = new Once<I64>(this.machine);
  readonly #pointer = new Once<I32>(this.machine);
  readonly #value = new Once<Int>(this.machine);
  readonly #vector = new Once<V128>(this.machine);
  readonly #size: number;
  constructor(
    machine: CodeMachine,
    form: FormOperand,
    readonly place: AddressPlace,
    readonly aligned: boolean,
    size = form.size,
  ) {
    super(machine, form);
    this.#size = size;
  }
  override get size(): number {
    return this.#size;
  }
  override address(): I64 {
    return this.#effective.get(() => this.machine.let(this.place.effective()));
  }
  override linear(): I64 {
    const info = this.size === 16 && this.aligned ? 16 | ALIGNED_ACCESS : this.size || 1;
    return this.#linear.get(() => this.machine.let(this.place.linear(this.address(), info, this.#writes)));
  }
  override at(distance: I64 | number, size: number): Operand {
    const { place, machine } = this;
    const base = this.address();
    const moved: AddressPlace = {
      effective: () =>
        place.wrap(i64.add(base, typeof distance === "number" ? i64.const(distance) : distance)),
      linear: (effective, bytes, write) => place.linear(effective, bytes, write),
      stack: () => place.stack(),
      wrap: (address) => place.wrap(address),
    };
    return new MemoryOperand(machine, this.form, moved, false, size);
  }

  get #writes(): boolean {
    return this.form.access.includes("w");
  }
  get #locked(): boolean {
    return this.machine.atomic && this.#writes;
  }

  #translated(): I32 {
    return this.#pointer.get(() => {
      const { machine, size } = this;
      const { f } = machine;
      if (this.#locked && size === 16) {
        machine.leave(Internal.EXCLUSIVE);
        return i32.const(0);
      }
      const linear = this.linear();
      if (size === 16 && this.aligned) {
        f.if(
          i32.and(i32.wrap_i64(linear), 15),
          () => machine.raise(Vector.GP, i32.const(0)),
        );
      }
      if (!this.#writes) return machine.readable(linear, size, () => this.place.stack());
      const pointer = machine.writable(linear, size, () => this.place.stack(), this.form.access === "rw");
      if (this.#locked) {
        const odd = i32.and(pointer, size - 1);
        const test = i32.or(i32.eq(pointer, machine.bounce), size > 1 ? odd : i32.const(0));
        f.if(test, () => machine.leave(Internal.EXCLUSIVE));
      }
      return pointer;
    });
  }

  read(): Int {
    const { machine, size } = this;
    return this.#value.get(() => {
      const pointer = this.#translated();
      return machine.let(this.#locked ? atomicLoad(size, pointer) : machine.loadFrom(size as Size, pointer));
    });
  }
  override peek(): Int {
    const { machine, size } = this;
    const pointer = machine.readable(this.linear(), size, () => this.place.stack());
    return machine.let(machine.loadFrom(size as Size, pointer));
  }
  override readVector(): V128 {
    return this.#vector.get(() => this.machine.let(v128.load(this.#translated(), 0, 1)));
  }
  override write(value: Value): void {
    if (value.type === "v128") return this.writeVector(value);
    const { machine, size } = this;
    if (this.#locked) {
      const bound = machine.let(value as Int);
      const old = this.read();
      const pointer = this.#translated();
      machine.startOverUnless(machine.eq(compareAndSwap(size, pointer, old, bound), old));
      return;
    }
    const bound = machine.let(value as Int);
    const pointer = this.#translated();
    machine.storeTo(size as Size, pointer, bound);
    machine.commitBounce(pointer);
  }
  override writeVector(value: V128): void {
    const bound = this.machine.let(value);
    const pointer = this.#translated();
    this.machine.f.do(v128.store(pointer, bound, 0, 1));
    this.machine.commitBounce(pointer);
  }
}

function atomicLoad(size: number, pointer: I32): Int {
  if (size === 1) return i32.atomic_load8_u(pointer);
  if (size === 2) return i32.atomic_load16_u(pointer);
  return size === 4 ? i32.atomic_load(pointer) : i64.atomic_load(pointer);
}

function compareAndSwap(size: number, pointer: I32, old: Int, value: Int): Int {
  if (size === 8) return i64.atomic_cmpxchg(pointer, old as I64, value as I64);
  if (size === 4) return i32.atomic_cmpxchg(pointer, old as I32, value as I32);
  if (size === 2) return i32.atomic_cmpxchg16_u(pointer, old as I32, i32.and(value as I32, 0xffff));
  return i32.atomic_cmpxchg8_u(pointer, old as I32, i32.and(value as I32, 0xff));
}
