/** Arithmetic of the x87 unit's 80-bit numbers, exact to the last bit, as functions of the module that handlers live in. */
import { i32 } from "../../wasm/mod.ts";
import type { FuncRef, ModuleBuilder } from "../../wasm/mod.ts";
import { defineArithmetic } from "./arithmetic.ts";
import { defineConversion } from "./convert.ts";
import {
  Control,
  defineCore,
  head,
  indefinite,
  isOdd,
  raise,
  significand,
  Status,
  takeDenormals,
  type Unit,
  withHead,
} from "./core.ts";
import { AS_IT_IS } from "./transcendental.ts";
import { type Float80Helper, float80Helpers } from "./helpers.ts";
import { defineRemainders } from "./remainder.ts";

/** (operation, a, b, fcw). FCW's precision does not count. */
function defineTranscendental(
  unit: Unit,
  { transcendental, transcendentalPart }: { transcendental: FuncRef; transcendentalPart: FuncRef },
): FuncRef {
  const compute = transcendental as FuncRef<readonly ["i32", "i64", "i32", "i64", "i32"], readonly ["i32"]>;
  const part = transcendentalPart as FuncRef<readonly ["i32"], readonly ["i64"]>;
  const params = ["i32", "v128", "v128", "i32"] as const;
  return unit.module.func(
    { name: "x87Transcendental", params, results: ["v128"] },
    (f, operation, a, b, fcw) => {
      f.if(i32.or(isOdd(a), isOdd(b)), () => f.return(f.call(unit.nan, [a, b])));
      const met = f.call(compute, [operation, significand(a), head(a), significand(b), head(b)]);
      raise(f, unit, i32.and(met, ~AS_IT_IS));
      f.if(i32.eqz(i32.and(met, Status.IE | Status.ZE)), () => takeDenormals(f, unit, a, b));
      f.if(i32.and(met, Status.IE), () => f.return(indefinite()));
      f.if(i32.and(met, Status.C2), () => f.return(a));
      const get = (which: number) => f.call(part, [which]);
      const [sig, exp, sign] = [get(0), f.let(i32.wrap_i64(get(2))), f.let(i32.wrap_i64(get(3)))];
      f.if(i32.and(met, AS_IT_IS), () => f.return(withHead(sign, exp, sig)));
      f.return(f.call(unit.round, [sign, exp, sig, get(1), i32.or(fcw, Control.EXTENDED)]));
    },
  ) as unknown as FuncRef;
}

/** Adds the functions to a module; what they have met is one global, empty between instructions. */
export function defineFloat80Helpers(
  module: ModuleBuilder,
  others: {
    mulHighUnsigned: FuncRef;
    divide128: FuncRef;
    transcendental: FuncRef;
    transcendentalPart: FuncRef;
  },
): Record<Float80Helper, FuncRef> {
  const unit = defineCore(module, others);
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
    x87Transcendental: defineTranscendental(unit, others),
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
