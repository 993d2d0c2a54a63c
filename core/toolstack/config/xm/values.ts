import type { Span } from "../source.ts";
import type { Expression, Parameters, Statement } from "./ast.ts";
import type { Runtime } from "./runtime.ts";

/** A Python value. Integers are bigint, floats number, None null. */
export type PyValue = null | boolean | bigint | number | string | PyObject;

export type PyObject =
  | PyList
  | PyTuple
  | PyDict
  | PyFunction
  | PyBuiltin
  | PyModule
  | PyExceptionType
  | PyException
  | PyInstance
  | PyType;

export class PyList {
  constructor(readonly items: PyValue[]) {}
}

export class PyTuple {
  constructor(readonly items: readonly PyValue[]) {}
}

/** In order of insertion; keyed by `hashKey`. */
export class PyDict {
  readonly entries = new Map<string, [PyValue, PyValue]>();
  /** os.environ, which is not the configuration's to change. */
  constructor(readonly readOnly = false) {}
}

/** Names and what they hold: a module's, or those of one call. */
export class Scope {
  readonly values = new Map<string, PyValue>();

  /** @param locals names that are this scope's own even while they hold nothing; undefined: the program's own scope */
  constructor(
    readonly outer: Scope | undefined,
    readonly locals: ReadonlySet<string> | undefined,
    /** A comprehension's: all that it assigns is its own. */
    readonly own = false,
  ) {}
}

export class PyFunction {
  constructor(
    readonly name: string,
    readonly parameters: Parameters,
    readonly defaults: readonly (PyValue | undefined)[],
    readonly body: readonly Statement[] | Expression,
    readonly scope: Scope,
    readonly locals: ReadonlySet<string>,
  ) {}
}

export interface CallArguments {
  readonly positional: readonly PyValue[];
  readonly named: ReadonlyMap<string, PyValue>;
}

export type BuiltinCall = (runtime: Runtime, args: CallArguments, span: Span) => PyValue;

export class PyBuiltin {
  constructor(readonly name: string, readonly call: BuiltinCall) {}
}

/** int, str, list...: callable, and what isinstance() and type() know. */
export class PyType {
  constructor(
    readonly name: string,
    readonly call: BuiltinCall,
    readonly holds: (value: PyValue) => boolean,
  ) {}
}

export class PyModule {
  constructor(readonly name: string, readonly members: ReadonlyMap<string, PyValue>) {}
}

export class PyExceptionType {
  constructor(readonly name: string, readonly base: PyExceptionType | undefined) {}
}

export class PyException {
  constructor(readonly type: PyExceptionType, readonly args: readonly PyValue[]) {}
}

/** A match object, a compiled pattern, xm_vars: attributes and a name. */
export class PyInstance {
  constructor(readonly typeName: string, readonly attributes: ReadonlyMap<string, PyValue>) {}
}

/** A Python exception on its way up; `try` catches it. */
export class Raised extends Error {
  constructor(readonly exception: PyException, readonly span: Span) {
    super(exception.type.name);
  }
}

export function typeName(value: PyValue): string {
  if (value === null) return "NoneType";
  switch (typeof value) {
    case "boolean":
      return "bool";
    case "bigint":
      return "int";
    case "number":
      return "float";
    case "string":
      return "str";
  }
  if (value instanceof PyList) return "list";
  if (value instanceof PyTuple) return "tuple";
  if (value instanceof PyDict) return "dict";
  if (value instanceof PyFunction) return "function";
  if (value instanceof PyBuiltin) return "builtin_function_or_method";
  if (value instanceof PyModule) return "module";
  if (value instanceof PyException) return value.type.name;
  if (value instanceof PyInstance) return value.typeName;
  return "type";
}

/** Python's truth of a value. */
export function truth(value: PyValue): boolean {
  if (value instanceof PyList || value instanceof PyTuple) return value.items.length > 0;
  if (value instanceof PyDict) return value.entries.size > 0;
  if (value === null || typeof value !== "object") return Boolean(value);
  return true;
}

/** The characters of a string: Python counts code points. */
export function characters(text: string): readonly string[] | string {
  return /[\ud800-\udbff]/.test(text) ? [...text] : text;
}
