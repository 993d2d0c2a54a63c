/** Sign extension inside the accumulator, decimal adjustment, LAHF and SAHF. */
import { i32 } from "../../wasm/mod.ts";
import type { I32 } from "../../wasm/mod.ts";
import { instruction } from "../instruction.ts";
import { Flag, Reg, Vector } from "../meaning.ts";

const HALVES: [name: string, half: 1 | 2 | 4, whole: 2 | 4 | 8][] = [
  ["cbw", 1, 2],
  ["cwde", 2, 4],
  ["cdqe", 4, 8],
];
export const extendAccumulator = HALVES.map(([name, half, whole]) =>
  instruction(name, {
    encodings: [`98 [op${whole * 8}]`],
    meaning(m) {
      m.setReg(Reg.rax, whole, m.signExtend(m.reg(Reg.rax, half), half, whole));
    },
  })
);

const PAIRS: [name: string, size: 2 | 4 | 8][] = [["cwd", 2], ["cdq", 4], ["cqo", 8]];
export const extendToPair = PAIRS.map(([name, size]) =>
  instruction(name, {
    encodings: [`99 [op${size * 8}]`],
    meaning(m) {
      const sign = m.sar(m.signExtend(m.reg(Reg.rax, size), size, size === 8 ? 8 : 4), size === 8 ? 63 : 31);
      m.setReg(Reg.rdx, size, m.truncate(sign, size));
    },
  })
);

export const lahf = instruction("lahf", {
  encodings: ["9F"],
  flags: { reads: "SZAPC" },
  meaning(m) {
    m.setReg(Reg.ah, 1, i32.and(m.flags.image(), 0xff));
  },
});

const LOW_FLAGS = Flag.SF | Flag.ZF | Flag.AF | Flag.PF | Flag.CF;

export const sahf = instruction("sahf", {
  encodings: ["9E"],
  flags: { writes: "SZAPC" },
  meaning(m) {
    m.flags.load(m.reg(Reg.ah, 1) as I32, LOW_FLAGS);
  },
});

/** Whether the low digit of AL needs an adjustment. */
const lowDigit = (al: I32, af: I32): I32 => i32.or(i32.gt_u(i32.and(al, 15), 9), af);

const ASCII_FLAGS = { writes: "OSZAPC", reads: "A", undefined: "OSZP" };

export const aaa = instruction("aaa", {
  encodings: ["37 [i64]"],
  flags: ASCII_FLAGS,
  meaning(m) {
    const ax = m.reg(Reg.rax, 2) as I32;
    const adjust = m.let(lowDigit(ax, m.flags.get("AF")));
    const result = m.let(i32.and(i32.add(ax, i32.mul(adjust, 0x106)), 0xff0f));
    m.setReg(Reg.rax, 2, result);
    m.flags.afterResult(1, m.truncate(result, 1), { CF: adjust, AF: adjust });
  },
});

export const aas = instruction("aas", {
  encodings: ["3F [i64]"],
  flags: ASCII_FLAGS,
  meaning(m) {
    const ax = m.reg(Reg.rax, 2) as I32;
    const adjust = m.let(lowDigit(ax, m.flags.get("AF")));
    const result = m.let(i32.and(i32.sub(ax, i32.mul(adjust, 0x106)), 0xff0f));
    m.setReg(Reg.rax, 2, result);
    m.flags.afterResult(1, m.truncate(result, 1), { CF: adjust, AF: adjust });
  },
});

export const aam = instruction("aam", {
  encodings: ["D4 Ib [i64]"],
  access: ["r"],
  flags: { writes: "OSZAPC", undefined: "OAC" },
  meaning(m, base) {
    const al = m.reg(Reg.rax, 1) as I32;
    const divisor = base.read() as I32;
    m.faultIf(i32.eqz(divisor), Vector.DE);
    const quotient = m.let(i32.div_u(al, divisor));
    const digit = m.let(i32.sub(al, i32.mul(quotient, divisor)));
    m.setReg(Reg.rax, 2, i32.or(i32.shl(quotient, 8), digit));
    m.flags.afterResult(1, digit, {});
  },
});

export const aad = instruction("aad", {
  encodings: ["D5 Ib [i64]"],
  access: ["r"],
  flags: { writes: "OSZAPC", undefined: "OAC" },
  meaning(m, base) {
    const al = m.reg(Reg.rax, 1) as I32;
    const ah = m.reg(Reg.ah, 1) as I32;
    const result = m.let(i32.and(i32.add(al, i32.mul(ah, base.read() as I32)), 0xff));
    m.setReg(Reg.rax, 2, result);
    m.flags.afterResult(1, result, {});
  },
});

const DECIMAL_FLAGS = { writes: "OSZAPC", reads: "AC", undefined: "O" };

export const daa = instruction("daa", {
  encodings: ["27 [i64]"],
  flags: DECIMAL_FLAGS,
  meaning(m) {
    const al = m.reg(Reg.rax, 1) as I32;
    const low = m.let(lowDigit(al, m.flags.get("AF")));
    const high = m.let(i32.or(i32.gt_u(al, 0x99), m.flags.get("CF")));
    const sum = i32.add(al, i32.add(i32.mul(low, 6), i32.mul(high, 0x60)));
    const result = m.let(i32.and(sum, 0xff));
    m.setReg(Reg.rax, 1, result);
    m.flags.afterResult(1, result, { CF: high, AF: low });
  },
});

export const das = instruction("das", {
  encodings: ["2F [i64]"],
  flags: DECIMAL_FLAGS,
  meaning(m) {
    const al = m.reg(Reg.rax, 1) as I32;
    const low = m.let(lowDigit(al, m.flags.get("AF")));
    const high = m.let(i32.or(i32.gt_u(al, 0x99), m.flags.get("CF")));
    const difference = i32.sub(al, i32.add(i32.mul(low, 6), i32.mul(high, 0x60)));
    const result = m.let(i32.and(difference, 0xff));
    m.setReg(Reg.rax, 1, result);
    // The low digit's adjustment can borrow too.
    const borrow = i32.or(high, i32.and(low, i32.lt_u(al, 6)));
    m.flags.afterResult(1, result, { CF: borrow, AF: low });
  },
});
