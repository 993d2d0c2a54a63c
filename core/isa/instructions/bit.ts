/** Single bits, bit scans and counts, SETcc, CRC32. */
import { i32, i64 } from "../../wasm/mod.ts";
import type { I32, I64 } from "../../wasm/mod.ts";
import { conditionReads, conditions, instruction } from "../instruction.ts";
import type { Int, Machine, Operand } from "../meaning.ts";
import { sizeOf } from "./arith.ts";

/**
 * What a bit instruction works on. A register offset is signed and reaches beyond a memory operand: the word at
 * address + (offset >> log2(bits)) * size.
 */
function addressed(m: Machine, dst: Operand, by: Operand): { word: Operand; bit: Int } {
  const bits = m.opSize * 8;
  const bit = m.let(m.and(by.read(), bits - 1));
  if (dst.kind !== "mem" || by.kind !== "reg") return { word: dst, bit };
  const offset = m.opSize === 8 ? by.readSigned() as I64 : i64.extend_i32_s(by.readSigned() as I32);
  const distance = i64.and(i64.shr_s(offset, 3), -m.opSize);
  return { word: dst.at(distance, m.opSize), bit };
}

function bitInstruction(
  name: string,
  opcode: string,
  n: number,
  change?: (m: Machine, a: Int, mask: Int) => Int,
) {
  return instruction(name, {
    encodings: [`0F ${opcode} /r Ev,Gv`, `0F BA /${n} Ev,Ib`],
    access: [change ? "rw" : "r", "r"],
    lockable: change !== undefined,
    flags: { writes: "C", mayWrite: "OSAP", undefined: "OSAP" },
    meaning(m, dst, by) {
      const { word, bit } = addressed(m, dst, by);
      const a = word.read();
      if (change) word.write(change(m, a, m.shl(m.const(m.opSize, 1), bit)));
      m.flags.set({ CF: i32.and(m.i32(m.shr(a, bit)), 1) });
    },
  });
}

export const bt = bitInstruction("bt", "A3", 4);
export const bts = bitInstruction("bts", "AB", 5, (m, a, mask) => m.or(a, mask));
export const btr = bitInstruction("btr", "B3", 6, (m, a, mask) => m.and(a, m.not(mask)));
export const btc = bitInstruction("btc", "BB", 7, (m, a, mask) => m.xor(a, mask));

const SCAN_FLAGS = { writes: "OSZAPC", undefined: "OSAPC" };

export const bsf = instruction("bsf", {
  encodings: ["0F BC /r Gv,Ev"],
  flags: SCAN_FLAGS,
  meaning(m, dst, src) {
    const a = src.read();
    // Of zero, processors leave the destination as it was.
    m.if(m.ne(a, 0), () => dst.write(m.ctz(a)));
    m.flags.afterResult(m.opSize, a, {});
  },
});

export const bsr = instruction("bsr", {
  encodings: ["0F BD /r Gv,Ev"],
  flags: SCAN_FLAGS,
  meaning(m, dst, src) {
    const a = src.read();
    m.if(m.ne(a, 0), () => dst.write(m.xor(m.clz(a), m.opSize === 8 ? 63 : 31)));
    m.flags.afterResult(m.opSize, a, {});
  },
});

const COUNT_FLAGS = { writes: "OSZAPC", undefined: "OSAP" };

export const tzcnt = instruction("tzcnt", {
  encodings: ["F3 0F BC /r Gv,Ev"],
  access: ["w", "r"],
  feature: "bmi1",
  flags: COUNT_FLAGS,
  meaning(m, dst, src) {
    const a = src.read();
    const count = m.let(m.ctz(m.opSize === 2 ? m.or(a, 0x10000) : a));
    dst.write(count);
    m.flags.afterResult(m.opSize, count, { CF: m.eqz(a) });
  },
});

export const lzcnt = instruction("lzcnt", {
  encodings: ["F3 0F BD /r Gv,Ev"],
  access: ["w", "r"],
  feature: "lzcnt",
  flags: COUNT_FLAGS,
  meaning(m, dst, src) {
    const a = src.read();
    const count = m.let(m.opSize === 2 ? m.sub(m.clz(a), 16) : m.clz(a));
    dst.write(count);
    m.flags.afterResult(m.opSize, count, { CF: m.eqz(a) });
  },
});

export const popcnt = instruction("popcnt", {
  encodings: ["F3 0F B8 /r Gv,Ev"],
  access: ["w", "r"],
  feature: "popcnt",
  flags: { writes: "OSZAPC" },
  meaning(m, dst, src) {
    const a = src.read();
    dst.write(m.popcnt(a));
    m.flags.set({ CF: 0, PF: 0, AF: 0, ZF: m.eqz(a), SF: 0, OF: 0 });
  },
});

export const crc32 = instruction("crc32", {
  encodings: ["F2 0F 38 F0 /r Gy,Eb", "F2 0F 38 F1 /r Gy,Ev"],
  feature: "sse4_2",
  meaning(m, dst, src) {
    const sum = m.helper("crc32c", m.i32(dst.read()), m.i64(src.read()), i32.const(src.size));
    dst.write(m.zeroExtend(sum, sizeOf(dst)));
  },
});

export const set = conditions.map(([cc, ...others], code) =>
  instruction(`set${cc}`, {
    encodings: [`0F 9${code.toString(16).toUpperCase()} /r Eb`],
    access: ["w"],
    aliases: others.map((other) => `set${other}`),
    flags: { reads: conditionReads[code] },
    meaning(m, dst) {
      dst.write(m.flags.condition(code));
    },
  })
);
