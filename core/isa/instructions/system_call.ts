/**
 * Entering and leaving the kernel, and asking the hypervisor. The processor is of AMD's line: in long mode it has no SYSENTER and
 * SYSEXIT (AMD64 APM volume 3, SYSENTER: #UD).
 */
import { instruction } from "../instruction.ts";
import { type Machine, Vector } from "../meaning.ts";
import { Efer, HOSTED, PRIVILEGED } from "./system_common.ts";

function requireSyscallEnabled(m: Machine): void {
  m.faultIf(m.eqz(m.and(m.state("efer"), Efer.SCE)), Vector.UD);
}
function requireLegacyMode(m: Machine): void {
  m.faultIf(m.ne(m.and(m.state("efer"), Efer.LMA), 0), Vector.UD);
}

instruction("syscall", {
  encodings: ["0F 05"],
  flow: "leave",
  flags: { writes: "OSZAPC", reads: "OSZAPC" },
  feature: "syscall",
  unrecorded: HOSTED,
  meaning(m) {
    requireSyscallEnabled(m);
    m.exit("syscall");
  },
});
instruction("sysret", {
  encodings: ["0F 07 [op16] [op32] [op64] [cpl0]"],
  flow: "leave",
  flags: { writes: "OSZAPC" },
  feature: "syscall",
  unrecorded: PRIVILEGED,
  meaning(m) {
    requireSyscallEnabled(m);
    m.requireCpl0();
    m.exit("sysret", m.opSize);
  },
});
instruction("sysenter", {
  encodings: ["0F 34"],
  flow: "leave",
  feature: "sep",
  unrecorded: HOSTED,
  meaning(m) {
    requireLegacyMode(m);
    m.exit("sysenter");
  },
});
instruction("sysexit", {
  encodings: ["0F 35 [op16] [op32] [op64] [cpl0]"],
  flow: "leave",
  feature: "sep",
  unrecorded: PRIVILEGED,
  meaning(m) {
    requireLegacyMode(m);
    m.requireCpl0();
    m.exit("sysexit", m.opSize);
  },
});

// Whether there is a hypervisor that takes the call at this privilege is the host's to say (#UD otherwise).
for (const [name, encoding] of [["vmcall", "0F 01 C1"], ["vmmcall", "0F 01 D9"]] as const) {
  instruction(name, {
    encodings: [encoding],
    flow: "leave",
    unrecorded: HOSTED,
    meaning: (m) => m.exit(name),
  });
}
