/** For tests: builds a module and runs it. */
import { ModuleBuilder } from "./module.ts";
import type { FunctionBuilder } from "./function.ts";
import type { Expr, NumType, Operand } from "./types.ts";

type Value = number | bigint;
export type Export = (...args: Value[]) => Value | Value[] | undefined;

/** Compiles, instantiates; the exports that are functions. */
export function instantiate(m: ModuleBuilder, imports: WebAssembly.Imports = {}): Record<string, Export> {
  const module = new WebAssembly.Module(m.toBytes());
  return new WebAssembly.Instance(module, imports).exports as Record<string, Export>;
}

type Types = readonly NumType[];

/** A module of one function, `body`, given as a JavaScript function. */
export function build<const P extends Types, const R extends Types>(
  params: P,
  results: R,
  body: (f: FunctionBuilder<P, R>, ...params: Expr[]) => void,
): Export {
  const m = new ModuleBuilder();
  const run = m.func<Types, Types>(
    { params, results },
    (f, ...args) => body(f as unknown as FunctionBuilder<P, R>, ...args),
  );
  m.export("run", run);
  return instantiate(m).run;
}

/** The value of an expression that needs no function around it. */
export function evaluate<T extends NumType>(value: Expr<T>): Value {
  const run = build<[], Types>([], [value.type], (f) => f.return(value as Operand<T>));
  return run() as Value;
}
