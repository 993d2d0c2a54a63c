/**
 * Lazy arithmetic flags: the context keeps the last result (sign-extended) and an aux word, from which each flag is computed when it is
 * read. CF = aux bit 31; OF = bit 31 ^ bit 30; AF = bit 3; ZF = (result == 0); SF = (result < 0) ^ bit 0;
 * PF = even parity of ((result ^ (aux >> 8)) & 0xff).
 */
import type { Flags, Int, Size, StatusFlag } from "../isa/meaning.ts";
import { Flag } from "../isa/meaning.ts";
import {
  type FuncRef,
  type FunctionBuilder,
  type I32,
  i32,
  type I64,
  i64,
  type ModuleBuilder,
} from "../wasm/mod.ts";

const STATUS = Flag.CF | Flag.PF | Flag.AF | Flag.ZF | Flag.SF | Flag.OF;

/** Where the flags live: the context in memory, or locals of a region. */
export interface FlagStore {
  result(): I64;
  aux(): I32;
  /** What `aux` is now, for an expression that may be built after it has changed. */
  laterAux(): () => I32;
  /** Either may stay as it is. The values may be made later, or never, if nobody looks: they are built from bound ones only. */
  set(result: (() => I64) | undefined, aux: (() => I32) | undefined): void;
  /** Makes values that were put off. */
  settle(): void;
  /** EFLAGS without the status flags. */
  eflags(): I32;
  setEflags(value: I32): void;
}

export interface FlagFunctions {
  /** (result, aux): the six status flags in their EFLAGS places */
  readonly image: FuncRef<readonly ["i64", "i32"], readonly ["i32"]>;
  /** (EFLAGS image): an aux word that goes with `imageResult` */
  readonly auxOf: FuncRef<readonly ["i32"], readonly ["i32"]>;
}

export function emitFlagFunctions(m: ModuleBuilder): FlagFunctions {
  const image = m.func(
    { name: "statusFlags", params: ["i64", "i32"], results: ["i32"] },
    (f, result, aux) => {
      const parts = [
        i32.shr_u(aux, 31),
        i32.shl(parity(result, aux), 2),
        i32.shl(i32.and(aux, 8), 1),
        i32.shl(i64.eqz(result), 6),
        i32.shl(sign(result, aux), 7),
        i32.shl(overflow(aux), 11),
      ];
      f.return(parts.reduce((all, part) => i32.or(all, part)));
    },
  );
  const auxOf = m.func({ name: "auxOfFlags", params: ["i32"], results: ["i32"] }, (f, flags) => {
    const bit = (n: number) => i32.and(i32.shr_u(flags, n), 1);
    const carry = f.let(bit(0));
    // The result is 0 or 1: even parity with ZF, odd without. Bits 8-15 turn it where PF says otherwise.
    const parityBit = i32.shl(i32.xor(bit(2), bit(6)), 8);
    const borders = i32.or(i32.shl(carry, 31), i32.shl(i32.xor(carry, bit(11)), 30));
    f.return(i32.or(i32.or(borders, parityBit), i32.or(i32.shl(bit(4), 3), bit(7))));
  });
  return { image, auxOf };
}

function parity(result: I64, aux: I32): I32 {
  const bits = i32.and(i32.xor(i32.wrap_i64(result), i32.shr_u(aux, 8)), 0xff);
  return i32.xor(i32.and(i32.popcnt(bits), 1), 1);
}
function sign(result: I64, aux: I32): I32 {
  return i32.xor(i32.wrap_i64(i64.shr_u(result, 63n)), i32.and(aux, 1));
}
function overflow(aux: I32): I32 {
  return i32.shr_u(i32.xor(aux, i32.shl(aux, 1)), 31);
}

type Known = { kind: "sub" | "logic" | "other"; size: Size; a?: Int; b?: Int; result: Int };

export class LazyFlags implements Flags {
  /** What the flags were last set from in straight-line code, when that is known. */
  #known: Known | undefined;
  /** TF may have been set: the instruction must look for it before it goes on. */
  trapFlagTouched = false;

  /** Nobody reads what the current instruction writes. */
  dead = false;
  /** The current instruction subtracts with a borrow in. */
  borrows = false;

  constructor(readonly f: FunctionBuilder, readonly store: FlagStore, readonly functions: FlagFunctions) {}

