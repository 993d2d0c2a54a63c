/**
 * The x87 instructions that only touch control and status: programs and kernels run them at start whether or not they compute with the x87 unit
 * (AMD64 APM volume 5). The unit's arithmetic is not described yet.
 */
import { i32 } from "../../wasm/mod.ts";
import { instruction } from "../instruction.ts";
import { type Machine, Vector } from "../meaning.ts";
import { Cr0 } from "./system_common.ts";

/** FCW after FNINIT: all exceptions masked, 64-bit precision, round to nearest. */
const INITIAL_FCW = 0x37f;
/** Exception flags of FSW, ES and B: what FNCLEX clears. */
const FSW_EXCEPTIONS = 0x80ff;
/** Exception summary: an unmasked exception waits. */
const FSW_ES = 0x80;
const FSW_BUSY = 0x8000;
const EXCEPTIONS = 0x3f;
const MF = 16;

function check(m: Machine): void {
  m.if(m.state("fpuDisabled"), () => {
    m.faultIf(m.ne(m.and(m.state("cr0"), Cr0.EM | Cr0.TS), 0), Vector.NM);
  });
}

/** The waiting forms report an earlier exception first. */
function wait(m: Machine): void {
  m.faultIf(i32.ne(i32.and(m.state("fsw"), FSW_ES), 0), MF);
}

export const fninit = instruction("fninit", {
  encodings: ["DB E3"],
  meaning(m) {
    check(m);
    m.setState("fcw", i32.const(INITIAL_FCW));
    m.setState("fsw", i32.const(0));
    m.setState("ftw", i32.const(0));
  },
});

export const fnclex = instruction("fnclex", {
  encodings: ["DB E2"],
  meaning(m) {
    check(m);
    m.setState("fsw", i32.and(m.state("fsw"), ~FSW_EXCEPTIONS));
  },
});

export const fldcw = instruction("fldcw", {
  encodings: ["D9 /5 Mw"],
  access: ["r"],
  meaning(m, source) {
    check(m);
    wait(m);
    const control = m.let(m.i32(source.read()));
    const status = m.state("fsw");
    // Unmasking an exception that has happened makes it wait.
    const waiting = m.let(i32.ne(i32.and(i32.and(status, i32.xor(control, -1)), EXCEPTIONS), 0));
    m.setState("fsw", i32.select(waiting, i32.or(status, FSW_ES | FSW_BUSY), status));
    m.setState("fcw", i32.or(i32.and(control, 0x1f3f), 0x40));
  },
});

export const fnstcw = instruction("fnstcw", {
  encodings: ["D9 /7 Mw"],
  access: ["w"],
  meaning(m, destination) {
    check(m);
    destination.write(m.state("fcw"));
  },
});

export const fnstsw = instruction("fnstsw", {
  encodings: ["DD /7 Mw", "DF E0 AX"],
  access: ["w"],
  meaning(m, destination) {
    check(m);
    destination.write(m.state("fsw"));
  },
});

export const fwait = instruction("fwait", {
  encodings: ["9B"],
  meaning(m) {
    m.if(m.state("fpuDisabled"), () => {
      m.faultIf(m.eq(m.and(m.state("cr0"), Cr0.MP | Cr0.TS), Cr0.MP | Cr0.TS), Vector.NM);
    });
    wait(m);
  },
});
