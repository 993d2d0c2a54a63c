/** AND, OR, XOR, NOT, TEST. */
import { instruction } from "../instruction.ts";
import type { Int, Machine } from "../meaning.ts";
import { classic, sizeOf } from "./arith.ts";

function logical(name: string, n: number, compute: (m: Machine, a: Int, b: Int) => Int) {
  return instruction(name, {
    encodings: classic(n),
    lockable: true,
    flags: { writes: "OSZAPC", undefined: "A" },
    meaning(m, dst, src) {
      const result = m.let(compute(m, dst.read(), src.read()));
      dst.write(result);
      m.flags.afterLogic(sizeOf(dst), result);
    },
  });
}

export const or = logical("or", 1, (m, a, b) => m.or(a, b));
export const and = logical("and", 4, (m, a, b) => m.and(a, b));
export const xor = logical("xor", 6, (m, a, b) => m.xor(a, b));

export const test = instruction("test", {
  encodings: [
    "84 /r Eb,Gb",
    "85 /r Ev,Gv",
    "A8 AL,Ib",
    "A9 rAX,Iz",
    "F6 /0 Eb,Ib",
    "F7 /0 Ev,Iz",
    "F6 /1 Eb,Ib [noasm] [rare]",
    "F7 /1 Ev,Iz [noasm] [rare]",
  ],
  access: ["r", "r"],
  flags: { writes: "OSZAPC", undefined: "A" },
  meaning(m, a, b) {
    m.flags.afterLogic(sizeOf(a), m.and(a.read(), b.read()));
  },
});

export const not = instruction("not", {
  encodings: ["F6 /2 Eb", "F7 /2 Ev"],
  lockable: true,
  meaning(m, dst) {
    dst.write(m.not(dst.read()));
  },
});
