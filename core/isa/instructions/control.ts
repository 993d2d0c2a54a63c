/** Near control transfers, software interrupts, and what has no effect. Far transfers and IRET leave to the host. */
import { i32 } from "../../wasm/mod.ts";
import type { I32 } from "../../wasm/mod.ts";
import { conditionReads, conditions, instruction } from "../instruction.ts";
import { type Machine, type Operand, Reg, Vector } from "../meaning.ts";
import { HOSTED, PRIVILEGED } from "./system_common.ts";

export const jmp = instruction("jmp", {
  encodings: ["EB Jb [f64]", "E9 Jz [f64]"],
  flow: "jump",
  meaning(m, to) {
    m.jump(to);
  },
});

export const jmpIndirect = instruction("jmp", {
  encodings: ["FF /4 Ev [f64]"],
  access: ["r"],
  flow: "jump",
  meaning(m, to) {
    m.jump(m.target(to.read()));
  },
});

export const jcc = conditions.map(([cc, ...others], code) =>
  instruction(`j${cc}`, {
    encodings: [
      `7${code.toString(16).toUpperCase()} Jb [f64]`,
      `0F 8${code.toString(16).toUpperCase()} Jz [f64]`,
    ],
    aliases: others.map((other) => `j${other}`),
    flow: "branch",
    flags: { reads: conditionReads[code] },
    meaning(m, to) {
      m.branch(m.flags.condition(code), to);
    },
  })
);

export const call = instruction("call", {
  encodings: ["E8 Jz [f64]"],
  stack: true,
  flow: "call",
  meaning(m, to) {
    m.push(m.nextRip());
    m.jump(to);
  },
});

export const callIndirect = instruction("call", {
  encodings: ["FF /2 Ev [f64]"],
  access: ["r"],
  stack: true,
  flow: "call",
  meaning(m, to) {
    const address = to.read();
    // A stack that cannot be written faults before a target that cannot be reached.
    m.probeWrite(m.opSize, "ss", m.truncate(m.sub(m.stackPointer(), m.opSize), m.stackSize));
    const target = m.target(address);
    m.push(m.nextRip());
    m.jump(target);
  },
});

function returning(m: Machine, released?: Operand): void {
  const pointer = m.stackPointer();
  const target = m.target(m.load(m.opSize, "ss", pointer));
  const above = m.add(pointer, m.opSize);
  m.setStackPointer(released ? m.add(above, released.read()) : above);
  m.jump(target);
}

export const ret = instruction("ret", {
  encodings: ["C3 [f64]", "C2 Iw [f64]"],
  access: ["r"],
  stack: true,
  flow: "return",
  meaning: returning,
});

const LOOPS: [name: string, alias: string[], opcode: string, reads: string, goesOn?: (m: Machine) => I32][] =
  [
    ["loopne", ["loopnz"], "E0", "Z", (m) => i32.eqz(m.flags.get("ZF"))],
    ["loope", ["loopz"], "E1", "Z", (m) => m.flags.get("ZF")],
    ["loop", [], "E2", ""],
  ];
export const loops = LOOPS.map(([name, aliases, opcode, reads, goesOn]) =>
  instruction(name, {
    encodings: [`${opcode} Jb [f64]`],
    aliases,
    addressed: true,
    flow: "branch",
    flags: { reads },
    meaning(m, to) {
      const left = m.let(m.truncate(m.sub(m.reg(Reg.rcx, m.addrSize), 1), m.addrSize));
      m.setReg(Reg.rcx, m.addrSize, left);
      const more = m.ne(left, 0);
      m.branch(goesOn ? i32.and(more, goesOn(m)) : more, to);
    },
  })
);

export const jumpIfCountZero = ([["jcxz", 16], ["jecxz", 32], ["jrcxz", 64]] as const).map(([name, bits]) =>
  instruction(name, {
    encodings: [`E3 Jb [f64] [a${bits}]`],
    flow: "branch",
    meaning(m, to) {
      m.branch(m.eqz(m.reg(Reg.rcx, m.addrSize)), to);
    },
  })
);

// Far transfers. In text: `jmp far [rax]`, `jmp 0x10:0x1000`.

export const jmpFar = instruction("jmpf", {
  encodings: ["EA Ap [i64]"],
  access: ["r", "r"],
  flow: "leave",
  unrecorded: HOSTED,
  meaning(m, offset, selector) {
    m.exit("farjmp", m.opSize, selector.read(), offset.read());
  },
});

/** Bytes of a far pointer's offset: processors of AMD's line know none of 64 bits (AMD64 APM volume 3, JMP (Far)): REX.W does nothing. */
function farPointerSize(m: Machine): 2 | 4 {
  return m.opSize === 2 ? 2 : 4;
}

export const jmpFarIndirect = instruction("jmpf", {
  encodings: ["FF /5 Mp"],
  access: ["r"],
  flow: "leave",
  unrecorded: HOSTED,
  meaning(m, pointer) {
    const size = farPointerSize(m);
    m.exit("farjmp", size, pointer.at(size, 2).read(), pointer.at(0, size).read());
  },
});

export const callFar = instruction("callf", {
  encodings: ["9A Ap [i64]"],
  access: ["r", "r"],
  stack: true,
  flow: "leave",
  unrecorded: HOSTED,
  meaning(m, offset, selector) {
    m.exit("farcall", m.opSize | m.stackSize << 8, selector.read(), offset.read());
  },
});

