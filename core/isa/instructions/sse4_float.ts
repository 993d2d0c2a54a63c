/** SSE4.1 on floating point: rounding to whole numbers, dot products (AMD64 APM volume 4). */
import { f32x4, f64x2, i32, i32x4, i64, i64x2, i8x16, v128 } from "../../wasm/mod.ts";
import type { I32, I64, V128 } from "../../wasm/mod.ts";
import { type Machine, type Operand, Vector } from "../meaning.ts";
import { sse, zeroVector } from "./sse_common.ts";
import { settle } from "./sse_float.ts";
import { Cr4 } from "./system_common.ts";

const IE = 1;
const PE = 32;
const DAZ = 0x40;

interface Shape {
  readonly suffix: "s" | "d";
  readonly ops: typeof f32x4 | typeof f64x2;
  readonly magnitude: V128;
  readonly infinity: V128;
  readonly quiet: V128;
  readonly least: V128;
  equal(a: V128, b: V128): V128;
  above(a: V128, b: V128): V128;
}
const quad = (bits: bigint) => i64x2.const(bits, bits);
const double = (bits: number) => i32x4.const(bits, bits, bits, bits);
const single: Shape = {
  suffix: "s",
  ops: f32x4,
  magnitude: double(0x7fffffff),
  infinity: double(0x7f800000),
  quiet: double(0x00400000),
  least: double(0x00800000),
  equal: i32x4.eq,
  above: i32x4.gt_s,
};
const wide: Shape = {
  suffix: "d",
  ops: f64x2,
  magnitude: quad(0x7fffffffffffffffn),
  infinity: quad(0x7ff0000000000000n),
  quiet: quad(0x0008000000000000n),
  least: quad(0x0010000000000000n),
  equal: i64x2.eq,
  above: i64x2.gt_s,
};

/** All lanes rounded by the immediate (bits 0 and 1: how; bit 2: as MXCSR says; bit 3: no PE). `counted`: lanes whose exceptions count. */
function rounded(m: Machine, shape: Shape, given: V128, control: I32, counted: V128): V128 {
  const { ops } = shape;
  const mxcsr = m.let(m.state("mxcsr"));
  const size = v128.and(given, shape.magnitude);
  const denormal = shape.above(shape.least, size);
  const flushed = m.select(m.and(mxcsr, DAZ) as I32, denormal, zeroVector());
  const a = m.let(v128.andnot(given, v128.and(flushed, shape.magnitude)));
  const how = m.let(
    m.and(m.select(m.and(control, 4) as I32, m.shr(mxcsr, 13) as I32, control), 3) as I32,
  );
  const odd = m.and(how, 1) as I32;
  const plain = m.select(
    m.and(how, 2) as I32,
    m.select(odd, ops.trunc(a), ops.ceil(a)),
    m.select(odd, ops.floor(a), ops.nearest(a)),
  );
  const nan = m.let(shape.above(v128.and(a, shape.magnitude), shape.infinity));
  const result = m.let(v128.bitselect(v128.or(a, shape.quiet), plain, nan));
  const quiet = shape.equal(v128.and(a, shape.quiet), shape.quiet);
  const signalling = v128.and(v128.andnot(nan, quiet), counted);
  const inexact = v128.andnot(v128.andnot(counted, shape.equal(result, a)), nan);
  const precision = i32.and(v128.any_true(inexact), i32.eqz(m.and(control, 8) as I32));
  const found = m.let(i32.or(v128.any_true(signalling), i32.shl(precision, 5)));
  m.if(found, () => {
    const unmasked = m.let(i32.and(found, i32.xor(i32.shr_u(mxcsr, 7), -1)));
    const reported = i32.select(i32.and(unmasked, IE), i32.and(found, ~PE), found);
    m.setState("mxcsr", i32.or(mxcsr, reported));
    m.if(unmasked, () => {
      m.faultIf(m.eqz(m.and(m.state("cr4"), Cr4.OSXMMEXCPT)), Vector.UD);
      m.fault(Vector.XM);
    });
  });
  return result;
}

