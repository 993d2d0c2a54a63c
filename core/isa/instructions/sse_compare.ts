/** SSE and SSE2 floating-point minimum, maximum and comparisons. None of them rounds, so only NaNs and denormals need care. */
import { i32, i64, v128 } from "../../wasm/mod.ts";
import type { Expr, I32 } from "../../wasm/mod.ts";
import type { Machine } from "../meaning.ts";
import { predicateHolds, signallingPredicate } from "../softfloat/predicates.ts";
import { sse, zeroVector } from "./sse_common.ts";
import {
  bitsOf,
  everyLane,
  packedDouble,
  packedSingle,
  type PackedType,
  scalarDouble,
  scalarSingle,
  type ScalarType,
  settle,
} from "./sse_float.ts";

/** Both are zero, normal or infinite. */
const ordinary = <T extends "i32" | "i64">(scalar: ScalarType<T>, a: Expr<T>, b: Expr<T>): I32 =>
  i32.and(
    i32.and(scalar.notDenormal(a), scalar.notDenormal(b)),
    i32.eqz(i32.or(scalar.isNaN(a), scalar.isNaN(b))),
  );

interface Slow<T extends "i32" | "i64"> {
  extreme(m: Machine, helper: "Minimum" | "Maximum", a: Expr<T>, b: Expr<T>, mxcsr: I32): Expr<T>;
  compare(m: Machine, a: Expr<T>, b: Expr<T>, mxcsr: I32, signalling: I32): I32;
}
const slowSingle: Slow<"i32"> = {
  extreme: (m, helper, a, b, mxcsr) => m.helper(`f32${helper}`, a, b, mxcsr),
  compare: (m, a, b, mxcsr, signalling) => m.helper("f32Compare", a, b, mxcsr, signalling),
};
const slowDouble: Slow<"i64"> = {
  extreme: (m, helper, a, b, mxcsr) => m.helper(`f64${helper}`, a, b, mxcsr),
  compare: (m, a, b, mxcsr, signalling) => m.helper("f64Compare", a, b, mxcsr, signalling),
};

/** a > b: 0, a < b: 1, a = b: 2, unordered: 4. */
function relation<T extends "i32" | "i64">(
  m: Machine,
  scalar: ScalarType<T>,
  slow: Slow<T>,
  a: Expr<T>,
  b: Expr<T>,
  signalling: I32,
): I32 {
  const fast = i32.or(scalar.less(a, b), i32.shl(scalar.equal(a, b), 1));
  const result = m.variable("i32", fast);
  m.if(i32.eqz(ordinary(scalar, a, b)), () => {
    const mxcsr = m.let(m.state("mxcsr"));
    result.set(slow.compare(m, a, b, mxcsr, signalling));
    settle(m, mxcsr);
  });
  return m.let(result.get());
}

