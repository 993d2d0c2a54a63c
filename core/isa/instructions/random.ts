/** RDRAND and RDSEED: entropy comes from the host, and is never short. */
import { instruction } from "../instruction.ts";

for (const [name, group] of [["rdrand", 6], ["rdseed", 7]] as const) {
  instruction(name, {
    encodings: [`0F C7 /${group} Rv [reg]`],
    access: ["w"],
    flags: { writes: "OSZAPC" },
    feature: name,
    unrecorded: "a result that cannot be repeated",
    meaning(m, dst) {
      const value = m.helper("random");
      dst.write(dst.size === 8 ? value : m.i32(value));
      m.flags.set({ CF: 1, OF: 0, SF: 0, ZF: 0, AF: 0, PF: 0 });
    },
  });
}
