/** Control and debug registers, MSRs, time stamp and performance counters, CPUID, XCR0, FS and GS bases. */
import { instruction } from "../instruction.ts";
import { type Machine, type Operand, Vector } from "../meaning.ts";
import type { I64 } from "../../wasm/mod.ts";
import { cpl0Unless, cpl0When, Cr4, HOSTED, PRIVILEGED, requireCr4 } from "./system_common.ts";

instruction("cpuid", {
  encodings: ["0F A2"],
  flow: "leave",
  unrecorded: HOSTED,
  meaning: (m) => m.exit("cpuid"),
});
instruction("rdtsc", {
  encodings: ["0F 31"],
  flow: "leave",
  feature: "tsc",
  unrecorded: HOSTED,
  meaning(m) {
    cpl0When(m, Cr4.TSD);
    m.exit("rdtsc");
  },
});
instruction("rdtscp", {
  encodings: ["0F 01 F9"],
  flow: "leave",
  feature: "rdtscp",
  unrecorded: HOSTED,
  meaning(m) {
    cpl0When(m, Cr4.TSD);
    m.exit("rdtscp");
  },
});
instruction("rdpmc", {
  encodings: ["0F 33"],
  flow: "leave",
  unrecorded: HOSTED,
  meaning(m) {
    cpl0Unless(m, Cr4.PCE);
    m.exit("rdpmc");
  },
});

/** Instructions that need CPL 0 and leave everything else to the host. */
for (
  const [name, encoding, feature] of [
    ["rdmsr", "0F 32", "msr"],
    ["wrmsr", "0F 30", "msr"],
    ["clts", "0F 06", undefined],
    ["invd", "0F 08", undefined],
    ["wbinvd", "0F 09", undefined],
    ["swapgs", "0F 01 F8 [o64]", "lm"],
  ] as const
) {
  instruction(name, {
    encodings: [`${encoding} [cpl0]`],
    flow: "leave",
    feature,
    unrecorded: PRIVILEGED,
    meaning(m) {
      m.requireCpl0();
      m.exit(name);
    },
  });
}

/** CR0, CR2, CR3, CR4 and CR8 exist. */
const CONTROL_REGISTERS = 0b1_0001_1101;

function controlRegister(m: Machine, cr: Operand): void {
  m.faultIf(m.eqz(m.and(m.shr(m.const(4, CONTROL_REGISTERS), cr.number()), 1)), Vector.UD);
}
const described = (m: Machine, special: Operand, general: Operand) =>
  m.or(m.or(special.number(), m.shl(general.number(), 8)), general.size << 16);

instruction("mov", {
  encodings: ["0F 20 /r Ry,Cy [f64] [anymod] [cpl0]"],
  access: ["w", "r"],
  flow: "leave",
  unrecorded: PRIVILEGED,
  meaning(m, dst, cr) {
    controlRegister(m, cr);
    m.requireCpl0();
    m.exit("movfromcr", described(m, cr, dst));
  },
});
instruction("mov", {
  encodings: ["0F 22 /r Cy,Ry [f64] [anymod] [cpl0]"],
  access: ["w", "r"],
  flow: "leave",
  unrecorded: PRIVILEGED,
  meaning(m, cr, src) {
    controlRegister(m, cr);
    m.requireCpl0();
    m.exit("movtocr", described(m, cr, src), src.read());
  },
});

// DR4 and DR5 (aliases or #UD by CR4.DE) are the host's.
const debugRegister = (m: Machine, dr: Operand) => m.faultIf(m.ltu(m.const(4, 7), dr.number()), Vector.UD);
instruction("mov", {
  encodings: ["0F 21 /r Ry,Dy [f64] [anymod] [cpl0]"],
  access: ["w", "r"],
  flow: "leave",
  unrecorded: PRIVILEGED,
  meaning(m, dst, dr) {
    debugRegister(m, dr);
    m.requireCpl0();
    m.exit("movfromdr", described(m, dr, dst));
  },
});
instruction("mov", {
  encodings: ["0F 23 /r Dy,Ry [f64] [anymod] [cpl0]"],
  access: ["w", "r"],
  flow: "leave",
  unrecorded: PRIVILEGED,
  meaning(m, dr, src) {
    debugRegister(m, dr);
    m.requireCpl0();
    m.exit("movtodr", described(m, dr, src), src.read());
  },
});

instruction("smsw", {
  encodings: ["0F 01 /4 Rv/Mw"],
  access: ["w"],
  unrecorded: "shows the host's CR0",
  meaning(m, dst) {
    cpl0When(m, Cr4.UMIP);
    const cr0 = m.state("cr0");
    dst.write(dst.size === 8 ? cr0 : m.i32(cr0));
  },
});
instruction("lmsw", {
  encodings: ["0F 01 /6 Ew [cpl0]"],
  access: ["r"],
  flow: "leave",
  unrecorded: PRIVILEGED,
  meaning(m, src) {
    m.requireCpl0();
    m.exit("lmsw", 0, src.read());
  },
});

instruction("invlpg", {
  encodings: ["0F 01 /7 M [cpl0]"],
  access: [""],
  flow: "leave",
  unrecorded: PRIVILEGED,
  meaning(m, address) {
    m.requireCpl0();
    m.exit("invlpg", 0, address.linear());
  },
});

instruction("xsetbv", {
  encodings: ["NP 0F 01 D1 [cpl0]"],
  flow: "leave",
  feature: "xsave",
  unrecorded: PRIVILEGED,
  meaning(m) {
    requireCr4(m, Cr4.OSXSAVE);
    m.requireCpl0();
    m.exit("xsetbv");
  },
});

for (const [segment, state, read, write] of [["fs", "fsBase", 0, 2], ["gs", "gsBase", 1, 3]] as const) {
  instruction(`rd${segment}base`, {
    encodings: [`F3 0F AE /${read} Ry [o64] [reg]`],
    access: ["w"],
    feature: "fsgsbase",
    unrecorded: "shows the host's base",
    meaning(m, dst) {
      requireCr4(m, Cr4.FSGSBASE);
      const base = m.segmentBase(segment);
      dst.write(dst.size === 8 ? base : m.i32(base));
    },
  });
  instruction(`wr${segment}base`, {
    encodings: [`F3 0F AE /${write} Ry [o64] [reg]`],
    access: ["r"],
    feature: "fsgsbase",
    unrecorded: "changes the recorder's own base",
    meaning(m, src) {
      requireCr4(m, Cr4.FSGSBASE);
      const base = m.let(m.i64(src.read()));
      const extended = m.sar(m.shl(base, 16), 16) as I64;
      m.faultIf(m.ne(extended, base), Vector.GP, 0);
      m.setState(state, base);
    },
  });
}
