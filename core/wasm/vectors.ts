/** v128 and its lane views: WebAssembly core specification, Instructions, vector. */
import { select } from "./integers.ts";
import { accesses, addressOperand, memArg, methods, operand, prefixed } from "./operators.ts";
import type { Address, Methods, Table } from "./operators.ts";
import type { MemoryRef } from "./refs.ts";
import { EmitError, expr, Kind, stmt } from "./types.ts";
import type { Expr, NumType, Operand, Stmt, V128 } from "./types.ts";
import {
  F32X4_TABLE,
  F64X2_TABLE,
  I16X8_TABLE,
  I32X4_TABLE,
  I64X2_TABLE,
  I8X16_TABLE,
  V128_TABLE,
} from "./vector_tables.ts";

const fd = (code: number) => prefixed(0xfd, code);

const V128_ACCESS = {
  load: [fd(0), ":v", 16],
  load8x8_s: [fd(1), ":v", 8],
  load8x8_u: [fd(2), ":v", 8],
  load16x4_s: [fd(3), ":v", 8],
  load16x4_u: [fd(4), ":v", 8],
  load32x2_s: [fd(5), ":v", 8],
  load32x2_u: [fd(6), ":v", 8],
  load8_splat: [fd(7), ":v", 1],
  load16_splat: [fd(8), ":v", 2],
  load32_splat: [fd(9), ":v", 4],
  load64_splat: [fd(10), ":v", 8],
  store: [fd(11), "v:", 16],
  load32_zero: [fd(92), ":v", 4],
  load64_zero: [fd(93), ":v", 8],
} as const;

function vectorConst(view: ArrayBufferView): V128 {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice();
  if (bytes.length !== 16) throw new EmitError(`v128.const: ${bytes.length} bytes, expected 16`);
  return expr(Kind.v128Const, "v128.const", fd(12), "v128", [], bytes);
}

function laneChecked(op: string, lane: number, count: number): number {
  if (!Number.isInteger(lane) || lane < 0 || lane >= count) {
    throw new EmitError(`${op}: lane ${lane} is not 0..${count - 1}`);
  }
  return lane;
}

type LaneLoad = (
  addr: Address,
  v: V128,
  lane: number,
  offset?: number,
  align?: number,
  memory?: MemoryRef,
) => V128;
type LaneStore = (
  addr: Address,
  v: V128,
  lane: number,
  offset?: number,
  align?: number,
  memory?: MemoryRef,
) => Stmt;

function laneAccess(op: string, width: number): (args: Parameters<LaneLoad>) => Parameters<typeof expr> {
  const code = { load: fd(84), store: fd(88) }[op.startsWith("v128.load") ? "load" : "store"] +
    Math.log2(width);
  return ([addr, v, lane, offset = 0, align = width, memory]) => {
    const args = [addressOperand(addr, memory, op), operand(v, "v128", op, 1)];
    const imm = memArg(op, width, offset, align, memory, laneChecked(op, lane, 16 / width));
    return [Kind.memoryLane, op, code, "v128", args, imm];
  };
}
function laneLoad(op: string, width: number): LaneLoad {
  const parts = laneAccess(op, width);
  return (...args) => expr(...parts(args)) as V128;
}
function laneStore(op: string, width: number): LaneStore {
  const parts = laneAccess(op, width);
  return (...args) => {
    const [kind, , code, , operands, imm] = parts(args);
    return stmt(kind, op, code, operands, imm);
  };
}

export const v128 = {
  ...vectorMethods("v128", V128_TABLE),
  ...accesses("v128", V128_ACCESS),
  /** Other lanes keep v's values. The offset comes after the lane. */
  load8_lane: laneLoad("v128.load8_lane", 1),
  load16_lane: laneLoad("v128.load16_lane", 2),
  load32_lane: laneLoad("v128.load32_lane", 4),
  load64_lane: laneLoad("v128.load64_lane", 8),
  store8_lane: laneStore("v128.store8_lane", 1),
  store16_lane: laneStore("v128.store16_lane", 2),
  store32_lane: laneStore("v128.store32_lane", 4),
  store64_lane: laneStore("v128.store64_lane", 8),
  /** 16 bytes, lane 0 first. */
  const: (bytes: ArrayLike<number>): V128 => vectorConst(Uint8Array.from(bytes)),
  /** a if cond, else b; both are evaluated. */
  select: (cond: Operand<"i32">, a: V128, b: V128): V128 => select("v128", cond, a, b),
};

