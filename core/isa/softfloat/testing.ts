/** For tests: the float helpers callable from JavaScript, operands and results through memory. */
import { f32, f64, i32, i64, ModuleBuilder, v128 } from "../../wasm/mod.ts";
import type { Expr, NumType } from "../../wasm/mod.ts";
import { floatHelpers } from "./helpers.ts";
import type { EmittedFloatHelper } from "./helpers.ts";
import { defineFloatHelpers } from "./mod.ts";

const loads = { i32: i32.load, i64: i64.load, f32: f32.load, f64: f64.load, v128: v128.load };
const SLOT = 16;
const RESULT = 128;

export interface Called {
  /** 16 bytes, zero beyond the result's width. */
  result: Uint8Array;
  /** What floatOutcome gave: the new MXCSR, bit 31 for an unmasked exception. */
  outcome: number;
}

/** A function that runs `helper` with arguments (integers as bigint or number, v128 as 16 bytes), then floatOutcome. */
export function instantiate(): (
  helper: EmittedFloatHelper,
  mxcsr: number,
  ...args: (bigint | Uint8Array)[]
) => Called {
  const module = new ModuleBuilder("softfloat test");
  const memory = module.memory({ initial: 1 });
  module.export("memory", memory);
  const made = defineFloatHelpers(module);
  for (const [name, { params, result }] of Object.entries(floatHelpers)) {
    const fn = made[name as EmittedFloatHelper];
    if (fn === undefined || name === "floatOutcome") continue;
    const wrapper = module.func({ name: `call ${name}`, params: ["i32"], results: ["i32"] }, (f, mxcsr) => {
      const args = params.map((type: NumType, i) => loads[type](i * SLOT) as Expr);
      const value = f.call(fn, args as never) as unknown as Expr;
      const at = RESULT;
      if (result === "v128") f.do(v128.store(at, value as Expr<"v128">));
      else if (result === "i64") f.do(i64.store(at, value as Expr<"i64">));
      else f.do(i32.store(at, value as Expr<"i32">));
      f.return(f.call(made.floatOutcome, [mxcsr] as never) as unknown as Expr<"i32">);
    });
    module.export(name, wrapper as never);
  }
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.toBytes()));
  const exports = instance.exports as unknown as Record<string, (mxcsr: number) => number>;
  const bytes = new Uint8Array((instance.exports.memory as WebAssembly.Memory).buffer);
  const view = new DataView(bytes.buffer);
  return (helper, mxcsr, ...args) => {
    bytes.fill(0, 0, RESULT + 16);
    args.forEach((arg, i) => {
      if (typeof arg === "bigint") view.setBigUint64(i * SLOT, BigInt.asUintN(64, arg), true);
      else bytes.set(arg, i * SLOT);
    });
    const outcome = exports[helper](mxcsr);
    return { result: bytes.slice(RESULT, RESULT + 16), outcome };
  };
}
