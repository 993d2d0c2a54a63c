/** The x87 unit's control, status and environment (AMD64 APM volume 5; formats: volume 2, 11.4). */
import { i32, i64, i64x2 } from "../../wasm/mod.ts";
import type { I32, I64 } from "../../wasm/mod.ts";
import { exponent, isZero, MAXIMUM, significand, Status } from "../float80/core.ts";
import { instruction } from "../instruction.ts";
import { type Machine, type Operand, Vector } from "../meaning.ts";
import { Cr0 } from "./system_common.ts";
import { reportPending, requireX87 } from "./x87_common.ts";

/** FCW after FNINIT: all exceptions masked, 64-bit precision, round to nearest. */
const INITIAL_FCW = 0x37f;
/** Exception flags of FSW, ES and B: what FNCLEX clears. */
const FSW_EXCEPTIONS = 0x80ff;
const EXCEPTIONS = 0x3f;
export const FCW_BITS = 0x1f3f;
export const FCW_ONE = 0x40;
const POINTERS = ["fip", "fdp"] as const;

export function initialise(m: Machine): void {
  m.setState("fcw", i32.const(INITIAL_FCW));
  m.setState("fsw", i32.const(0));
  m.setState("ftw", i32.const(0));
  m.setState("fop", i32.const(0));
  for (const name of POINTERS) m.setState(name, i64.const(0));
}

/** ES and B as the masks make them. */
export function summarised(status: I32, control: I32): I32 {
  const waiting = i32.and(i32.and(status, i32.xor(control, -1)), EXCEPTIONS);
  const summary = i32.select(waiting, i32.const(Status.ES | Status.BUSY), i32.const(0));
  return i32.or(i32.and(status, ~(Status.ES | Status.BUSY)), summary);
}

instruction("fninit", {
  encodings: ["DB E3"],
  meaning(m) {
    requireX87(m);
    initialise(m);
  },
});
instruction("fnclex", {
  encodings: ["DB E2"],
  meaning(m) {
    requireX87(m);
    m.setState("fsw", i32.and(m.state("fsw"), ~FSW_EXCEPTIONS));
  },
});
instruction("fldcw", {
  encodings: ["D9 /5 Mw"],
  access: ["r"],
  meaning(m, source) {
    requireX87(m);
    reportPending(m);
    const control = m.let(i32.or(i32.and(m.i32(source.read()), FCW_BITS), FCW_ONE));
    // Unmasking an exception that has happened makes it wait.
    m.setState("fsw", summarised(m.state("fsw"), control));
    m.setState("fcw", control);
  },
});
instruction("fnstcw", {
  encodings: ["D9 /7 Mw"],
  access: ["w"],
  meaning(m, destination) {
    requireX87(m);
    destination.write(m.state("fcw"));
  },
});
instruction("fnstsw", {
  encodings: ["DD /7 Mw", "DF E0 AX"],
  access: ["w"],
  meaning(m, destination) {
    requireX87(m);
    destination.write(m.state("fsw"));
  },
});
instruction("fwait", {
  encodings: ["9B"],
  meaning(m) {
    m.if(m.state("fpuDisabled"), () => {
      m.faultIf(m.eq(m.and(m.state("cr0"), Cr0.MP | Cr0.TS), Cr0.MP | Cr0.TS), Vector.NM);
    });
    reportPending(m);
  },
});
// What the 8087 and 80287 had them for is gone.
for (const [name, encoding] of [["fneni", "DB E0"], ["fndisi", "DB E1"], ["fnsetpm", "DB E4"]] as const) {
  instruction(name, { encodings: [encoding], meaning: requireX87 });
}

/** The tag word with two bits a register: valid, zero, special, empty. */
function fullTags(m: Machine): I32 {
  const tags = m.let(m.state("ftw"));
  let all: I32 = i32.const(0);
  for (let n = 0; n < 8; n++) {
    const value = m.x87(n);
    const exp = exponent(value);
    const special = i32.or(
      i32.or(i32.eqz(exp), i32.eq(exp, MAXIMUM)),
      i64.ge_s(significand(value), 0n),
    );
    const kind = i32.select(isZero(value), 1, i32.shl(special, 1));
    const tag = i32.select(i32.and(tags, 1 << n), kind, i32.const(3));
    all = m.let(i32.or(all, i32.shl(tag, 2 * n)));
  }
  return all;
}
/** The tag word with one bit a register. */
function abridged(full: I32): I32 {
  let tags: I32 = i32.const(0);
  for (let n = 0; n < 8; n++) {
    const empty = i32.eq(i32.and(i32.shr_u(full, 2 * n), 3), 3);
    tags = i32.or(tags, i32.shl(i32.eqz(empty), n));
  }
  return tags;
}

