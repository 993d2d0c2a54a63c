/** Shifts and rotations. A count of zero (after masking to 5 or 6 bits) leaves the flags alone. */
import { i32 } from "../../wasm/mod.ts";
import type { I32 } from "../../wasm/mod.ts";
import { type FlagEffects, instruction, type UndefinedCase } from "../instruction.ts";
import type { Int, Machine, Operand } from "../meaning.ts";
import { sizeOf } from "./arith.ts";

const shiftEncodings = (n: number, more = "") => [
  `C0 /${n} Eb,Ib${more}`,
  `C1 /${n} Ev,Ib${more}`,
  `D0 /${n} Eb,1${more}`,
  `D1 /${n} Ev,1${more}`,
  `D2 /${n} Eb,CL${more}`,
  `D3 /${n} Ev,CL${more}`,
];

const countMask = (size: number) => size === 8 ? 63 : 31;

/** The count as the processor masks it, bound. */
const countOf = (m: Machine, size: number, operand: Operand): I32 =>
  m.let(i32.and(m.i32(operand.read()), countMask(size)));

/** i32 0 or 1: bit number `bit` of a value. */
const bitOf = (m: Machine, value: Int, bit: Int | number): I32 => i32.and(m.i32(m.shr(value, bit)), 1);
const topBit = (m: Machine, value: Int, size: number): I32 => bitOf(m, value, size * 8 - 1);

const maskedCount = ({ size, values }: UndefinedCase) => Number(values.at(-1)! & BigInt(countMask(size)));

function shiftFlags(carryUndefinedFrom: (bits: number) => number): FlagEffects {
  return {
    mayWrite: "OSZAPC",
    undefined(known) {
      const count = maskedCount(known);
      if (count === 0) return "";
      return (count === 1 ? "A" : "OA") + (count >= carryUndefinedFrom(known.size * 8) ? "C" : "");
    },
  };
}

/** For SHL and SHR the carry is undefined once everything is shifted out. */
const PLAIN_SHIFT = shiftFlags((bits) => bits);
const ARITHMETIC_SHIFT = shiftFlags(() => Infinity);

export const shl = instruction("shl", {
  encodings: [...shiftEncodings(4), ...shiftEncodings(6, " [noasm] [rare]")],
  aliases: ["sal"],
  flags: PLAIN_SHIFT,
  meaning(m, dst, by) {
    const size = sizeOf(dst);
    const a = dst.read();
    const count = countOf(m, size, by);
    const whole = m.let(m.shl(a, count));
    dst.write(whole);
    m.if(count, () => {
      const carry = m.let(
        size < 4 ? bitOf(m, whole, size * 8) : bitOf(m, a, i32.sub(size * 8, count)),
      );
      m.flags.afterResult(size, whole, { CF: carry, OF: i32.xor(carry, topBit(m, whole, size)) });
    });
  },
});

export const shr = instruction("shr", {
  encodings: shiftEncodings(5),
  flags: PLAIN_SHIFT,
  meaning(m, dst, by) {
    const size = sizeOf(dst);
    const a = dst.read();
    const count = countOf(m, size, by);
    const result = m.let(m.shr(a, count));
    dst.write(result);
    m.if(count, () => {
      m.flags.afterResult(size, result, { CF: bitOf(m, a, i32.sub(count, 1)), OF: topBit(m, a, size) });
    });
  },
});

export const sar = instruction("sar", {
  encodings: shiftEncodings(7),
  flags: ARITHMETIC_SHIFT,
  meaning(m, dst, by) {
    const size = sizeOf(dst);
    const a = dst.readSigned();
    const count = countOf(m, size, by);
    const result = m.let(m.sar(a, count));
    dst.write(result);
    m.if(count, () => {
      const carry = i32.and(m.i32(m.sar(a, i32.sub(count, 1))), 1);
      m.flags.afterResult(size, result, { CF: carry });
    });
  },
});

const rotateFlags = (reads: string): FlagEffects => ({
  mayWrite: "OC",
  reads,
  undefined: (known) => maskedCount(known) <= 1 ? "" : "O",
});

export const rol = instruction("rol", {
  encodings: shiftEncodings(0),
  flags: rotateFlags(""),
  meaning(m, dst, by) {
    const size = sizeOf(dst);
    const a = dst.read();
    const count = countOf(m, size, by);
    const result = m.let(size === 1 || size === 2 ? rotatedNarrow(m, a, count, size) : m.rotl(a, count));
    dst.write(result);
    m.if(count, () => {
      const carry = m.let(i32.and(m.i32(result), 1));
      m.flags.set({ CF: carry, OF: i32.xor(carry, topBit(m, result, size)) });
    });
  },
});

/** One or two bytes rotated left, garbage above. */
function rotatedNarrow(m: Machine, a: Int, count: I32, size: 1 | 2): Int {
  const by = m.let(i32.and(count, size * 8 - 1));
  return m.or(m.shl(a, by), m.shr(a, i32.sub(size * 8, by)));
}

export const ror = instruction("ror", {
  encodings: shiftEncodings(1),
  flags: rotateFlags(""),
  meaning(m, dst, by) {
    const size = sizeOf(dst);
    const a = dst.read();
    const count = countOf(m, size, by);
    const result = m.let(
      size === 1 || size === 2 ? rotatedNarrow(m, a, i32.sub(0, count), size) : m.rotr(a, count),
    );
    dst.write(result);
    m.if(count, () => {
      const carry = m.let(topBit(m, result, size));
      m.flags.set({ CF: carry, OF: i32.xor(carry, bitOf(m, result, size * 8 - 2)) });
    });
  },
});

