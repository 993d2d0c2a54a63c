/** MUL, IMUL, DIV, IDIV. */
import { i32, i64 } from "../../wasm/mod.ts";
import type { I32, I64 } from "../../wasm/mod.ts";
import { instruction } from "../instruction.ts";
import { type Int, type Machine, type Operand, Reg, type Size, Vector } from "../meaning.ts";
import { sizeOf } from "./arith.ts";

const MULTIPLY_FLAGS = { writes: "OSZAPC", undefined: "SZAP" };

function widening(m: Machine, src: Operand, signed: boolean): void {
  const size = sizeOf(src);
  const wide = (value: Int): Int => {
    if (size === 4) return signed ? m.signExtend(value, 4, 8) : m.i64(value);
    return signed ? m.signExtend(value, size, 4) : value;
  };
  const a = m.reg(Reg.rax, size);
  const b = src.read();
  let low: Int;
  let overflow: I32;
  if (size === 8) {
    low = m.let(m.mul(a, b));
    const high = m.let(m.helper(signed ? "mulHighSigned" : "mulHighUnsigned", a as I64, b as I64));
    m.setReg(Reg.rax, 8, low);
    m.setReg(Reg.rdx, 8, high);
    overflow = signed ? m.ne(high, m.sar(low, 63)) : m.ne(high, 0);
  } else {
    const product = m.let(m.mul(wide(a), wide(b)));
    low = m.let(m.truncate(product, size));
    if (size === 1) m.setReg(Reg.rax, 2, m.truncate(product, 2));
    else {
      m.setReg(Reg.rax, size, low);
      m.setReg(Reg.rdx, size, m.truncate(m.shr(product, size * 8), size));
    }
    overflow = m.ne(product, wide(low));
  }
  m.flags.afterResult(size, low, { CF: overflow, OF: overflow });
}

export const mul = instruction("mul", {
  encodings: ["F6 /4 Eb", "F7 /4 Ev"],
  access: ["r"],
  flags: MULTIPLY_FLAGS,
  meaning(m, src) {
    widening(m, src, false);
  },
});

export const imul = instruction("imul", {
  encodings: ["F6 /5 Eb", "F7 /5 Ev"],
  access: ["r"],
  flags: MULTIPLY_FLAGS,
  meaning(m, src) {
    widening(m, src, true);
  },
});

function truncating(m: Machine, dst: Operand, first: Operand, second: Operand): void {
  const size = sizeOf(dst);
  const a = first.readSigned();
  const b = second.readSigned();
  if (size === 4) {
    const product = m.let(m.mul(m.signExtend(a, 4, 8), m.signExtend(b, 4, 8)));
    const low = m.let(m.truncate(product, 4));
    dst.write(low);
    const overflow = m.ne(product, m.signExtend(low, 4, 8));
    m.flags.afterResult(4, low, { CF: overflow, OF: overflow });
    return;
  }
  const low = m.let(m.mul(a, b));
  dst.write(low);
  const overflow = size === 8
    ? m.ne(m.helper("mulHighSigned", a as I64, b as I64), m.sar(low, 63))
    : m.ne(low, m.signExtend(m.truncate(low, size), size, 4));
  m.flags.afterResult(size, low, { CF: overflow, OF: overflow });
}

export const imul2 = instruction("imul", {
  encodings: ["0F AF /r Gv,Ev"],
  flags: MULTIPLY_FLAGS,
  meaning(m, dst, src) {
    truncating(m, dst, dst, src);
  },
});

export const imul3 = instruction("imul", {
  encodings: ["69 /r Gv,Ev,Iz", "6B /r Gv,Ev,Ibs"],
  access: ["w", "r", "r"],
  flags: MULTIPLY_FLAGS,
  meaning: truncating,
});

const DIVIDE_FLAGS = { mayWrite: "OSZAPC", undefined: "OSZAPC" };

/** The quotient and remainder to AL and AH, or rAX and rDX. */
function divided(m: Machine, size: Size, quotient: Int, remainder: Int): void {
  m.setReg(Reg.rax, size, m.truncate(quotient, size));
  m.setReg(size === 1 ? Reg.ah : Reg.rdx, size, m.truncate(remainder, size));
}