function defineScalar<T extends "i32" | "i64">(scalar: ScalarType<T>, slow: Slow<T>): void {
  const { suffix, prefix } = scalar;
  const feature = suffix === "ss" ? "sse" : "sse2";
  const constant = (value: number) =>
    (scalar.type === "i32" ? i32.const(value) : i64.const(value)) as unknown as Expr<T>;

  // The second operand unless the first is strictly less (greater).
  for (const [name, opcode, helper] of [["min", "5D", "Minimum"], ["max", "5F", "Maximum"]] as const) {
    sse(feature, `${name}${suffix}`, {
      encodings: [`${prefix} 0F ${opcode} /r V${suffix},W${suffix}`],
      access: ["rw", "r"],
      meaning(m, dst, src) {
        const b = bitsOf<T>(src.read());
        const a = bitsOf<T>(dst.read());
        const first = name === "min" ? scalar.less(a, b) : scalar.less(b, a);
        const result = m.variable(scalar.type, m.select(first, a, b));
        m.if(i32.eqz(ordinary(scalar, a, b)), () => {
          const mxcsr = m.let(m.state("mxcsr"));
          result.set(slow.extreme(m, helper, a, b, mxcsr));
          settle(m, mxcsr);
        });
        dst.write(result.get() as Expr<"i32"> | Expr<"i64">);
      },
    });
  }

  sse(feature, `cmp${suffix}`, {
    encodings: [`${prefix} 0F C2 /r V${suffix},W${suffix},Ib`],
    access: ["rw", "r", "r"],
    meaning(m, dst, src, immediate) {
      const predicate = m.and(immediate.read(), 7) as I32;
      const b = bitsOf<T>(src.read());
      const a = bitsOf<T>(dst.read());
      const found = relation(m, scalar, slow, a, b, signallingPredicate(predicate));
      const holds = predicateHolds(predicate, found);
      dst.write(m.select(holds, constant(-1), constant(0)) as Expr<"i32"> | Expr<"i64">);
    },
  });

  const short = suffix === "ss" ? "NP" : "66";
  for (const [name, opcode, signalling] of [["ucomi", "2E", 0], ["comi", "2F", 1]] as const) {
    sse(feature, `${name}${suffix}`, {
      encodings: [`${short} 0F ${opcode} /r V${suffix},W${suffix}`],
      access: ["r", "r"],
      flags: { writes: "OSZAPC" },
      meaning(m, first, second) {
        const b = bitsOf<T>(second.read());
        const a = bitsOf<T>(first.read());
        const found = relation(m, scalar, slow, a, b, i32.const(signalling));
        m.flags.set({
          ZF: i32.ne(i32.and(found, 6), 0),
          PF: i32.shr_u(found, 2),
          CF: i32.ne(i32.and(found, 5), 0),
          OF: 0,
          SF: 0,
          AF: 0,
        });
      },
    });
  }
}
defineScalar(scalarSingle, slowSingle);
defineScalar(scalarDouble, slowDouble);

function definePacked(packed: PackedType): void {
  const { ops, suffix, prefix, feature } = packed;

  for (const [name, opcode, helper] of [["min", "5D", "Minimum"], ["max", "5F", "Maximum"]] as const) {
    sse(feature, `${name}${suffix}`, {
      encodings: [`${prefix} 0F ${opcode} /r Vdq,Wdq`],
      access: ["rw", "r"],
      meaning(m, dst, src) {
        const b = src.readVector();
        const a = dst.readVector();
        const result = m.variable("v128", name === "min" ? ops.pmin(b, a) : ops.pmax(b, a));
        m.if(i32.eqz(everyLane(v128.and(packed.ordinary(a), packed.ordinary(b)))), () => {
          const mxcsr = m.let(m.state("mxcsr"));
          result.set(m.helper(`${suffix}${helper}`, a, b, mxcsr));
          settle(m, mxcsr);
        });
        dst.writeVector(result.get());
      },
    });
  }

  sse(feature, `cmp${suffix}`, {
    encodings: [`${prefix} 0F C2 /r Vdq,Wdq,Ib`],
    access: ["rw", "r", "r"],
    meaning(m, dst, src, immediate) {
      const predicate = m.let(m.and(immediate.read(), 7) as I32);
      const b = src.readVector();
      const a = dst.readVector();
      // EQ, LT, LE, UNORD (never, here), then the same negated.
      const low = i32.and(predicate, 3);
      const equalOrLess = m.select(low, ops.lt(a, b), ops.eq(a, b));
      const wide = m.select(i32.eq(low, 3), zeroVector(), ops.le(a, b));
      const plain = m.let(m.select(i32.and(predicate, 2), wide, equalOrLess));
      const result = m.variable("v128", m.select(i32.and(predicate, 4), v128.not(plain), plain));
      m.if(i32.eqz(everyLane(v128.and(packed.ordinary(a), packed.ordinary(b)))), () => {
        const mxcsr = m.let(m.state("mxcsr"));
        result.set(m.helper(`${suffix}Compare`, a, b, mxcsr, predicate));
        settle(m, mxcsr);
      });
      dst.writeVector(result.get());
    },
  });
}
definePacked(packedSingle);
definePacked(packedDouble);
