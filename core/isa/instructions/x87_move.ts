/** x87 loads, stores, exchanges, conditional moves and constants (AMD64 APM volume 5). */
import { i32, i64x2 } from "../../wasm/mod.ts";
import type { I32, I64, V128 } from "../../wasm/mod.ts";
import { EARLY, indefinite, Status } from "../float80/core.ts";
import { conditionReads } from "../instruction.ts";
import type { Operand } from "../meaning.ts";
import {
  attempt,
  conclude,
  moveTop,
  OVERFLOW,
  pop,
  push,
  readExtended,
  readNumber,
  UNDERFLOW,
  type Unit,
  write,
  writeExtended,
  x87,
} from "./x87_common.ts";

/** Pushes what `compute` gives, where ST(7) is free. */
function load(u: Unit, compute: () => V128): void {
  const free = i32.eqz(u.used(u.register(7)));
  const { value, raised } = attempt(u, free, compute, OVERFLOW);
  // An unmasked DE comes too late to stop a load.
  conclude(u, raised, (status) => push(u, status, value), { blocking: Status.IE });
}

x87("fld", {
  encodings: ["D9 /0 Md", "DD /0 Mq"],
  access: ["r"],
  meaning(u, src) {
    const number = readNumber(u.m, src, false);
    load(u, () => u.m.helper("x87Loaded", number()));
  },
});
x87("fld", {
  encodings: ["DB /5 Mt"],
  access: ["r"],
  meaning(u, src) {
    const value = readExtended(u.m, src);
    load(u, () => value);
  },
});
x87("fld", {
  encodings: ["D9 /0 STi"],
  access: ["r"],
  meaning(u, src) {
    const from = u.register(src.number());
    const free = i32.eqz(u.used(u.register(7)));
    const fault = u.m.let(i32.select(u.used(from), i32.const(OVERFLOW), i32.const(UNDERFLOW)));
    const value = u.m.variable("v128", indefinite());
    const raised = u.m.variable("i32", fault);
    u.m.if(i32.and(free, u.used(from)), () => {
      value.set(u.m.x87(from));
      raised.set(i32.const(0));
    });
    conclude(u, u.m.let(raised.get()), (status) => push(u, status, value.get()));
  },
});
x87("fild", {
  encodings: ["DF /0 Mw", "DB /0 Md", "DF /5 Mq"],
  access: ["r"],
  meaning(u, src) {
    const number = readNumber(u.m, src, true);
    load(u, number);
  },
});
x87("fbld", {
  encodings: ["DF /4 Mt [rare]"],
  access: ["r"],
  meaning(u, src) {
    const packed = readExtended(u.m, src);
    load(u, () => u.m.helper("x87FromDecimal", packed));
  },
});

/** Rounding from the given 66 bits: nearest, down, up, toward zero. */
const constants: [string, string, number, bigint, bigint, bigint][] = [
  ["fld1", "D9 E8", 0x3fff, 0x8000000000000000n, 0n, 0n],
  ["fldl2t", "D9 E9", 0x4000, 0xd49a784bcd1b8afen, 0n, 1n],
  ["fldl2e", "D9 EA", 0x3fff, 0xb8aa3b295c17f0bbn, 1n, 1n],
  ["fldpi", "D9 EB", 0x4000, 0xc90fdaa22168c234n, 1n, 1n],
  ["fldlg2", "D9 EC", 0x3ffd, 0x9a209a84fbcff798n, 1n, 1n],
  ["fldln2", "D9 ED", 0x3ffe, 0xb17217f7d1cf79abn, 1n, 1n],
  ["fldz", "D9 EE", 0, 0n, 0n, 0n],
];
for (const [name, encoding, exponent, below, nearest, up] of constants) {
  const pattern = (sig: bigint) => i64x2.const(BigInt.asIntN(64, sig), BigInt(exponent));
  x87(name, {
    encodings: [encoding],
    meaning(u) {
      load(u, () => {
        const control = u.m.let(i32.and(i32.shr_u(u.fcw, 10), 3));
        const above = u.m.select(i32.eq(control, 2), pattern(below + up), pattern(below));
        return u.m.select(i32.eqz(control), pattern(below + nearest), above);
      });
    },
  });
}

