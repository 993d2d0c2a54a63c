/** Arithmetic of the x87 unit's 80-bit numbers, exact to the last bit, as functions of the module that handlers live in. */
import { i32 } from "../../wasm/mod.ts";
import type { FuncRef, ModuleBuilder } from "../../wasm/mod.ts";
import { defineArithmetic } from "./arithmetic.ts";
import { defineConversion } from "./convert.ts";
import { defineCore, Status } from "./core.ts";
import { type Float80Helper, float80Helpers } from "./helpers.ts";
import { defineRemainders } from "./remainder.ts";

/** Adds the functions to a module; what they have met is one global, empty between instructions. */
export function defineFloat80Helpers(
  module: ModuleBuilder,
  integer: { mulHighUnsigned: FuncRef; divide128: FuncRef },
): Record<Float80Helper, FuncRef> {
  const unit = defineCore(module, integer);
  const x87Outcome = module.func({ name: "x87Outcome", results: ["i32"] }, (f) => {
    const met = f.let(i32.and(unit.pending.get(), Status.NARROW_DENORMAL - 1));
    f.globalSet(unit.pending, 0);
    f.return(met);
  });
  const conversion = defineConversion(unit);
  const made = {
    x87Outcome,
    ...defineArithmetic(unit),
    ...conversion,
    ...defineRemainders(unit, conversion.x87FromInteger),
  } as unknown as Record<Float80Helper, FuncRef>;
  for (const [name, { params, result }] of Object.entries(float80Helpers)) {
    const signature = made[name as Float80Helper]?.signature;
    if (signature?.params.join() !== params.join() || signature.results.join() !== result) {
      throw new Error(`${name} has another signature than declared`);
    }
  }
  return made;
}
