/** Data movement between general registers and memory. */
import { conditionReads, conditions, instruction } from "../instruction.ts";
import { type Int, type Machine, Reg } from "../meaning.ts";

export const mov = instruction("mov", {
  encodings: [
    "88 /r Eb,Gb",
    "89 /r Ev,Gv",
    "8A /r Gb,Eb",
    "8B /r Gv,Ev",
    "A0 AL,Ob",
    "A1 rAX,Ov",
    "A2 Ob,AL",
    "A3 Ov,rAX",
    "B0+r Zb,Ib",
    "B8+r Zv,Iv",
    "C6 /0 Eb,Ib",
    "C7 /0 Ev,Iz",
  ],
  access: ["w", "r"],
  meaning(_, dst, src) {
    dst.write(src.read());
  },
});

export const movzx = instruction("movzx", {
  encodings: ["0F B6 /r Gv,Eb", "0F B7 /r Gv,Ew"],
  access: ["w", "r"],
  meaning(m, dst, src) {
    dst.write(m.zeroExtend(src.read(), m.opSize));
  },
});

export const movsx = instruction("movsx", {
  encodings: ["0F BE /r Gv,Eb", "0F BF /r Gv,Ew"],
  access: ["w", "r"],
  meaning(m, dst, src) {
    dst.write(m.signExtend(src.read(), src.size as 1 | 2, m.opSize));
  },
});

export const movsxd = instruction("movsxd", {
  encodings: ["63 /r Gv,Ez [o64]"],
  access: ["w", "r"],
  meaning(m, dst, src) {
    dst.write(m.signExtend(src.read(), src.size as 2 | 4, m.opSize));
  },
});

export const cmov = conditions.map(([cc, ...others], code) =>
  instruction(`cmov${cc}`, {
    encodings: [`0F 4${code.toString(16).toUpperCase()} /r Gv,Ev`],
    aliases: others.map((other) => `cmov${other}`),
    flags: { reads: conditionReads[code] },
    meaning(m, dst, src) {
      const value = src.read();
      dst.write(m.select(m.flags.condition(code), value, dst.read()));
    },
  })
);

export const xchg = instruction("xchg", {
  encodings: ["86 /r Eb,Gb [lock]", "87 /r Ev,Gv [lock]", "90+r Zv,rAX"],
  access: ["rw", "rw"],
  meaning(_, a, b) {
    const old = a.read();
    a.write(b.read());
    b.write(old);
  },
});

export const lea = instruction("lea", {
  encodings: ["8D /r Gv,M"],
  access: ["w", ""],
  meaning(m, dst, src) {
    dst.write(m.truncate(src.address(), m.opSize));
  },
});

/** Bytes in the opposite order; two bytes in an i32 with nothing above them. */
function reversed(m: Machine, value: Int, size: number): Int {
  if (size === 2) return m.or(m.shr(value, 8), m.shl(m.and(value, 0xff), 8));
  const pairs = size === 4 ? 0x00ff00ff : 0x00ff00ff00ff00ffn;
  const swapped = m.let(m.or(m.and(m.shr(value, 8), pairs), m.shl(m.and(value, pairs), 8)));
  if (size === 4) return m.rotl(swapped, 16);
  const words = 0x0000ffff0000ffffn;
  const halves = m.let(m.or(m.and(m.shr(swapped, 16), words), m.shl(m.and(swapped, words), 16)));
  return m.rotl(halves, 32);
}

export const bswap = instruction("bswap", {
  encodings: ["0F C8+r Zv"],
  meaning(m, dst) {
    // The 16-bit form is undefined; processors give zero.
    dst.write(m.opSize === 2 ? m.const(2, 0) : reversed(m, dst.read(), m.opSize));
  },
});

export const movbe = instruction("movbe", {
  encodings: ["0F 38 F0 /r Gv,Mv", "0F 38 F1 /r Mv,Gv"],
  access: ["w", "r"],
  feature: "movbe",
  meaning(m, dst, src) {
    dst.write(reversed(m, src.read(), m.opSize));
  },
});

export const xlat = instruction("xlatb", {
  encodings: ["D7"],
  aliases: ["xlat"],
  addressed: true,
  meaning(m) {
    const table = m.reg(Reg.rbx, m.addrSize);
    const index = m.zeroExtend(m.reg(Reg.rax, 1), m.addrSize);
    m.setReg(Reg.rax, 1, m.load(1, "data", m.truncate(m.add(table, index), m.addrSize)));
  },
});