/** Exceptions that keep a result from memory. */
const STORE_BLOCKING = EARLY | Status.OE | Status.UE;

/** Converts ST(0) for memory, stores it unless an unmasked exception forbids, and pops. `bits`: what is stored for an empty register. */
function store(u: Unit, dst: Operand, empty: I64, pops: boolean, compute: (a: V128) => I64): void {
  const { m, top, fcw } = u;
  const value = m.variable("i64", empty);
  const raised = m.variable("i32", i32.const(UNDERFLOW));
  m.if(u.used(top), () => {
    value.set(compute(m.x87(top)));
    raised.set(m.helper("x87Outcome"));
  });
  const met = m.let(raised.get());
  const blocked = i32.and(i32.and(met, i32.xor(fcw, -1)), STORE_BLOCKING);
  // Where nothing is written the place must be writable all the same.
  dst.read();
  m.if(i32.eqz(blocked), () => dst.write(dst.size === 8 ? value.get() : m.i32(value.get())));
  conclude(u, met, (status) => {
    if (pops) pop(u, status);
  }, { blocking: STORE_BLOCKING });
}
const SINGLE_INDEFINITE = 0xffc00000n;
const DOUBLE_INDEFINITE = 0xfff8000000000000n;

for (const [name, group, pops] of [["fst", 2, false], ["fstp", 3, true]] as const) {
  x87(name, {
    encodings: [`D9 /${group} Md`, `DD /${group} Mq`],
    access: ["rw"],
    meaning(u, dst) {
      const single = dst.size === 4;
      const empty = u.m.let(u.m.const(8, single ? SINGLE_INDEFINITE : DOUBLE_INDEFINITE)) as I64;
      store(u, dst, empty, pops, (a) => u.m.helper(single ? "x87ToSingle" : "x87ToDouble", a, u.fcw));
    },
  });
  x87(name, {
    encodings: [`DD /${group} STi`],
    access: ["w"],
    meaning(u, dst) {
      const { value, raised } = attempt(u, u.used(u.top), () => u.m.x87(u.top));
      conclude(u, raised, (status) => {
        write(u, u.register(dst.number()), value);
        if (pops) pop(u, status);
      });
    },
  });
}
x87("fstp", {
  encodings: ["DB /7 Mt"],
  access: ["rw"],
  meaning(u, dst) {
    const { value, raised } = attempt(u, u.used(u.top), () => u.m.x87(u.top));
    const blocked = i32.and(i32.and(raised, i32.xor(u.fcw, -1)), EARLY);
    writeExtended(u.m, dst, value, blocked);
    conclude(u, raised, (status) => pop(u, status));
  },
});
// Other encodings of FSTP to a register.
x87("fstp", {
  encodings: ["DF /2 STi [noasm]", "DF /3 STi [noasm]"],
  access: ["w"],
  meaning(u, dst) {
    const { value, raised } = attempt(u, u.used(u.top), () => u.m.x87(u.top));
    conclude(u, raised, (status) => {
      write(u, u.register(dst.number()), value);
      pop(u, status);
    });
  },
});
x87("fbstp", {
  encodings: ["DF /6 Mt [rare]"],
  access: ["rw"],
  meaning(u, dst) {
    const { m } = u;
    const decimal = m.variable("v128", i64x2.const(BigInt.asIntN(64, 0xc000000000000000n), 0xffffn));
    const raised = m.variable("i32", i32.const(UNDERFLOW));
    m.if(u.used(u.top), () => {
      decimal.set(m.helper("x87ToDecimal", m.x87(u.top), u.fcw));
      raised.set(m.helper("x87Outcome"));
    });
    const met = m.let(raised.get());
    const blocked = i32.and(i32.and(met, i32.xor(u.fcw, -1)), EARLY);
    writeExtended(m, dst, m.let(decimal.get()), blocked);
    conclude(u, met, (status) => pop(u, status));
  },
});

