/** x87 comparisons, to condition codes and to EFLAGS, and FXAM (AMD64 APM volume 5). */
import { i32 } from "../../wasm/mod.ts";
import type { I32, V128 } from "../../wasm/mod.ts";
import { Status } from "../float80/core.ts";
import { conclude, CONDITIONS, pop, readNumber, UNDERFLOW, type Unit, x87 } from "./x87_common.ts";

const UNORDERED = Status.C0 | Status.C2 | Status.C3;

/** ST(0) with another value: its relation and what was met; with an empty register unordered. */
function relation(u: Unit, ready: I32, other: () => V128, quiet: boolean): { found: I32; raised: I32 } {
  const { m } = u;
  const found = m.variable("i32", i32.const(UNORDERED));
  const raised = m.variable("i32", i32.const(UNDERFLOW));
  m.if(ready, () => {
    found.set(m.helper("x87Compare", m.x87(u.top), other(), i32.const(quiet ? 1 : 0)));
    raised.set(m.helper("x87Outcome"));
  });
  return { found: m.let(found.get()), raised: m.let(raised.get()) };
}

function compare(u: Unit, ready: I32, other: () => V128, quiet: boolean, pops: number): void {
  const { found, raised } = relation(u, ready, other, quiet);
  conclude(u, u.m.let(i32.or(raised, found)), (status) => {
    if (pops > 0) pop(u, status, pops);
  }, { clears: CONDITIONS });
}

for (const [name, group, pops] of [["com", 2, 0], ["comp", 3, 1]] as const) {
  x87(`f${name}`, {
    encodings: [`D8 /${group} Md`, `DC /${group} Mq`],
    access: ["r"],
    meaning: (u, src) => compare(u, u.used(u.top), readNumber(u.m, src, false), false, pops),
  });
  x87(`fi${name}`, {
    encodings: [`DA /${group} Md [rare]`, `DE /${group} Mw [rare]`],
    access: ["r"],
    meaning: (u, src) => compare(u, u.used(u.top), readNumber(u.m, src, true), false, pops),
  });
}

/** With ST(i). */
function compareRegister(u: Unit, i: I32 | number, quiet: boolean, pops: number): void {
  const other = u.register(i);
  const ready = i32.and(u.used(u.top), u.used(other));
  compare(u, ready, () => u.m.x87(other), quiet, pops);
}
for (
  const [name, encodings, quiet, pops] of [
    ["fcom", ["D8 /2 STi", "DC /2 STi [noasm]"], false, 0],
    ["fcomp", ["D8 /3 STi", "DC /3 STi [noasm]", "DE /2 STi [noasm]"], false, 1],
    ["fucom", ["DD /4 STi"], true, 0],
    ["fucomp", ["DD /5 STi"], true, 1],
  ] as const
) {
  x87(name, {
    encodings,
    access: ["r"],
    meaning: (u, other) => compareRegister(u, other.number(), quiet, pops),
  });
}
x87("fcompp", { encodings: ["DE D9"], meaning: (u) => compareRegister(u, 1, false, 2) });
x87("fucompp", { encodings: ["DA E9"], meaning: (u) => compareRegister(u, 1, true, 2) });
x87("ftst", {
  encodings: ["D9 E4"],
  meaning: (u) => compare(u, u.used(u.top), () => u.m.helper("x87FromInteger", zero(u)), false, 0),
});
const zero = (u: Unit) => u.m.i64(u.m.const(8, 0));

for (
  const [name, encoding, quiet, pops] of [
    ["fcomi", "DB /6", false, 0],
    ["fcomip", "DF /6", false, 1],
    ["fucomi", "DB /5", true, 0],
    ["fucomip", "DF /5", true, 1],
  ] as const
) {
  x87(name, {
    encodings: [`${encoding} ST0,STi`],
    access: ["r", "r"],
    flags: { writes: "OSZAPC" },
    meaning(u, _first, second) {
      const { m } = u;
      const other = u.register(second.number());
      const ready = i32.and(u.used(u.top), u.used(other));
      const { found, raised } = relation(u, ready, () => m.x87(other), quiet);
      m.flags.set({
        CF: i32.and(i32.shr_u(found, 8), 1),
        PF: i32.and(i32.shr_u(found, 10), 1),
        ZF: i32.and(i32.shr_u(found, 14), 1),
        OF: 0,
        SF: 0,
        AF: 0,
      });
      // C1 tells of the stack, and stays otherwise.
      conclude(u, raised, (status) => {
        if (pops > 0) pop(u, status);
      }, { clears: i32.shl(i32.and(raised, Status.SF), 3) });
    },
  });
}

x87("fxam", {
  encodings: ["D9 E5"],
  meaning(u) {
    const { m, top } = u;
    const value = m.x87(top);
    const empty = i32.or(i32.and(m.helper("x87Examine", value), Status.C1), Status.C0 | Status.C3);
    const found = m.let(i32.select(u.used(top), m.helper("x87Examine", value), empty));
    m.setState("fsw", i32.or(i32.and(u.fsw, ~CONDITIONS), found));
  },
});
