/** Addition, subtraction, comparison, negation; multiplication and division are in multiply.ts. */
import { instruction, type InstructionSpec } from "../instruction.ts";
import type { Int, Machine, Operand, Size } from "../meaning.ts";

const hex = (n: number) => n.toString(16).toUpperCase().padStart(2, "0");

/** The encodings that the eight classic two-operand instructions share; `n` is their number in the opcode and in the groups. */
export function classic(n: number): string[] {
  const base = n << 3;
  return [
    `${hex(base)} /r Eb,Gb`,
    `${hex(base + 1)} /r Ev,Gv`,
    `${hex(base + 2)} /r Gb,Eb`,
    `${hex(base + 3)} /r Gv,Ev`,
    `${hex(base + 4)} AL,Ib`,
    `${hex(base + 5)} rAX,Iz`,
    `80 /${n} Eb,Ib`,
    `81 /${n} Ev,Iz`,
    `83 /${n} Ev,Ibs`,
    `82 /${n} Eb,Ib [i64] [noasm] [rare]`,
  ];
}

export const sizeOf = (operand: Operand): Size => operand.size as Size;

function arithmetic(
  name: string,
  n: number,
  compute: (m: Machine, a: Int, b: Int) => Int,
  after: "afterAdd" | "afterSub",
  reads = "",
): InstructionSpec & { name: string } {
  return {
    name,
    encodings: classic(n),
    lockable: true,
    flags: { writes: "OSZAPC", reads },
    meaning(m, dst, src) {
      const a = dst.read();
      const b = src.read();
      const result = m.let(compute(m, a, b));
      dst.write(result);
      m.flags[after](sizeOf(dst), a, b, result);
    },
  };
}

const carry = (m: Machine, size: Int): Int =>
  size.type === "i64" ? m.i64(m.flags.get("CF")) : m.flags.get("CF");

export const add = instruction("add", arithmetic("add", 0, (m, a, b) => m.add(a, b), "afterAdd"));
export const adc = instruction(
  "adc",
  arithmetic("adc", 2, (m, a, b) => m.add(m.add(a, b), carry(m, a)), "afterAdd", "C"),
);
export const sbb = instruction(
  "sbb",
  arithmetic("sbb", 3, (m, a, b) => m.sub(m.sub(a, b), carry(m, a)), "afterSub", "C"),
);
export const sub = instruction("sub", arithmetic("sub", 5, (m, a, b) => m.sub(a, b), "afterSub"));

export const cmp = instruction("cmp", {
  encodings: classic(7),
  access: ["r", "r"],
  flags: { writes: "OSZAPC" },
  meaning(m, dst, src) {
    const a = dst.read();
    const b = src.read();
    m.flags.afterSub(sizeOf(dst), a, b, m.sub(a, b));
  },
});

export const inc = instruction("inc", {
  encodings: ["FE /0 Eb", "FF /0 Ev", "40+r Zv [i64]"],
  lockable: true,
  flags: { writes: "OSZAP" },
  meaning(m, dst) {
    const a = dst.read();
    const result = m.let(m.add(a, 1));
    dst.write(result);
    m.flags.afterInc(sizeOf(dst), a, result);
  },
});

export const dec = instruction("dec", {
  encodings: ["FE /1 Eb", "FF /1 Ev", "48+r Zv [i64]"],
  lockable: true,
  flags: { writes: "OSZAP" },
  meaning(m, dst) {
    const a = dst.read();
    const result = m.let(m.sub(a, 1));
    dst.write(result);
    m.flags.afterDec(sizeOf(dst), a, result);
  },
});

export const neg = instruction("neg", {
  encodings: ["F6 /3 Eb", "F7 /3 Ev"],
  lockable: true,
  flags: { writes: "OSZAPC" },
  meaning(m, dst) {
    const a = dst.read();
    const result = m.let(m.neg(a));
    dst.write(result);
    m.flags.afterSub(sizeOf(dst), m.const(sizeOf(dst), 0), a, result);
  },
});