/**
 * Rotation through the carry of an operand narrower than 8 bytes: the carry stands above it in an i64, and a double copy of those bits is shifted.
 * Gives the rotated bits and the carry above them.
 */
function rotatedThroughCarry(m: Machine, a: Int, count: I32, size: 1 | 2 | 4, left: boolean): Int {
  const bits = size * 8 + 1;
  const whole = m.let(m.or(m.i64(a), m.shl(m.i64(m.flags.get("CF")), size * 8)));
  const by = m.let(size === 4 ? count : i32.rem_u(count, bits));
  const back = i32.sub(bits, by);
  return left ? m.or(m.shl(whole, by), m.shr(whole, back)) : m.or(m.shr(whole, by), m.shl(whole, back));
}

export const rcl = instruction("rcl", {
  encodings: shiftEncodings(2),
  flags: rotateFlags("C"),
  meaning(m, dst, by) {
    const size = sizeOf(dst);
    const a = dst.read();
    const count = countOf(m, size, by);
    let result: Int;
    let carry: I32;
    if (size === 8) {
      const old = m.i64(m.flags.get("CF"));
      const low = m.or(m.shl(old, i32.sub(count, 1)), m.shr(m.shr(a, 1), i32.sub(64, count)));
      result = m.let(m.select(count, m.or(m.shl(a, count), low), a));
      carry = bitOf(m, a, i32.sub(64, count));
    } else {
      const whole = m.let(rotatedThroughCarry(m, a, count, size, true));
      result = m.let(m.truncate(whole, size));
      carry = bitOf(m, whole, size * 8);
    }
    dst.write(result);
    m.if(count, () => {
      const out = m.let(carry);
      m.flags.set({ CF: out, OF: i32.xor(out, topBit(m, result, size)) });
    });
  },
});

export const rcr = instruction("rcr", {
  encodings: shiftEncodings(3),
  flags: rotateFlags("C"),
  meaning(m, dst, by) {
    const size = sizeOf(dst);
    const a = dst.read();
    const count = countOf(m, size, by);
    let result: Int;
    let carry: I32;
    if (size === 8) {
      const old = m.i64(m.flags.get("CF"));
      const high = m.or(m.shl(old, i32.sub(64, count)), m.shl(m.shl(a, 1), i32.sub(64, count)));
      result = m.let(m.select(count, m.or(m.shr(a, count), high), a));
      carry = bitOf(m, a, i32.sub(count, 1));
    } else {
      const whole = m.let(rotatedThroughCarry(m, a, count, size, false));
      result = m.let(m.truncate(whole, size));
      carry = bitOf(m, whole, size * 8);
    }
    dst.write(result);
    m.if(count, () => {
      m.flags.set({ CF: carry, OF: i32.xor(topBit(m, result, size), bitOf(m, result, size * 8 - 2)) });
    });
  },
});

const DOUBLE_SHIFT: FlagEffects = {
  mayWrite: "OSZAPC",
  undefined(known) {
    const count = maskedCount(known);
    if (count === 0) return "";
    if (count > known.size * 8) return "OSZAPC";
    return count === 1 ? "A" : "OA";
  },
};

/** Two or three operands side by side in an i64, the first highest. */
function joined(m: Machine, size: 2 | 4, ...parts: Int[]): Int {
  return parts.map((part) => m.i64(part) as Int).reduce((above, part) => m.or(m.shl(above, size * 8), part));
}

/** Writes the result; a count of zero leaves the flags. OF: whether the sign changed. */
function finishDoubleShift(m: Machine, dst: Operand, a: Int, count: I32, result: Int, carry: I32): void {
  const size = m.opSize;
  dst.write(result);
  m.if(count, () => {
    m.flags.afterResult(size, result, {
      CF: carry,
      OF: i32.xor(topBit(m, result, size), topBit(m, a, size)),
    });
  });
}

export const shld = instruction("shld", {
  encodings: ["0F A4 /r Ev,Gv,Ib", "0F A5 /r Ev,Gv,CL"],
  flags: DOUBLE_SHIFT,
  meaning(m, dst, filler, by) {
    const size = m.opSize;
    const a = dst.read();
    const b = filler.read();
    const count = countOf(m, size, by);
    let result: Int;
    let carry: I32;
    if (size === 8) {
      result = m.let(m.or(m.shl(a, count), m.shr(m.shr(b, 1), i32.sub(63, count))));
      carry = bitOf(m, a, i32.sub(64, count));
    } else {
      const whole = m.let(size === 4 ? joined(m, 4, a, b) : joined(m, 2, a, b, b));
      const width = size === 4 ? 64 : 48;
      result = m.let(m.truncate(m.shr(m.shl(whole, count), width - size * 8), size));
      carry = bitOf(m, whole, i32.sub(width, count));
    }
    finishDoubleShift(m, dst, a, count, result, carry);
  },
});

export const shrd = instruction("shrd", {
  encodings: ["0F AC /r Ev,Gv,Ib", "0F AD /r Ev,Gv,CL"],
  flags: DOUBLE_SHIFT,
  meaning(m, dst, filler, by) {
    const size = m.opSize;
    const a = dst.read();
    const b = filler.read();
    const count = countOf(m, size, by);
    let result: Int;
    let carry: I32;
    if (size === 8) {
      result = m.let(m.or(m.shr(a, count), m.shl(m.shl(b, 1), i32.sub(63, count))));
      carry = bitOf(m, a, i32.sub(count, 1));
    } else {
      const whole = m.let(size === 4 ? joined(m, 4, b, a) : joined(m, 2, b, b, a));
      result = m.let(m.truncate(m.shr(whole, count), size));
      carry = bitOf(m, whole, i32.sub(count, 1));
    }
    finishDoubleShift(m, dst, a, count, result, carry);
  },
});
