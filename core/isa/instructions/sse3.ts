/** SSE3: horizontal and alternating floating-point sums, moves that duplicate (AMD64 APM volume 4). FISTTP is with the x87 instructions. */
import { f32x4, f64x2, i32, i64x2, i8x16, v128 } from "../../wasm/mod.ts";
import type { I64, V128 } from "../../wasm/mod.ts";
import type { Machine } from "../meaning.ts";
import { sse } from "./sse_common.ts";
import { everyLane, packedDouble, packedSingle, type PackedType, settle, usualControl } from "./sse_float.ts";

/** a + b in every lane, `fast` being that by wasm's own arithmetic. */
function sum(m: Machine, packed: PackedType, a: V128, b: V128): V128 {
  const mxcsr = m.let(m.state("mxcsr"));
  const result = m.variable("v128", packed.ops.add(a, b));
  const value = m.let(result.get());
  const lanes = v128.and(
    v128.or(packed.normal(value), packed.isZero(value)),
    v128.and(packed.ordinary(a), packed.ordinary(b)),
  );
  m.if(i32.eqz(i32.and(usualControl(mxcsr), everyLane(lanes))), () => {
    result.set(m.helper(`${packed.suffix}Add`, a, b, mxcsr));
    settle(m, mxcsr);
  });
  return result.get();
}

/** -b in the lanes of `signs`, but NaNs as they are: what a difference adds. */
function negated(packed: PackedType, b: V128, signs: V128): V128 {
  return v128.xor(b, v128.and(signs, packed.ops.eq(b, b)));
}

const four = (a: number, b: number, c: number, d: number) => f32x4.const(a, b, c, d);
const two = (a: number, b: number) => f64x2.const(a, b);
const shapes = [
  {
    packed: packedSingle,
    encoding: "F2",
    even: [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27],
    odd: [4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31],
    alternating: four(-0, 0, -0, 0),
    all: four(-0, -0, -0, -0),
  },
  {
    packed: packedDouble,
    encoding: "66",
    even: [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23],
    odd: [8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31],
    alternating: two(-0, 0),
    all: two(-0, -0),
  },
];
for (const { packed, encoding, even, odd, alternating, all } of shapes) {
  sse("sse3", `addsub${packed.suffix}`, {
    encodings: [`${encoding} 0F D0 /r Vdq,Wdq`],
    access: ["rw", "r"],
    meaning(m, dst, src) {
      const b = m.let(negated(packed, src.readVector(), alternating));
      dst.writeVector(sum(m, packed, dst.readVector(), b));
    },
  });
  for (const [name, opcode, subtract] of [["hadd", "7C", false], ["hsub", "7D", true]] as const) {
    sse("sse3", name + packed.suffix, {
      encodings: [`${encoding} 0F ${opcode} /r Vdq,Wdq`],
      access: ["rw", "r"],
      meaning(m, dst, src) {
        const [a, b] = [dst.readVector(), src.readVector()];
        const first = m.let(i8x16.shuffle(a, b, even));
        const second = m.let(i8x16.shuffle(a, b, odd));
        dst.writeVector(sum(m, packed, first, subtract ? m.let(negated(packed, second, all)) : second));
      },
    });
  }
}

sse("sse3", "lddqu", {
  encodings: ["F2 0F F0 /r Vdq,Mdq [unaligned]"],
  access: ["w", "r"],
  meaning: (_m, dst, src) => dst.writeVector(src.readVector()),
});
sse("sse3", "movddup", {
  encodings: ["F2 0F 12 /r Vdq,Wq"],
  access: ["w", "r"],
  meaning: (_m, dst, src) => dst.writeVector(i64x2.splat(src.read() as I64)),
});
for (
  const [name, opcode, bytes] of [
    ["movsldup", "12", [0, 1, 2, 3, 0, 1, 2, 3, 8, 9, 10, 11, 8, 9, 10, 11]],
    ["movshdup", "16", [4, 5, 6, 7, 4, 5, 6, 7, 12, 13, 14, 15, 12, 13, 14, 15]],
  ] as const
) {
  sse("sse3", name, {
    encodings: [`F3 0F ${opcode} /r Vdq,Wdq`],
    access: ["w", "r"],
    meaning(_m, dst, src) {
      const a = src.readVector();
      dst.writeVector(i8x16.shuffle(a, a, bytes));
    },
  });
}
