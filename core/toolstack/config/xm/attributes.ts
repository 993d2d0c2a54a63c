import type { Span } from "../source.ts";
import { call } from "./arguments.ts";
import { formatBraces } from "./brace_format.ts";
import { DICT_METHODS, LIST_METHODS, TUPLE_METHODS } from "./container_methods.ts";
import { unsupported } from "./fault.ts";
import type { Runtime } from "./runtime.ts";
import { STRING_METHODS } from "./string_methods.ts";
import {
  PyBuiltin,
  PyDict,
  PyException,
  PyInstance,
  PyList,
  PyModule,
  PyTuple,
  type PyValue,
  typeName,
} from "./values.ts";

/** A method of a string, found also for `str.join` and the like. */
function stringMethod(text: string, name: string): PyBuiltin | undefined {
  if (name === "format") {
    return new PyBuiltin(name, (runtime, args, span) => formatBraces(runtime, text, args, span));
  }
  if (name === "encode" || name === "decode") {
    // Text and bytes are one here, as in Python 2.
    return new PyBuiltin(name, call(name, ["encoding", "errors"], 0, () => text));
  }
  if (!Object.hasOwn(STRING_METHODS, name)) return undefined;
  const { names, least, run } = STRING_METHODS[name];
  return new PyBuiltin(
    name,
    call(name, names, least, (args) => {
      args.runtime.work(args.span, text.length);
      const result = run(text, args);
      return typeof result === "string" ? args.runtime.text(args.span, result) : result;
    }),
  );
}

function method(value: PyValue, name: string): PyBuiltin | undefined {
  if (typeof value === "string") return stringMethod(value, name);
  if (value instanceof PyList && Object.hasOwn(LIST_METHODS, name)) {
    const { names, least, run } = LIST_METHODS[name];
    return new PyBuiltin(name, call(name, names, least, (args) => run(value, args)));
  }
  if (value instanceof PyTuple && Object.hasOwn(TUPLE_METHODS, name)) {
    const { names, least, run } = TUPLE_METHODS[name];
    return new PyBuiltin(name, call(name, names, least, (args) => run(value, args)));
  }
  if (value instanceof PyDict && Object.hasOwn(DICT_METHODS, name)) {
    const { names, least, run } = DICT_METHODS[name];
    return new PyBuiltin(name, call(name, names, least, (args) => run(value, args)));
  }
  return undefined;
}

/** OBJECT.NAME */
export function attribute(runtime: Runtime, object: PyValue, name: string, span: Span): PyValue {
  if (object instanceof PyModule) {
    const member = object.members.get(name);
    if (member !== undefined) return member;
    throw unsupported(span, `${object.name}.${name}`);
  }
  if (object instanceof PyInstance) {
    const member = object.attributes.get(name);
    if (member !== undefined) return member;
    throw unsupported(span, `"${name}" of a ${object.typeName}`);
  }
  if (object instanceof PyException && name === "args") return new PyTuple(object.args);
  if (object instanceof PyException && name === "message" && object.args.length > 0) return object.args[0];
  const found = method(object, name);
  if (found !== undefined) return found;
  throw runtime.raise(span, "AttributeError", `'${typeName(object)}' object has no attribute '${name}'`);
}
