/**
 * The 80-bit format of the x87 unit: taking apart, rounding, NaNs. A number travels as a v128: significand in the low lane, sign and exponent
 * in the low 16 bits of the high one. Inside an operation a finite nonzero number is (hi, lo) * 2^(exponent - 16383 - 127), hi with
 * its leading one at bit 63, bit 0 of lo sticky.
 *
 * Follows AMD64 APM volume 1, 6.2 to 6.8: tininess is detected after rounding, an unmasked overflow or underflow gives a result with its
 * exponent moved by 24576.
 */
import { i32, i64, i64x2 } from "../../wasm/mod.ts";
import type { FuncRef, FunctionBuilder, GlobalRef, I32, I64, ModuleBuilder, V128 } from "../../wasm/mod.ts";

/** Bits of FSW, which is also how operations collect what they meet. */
export const Status = {
  IE: 1,
  DE: 2,
  ZE: 4,
  OE: 8,
  UE: 16,
  PE: 32,
  SF: 64,
  ES: 0x80,
  C0: 0x100,
  C1: 0x200,
  C2: 0x400,
  C3: 0x4000,
  BUSY: 0x8000,
  /** Not of FSW: an operand was denormal before it was widened. */
  NARROW_DENORMAL: 0x10000,
} as const;
/** Exceptions found before anything is computed: unmasked they leave everything as it was. */
export const EARLY = Status.IE | Status.DE | Status.ZE;

/** FCW: masks stand where the exceptions do. */
export const Control = { PRECISION: 0x300, SINGLE: 0, DOUBLE: 0x200, EXTENDED: 0x300, CHOP: 0xc00 } as const;
export const Rounding = { nearest: 0, down: 1, up: 2, zero: 3 } as const;

export const BIAS = 0x3fff;
export const MAXIMUM = 0x7fff;
/** How far an unmasked overflow or underflow moves the exponent. */
const WRAP = 24576;
export const LEADING = 1n << 63n;
export const QUIET = 1n << 62n;

/** Anything that statements can be added to. */
export type Body = Pick<
  FunctionBuilder,
  "let" | "local" | "set" | "if" | "ifExpr" | "do" | "globalSet" | "call" | "loop" | "block" | "brIf" | "br"
>;
type Fn<P extends readonly ("i32" | "i64" | "v128")[], R extends readonly ("i32" | "i64" | "v128")[]> =
  FuncRef<
    P,
    R
  >;

/** What all operations share. */
export interface Unit {
  readonly module: ModuleBuilder;
  /** Status bits met since x87Outcome last took them. */
  readonly pending: GlobalRef<"i32">;
  /** (hi, lo, n): shifted right, what is lost kept in the last bit. */
  readonly shiftRightJam: Fn<readonly ["i64", "i64", "i32"], readonly ["i64", "i64"]>;
  /** (sign, hi, lo, fcw): rounded to the precision of FCW; bit 0 inexact, bit 1 went up, bit 2 carried out of the top. */
  readonly step: Fn<readonly ["i32", "i64", "i64", "i32"], readonly ["i64", "i32"]>;
  /** (sign, exponent, hi, lo, fcw): the number. */
  readonly round: Fn<readonly ["i32", "i32", "i64", "i64", "i32"], readonly ["v128"]>;
  /** Exponent and significand of a finite number that is not zero, normalised. */
  readonly parts: Fn<readonly ["v128"], readonly ["i32", "i64"]>;
  /** The result where an operand is a NaN or no number at all. */
  readonly nan: Fn<readonly ["v128", "v128"], readonly ["v128"]>;
  readonly mulHigh: Fn<readonly ["i64", "i64"], readonly ["i64"]>;
  readonly divide128: Fn<readonly ["i64", "i64", "i64"], readonly ["i64"]>;
}

export function raise(f: Body, unit: Pick<Unit, "pending">, bits: I32 | number): void {
  f.globalSet(unit.pending, i32.or(unit.pending.get(), bits));
}

export const significand = (v: V128): I64 => i64x2.extract_lane(v, 0);
/** Sign (bit 15) and exponent. */
export const head = (v: V128): I32 => i32.wrap_i64(i64x2.extract_lane(v, 1));
export const exponent = (v: V128): I32 => i32.and(head(v), MAXIMUM);
/** 0 or 1 */
export const signOf = (v: V128): I32 => i32.and(i32.shr_u(head(v), 15), 1);
export const withHead = (sign: I32 | number, exp: I32 | number, sig: I64 | bigint): V128 => {
  const s = typeof sign === "number" ? i32.const(sign) : sign;
  const high = i32.or(i32.shl(s, 15), i32.and(typeof exp === "number" ? i32.const(exp) : exp, MAXIMUM));
  const low = typeof sig === "bigint" ? i64.const(sig) : sig;
  return i64x2.replace_lane(i64x2.splat(low), 1, i64.extend_i32_u(high));
};
const constant = (high: number, low: bigint): V128 => i64x2.const(BigInt.asIntN(64, low), BigInt(high));
/** The real indefinite. */
export const indefinite = (): V128 => constant(0xffff, LEADING | QUIET);
export const infinity = (sign: I32): V128 => withHead(sign, MAXIMUM, LEADING);
export const zero = (sign: I32): V128 => withHead(sign, 0, 0n);