const all = (): V128 => v128.const(new Uint8Array(16).fill(0xff));
for (const [shape, opcode] of [[single, "08"], [wide, "09"]] as const) {
  sse("sse4_1", `roundp${shape.suffix}`, {
    encodings: [`66 0F 3A ${opcode} /r Vdq,Wdq,Ib`],
    access: ["w", "r", "r"],
    meaning(m, dst, src, immediate) {
      dst.writeVector(rounded(m, shape, src.readVector(), immediate.read() as I32, all()));
    },
  });
}
sse("sse4_1", "roundss", {
  encodings: ["66 0F 3A 0A /r Vss,Wss,Ib"],
  access: ["w", "r", "r"],
  meaning(m, dst, src, immediate) {
    const a = i32x4.splat(src.read() as I32);
    dst.write(i32x4.extract_lane(rounded(m, single, a, immediate.read() as I32, all()), 0));
  },
});
sse("sse4_1", "roundsd", {
  encodings: ["66 0F 3A 0B /r Vsd,Wsd,Ib"],
  access: ["w", "r", "r"],
  meaning(m, dst, src, immediate) {
    const a = i64x2.splat(src.read() as I64);
    dst.write(i64x2.extract_lane(rounded(m, wide, a, immediate.read() as I32, all()), 0));
  },
});

/** The lanes whose bit is set. */
const singles = (bits: I32): V128 =>
  i32x4.ne(v128.and(i32x4.splat(bits), i32x4.const(1, 2, 4, 8)), zeroVector());
const doubles = (bits: I32): V128 =>
  i32x4.ne(v128.and(i32x4.splat(bits), i32x4.const(1, 1, 2, 2)), zeroVector());

/** One step by the soft float, with its exceptions taken before the next. */
function step(m: Machine, compute: (mxcsr: I32) => V128): V128 {
  const mxcsr = m.let(m.state("mxcsr"));
  const value = m.let(compute(mxcsr));
  settle(m, mxcsr);
  return value;
}

sse("sse4_1", "dpps", {
  encodings: ["66 0F 3A 40 /r Vdq,Wdq,Ib"],
  access: ["rw", "r", "r"],
  meaning(m: Machine, dst: Operand, src: Operand, immediate: Operand) {
    const control = immediate.read() as I32;
    const chosen = m.let(singles(i32.shr_u(control, 4)));
    const [a, b] = [v128.and(dst.readVector(), chosen), v128.and(src.readVector(), chosen)];
    const products = step(m, (mxcsr) => m.helper("psMultiply", a, b, mxcsr));
    // Lanes 0 and 2 plus lanes 1 and 3, the rest zero.
    const halves = (v: V128, bytes: number[]) =>
      i8x16.shuffle(v, zeroVector(), [...bytes, ...new Array(16 - bytes.length).fill(16)]);
    const sums = step(m, (mxcsr) =>
      m.helper(
        "psAdd",
        halves(products, [0, 1, 2, 3, 8, 9, 10, 11]),
        halves(products, [4, 5, 6, 7, 12, 13, 14, 15]),
        mxcsr,
      ));
    const total = step(
      m,
      (mxcsr) => m.helper("psAdd", halves(sums, [0, 1, 2, 3]), halves(sums, [4, 5, 6, 7]), mxcsr),
    );
    dst.writeVector(v128.and(i32x4.splat(i32x4.extract_lane(total, 0)), singles(control)));
  },
});
sse("sse4_1", "dppd", {
  encodings: ["66 0F 3A 41 /r Vdq,Wdq,Ib"],
  access: ["rw", "r", "r"],
  meaning(m, dst, src, immediate) {
    const control = immediate.read() as I32;
    const chosen = m.let(doubles(i32.shr_u(control, 4)));
    const [a, b] = [v128.and(dst.readVector(), chosen), v128.and(src.readVector(), chosen)];
    const products = step(m, (mxcsr) => m.helper("pdMultiply", a, b, mxcsr));
    const mxcsr = m.let(m.state("mxcsr"));
    const sum = m.let(
      m.helper("f64Add", i64x2.extract_lane(products, 0), i64x2.extract_lane(products, 1), mxcsr),
    );
    settle(m, mxcsr);
    dst.writeVector(v128.and(i64x2.splat(i64.or(sum, 0n)), doubles(control)));
  },
});
