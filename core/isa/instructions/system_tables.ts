/** Descriptor table registers, the task register, and looking at descriptors. */
import { instruction } from "../instruction.ts";
import { type Machine, type Operand, Vector } from "../meaning.ts";
import type { I32 } from "../../wasm/mod.ts";
import { cpl0When, Cr4, HOSTED, PRIVILEGED, requireProtectedMode } from "./system_common.ts";

/** Bytes of the base in a pseudo-descriptor operand. */
const baseSize = (operand: Operand): 4 | 8 => operand.size === 10 ? 8 : 4;

for (const [name, group, table] of [["sgdt", 0, "gdt"], ["sidt", 1, "idt"]] as const) {
  instruction(name, {
    encodings: [`0F 01 /${group} Ms`],
    access: ["rw"],
    unrecorded: "shows the host's tables",
    meaning(m, dst) {
      cpl0When(m, Cr4.UMIP);
      const size = baseSize(dst);
      const [limit, base] = [dst.at(0, 2), dst.at(2, size)];
      // Both parts are found writable before either is written.
      limit.read();
      base.read();
      const value = m.state(`${table}Base`);
      limit.write(m.state(`${table}Limit`));
      base.write(size === 8 ? value : m.i32(value));
    },
  });
}
for (const [name, group] of [["lgdt", 2], ["lidt", 3]] as const) {
  instruction(name, {
    encodings: [`0F 01 /${group} Ms [op16] [op32] [op64] [cpl0]`],
    access: ["r"],
    flow: "leave",
    unrecorded: PRIVILEGED,
    meaning(m, src) {
      m.requireCpl0();
      const size = baseSize(src);
      const limit = src.at(0, 2).read();
      const base = src.at(2, size).read();
      // With 16-bit operands the base has 24 bits.
      m.exit(name, limit, size === 4 && m.opSize === 2 ? m.and(base, 0xffffff) : base);
    },
  });
}

for (const [name, group, state] of [["sldt", 0, "ldtrSelector"], ["str", 1, "trSelector"]] as const) {
  instruction(name, {
    encodings: [`0F 00 /${group} Rv/Mw`],
    access: ["w"],
    unrecorded: "shows the host's selectors",
    meaning(m, dst) {
      requireProtectedMode(m);
      cpl0When(m, Cr4.UMIP);
      const selector = m.and(m.state(state), 0xffff) as I32;
      dst.write(dst.size === 8 ? m.i64(selector) : selector);
    },
  });
}
for (const [name, group] of [["lldt", 2], ["ltr", 3]] as const) {
  instruction(name, {
    encodings: [`0F 00 /${group} Ew [cpl0]`],
    access: ["r"],
    flow: "leave",
    unrecorded: PRIVILEGED,
    meaning(m, src) {
      requireProtectedMode(m);
      m.requireCpl0();
      m.exit(name, 0, src.read());
    },
  });
}

// The host looks the descriptor up, sets ZF and, when it may be seen, the register.
for (const [name, opcode] of [["lar", "0F 02"], ["lsl", "0F 03"]] as const) {
  instruction(name, {
    encodings: [`${opcode} /r Gv,Ew`],
    access: ["rw", "r"],
    flow: "leave",
    flags: { writes: "Z" },
    unrecorded: HOSTED,
    meaning(m, dst, src) {
      requireProtectedMode(m);
      const selector = src.read();
      m.exit(name, m.or(dst.number(), dst.size << 8), selector);
    },
  });
}
for (const [name, group] of [["verr", 4], ["verw", 5]] as const) {
  instruction(name, {
    encodings: [`0F 00 /${group} Ew`],
    access: ["r"],
    flow: "leave",
    flags: { writes: "Z" },
    unrecorded: HOSTED,
    meaning(m, src) {
      requireProtectedMode(m);
      m.exit(name, 0, src.read());
    },
  });
}

instruction("arpl", {
  encodings: ["63 /r Ew,Gw [i64] [rare]"],
  access: ["rw", "r"],
  flags: { writes: "Z" },
  meaning(m: Machine, dst, src) {
    m.faultIf(m.eqz(m.and(m.state("cr0"), 1)), Vector.UD);
    const selector = dst.peek();
    const requested = m.let(m.and(src.read(), 3));
    const raised = m.let(m.ltu(m.and(selector, 3), requested));
    m.if(raised, () => dst.write(m.or(m.and(selector, 0xfffc), requested)));
    m.flags.set({ ZF: raised });
  },
});