/** A NaN, or a pattern without its leading one that no operation takes. */
export const isOdd = (v: V128): I32 =>
  i32.or(
    i32.and(i32.ne(exponent(v), 0), i64.ge_s(significand(v), 0n)),
    i32.and(i32.eq(exponent(v), MAXIMUM), i64.ne(significand(v), LEADING)),
  );
export const isUnsupported = (v: V128): I32 => i32.and(i32.ne(exponent(v), 0), i64.ge_s(significand(v), 0n));
export const isInfinite = (v: V128): I32 =>
  i32.and(i32.eq(exponent(v), MAXIMUM), i64.eq(significand(v), LEADING));
export const isZero = (v: V128): I32 => i32.and(i32.eqz(exponent(v)), i64.eqz(significand(v)));
export const isDenormal = (v: V128): I32 => i32.and(i32.eqz(exponent(v)), i64.ne(significand(v), 0n));

/** DE for operands that are no NaNs, also for one that was widened. */
export function takeDenormals(f: Body, unit: Pick<Unit, "pending">, ...operands: V128[]): void {
  const widened = i32.and(unit.pending.get(), Status.NARROW_DENORMAL);
  const any = operands.reduce((all, v) => i32.or(all, isDenormal(v)), widened);
  raise(f, unit, i32.shl(i32.ne(any, 0), 1));
}

export const roundingControl = (fcw: I32): I32 => i32.and(i32.shr_u(fcw, 10), 3);
const flag = (condition: I32, bit: number): I32 => i32.select(condition, i32.const(bit), i32.const(0));
/** PE and C1 from a step's information. */
export const roundingStatus = (info: I32): I32 =>
  i32.or(flag(i32.and(info, 1), Status.PE), flag(i32.and(info, 2), Status.C1));

function defineShift(module: ModuleBuilder): Unit["shiftRightJam"] {
  const signature = {
    name: "x87ShiftRightJam",
    params: ["i64", "i64", "i32"],
    results: ["i64", "i64"],
  } as const;
  const bit = (condition: I32): I64 => i64.extend_i32_u(condition);
  return module.func(signature, (f, hi, lo, n) => {
    f.if(i32.eqz(n), () => f.return(hi, lo));
    const by = f.let(i64.extend_i32_u(n));
    const back = f.let(i64.sub(64, by));
    f.if(i32.lt_u(n, 64), () => {
      const lost = bit(i64.ne(i64.shl(lo, back), 0));
      f.return(i64.shr_u(hi, by), i64.or(i64.or(i64.shl(hi, back), i64.shr_u(lo, by)), lost));
    });
    f.if(i32.eq(n, 64), () => f.return(0n, i64.or(hi, bit(i64.ne(lo, 0)))));
    f.if(i32.lt_u(n, 128), () => {
      const lost = bit(i64.ne(i64.or(i64.shl(hi, back), lo), 0));
      f.return(0n, i64.or(i64.shr_u(hi, by), lost));
    });
    f.return(0n, bit(i64.ne(i64.or(hi, lo), 0)));
  });
}

/** Bits of the significand that a precision drops. */
const dropped = (fcw: I32): I32 => {
  const precision = i32.and(i32.shr_u(fcw, 8), 3);
  return i32.select(precision, i32.select(i32.eq(precision, 2), 11, 0), 40);
};

function defineStep(module: ModuleBuilder): Unit["step"] {
  const signature = {
    name: "x87Step",
    params: ["i32", "i64", "i64", "i32"],
    results: ["i64", "i32"],
  } as const;
  return module.func(signature, (f, sign, hi, lo, fcw) => {
    const drop = f.let(i64.extend_i32_u(dropped(fcw)));
    const ulp = f.let(i64.shl(1n, drop));
    const kept = f.let(i64.and(hi, i64.sub(0n, ulp)));
    const cut = i64.or(i64.shl(hi, i64.sub(64, drop)), i64.extend_i32_u(i64.ne(lo, 0)));
    const rest = f.let(i64.select(i64.eqz(drop), lo, cut));
    const inexact = f.let(i64.ne(rest, 0));
    const control = f.let(roundingControl(fcw));
    const half = i64.const(LEADING);
    const nearest = i32.or(
      i64.gt_u(rest, half),
      i32.and(i64.eq(rest, half), i64.ne(i64.and(kept, ulp), 0)),
    );
    const away = i32.and(inexact, i32.eq(control, i32.sub(2, sign)));
    const up = f.let(i32.select(control, away, nearest));
    const result = f.let(i64.add(kept, i64.select(up, ulp, i64.const(0))));
    const carry = i32.and(up, i64.eqz(result));
    f.return(result, i32.or(i32.or(inexact, i32.shl(up, 1)), i32.shl(carry, 2)));
  });
}

