/** x87 exponentials, logarithms and trigonometric functions (AMD64 APM volume 5). */
import { i32, i64x2 } from "../../wasm/mod.ts";
import type { V128 } from "../../wasm/mod.ts";
import { BIAS, indefinite, LEADING, Status } from "../float80/core.ts";
import { Operation } from "../float80/transcendental.ts";
import { attempt, conclude, OVERFLOW, pop, push, UNDERFLOW, type Unit, write, x87 } from "./x87_common.ts";

const compute = (u: Unit, operation: number, a: V128, b: V128): V128 =>
  u.m.helper("x87Transcendental", i32.const(operation), a, b, u.fcw);

x87("f2xm1", {
  encodings: ["D9 F0"],
  approximate: true,
  meaning(u) {
    const { value, raised } = attempt(u, u.used(u.top), () => {
      const a = u.m.x87(u.top);
      return compute(u, Operation.exp2m1, a, a);
    });
    conclude(u, raised, () => write(u, u.top, value));
  },
});

for (
  const [name, encoding, operation] of [
    ["fyl2x", "D9 F1", Operation.log2],
    ["fpatan", "D9 F3", Operation.atan],
    ["fyl2xp1", "D9 F9", Operation.log2p1],
  ] as const
) {
  x87(name, {
    encodings: [encoding],
    approximate: true,
    meaning(u) {
      const { m, top } = u;
      const second = u.register(1);
      const ready = i32.and(u.used(top), u.used(second));
      const { value, raised } = attempt(u, ready, () => compute(u, operation, m.x87(top), m.x87(second)));
      conclude(u, raised, (status) => {
        write(u, second, value);
        pop(u, status);
      });
    },
  });
}

const CLEARED = Status.C1 | Status.C2;
for (
  const [name, encoding, operation] of [
    ["fsin", "D9 FE", Operation.sin],
    ["fcos", "D9 FF", Operation.cos],
  ] as const
) {
  x87(name, {
    encodings: [encoding],
    approximate: true,
    meaning(u) {
      const { value, raised } = attempt(u, u.used(u.top), () => {
        const a = u.m.x87(u.top);
        return compute(u, operation, a, a);
      });
      conclude(u, raised, () => write(u, u.top, value), { clears: CLEARED });
    },
  });
}

const one = (): V128 => i64x2.const(BigInt.asIntN(64, LEADING), BigInt(BIAS));

/** ST(0) becomes the first result, the second is pushed, unless the angle is out of range. */
function pushing(
  name: string,
  encoding: string,
  first: number,
  second: (u: Unit, a: V128, result: V128) => V128,
) {
  x87(name, {
    encodings: [encoding],
    approximate: true,
    meaning(u) {
      const { m, top } = u;
      const free = i32.eqz(u.used(u.register(7)));
      const below = m.variable("v128", indefinite());
      const above = m.variable("v128", indefinite());
      const fault = m.let(i32.select(u.used(top), i32.const(OVERFLOW), i32.const(UNDERFLOW)));
      const raised = m.variable("i32", fault);
      m.if(i32.and(u.used(top), free), () => {
        const a = m.x87(top);
        const result = m.let(compute(u, first, a, a));
        below.set(result);
        above.set(second(u, a, result));
        raised.set(m.helper("x87Outcome"));
      });
      const met = m.let(raised.get());
      conclude(u, met, (status) => {
        m.if(i32.eqz(i32.and(met, Status.C2)), () => {
          write(u, top, below.get());
          push(u, status, above.get());
        });
      }, { clears: CLEARED });
    },
  });
}
pushing("fsincos", "D9 FB", Operation.sin, (u, a) => compute(u, Operation.cos, a, a));
pushing("fptan", "D9 F2", Operation.tan, (u, _a, result) => {
  // A NaN goes to both.
  const field = i32.and(i32.wrap_i64(i64x2.extract_lane(result, 1)), 0x7fff);
  return u.m.select(i32.eq(field, 0x7fff), result, one());
});