/** The tables give vector opcodes without their prefix. */
function vectorMethods<const T extends Table>(namespace: string, table: T): Methods<T> {
  const rows = Object.entries(table).map((
    [name, [code, signature]],
  ) => [name, [fd(code), signature] as const]);
  return methods(namespace, Object.fromEntries(rows)) as unknown as Methods<T>;
}

function extract<T extends NumType>(op: string, code: number, type: T, count: number) {
  return (v: V128, lane: number): Expr<T> =>
    expr(Kind.lane, op, fd(code), type, [operand(v, "v128", op)], laneChecked(op, lane, count));
}
function replace<T extends NumType>(op: string, code: number, type: T, count: number) {
  return (v: V128, lane: number, value: Operand<T>): V128 => {
    const args = [operand(v, "v128", op), operand(value, type, op, 1)];
    return expr(Kind.lane, op, fd(code), "v128", args, laneChecked(op, lane, count));
  };
}

export const i8x16 = {
  ...vectorMethods("i8x16", I8X16_TABLE),
  extract_lane_s: extract("i8x16.extract_lane_s", 21, "i32", 16),
  extract_lane_u: extract("i8x16.extract_lane_u", 22, "i32", 16),
  replace_lane: replace("i8x16.replace_lane", 23, "i32", 16),
  const: (...lanes: number[]): V128 => vectorConst(Int8Array.from(lanes)),
  /** Lanes 0 to 15 are a's, 16 to 31 are b's; 16 of them make the result. */
  shuffle(a: V128, b: V128, lanes: ArrayLike<number>): V128 {
    const op = "i8x16.shuffle";
    const imm = Uint8Array.from(lanes, (lane) => laneChecked(op, lane, 32));
    if (imm.length !== 16) throw new EmitError(`${op}: ${imm.length} lanes, expected 16`);
    return expr(Kind.shuffle, op, fd(13), "v128", [operand(a, "v128", op), operand(b, "v128", op, 1)], imm);
  },
};

export const i16x8 = {
  ...vectorMethods("i16x8", I16X8_TABLE),
  extract_lane_s: extract("i16x8.extract_lane_s", 24, "i32", 8),
  extract_lane_u: extract("i16x8.extract_lane_u", 25, "i32", 8),
  replace_lane: replace("i16x8.replace_lane", 26, "i32", 8),
  const: (...lanes: number[]): V128 => vectorConst(Int16Array.from(lanes)),
};

export const i32x4 = {
  ...vectorMethods("i32x4", I32X4_TABLE),
  extract_lane: extract("i32x4.extract_lane", 27, "i32", 4),
  replace_lane: replace("i32x4.replace_lane", 28, "i32", 4),
  const: (...lanes: number[]): V128 => vectorConst(Int32Array.from(lanes)),
};

export const i64x2 = {
  ...vectorMethods("i64x2", I64X2_TABLE),
  extract_lane: extract("i64x2.extract_lane", 29, "i64", 2),
  replace_lane: replace("i64x2.replace_lane", 30, "i64", 2),
  const: (...lanes: (bigint | number)[]): V128 => vectorConst(BigInt64Array.from(lanes, BigInt)),
};

export const f32x4 = {
  ...vectorMethods("f32x4", F32X4_TABLE),
  extract_lane: extract("f32x4.extract_lane", 31, "f32", 4),
  replace_lane: replace("f32x4.replace_lane", 32, "f32", 4),
  const: (...lanes: number[]): V128 => vectorConst(Float32Array.from(lanes)),
};

export const f64x2 = {
  ...vectorMethods("f64x2", F64X2_TABLE),
  extract_lane: extract("f64x2.extract_lane", 33, "f64", 2),
  replace_lane: replace("f64x2.replace_lane", 34, "f64", 2),
  const: (...lanes: number[]): V128 => vectorConst(Float64Array.from(lanes)),
};
