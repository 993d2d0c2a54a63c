/** String instructions: each meaning is one iteration. */
import { i32 } from "../../wasm/mod.ts";
import { instruction } from "../instruction.ts";
import { type Machine, Reg, type Size } from "../meaning.ts";
import { sizeOf } from "./arith.ts";

/** Suffix of the name, what to append to the encoding, and whether it is the byte opcode. */
const WIDTHS: [suffix: string, size: string, flag: string][] = [
  ["b", "b", ""],
  ["w", "v", " [op16]"],
  ["d", "v", " [op32]"],
  ["q", "v", " [op64]"],
];

/** The opcode of the byte form, or the one after it. */
const code = (byte: number, size: string) => (byte + (size === "b" ? 0 : 1)).toString(16).toUpperCase();
const accumulator = (size: string) => size === "b" ? "AL" : "rAX";

export const movs = WIDTHS.map(([suffix, size, flag]) =>
  instruction(`movs${suffix}`, {
    encodings: [`${code(0xa4, size)} Y${size},X${size}${flag}`],
    access: ["w", "r"],
    repeat: "rep",
    flags: { reads: "D" },
    meaning(m, dst, src) {
      dst.write(src.read());
      m.advance(Reg.rsi, sizeOf(dst));
      m.advance(Reg.rdi, sizeOf(dst));
    },
  })
);

export const cmps = WIDTHS.map(([suffix, size, flag]) =>
  instruction(`cmps${suffix}`, {
    encodings: [`${code(0xa6, size)} X${size},Y${size}${flag}`],
    access: ["r", "r"],
    repeat: "while",
    // Repeated zero times it writes no flag.
    flags: { mayWrite: "OSZAPC", reads: "D" },
    meaning(m, first, second) {
      const a = first.read();
      const b = second.read();
      m.advance(Reg.rsi, sizeOf(first));
      m.advance(Reg.rdi, sizeOf(first));
      m.flags.afterSub(sizeOf(first), a, b, m.sub(a, b));
    },
  })
);

export const scas = WIDTHS.map(([suffix, size, flag]) =>
  instruction(`scas${suffix}`, {
    encodings: [`${code(0xae, size)} ${accumulator(size)},Y${size}${flag}`],
    access: ["r", "r"],
    repeat: "while",
    flags: { mayWrite: "OSZAPC", reads: "D" },
    meaning(m, first, second) {
      const a = first.read();
      const b = second.read();
      m.advance(Reg.rdi, sizeOf(first));
      m.flags.afterSub(sizeOf(first), a, b, m.sub(a, b));
    },
  })
);

export const lods = WIDTHS.map(([suffix, size, flag]) =>
  instruction(`lods${suffix}`, {
    encodings: [`${code(0xac, size)} ${accumulator(size)},X${size}${flag}`],
    access: ["w", "r"],
    repeat: "rep",
    flags: { reads: "D" },
    meaning(m, dst, src) {
      dst.write(src.read());
      m.advance(Reg.rsi, sizeOf(src));
    },
  })
);

export const stos = WIDTHS.map(([suffix, size, flag]) =>
  instruction(`stos${suffix}`, {
    encodings: [`${code(0xaa, size)} Y${size},${accumulator(size)}${flag}`],
    access: ["w", "r"],
    repeat: "rep",
    flags: { reads: "D" },
    meaning(m, dst, src) {
      dst.write(src.read());
      m.advance(Reg.rdi, sizeOf(dst));
    },
  })
);

/** Ports have no 8-byte accesses: operand size 8 means 4. */
const PORT_WIDTHS: [suffix: string, size: string, flag: string][] = [
  ["b", "b", ""],
  ["w", "z", " [op16]"],
  ["d", "z", " [op32]"],
];

/** The first word of an INS or OUTS exit. */
function portWord(m: Machine, size: Size) {
  const repeated = m.rep === "none" ? 0 : 1 << 31;
  return i32.or(m.i32(m.reg(Reg.rdx, 2)), size << 16 | m.addrSize << 24 | repeated);
}

export const ins = PORT_WIDTHS.map(([suffix, size, flag]) =>
  instruction(`ins${suffix}`, {
    encodings: [`${code(0x6c, size)} Y${size},DX${flag}`],
    access: ["w", "r"],
    repeat: "rep",
    flow: "leave",
    unrecorded: "port access",
    flags: { reads: "D" },
    meaning(m, dst) {
      m.requireIopl();
      m.probeWrite(dst.size, "es", dst.address());
      m.exit("ins", portWord(m, sizeOf(dst)));
    },
  })
);

export const outs = PORT_WIDTHS.map(([suffix, size, flag]) =>
  instruction(`outs${suffix}`, {
    encodings: [`${code(0x6e, size)} DX,X${size}${flag}`],
    access: ["r", "r"],
    repeat: "rep",
    flow: "leave",
    unrecorded: "port access",
    flags: { reads: "D" },
    meaning(m, _port, src) {
      m.requireIopl();
      m.exit("outs", portWord(m, sizeOf(src)), src.read());
    },
  })
);