  /** Control flow joins here: nothing is known any more. */
  forget(): void {
    this.#known = undefined;
  }
  /** Control flow parts here, and may join again: the flags go to their place. */
  fork(): void {
    this.store.settle();
  }
  /** The end of an arm. */
  join(): void {
    this.store.settle();
  }
  /** For arms of an `if`: what was known before it. */
  get known(): unknown {
    return this.#known;
  }
  restore(known: unknown): void {
    this.#known = known as Known | undefined;
  }

  #extended(size: Size, result: Int): I64 {
    if (result.type === "i64") return result as I64;
    const value = result as I32;
    if (size === 1) return i64.extend_i32_s(i32.extend8_s(value));
    if (size === 2) return i64.extend_i32_s(i32.extend16_s(value));
    return i64.extend_i32_s(value);
  }

  #remember(known: Known): void {
    this.#known = known;
  }

  /** The aux word of a carry-out vector in the operand's type. */
  #auxOfCarries(size: Size, c: Int, keepAF = true): I32 {
    const f = this.f;
    if (size === 8) {
      const bound = f.let(c as I64);
      const high = i32.and(i32.wrap_i64(i64.shr_u(bound, 32n)), 0xc0000000 | 0);
      return keepAF ? i32.or(high, i32.and(i32.wrap_i64(bound), 8)) : high;
    }
    const value = c as I32;
    if (size === 4) return i32.and(value, (0xc0000008 | 0) & (keepAF ? -1 : ~8));
    const bound = f.let(value);
    const high = i32.and(i32.shl(bound, size === 2 ? 16 : 24), 0xc0000000 | 0);
    return keepAF ? i32.or(high, i32.and(bound, 8)) : high;
  }

  #carriesOfAdd(a: Int, b: Int, result: Int): Int {
    return a.type === "i64"
      ? i64.or(
        i64.and(a as I64, b as I64),
        i64.and(i64.or(a as I64, b as I64), i64.xor(result as I64, -1n)),
      )
      : i32.or(i32.and(a as I32, b as I32), i32.and(i32.or(a as I32, b as I32), i32.xor(result as I32, -1)));
  }
  #carriesOfSub(a: Int, b: Int, result: Int): Int {
    if (a.type === "i64") {
      const notA = i64.xor(a as I64, -1n);
      return i64.or(i64.and(notA, b as I64), i64.and(i64.or(notA, b as I64), result as I64));
    }
    const notA = i32.xor(a as I32, -1);
    return i32.or(i32.and(notA, b as I32), i32.and(i32.or(notA, b as I32), result as I32));
  }

  afterAdd(size: Size, a: Int, b: Int, result: Int): void {
    const bound = this.f.let(result as I32) as Int;
    if (!this.dead) {
      this.store.set(
        () => this.#extended(size, bound),
        () => this.#auxOfCarries(size, this.#carriesOfAdd(a, b, bound)),
      );
    }
    this.#remember({ kind: "other", size, result: bound });
  }
  afterSub(size: Size, a: Int, b: Int, result: Int): void {
    const bound = this.f.let(result as I32) as Int;
    if (!this.dead) {
      this.store.set(
        () => this.#extended(size, bound),
        () => this.#auxOfCarries(size, this.#carriesOfSub(a, b, bound)),
      );
    }
    // Without a borrow in, conditions can be taken from the operands themselves.
    this.#remember({ kind: this.borrows ? "other" : "sub", size, a, b, result: bound });
  }
  afterInc(size: Size, a: Int, result: Int): void {
    this.#step(size, a, result, true);
  }
  afterDec(size: Size, a: Int, result: Int): void {
    this.#step(size, a, result, false);
  }
  #step(size: Size, a: Int, result: Int, up: boolean): void {
    const f = this.f;
    const bound = f.let(result as I32) as Int;
    this.#remember({ kind: "other", size, result: bound });
    if (this.dead) return;
    const one = a.type === "i64" ? i64.const(1) : i32.const(1);
    const before = this.store.laterAux();
    this.store.set(() => this.#extended(size, bound), () => {
      const carries = up ? this.#carriesOfAdd(a, one, bound) : this.#carriesOfSub(a, one, bound);
      const aux = f.let(this.#auxOfCarries(size, carries));
      // Keep CF: turn both top bits when it differs, so that OF stays.
      const differs = i32.shr_s(i32.xor(aux, before()), 31);
      return i32.xor(aux, i32.and(differs, 0xc0000000 | 0));
    });
  }
  afterLogic(size: Size, result: Int): void {
    const bound = this.f.let(result as I32) as Int;
    if (!this.dead) this.store.set(() => this.#extended(size, bound), () => i32.const(0));
    this.#remember({ kind: "logic", size, result: bound });
  }
  afterResult(
    size: Size,
    result: Int,
    others: { CF?: I32 | number; OF?: I32 | number; AF?: I32 | number },
  ): void {
    const bound = this.f.let(result as I32) as Int;
    if (!this.dead) {
      const bits = this.#bound(others);
      this.store.set(() => this.#extended(size, bound), () => this.#auxOfBits(bits));
    }
    this.#remember({ kind: "other", size, result: bound });
  }
  #bound<T extends Record<string, I32 | number>>(values: T): T {
    return Object.fromEntries(
      Object.entries(values).map((
        [name, value],
      ) => [name, typeof value === "number" ? value : this.f.let(value)]),
    ) as T;
  }
  /** CF, OF and AF as an aux word; SF and PF from the result alone. */
  #auxOfBits({ CF = 0, OF = 0, AF = 0 }: { CF?: I32 | number; OF?: I32 | number; AF?: I32 | number }): I32 {
    const f = this.f;
    const carry = typeof CF === "number" ? i32.const(CF) : f.let(CF);
    const over = typeof OF === "number" ? i32.const(OF) : OF;
    const half = typeof AF === "number" ? i32.const(AF) : AF;
    return i32.or(
      i32.or(i32.shl(carry, 31), i32.shl(i32.xor(carry, over), 30)),
      i32.shl(half, 3),
    );
  }

  set(values: Parameters<Flags["set"]>[0]): void {
    const f = this.f;
    const names = Object.keys(values) as (keyof typeof values)[];
    const value = (name: keyof typeof values): I32 => {
      const given = values[name]!;
      return typeof given === "number" ? i32.const(given) : given;
    };
    const status = names.filter((name) => Flag[name] & STATUS);
    const system = names.filter((name) => !(Flag[name] & STATUS));
    if (system.length > 0) {
      let word = this.store.eflags();
      for (const name of system) {
        const shift = 31 - Math.clz32(Flag[name] & -Flag[name]);
        word = i32.or(i32.and(word, ~Flag[name]), i32.shl(value(name), shift));
        if (name === "TF") this.trapFlagTouched = true;
      }
      this.store.setEflags(word);
    }
    if (status.length === 0 || this.dead) return;
    this.#known = undefined;
    if (status.length === 1 && status[0] === "CF") {
      // Turn both top bits when CF changes: OF is their difference.
      const aux = f.let(this.store.aux());
      const differs = i32.xor(i32.shr_u(aux, 31), value("CF"));
      const changed = f.let(i32.xor(aux, i32.shl(i32.mul(differs, 3), 30)));
      this.store.set(undefined, () => changed);
      return;
    }
    if (status.every((name) => name === "CF" || name === "OF")) {
      const aux = i32.and(this.store.aux(), 0x3fffffff);
      const changed = f.let(i32.or(aux, this.#auxOfBits({ CF: value("CF"), OF: value("OF") })));
      this.store.set(undefined, () => changed);
      return;
    }
    let image: I32 = i32.const(0);
    let mask = 0;
    for (const name of status) {
      mask |= Flag[name];
      image = i32.or(image, i32.shl(value(name), 31 - Math.clz32(Flag[name])));
    }
    this.#loadStatus(image, i32.const(mask), mask === STATUS);
  }

  #loadStatus(image: I32, mask: I32, all: boolean): void {
    const f = this.f;
    const merged = all ? image : i32.or(
      i32.and(f.call(this.functions.image, [this.store.result(), this.store.aux()]), i32.xor(mask, -1)),
      i32.and(image, mask),
    );
    const flags = f.let(merged);
    const zero = i32.and(i32.shr_u(flags, 6), 1);
    const result = f.let(i64.extend_i32_u(i32.xor(zero, 1)));
    const aux = f.call(this.functions.auxOf, [flags]);
    this.store.set(() => result, () => aux);
    this.#known = undefined;
  }

  get(name: StatusFlag | "TF" | "IF" | "DF" | "NT" | "RF" | "VM" | "AC" | "VIF" | "VIP" | "ID"): I32 {
    return this.f.let(this.#get(name));
  }
  #get(name: keyof typeof Flag): I32 {
    const { store } = this;
    switch (name) {
      case "CF":
        return i32.shr_u(store.aux(), 31);
      case "PF":
        return parity(store.result(), store.aux());
      case "AF":
        return i32.and(i32.shr_u(store.aux(), 3), 1);
      case "ZF":
        return i64.eqz(store.result());
      case "SF":
        return sign(store.result(), store.aux());
      case "OF":
        return overflow(this.f.let(store.aux()));
      default:
        return i32.and(i32.shr_u(store.eflags(), 31 - Math.clz32(Flag[name])), 1);
    }
  }

  condition(code: number): I32 {
    const direct = this.#direct(code >>> 1);
    const value = direct ?? this.#stored(code >>> 1);
    return code & 1 ? i32.eqz(value) : value;
  }

  #stored(pair: number): I32 {
    switch (pair) {
      case 0:
        return this.#get("OF");
      case 1:
        return this.#get("CF");
      case 2:
        return this.#get("ZF");
      case 3:
        return i32.or(this.#get("CF"), this.#get("ZF"));
      case 4:
        return this.#get("SF");
      case 5:
        return this.#get("PF");
      default: {
        const aux = this.f.let(this.store.aux());
        const result = this.f.let(this.store.result());
        const less = i32.xor(sign(result, aux), overflow(aux));
        return pair === 6 ? less : i32.or(less, i64.eqz(result));
      }
    }
  }

  /** From the operands of the instruction that set the flags, when it is at hand. */
  #direct(pair: number): I32 | undefined {
    const known = this.#known;
    if (known === undefined) return undefined;
    const { kind, size, a, b, result } = known;
    if (pair === 2) return zero(size, result);
    if (pair === 4) return negative(size, result);
    if (kind === "logic") {
      if (pair === 0 || pair === 1) return i32.const(0);
      if (pair === 3) return zero(size, result);
      if (pair === 6) return negative(size, result);
      if (pair === 7) {
        return size === 8 ? i64.le_s(result as I64, 0n) : i32.le_s(signed(size, result as I32), 0);
      }
    }
    if (kind !== "sub" || a === undefined || b === undefined) return undefined;
    if (size === 8) {
      const [x, y] = [a as I64, b as I64];
      if (pair === 1) return i64.lt_u(x, y);
      if (pair === 3) return i64.le_u(x, y);
      if (pair === 6) return i64.lt_s(x, y);
      if (pair === 7) return i64.le_s(x, y);
      return undefined;
    }
    const [x, y] = [a as I32, b as I32];
    if (pair === 1) return i32.lt_u(x, y);
    if (pair === 3) return i32.le_u(x, y);
    if (pair === 6) return i32.lt_s(signed(size, x), signed(size, y));
    if (pair === 7) return i32.le_s(signed(size, x), signed(size, y));
    return undefined;
  }

  image(): I32 {
    const status = this.f.call(this.functions.image, [this.store.result(), this.store.aux()]);
    return this.f.let(i32.or(status, this.store.eflags()));
  }

  load(image: I32, mask: I32 | number): void {
    const f = this.f;
    const bits = typeof mask === "number" ? i32.const(mask) : f.let(mask);
    const value = f.let(image);
    const known = typeof mask === "number" ? mask : undefined;
    if (known === undefined || known & STATUS) {
      this.#loadStatus(value, bits, known !== undefined && (known & STATUS) === STATUS);
    }
    if (known === undefined || known & ~STATUS) {
      const taken = i32.and(bits, ~STATUS);
      const kept = i32.and(this.store.eflags(), i32.xor(taken, -1));
      this.store.setEflags(i32.or(kept, i32.and(value, taken)));
      if (known === undefined || known & Flag.TF) this.trapFlagTouched = true;
    }
  }
}

function signed(size: Size, value: I32): I32 {
  return size === 1 ? i32.extend8_s(value) : size === 2 ? i32.extend16_s(value) : value;
}
function zero(size: Size, value: Int): I32 {
  if (size === 8) return i64.eqz(value as I64);
  if (size === 4) return i32.eqz(value as I32);
  return i32.eqz(i32.and(value as I32, size === 1 ? 0xff : 0xffff));
}
function negative(size: Size, value: Int): I32 {
  return size === 8 ? i64.lt_s(value as I64, 0n) : i32.lt_s(signed(size, value as I32), 0);
}
