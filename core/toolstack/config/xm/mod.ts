/** xm's configuration files: Python, of which the declarative part is evaluated here, with limits and without side effects. */
import type { Source, Span } from "../source.ts";
import type { Json, Setting, Value } from "../value.ts";
import { builtin } from "./arguments.ts";
import { PythonFault } from "./fault.ts";
import { Interpreter } from "./interpreter.ts";
import { DEFAULT_LIMITS, type Limits, type PythonEnvironment, Runtime } from "./runtime.ts";
import { parseProgram } from "./statements.ts";
import { floatText, str } from "./text.ts";
import { PyDict, PyInstance, PyList, PyModule, PyTuple, type PyValue } from "./values.ts";

export { PythonFault } from "./fault.ts";
export { DEFAULT_LIMITS, type Limits, type PythonEnvironment } from "./runtime.ts";

/** What running a file gave. */
export interface PythonReading {
  /** The variables that can be settings: strings, numbers, truths and lists of them. */
  readonly settings: ReadonlyMap<string, Setting>;
  /** All variables that hold data, also those that only the program itself uses. */
  readonly values: ReadonlyMap<string, Json>;
  /** Variables that the program itself reads, so that they need not be keys. */
  readonly read: ReadonlySet<string>;
  readonly notices: readonly { readonly span: Span; readonly message: string }[];
  readonly printed: readonly string[];
}

const INTEGER = /^-?[0-9]{1,18}$/;

/** `xm_vars` of xm: a program says which variables it wants from the command line, and how they are checked. */
function commandLineVariables(interpreter: Interpreter, given: ReadonlyMap<string, string>): PyInstance {
  const wanted: { name: string; check: PyValue }[] = [];
  return new PyInstance(
    "xm_vars",
    new Map<string, PyValue>([
      [
        "var",
        builtin("var", ["name", "val", "use", "check"], 1, (args) => {
          args.runtime.allocate(args.span, 1);
          wanted.push({ name: args.text(0), check: args.at(3) ?? null });
          return null;
        }),
      ],
      [
        "check",
        builtin("check", [], 0, (args) => {
          for (const { name, check } of wanted) {
            const text = given.get(name);
            if (text === undefined) {
              throw new PythonFault(
                args.span,
                `the variable ${name} is not given: write ${name}=VALUE behind the file`,
                "exception",
              );
            }
            const value = check === null
              ? text
              : args.runtime.call(check, { positional: [name, text], named: new Map() }, args.span);
            interpreter.globals.values.set(name, value);
          }
          return null;
        }),
      ],
    ]),
  );
}

/** Undefined for what is no data: functions, modules. */
function json(runtime: Runtime, value: PyValue, span: Span): Json | undefined {
  runtime.allocate(span, 1);
  switch (typeof value) {
    case "boolean":
      return value;
    case "string":
      return runtime.text(span, value);
    case "bigint": {
      const number = Number(value);
      return Number.isSafeInteger(number) ? number : value.toString();
    }
    case "number":
      return Number.isFinite(value) ? value : floatText(value);
  }
  if (value === null) return null;
  if (value instanceof PyList || value instanceof PyTuple) {
    return runtime.deeper(span, () => {
      const items: Json[] = [];
      for (const item of value.items) {
        const converted = json(runtime, item, span);
        if (converted !== undefined) items.push(converted);
      }
      return items;
    });
  }
  if (value instanceof PyDict) {
    return runtime.deeper(span, () => {
      const entries: [string, Json][] = [];
      for (const [key, item] of value.entries.values()) {
        const converted = json(runtime, item, span);
        if (converted !== undefined) entries.push([str(runtime, key, span), converted]);
      }
      return Object.fromEntries(entries);
    });
  }
  return undefined;
}

/** As a file of xl would hold it; undefined for what cannot be a setting. */
function setting(runtime: Runtime, value: PyValue, span: Span): Value | undefined {
  runtime.allocate(span, 1);
  const atom = (text: string, quoted: boolean): Value => ({ kind: "atom", text, quoted, span });
  switch (typeof value) {
    case "string":
      return atom(runtime.text(span, value), true);
    case "boolean":
      return atom(value ? "1" : "0", false);
    case "bigint":
      return atom(value.toString(), false);
    case "number":
      return atom(Number.isInteger(value) ? BigInt(value).toString() : floatText(value), false);
  }
  if (!(value instanceof PyList || value instanceof PyTuple)) return undefined;
  return runtime.deeper(span, () => {
    const items: Value[] = [];
    for (const item of value.items) {
      const converted = setting(runtime, item, span);
      if (converted === undefined) return undefined;
      items.push(converted);
    }
    return { kind: "list", items, span };
  });
}

/**
 * Runs an xm file.
 * @param given NAME=VALUE of the command line, which the program finds as variables
 * @throws PythonFault where it is no Python, uses what is not supported, raises, or goes on for too long
 */
export function readPython(
  source: Source,
  given: ReadonlyMap<string, string>,
  environment: PythonEnvironment,
  limits: Limits = DEFAULT_LIMITS,
): PythonReading {
  const program = parseProgram(source);
  const runtime = new Runtime(environment, limits);
  const interpreter = new Interpreter(runtime);
  const { values } = interpreter.globals;
  values.set("xm_vars", commandLineVariables(interpreter, given));
  values.set("xm_file", source.name);
  values.set("xm_help", 0n);
  const own = new Set(["xm_vars", "xm_file", "xm_help"]);
  for (const [name, text] of given) {
    values.set(name, INTEGER.test(text) ? BigInt(text) : text);
  }
  interpreter.run(program, source);
  const settings = new Map<string, Setting>();
  const data = new Map<string, Json>();
  const start = { offset: 0, line: 1, column: 1 };
  for (const [key, value] of values) {
    const places = interpreter.assigned.get(key);
    if ((own.has(key) && places === undefined) || value instanceof PyModule) continue;
    const span = places?.value ?? { source, start, end: start };
    const converted = json(runtime, value, span);
    if (converted === undefined) continue;
    data.set(key, converted);
    const found = places === undefined ? undefined : setting(runtime, value, span);
    if (found !== undefined) {
      settings.set(key, { key, keySpan: places?.key ?? span, value: found, added: false });
    }
  }
  return {
    settings,
    values: data,
    read: interpreter.evaluator.read,
    notices: runtime.notices,
    printed: runtime.printed,
  };
}