/** Dividend of 2, 4 or 8 bytes as i64, zero-extended. */
function dividend(m: Machine, size: 1 | 2 | 4): I64 {
  if (size === 1) return m.i64(m.reg(Reg.rax, 2));
  return m.let(i64.or(i64.shl(m.i64(m.reg(Reg.rdx, size)), size * 8), m.i64(m.reg(Reg.rax, size))));
}

export const div = instruction("div", {
  encodings: ["F6 /6 Eb", "F7 /6 Ev"],
  access: ["r"],
  flags: DIVIDE_FLAGS,
  meaning(m, src) {
    const size = sizeOf(src);
    const divisor = m.let(m.i64(src.read()));
    if (size === 8) {
      const high = m.reg(Reg.rdx, 8) as I64;
      const low = m.reg(Reg.rax, 8) as I64;
      // The quotient fits exactly when the high half is below the divisor, which zero never is above.
      m.faultIf(i64.ge_u(high, divisor), Vector.DE);
      const quotient = m.let(m.helper("divide128", high, low, divisor));
      divided(m, 8, quotient, i64.sub(low, i64.mul(quotient, divisor)));
      return;
    }
    const whole = m.let(dividend(m, size));
    m.faultIf(i64.ge_u(i64.shr_u(whole, size * 8), divisor), Vector.DE);
    if (size === 4) {
      const quotient = m.let(i64.div_u(whole, divisor));
      divided(m, 4, quotient, i64.sub(whole, i64.mul(quotient, divisor)));
      return;
    }
    const [a, b] = [m.let(m.i32(whole)), m.let(m.i32(divisor))];
    const quotient = m.let(i32.div_u(a, b));
    divided(m, size, quotient, i32.sub(a, i32.mul(quotient, b)));
  },
});

/** Magnitude of a signed value whose sign (0 or -1) is known. */
const magnitude = (value: I64, sign: I64): I64 => i64.sub(i64.xor(value, sign), sign);

function divideSigned128(m: Machine, divisor: I64): void {
  const high = m.reg(Reg.rdx, 8) as I64;
  const low = m.reg(Reg.rax, 8) as I64;
  const sign = m.let(i64.shr_s(high, 63));
  const divisorSign = m.let(i64.shr_s(divisor, 63));
  const absLow = m.let(magnitude(low, sign));
  // Negating 128 bits: the high half takes a carry only when the low half is zero.
  const borrow = i64.and(sign, i64.extend_i32_u(i64.ne(low, 0)));
  const absHigh = m.let(i64.sub(magnitude(high, sign), borrow));
  const absDivisor = m.let(magnitude(divisor, divisorSign));
  m.faultIf(i64.ge_u(absHigh, absDivisor), Vector.DE);
  const absQuotient = m.let(m.helper("divide128", absHigh, absLow, absDivisor));
  const quotientSign = m.let(i64.xor(sign, divisorSign));
  // 2^63 - 1 at most when positive, 2^63 when negative.
  m.faultIf(i64.gt_u(absQuotient, i64.sub(0x7fffffffffffffffn, quotientSign)), Vector.DE);
  const remainder = i64.sub(absLow, i64.mul(absQuotient, absDivisor));
  divided(m, 8, magnitude(absQuotient, quotientSign), magnitude(remainder, sign));
}

export const idiv = instruction("idiv", {
  encodings: ["F6 /7 Eb", "F7 /7 Ev"],
  access: ["r"],
  flags: DIVIDE_FLAGS,
  meaning(m, src) {
    const size = sizeOf(src);
    if (size === 8) {
      divideSigned128(m, src.read() as I64);
      return;
    }
    const divisor = m.let(m.signExtend(src.read(), size, 8) as I64);
    const unsigned = dividend(m, size);
    const whole = m.let(size === 4 ? unsigned : m.signExtend(unsigned, size * 2 as 2 | 4, 8) as I64);
    m.faultIf(i64.eqz(divisor), Vector.DE);
    if (size === 4) {
      // The one division that has no 64-bit result.
      m.faultIf(i32.and(i64.eq(divisor, -1), i64.eq(whole, -(1n << 63n))), Vector.DE);
    }
    const quotient = m.let(i64.div_s(whole, divisor));
    m.faultIf(i64.ne(quotient, m.signExtend(m.truncate(quotient, size), size, 8) as I64), Vector.DE);
    divided(m, size, quotient, i64.sub(whole, i64.mul(quotient, divisor)));
  },
});