for (
  const [name, encodings, pops, chops] of [
    ["fist", ["DF /2 Mw", "DB /2 Md"], false, false],
    ["fistp", ["DF /3 Mw", "DB /3 Md", "DF /7 Mq"], true, false],
    ["fisttp", ["DF /1 Mw", "DB /1 Md", "DD /1 Mq"], true, true],
  ] as const
) {
  x87(name, {
    encodings,
    access: ["rw"],
    meaning(u, dst) {
      const bits = dst.size * 8;
      const control = chops ? i32.or(u.fcw, 0xc00) : u.fcw;
      const empty = u.m.let(u.m.const(8, -(1n << BigInt(bits - 1)))) as I64;
      store(u, dst, empty, pops, (a) => u.m.helper("x87ToInteger", a, control, i32.const(bits)));
    },
  });
}

x87("fxch", {
  encodings: ["D9 /1 STi", "DD /1 STi [noasm]", "DF /1 STi [noasm]"],
  access: ["rw"],
  meaning(u, other) {
    const { m, top } = u;
    const second = u.register(other.number());
    const inUse = (register: I32) => m.let(m.select(u.used(register), m.x87(register), indefinite()));
    const [a, b] = [inUse(top), inUse(second)];
    const both = i32.and(u.used(top), u.used(second));
    const raised = m.let(i32.select(both, i32.const(0), i32.const(UNDERFLOW)));
    conclude(u, raised, () => {
      write(u, top, b);
      write(u, second, a);
    });
  },
});

for (
  const [name, encoding, condition] of [
    ["fcmovb", "DA /0", 2],
    ["fcmove", "DA /1", 4],
    ["fcmovbe", "DA /2", 6],
    ["fcmovu", "DA /3", 10],
    ["fcmovnb", "DB /0", 3],
    ["fcmovne", "DB /1", 5],
    ["fcmovnbe", "DB /2", 7],
    ["fcmovnu", "DB /3", 11],
  ] as const
) {
  x87(name, {
    encodings: [`${encoding} ST0,STi`],
    access: ["rw", "r"],
    flags: { reads: conditionReads[condition] },
    meaning(u, _dst, src) {
      const { m, top } = u;
      const holds = m.let(m.flags.condition(condition));
      const from = u.register(src.number());
      const ready = i32.and(u.used(top), u.used(from));
      const moved = () => m.select(holds, m.x87(from), m.x87(top));
      const { value, raised } = attempt(u, ready, moved);
      const clears = i32.select(raised, i32.const(Status.C1), i32.const(0));
      conclude(u, raised, () => write(u, top, value), { clears });
    },
  });
}

for (const [name, encoding, by] of [["fdecstp", "D9 F6", 7], ["fincstp", "D9 F7", 1]] as const) {
  x87(name, { encodings: [encoding], meaning: (u) => moveTop(u, i32.and(u.fsw, ~Status.C1), by) });
}
x87("ffree", {
  encodings: ["DD /0 STi"],
  access: ["w"],
  meaning(u, dst) {
    const tag = i32.shl(1, u.register(dst.number()));
    u.m.setState("ftw", i32.and(u.ftw, i32.xor(tag, -1)));
    u.m.setState("fsw", i32.and(u.fsw, ~Status.C1));
  },
});
x87("ffreep", {
  encodings: ["DF /0 STi"],
  access: ["w"],
  meaning(u, dst) {
    const tag = i32.shl(1, u.register(dst.number()));
    u.m.setState("ftw", i32.and(u.ftw, i32.xor(tag, -1)));
    pop(u, i32.and(u.fsw, ~Status.C1));
  },
});
x87("fnop", { encodings: ["D9 D0"], meaning: () => {} });