/** Both ends of an area in memory, before anything changes. */
function probe(m: Machine, area: Operand): void {
  area.at(0, m.opSize === 2 ? 2 : 4).read();
  area.at(area.size - 1, 1).read();
}

function storeEnvironment(m: Machine, area: Operand): void {
  const size = m.opSize === 2 ? 2 : 4;
  const tags = fullTags(m);
  const words = [m.state("fcw"), m.state("fsw"), tags];
  const put = (index: number, value: I32) => area.at(index * size, size).write(value);
  words.forEach((word, i) => put(i, size === 4 ? i32.or(word, 0xffff0000) : word));
  put(3, i32.wrap_i64(m.state("fip")));
  put(4, size === 4 ? i32.shl(i32.and(m.state("fop"), 0x7ff), 16) : i32.const(0));
  put(5, i32.wrap_i64(m.state("fdp")));
  put(6, size === 4 ? i32.const(0xffff0000) : i32.const(0));
}

function loadEnvironment(m: Machine, area: Operand): void {
  const size = m.opSize === 2 ? 2 : 4;
  const get = (index: number, bytes: 2 | 4 = 2): I32 => m.i32(area.at(index * size, bytes).read());
  const control = m.let(i32.or(i32.and(get(0), FCW_BITS), FCW_ONE));
  const status = m.let(summarised(get(1), control));
  const tags = m.let(abridged(get(2)));
  const pointer = (index: number) => m.let(i64.extend_i32_u(get(index, size)));
  const [fip, fdp] = [pointer(3), pointer(5)];
  const opcode = size === 4 ? m.let(i32.and(i32.shr_u(get(4, 4), 16), 0x7ff)) : i32.const(0);
  m.setState("fcw", control);
  m.setState("fsw", status);
  m.setState("ftw", tags);
  m.setState("fop", opcode);
  m.setState("fip", fip);
  m.setState("fdp", fdp);
}

/** By operand size; with REX.W as without it. */
const sizes = (encoding: string, operand: string) => [`${encoding} ${operand} [op16] [op32] [op64] [rare]`];
const registersAt = (m: Machine): number => m.opSize === 2 ? 14 : 28;

instruction("fnstenv", {
  encodings: sizes("D9 /6", "Menv"),
  access: ["rw"],
  meaning(m, area) {
    requireX87(m);
    probe(m, area);
    storeEnvironment(m, area);
    m.setState("fcw", i32.or(m.state("fcw"), EXCEPTIONS));
    m.setState("fsw", i32.and(m.state("fsw"), ~(Status.ES | Status.BUSY)));
  },
});
instruction("fldenv", {
  encodings: sizes("D9 /4", "Menv"),
  access: ["r"],
  meaning(m, area) {
    requireX87(m);
    reportPending(m);
    probe(m, area);
    loadEnvironment(m, area);
  },
});
instruction("fnsave", {
  encodings: sizes("DD /6", "Msav"),
  access: ["rw"],
  meaning(m, area) {
    requireX87(m);
    probe(m, area);
    storeEnvironment(m, area);
    const top = m.let(i32.shr_u(m.state("fsw"), 11));
    for (let n = 0; n < 8; n++) {
      const value = m.x87(m.let(i32.and(i32.add(top, n), 7)));
      const at = registersAt(m) + 10 * n;
      area.at(at, 8).write(significand(value));
      area.at(at + 8, 2).write(i32.wrap_i64(i64x2.extract_lane(value, 1)));
    }
    initialise(m);
  },
});
instruction("frstor", {
  encodings: sizes("DD /4", "Msav"),
  access: ["r"],
  meaning(m, area) {
    requireX87(m);
    reportPending(m);
    probe(m, area);
    loadEnvironment(m, area);
    const top = m.let(i32.shr_u(m.state("fsw"), 11));
    for (let n = 0; n < 8; n++) {
      const at = registersAt(m) + 10 * n;
      const low = area.at(at, 8).read() as I64;
      const high = i64.extend_i32_u(m.i32(area.at(at + 8, 2).read()));
      const value = i64x2.replace_lane(i64x2.splat(low), 1, high);
      m.setX87(m.let(i32.and(i32.add(top, n), 7)), value);
    }
  },
});
