import type { Span } from "../source.ts";
import { integer } from "./operators.ts";
import type { Runtime } from "./runtime.ts";
import { type BuiltinCall, type CallArguments, PyBuiltin, type PyValue, typeName } from "./values.ts";

/** Clamped, so that positions may be computed with. */
const FAR = 1n << 40n;

/** A call's arguments, taken by number or name, each checked for its type. */
export class Arguments {
  constructor(
    readonly runtime: Runtime,
    readonly name: string,
    readonly span: Span,
    private readonly given: CallArguments,
    private readonly names: readonly string[],
    least: number,
  ) {
    const { positional, named } = given;
    for (const key of named.keys()) {
      const index = names.indexOf(key);
      if (index < 0) throw this.wrong(`${name}() got an unexpected keyword argument '${key}'`);
      if (index < positional.length) throw this.wrong(`${name}() got multiple values for argument '${key}'`);
    }
    if (positional.length > names.length) {
      throw this.wrong(`${name}() takes at most ${names.length} arguments (${positional.length} given)`);
    }
    for (let index = 0; index < least; index++) {
      if (this.at(index) === undefined) throw this.wrong(`${name}() is missing an argument`);
    }
  }

  wrong(message: string) {
    return this.runtime.raise(this.span, "TypeError", message);
  }

  /** Undefined if it is not given. */
  at(index: number): PyValue | undefined {
    if (index < this.given.positional.length) return this.given.positional[index];
    return this.given.named.get(this.names[index]);
  }

  value(index: number): PyValue {
    const value = this.at(index);
    if (value === undefined) throw this.wrong(`${this.name}() is missing an argument`);
    return value;
  }

  text(index: number): string {
    const value = this.value(index);
    if (typeof value !== "string") throw this.wrong(`${this.name}(): expected a str, not ${typeName(value)}`);
    return value;
  }

  optionalText(index: number): string | undefined {
    const value = this.at(index);
    return value === undefined || value === null ? undefined : this.text(index);
  }

  integer(index: number): bigint {
    const value = integer(this.value(index));
    if (value === undefined) {
      throw this.wrong(`${this.name}(): expected an int, not ${typeName(this.value(index))}`);
    }
    return value;
  }

  /** An int that is a position or a count; very large ones come back smaller, but still out of any reach. */
  number(index: number, initial: number): number {
    const value = this.at(index);
    if (value === undefined || value === null) return initial;
    const given = this.integer(index);
    return Number(given > FAR ? FAR : given < -FAR ? -FAR : given);
  }
}

/** A function whose arguments have names; `least` of them must be given. */
export function builtin(
  name: string,
  names: readonly string[],
  least: number,
  run: (args: Arguments) => PyValue,
): PyBuiltin {
  return new PyBuiltin(name, call(name, names, least, run));
}

export function call(
  name: string,
  names: readonly string[],
  least: number,
  run: (args: Arguments) => PyValue,
): BuiltinCall {
  return (runtime, given, span) => run(new Arguments(runtime, name, span, given, names, least));
}