function defineRound(
  module: ModuleBuilder,
  unit: Pick<Unit, "pending" | "step" | "shiftRightJam">,
): Unit["round"] {
  const signature = {
    name: "x87Round",
    params: ["i32", "i32", "i64", "i64", "i32"],
    results: ["v128"],
  } as const;
  const masked = (fcw: I32, exception: number) => i32.and(fcw, exception);
  return module.func(signature, (f, sign, exp, hi, lo, fcw) => {
    const [rounded, info] = f.call(unit.step, [sign, hi, lo, fcw]);
    const carry = f.let(i32.and(i32.shr_u(info, 2), 1));
    const sig = f.let(i64.select(carry, i64.const(LEADING), rounded));
    f.if(i32.le_s(exp, 0), () => {
      // Below the least normal number also after rounding as if the exponent had no bound.
      const tiny = f.let(i32.or(i32.lt_s(exp, 0), i32.eqz(carry)));
      f.if(i32.and(tiny, i32.eqz(masked(fcw, Status.UE))), () => {
        raise(f, unit, i32.or(roundingStatus(info), Status.UE));
        f.return(withHead(sign, i32.add(exp, i32.add(carry, WRAP)), sig));
      });
      const [h, l] = f.call(unit.shiftRightJam, [hi, lo, i32.sub(1, exp)]);
      const [denormal, what] = f.call(unit.step, [sign, h, l, fcw]);
      const under = flag(i32.and(tiny, what), Status.UE);
      raise(f, unit, i32.or(roundingStatus(what), under));
      f.return(withHead(sign, i32.wrap_i64(i64.shr_u(denormal, 63)), denormal));
    });
    const power = f.let(i32.add(exp, carry));
    f.if(i32.ge_s(power, MAXIMUM), () => {
      f.if(i32.eqz(masked(fcw, Status.OE)), () => {
        raise(f, unit, i32.or(roundingStatus(info), Status.OE));
        f.return(withHead(sign, i32.sub(power, WRAP), sig));
      });
      const control = f.let(roundingControl(fcw));
      const toInfinity = i32.or(i32.eqz(control), i32.eq(control, i32.sub(2, sign)));
      raise(f, unit, Status.OE | Status.PE);
      f.if(toInfinity, () => {
        raise(f, unit, Status.C1);
        f.return(infinity(sign));
      });
      const all = i64.shl(-1n, i64.extend_i32_u(dropped(fcw)));
      f.return(withHead(sign, MAXIMUM - 1, all));
    });
    raise(f, unit, roundingStatus(info));
    f.return(withHead(sign, power, sig));
  });
}

function defineParts(module: ModuleBuilder): Unit["parts"] {
  return module.func({ name: "x87Parts", params: ["v128"], results: ["i32", "i64"] }, (f, v) => {
    const field = f.let(exponent(v));
    const sig = f.let(significand(v));
    const shift = f.let(i64.clz(sig));
    f.return(i32.sub(i32.select(field, field, 1), i32.wrap_i64(shift)), i64.shl(sig, shift));
  });
}

/**
 * IE for what is unsupported or signals. A quiet NaN goes before a signalling one, the larger significand before the smaller, a
 * positive one before a negative.
 */
function defineNaN(module: ModuleBuilder, unit: Pick<Unit, "pending">): Unit["nan"] {
  return module.func({ name: "x87NaN", params: ["v128", "v128"], results: ["v128"] }, (f, a, b) => {
    f.if(i32.or(isUnsupported(a), isUnsupported(b)), () => {
      raise(f, unit, Status.IE);
      f.return(indefinite());
    });
    const nanA = f.let(isOdd(a));
    const nanB = f.let(isOdd(b));
    const signals = (v: V128, nan: I32) => f.let(i32.and(nan, i64.eqz(i64.and(significand(v), QUIET))));
    const signalsA = signals(a, nanA);
    const signalsB = signals(b, nanB);
    raise(f, unit, i32.or(signalsA, signalsB));
    const quieted = (v: V128) => i64x2.replace_lane(v, 0, i64.or(significand(v), QUIET));
    f.if(i32.eqz(nanB), () => f.return(quieted(a)));
    f.if(i32.eqz(nanA), () => f.return(quieted(b)));
    f.if(i32.ne(signalsA, signalsB), () => {
      f.if(signalsA, () => f.return(quieted(b)));
      f.return(quieted(a));
    });
    f.if(i64.lt_u(significand(a), significand(b)), () => f.return(quieted(b)));
    f.if(i64.lt_u(significand(b), significand(a)), () => f.return(quieted(a)));
    f.if(signOf(a), () => f.return(quieted(b)));
    f.return(quieted(a));
  });
}

/** The shared functions, added to the module. */
export function defineCore(
  module: ModuleBuilder,
  integer: { mulHighUnsigned: FuncRef; divide128: FuncRef },
): Unit {
  const pending = module.global("i32", true, 0);
  const shiftRightJam = defineShift(module);
  const step = defineStep(module);
  return {
    module,
    pending,
    shiftRightJam,
    step,
    round: defineRound(module, { pending, step, shiftRightJam }),
    parts: defineParts(module),
    nan: defineNaN(module, { pending }),
    mulHigh: integer.mulHighUnsigned as unknown as Unit["mulHigh"],
    divide128: integer.divide128 as unknown as Unit["divide128"],
  };
}
