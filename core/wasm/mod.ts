/** A typed WebAssembly emitter: expressions and statements as data, functions and modules built from them. */
export { FunctionBuilder } from "./function.ts";
export type { Exprs, LabelValue, Operands, Results } from "./function.ts";
export { f32, f64 } from "./floats.ts";
export { condition, fold, i32Value, i64Value, isConst, isPure } from "./fold.ts";
export { i32, i64, select } from "./integers.ts";
export { ModuleBuilder } from "./module.ts";
export type { Exportable, Signature } from "./module.ts";
export type { Address } from "./operators.ts";
export { FuncRef, GlobalRef, MemoryRef, SegmentRef, TableRef } from "./refs.ts";
export type { Limits, MemoryLimits } from "./refs.ts";
export { f32x4, f64x2, i16x8, i32x4, i64x2, i8x16, v128 } from "./vectors.ts";
export { EmitError, FuncType, Kind, Label, Local } from "./types.ts";
export type { Expr, F32, F64, I32, I64, Immediate, MemArg, NumType, Operand, Stmt, V128 } from "./types.ts";