export const callFarIndirect = instruction("callf", {
  encodings: ["FF /3 Mp"],
  access: ["r"],
  stack: true,
  flow: "leave",
  unrecorded: HOSTED,
  meaning(m, pointer) {
    const size = farPointerSize(m);
    m.exit("farcall", size | m.stackSize << 8, pointer.at(size, 2).read(), pointer.at(0, size).read());
  },
});

export const retFar = instruction("retf", {
  encodings: ["CB", "CA Iw"],
  access: ["r"],
  stack: true,
  flow: "leave",
  unrecorded: HOSTED,
  meaning(m, released?: Operand) {
    const sizes = m.opSize | m.stackSize << 8;
    m.exit("retf", released ? m.or(m.shl(released.read(), 16), sizes) : sizes);
  },
});

export const iret = ([["iretw", 16], ["iretd", 32], ["iretq", 64]] as const).map(([name, bits]) =>
  instruction(name, {
    encodings: [`CF [op${bits}]`],
    aliases: ["iret"],
    stack: true,
    flow: "leave",
    unrecorded: HOSTED,
    flags: { writes: "OSZAPCDITNLKV" },
    meaning(m) {
      m.exit("iret", m.opSize | m.stackSize << 8);
    },
  })
);

// Interrupts.

const TRAP_FLAGS = { reads: "OSZAPCDITNLKV" };

export const int = instruction("int", {
  encodings: ["CD Ib"],
  flow: "leave",
  flags: TRAP_FLAGS,
  unrecorded: HOSTED,
  meaning(m, vector) {
    m.exit("int", vector.read());
  },
});

export const int3 = instruction("int3", {
  encodings: ["CC"],
  flow: "leave",
  flags: TRAP_FLAGS,
  unrecorded: HOSTED,
  meaning(m) {
    m.exit("int3");
  },
});

export const int1 = instruction("int1", {
  encodings: ["F1"],
  aliases: ["icebp"],
  flow: "leave",
  flags: TRAP_FLAGS,
  unrecorded: HOSTED,
  meaning(m) {
    m.exit("int1");
  },
});

export const into = instruction("into", {
  encodings: ["CE [i64]"],
  flow: "leave",
  flags: TRAP_FLAGS,
  meaning(m) {
    m.if(m.flags.get("OF"), () => m.exit("into"));
  },
});

export const bound = instruction("bound", {
  encodings: ["62 /r Gv,Ma [i64]"],
  access: ["r", "r"],
  meaning(m, index, bounds) {
    const value = index.readSigned();
    const low = bounds.at(0, m.opSize).readSigned();
    const high = bounds.at(m.opSize, m.opSize).readSigned();
    m.faultIf(i32.or(m.lts(value, low), m.lts(high, value)), Vector.BR);
  },
});

const undefinedInstruction = (name: string, encoding: string) =>
  instruction(name, {
    encodings: [encoding],
    access: ["", ""],
    meaning(m) {
      m.fault(Vector.UD);
    },
  });

export const ud0 = undefinedInstruction("ud0", "0F FF /r Gv,Ev");
export const ud1 = undefinedInstruction("ud1", "0F B9 /r Gv,Ev");
export const ud2 = undefinedInstruction("ud2", "0F 0B");

export const hlt = instruction("hlt", {
  encodings: ["F4 [cpl0]"],
  flow: "leave",
  unrecorded: PRIVILEGED,
  meaning(m) {
    m.requireCpl0();
    m.exit("hlt");
  },
});

// No operation.

export const nop = instruction("nop", {
  encodings: ["90 [rexb0]", "0F 1F /0 Ev"],
  access: [""],
  meaning() {},
});

export const pause = instruction("pause", {
  encodings: ["F3 90 [rexb0]"],
  meaning() {},
});

/**
 * Opcodes that processors reserve for hints: any operand, no access (AMD64 APM volume 3 appendix A; Intel's "reserved NOP"). Where another
 * description says what the hint is, that one is decoded.
 */
export const hintNop = instruction("nop", {
  encodings: ["0D", "18", "19", "1A", "1B", "1C", "1D", "1E", "1F"].map((opcode) =>
    // The prefetches of 0D have no register form.
    `0F ${opcode} /r [noasm] [rare]${opcode === "0D" ? " [mem]" : ""}`
  ),
  meaning() {},
});

// Flags.

const setting = (name: string, opcode: string, flag: "CF" | "DF", value: number) =>
  instruction(name, {
    encodings: [opcode],
    flags: { writes: flag[0] },
    meaning(m) {
      m.flags.set({ [flag]: value });
    },
  });

export const clc = setting("clc", "F8", "CF", 0);
export const stc = setting("stc", "F9", "CF", 1);
export const cld = setting("cld", "FC", "DF", 0);
export const std = setting("std", "FD", "DF", 1);

export const cmc = instruction("cmc", {
  encodings: ["F5"],
  flags: { writes: "C", reads: "C" },
  meaning(m) {
    m.flags.set({ CF: i32.eqz(m.flags.get("CF")) });
  },
});

export const interruptFlag = (["cli", "sti"] as const).map((name) =>
  instruction(name, {
    encodings: [name === "cli" ? "FA" : "FB"],
    flow: "leave",
    unrecorded: PRIVILEGED,
    meaning(m) {
      m.requireIopl();
      m.exit(name);
    },
  })
);
