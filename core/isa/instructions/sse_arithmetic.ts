/** SSE and SSE2 floating-point arithmetic (AMD64 APM volume 4). */
import { i32, i32x4, v128 } from "../../wasm/mod.ts";
import type { Expr, I32, V128 } from "../../wasm/mod.ts";
import type { Machine, Operand } from "../meaning.ts";
import { sse } from "./sse_common.ts";
import {
  bitsOf,
  everyLane,
  type Operation,
  packedDouble,
  packedSingle,
  type PackedType,
  scalarDouble,
  scalarSingle,
  type ScalarType,
  settle,
  usualControl,
} from "./sse_float.ts";

interface Row {
  readonly opcode: string;
  readonly operation: Operation;
  readonly helper: "Add" | "Subtract" | "Multiply" | "Divide";
}
const rows: readonly Row[] = [
  { opcode: "58", operation: "add", helper: "Add" },
  { opcode: "59", operation: "mul", helper: "Multiply" },
  { opcode: "5C", operation: "sub", helper: "Subtract" },
  { opcode: "5E", operation: "div", helper: "Divide" },
];

/** A zero result says nothing of underflow after a sum or difference, and when an operand was zero. */
function defineScalar<T extends "i32" | "i64">(
  row: Row,
  scalar: ScalarType<T>,
  slow: (m: Machine, a: Expr<T>, b: Expr<T>, mxcsr: I32) => Expr<T>,
): void {
  sse(scalar.suffix === "ss" ? "sse" : "sse2", `${row.operation}${scalar.suffix}`, {
    encodings: [`${scalar.prefix} 0F ${row.opcode} /r V${scalar.suffix},W${scalar.suffix}`],
    access: ["rw", "r"],
    meaning(m, dst, src) {
      const b = bitsOf<T>(src.read());
      const a = bitsOf<T>(dst.read());
      const mxcsr = m.let(m.state("mxcsr"));
      const result = m.variable(scalar.type, scalar.binary(row.operation, a, b));
      const value = m.let(result.get());
      const plainZero = {
        add: () => scalar.isZero(value),
        sub: () => scalar.isZero(value),
        mul: () => i32.and(scalar.isZero(value), i32.or(scalar.isZero(a), scalar.isZero(b))),
        div: () => i32.and(scalar.isZero(value), scalar.isZero(a)),
      }[row.operation]();
      const known = i32.and(
        i32.and(usualControl(mxcsr), i32.or(scalar.normal(value), plainZero)),
        i32.and(scalar.notDenormal(a), scalar.notDenormal(b)),
      );
      m.if(i32.eqz(known), () => {
        result.set(slow(m, a, b, mxcsr));
        settle(m, mxcsr);
      });
      dst.write(result.get() as Expr<"i32"> | Expr<"i64">);
    },
  });
}

function definePacked(row: Row, packed: PackedType): void {
  const { ops } = packed;
  sse(packed.feature, `${row.operation}${packed.suffix}`, {
    encodings: [`${packed.prefix} 0F ${row.opcode} /r Vdq,Wdq`],
    access: ["rw", "r"],
    meaning(m, dst, src) {
      const b = src.readVector();
      const a = dst.readVector();
      const mxcsr = m.let(m.state("mxcsr"));
      const result = m.variable("v128", ops[row.operation](a, b));
      const value = m.let(result.get());
      const zero = packed.isZero(value);
      const plainZero = {
        add: () => zero,
        sub: () => zero,
        mul: () => v128.and(zero, v128.or(packed.isZero(a), packed.isZero(b))),
        div: () => v128.and(zero, packed.isZero(a)),
      }[row.operation]();
      const lanes = v128.and(
        v128.or(packed.normal(value), plainZero),
        v128.and(packed.ordinary(a), packed.ordinary(b)),
      );
      m.if(i32.eqz(i32.and(usualControl(mxcsr), everyLane(lanes))), () => {
        result.set(m.helper(`${packed.suffix}${row.helper}`, a, b, mxcsr));
        settle(m, mxcsr);
      });
      dst.writeVector(result.get());
    },
  });
}

