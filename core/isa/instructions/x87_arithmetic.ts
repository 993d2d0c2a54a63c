/** x87 arithmetic: sums, products, quotients with registers, memory and integers; square root, remainders, rounding, scaling (AMD64 APM volume 5). */
import { i32, i64, i64x2, v128 } from "../../wasm/mod.ts";
import type { I32, V128 } from "../../wasm/mod.ts";
import { exponent, MAXIMUM, Status } from "../float80/core.ts";
import type { Operand } from "../meaning.ts";
import {
  attempt,
  conclude,
  CONDITIONS,
  OVERFLOW,
  pop,
  push,
  readNumber,
  UNDERFLOW,
  type Unit,
  write,
  x87,
} from "./x87_common.ts";

type Helper = "x87Add" | "x87Subtract" | "x87Multiply" | "x87Divide";

interface Row {
  readonly name: string;
  readonly helper: Helper;
  /** /n with ST(0) as the destination; the register destinations of the reversed ones have changed places. */
  readonly group: number;
  readonly reversed: boolean;
  readonly groupTo: number;
}
const rows: readonly Row[] = [
  { name: "add", helper: "x87Add", group: 0, reversed: false, groupTo: 0 },
  { name: "mul", helper: "x87Multiply", group: 1, reversed: false, groupTo: 1 },
  { name: "sub", helper: "x87Subtract", group: 4, reversed: false, groupTo: 5 },
  { name: "subr", helper: "x87Subtract", group: 5, reversed: true, groupTo: 4 },
  { name: "div", helper: "x87Divide", group: 6, reversed: false, groupTo: 7 },
  { name: "divr", helper: "x87Divide", group: 7, reversed: true, groupTo: 6 },
];

for (const { name, helper, group, reversed, groupTo } of rows) {
  const compute = (u: Unit, dst: V128, src: V128): V128 =>
    reversed ? u.m.helper(helper, src, dst, u.fcw) : u.m.helper(helper, dst, src, u.fcw);

  const fromMemory = (integer: boolean) => (u: Unit, src: Operand) => {
    const operand = readNumber(u.m, src, integer);
    const { value, raised } = attempt(u, u.used(u.top), () => compute(u, u.m.x87(u.top), operand()));
    conclude(u, raised, () => write(u, u.top, value));
  };
  x87(`f${name}`, {
    encodings: [`D8 /${group} Md`, `DC /${group} Mq`],
    access: ["r"],
    meaning: fromMemory(false),
  });
  x87(`fi${name}`, {
    encodings: [`DA /${group} Md [rare]`, `DE /${group} Mw [rare]`],
    access: ["r"],
    meaning: fromMemory(true),
  });

  const between = (u: Unit, dst: I32, src: I32, after: (status: I32) => void) => {
    const ready = i32.and(u.used(dst), u.used(src));
    const { value, raised } = attempt(u, ready, () => compute(u, u.m.x87(dst), u.m.x87(src)));
    conclude(u, raised, (status) => {
      write(u, dst, value);
      after(status);
    });
  };
  x87(`f${name}`, {
    encodings: [`D8 /${group} ST0,STi`],
    access: ["rw", "r"],
    meaning: (u, _dst, src) => between(u, u.top, u.register(src.number()), () => {}),
  });
  x87(`f${name}`, {
    encodings: [`DC /${groupTo} STi,ST0`],
    access: ["rw", "r"],
    meaning: (u, dst) => between(u, u.register(dst.number()), u.top, () => {}),
  });
  x87(`f${name}p`, {
    encodings: [`DE /${groupTo} STi,ST0`],
    access: ["rw", "r"],
    meaning: (u, dst) => between(u, u.register(dst.number()), u.top, (status) => pop(u, status)),
  });
}

/** ST(0) = fn(ST(0)) */
function unary(name: string, encoding: string, compute: (u: Unit, a: V128) => V128): void {
  x87(name, {
    encodings: [encoding],
    meaning(u) {
      const { value, raised } = attempt(u, u.used(u.top), () => compute(u, u.m.x87(u.top)));
      conclude(u, raised, () => write(u, u.top, value));
    },
  });
}
unary("fsqrt", "D9 FA", (u, a) => u.m.helper("x87SquareRoot", a, u.fcw));
unary("frndint", "D9 FC", (u, a) => u.m.helper("x87ToWhole", a, u.fcw));
const signBit = () => i64x2.const(0n, 0x8000n);
unary("fchs", "D9 E0", (_u, a) => v128.xor(a, signBit()));
unary("fabs", "D9 E1", (_u, a) => i64x2.replace_lane(a, 1, i64.and(i64x2.extract_lane(a, 1), 0x7fffn)));

for (
  const [name, encoding, helper, divides] of [
    ["fprem", "D9 F8", "x87Remainder", true],
    ["fprem1", "D9 F5", "x87NearestRemainder", true],
    ["fscale", "D9 FD", "x87Scale", false],
  ] as const
) {
  x87(name, {
    encodings: [encoding],
    meaning(u) {
      const { m, top, fcw } = u;
      const second = u.register(1);
      const ready = i32.and(u.used(top), u.used(second));
      const { value, raised } = attempt(u, ready, () => m.helper(helper, m.x87(top), m.x87(second), fcw));
      // A remainder that is a NaN has no quotient: C0 and C3 stay.
      const conditions = i32.select(i32.eq(exponent(value), MAXIMUM), Status.C1 | Status.C2, CONDITIONS);
      conclude(u, raised, () => write(u, top, value), { clears: divides ? conditions : Status.C1 });
    },
  });
}

x87("fxtract", {
  encodings: ["D9 F4"],
  meaning(u) {
    const { m, top } = u;
    const free = i32.eqz(u.used(u.register(7)));
    const fault = m.let(i32.select(u.used(top), i32.const(OVERFLOW), i32.const(UNDERFLOW)));
    const power = m.variable("v128", i64x2.const(BigInt.asIntN(64, 3n << 62n), 0xffffn));
    const fraction = m.variable("v128", power.get());
    const raised = m.variable("i32", fault);
    m.if(i32.and(u.used(top), free), () => {
      const a = m.x87(top);
      power.set(m.helper("x87Exponent", a));
      fraction.set(m.helper("x87Significand", a));
      raised.set(m.helper("x87Outcome"));
    });
    conclude(u, m.let(raised.get()), (status) => {
      write(u, top, power.get());
      push(u, status, fraction.get());
    });
  },
});