for (const row of rows) {
  definePacked(row, packedSingle);
  definePacked(row, packedDouble);
  defineScalar(row, scalarSingle, (m, a, b, mxcsr) => m.helper(`f32${row.helper}`, a, b, mxcsr));
  defineScalar(row, scalarDouble, (m, a, b, mxcsr) => m.helper(`f64${row.helper}`, a, b, mxcsr));
}

// Square roots of normal numbers are normal; of negative ones NaNs.
function defineScalarRoot<T extends "i32" | "i64">(
  scalar: ScalarType<T>,
  slow: (m: Machine, a: Expr<T>, mxcsr: I32) => Expr<T>,
): void {
  sse(scalar.suffix === "ss" ? "sse" : "sse2", `sqrt${scalar.suffix}`, {
    encodings: [`${scalar.prefix} 0F 51 /r V${scalar.suffix},W${scalar.suffix}`],
    access: ["w", "r"],
    meaning(m, dst, src) {
      const a = bitsOf<T>(src.read());
      const mxcsr = m.let(m.state("mxcsr"));
      const result = m.variable(scalar.type, scalar.sqrt(a));
      const value = m.let(result.get());
      const known = i32.and(
        i32.and(usualControl(mxcsr), scalar.notDenormal(a)),
        i32.or(scalar.normal(value), scalar.isZero(value)),
      );
      m.if(i32.eqz(known), () => {
        result.set(slow(m, a, mxcsr));
        settle(m, mxcsr);
      });
      dst.write(result.get() as Expr<"i32"> | Expr<"i64">);
    },
  });
}
defineScalarRoot(scalarSingle, (m, a, mxcsr) => m.helper("f32SquareRoot", a, mxcsr));
defineScalarRoot(scalarDouble, (m, a, mxcsr) => m.helper("f64SquareRoot", a, mxcsr));

for (const packed of [packedSingle, packedDouble]) {
  const { ops } = packed;
  sse(packed.feature, `sqrt${packed.suffix}`, {
    encodings: [`${packed.prefix} 0F 51 /r Vdq,Wdq`],
    access: ["w", "r"],
    meaning(m, dst, src) {
      const a = src.readVector();
      const mxcsr = m.let(m.state("mxcsr"));
      const result = m.variable("v128", ops.sqrt(a));
      const value = m.let(result.get());
      const lanes = v128.and(v128.or(packed.normal(value), packed.isZero(value)), packed.ordinary(a));
      m.if(i32.eqz(i32.and(usualControl(mxcsr), everyLane(lanes))), () => {
        result.set(m.helper(`${packed.suffix}SquareRoot`, a, mxcsr));
        settle(m, mxcsr);
      });
      dst.writeVector(result.get());
    },
  });
}

for (
  const [name, opcode, helper] of [
    ["rcp", "53", "reciprocal"],
    ["rsqrt", "52", "reciprocalSquareRoot"],
  ] as const
) {
  sse("sse", `${name}ss`, {
    encodings: [`F3 0F ${opcode} /r Vss,Wss`],
    access: ["w", "r"],
    meaning: (m, dst, src) => dst.write(m.helper(helper, src.read() as I32)),
  });
  sse("sse", `${name}ps`, {
    encodings: [`NP 0F ${opcode} /r Vdq,Wdq`],
    access: ["w", "r"],
    meaning(m: Machine, dst: Operand, src: Operand) {
      const a = src.readVector();
      let result: V128 = a;
      for (let lane = 0; lane < 4; lane++) {
        const value = m.helper(helper, i32x4.extract_lane(a, lane));
        result = i32x4.replace_lane(result, lane, value);
      }
      dst.writeVector(result);
    },
  });
}
