import { PyExceptionType } from "./values.ts";

/** Each line: a base and what derives from it. */
const TREE = `Exception StandardError StopIteration Warning
StandardError ArithmeticError AssertionError AttributeError EnvironmentError ImportError LookupError NameError
StandardError RuntimeError SyntaxError TypeError ValueError EOFError MemoryError
ArithmeticError OverflowError ZeroDivisionError
EnvironmentError IOError OSError
LookupError IndexError KeyError
NameError UnboundLocalError
RuntimeError NotImplementedError RecursionError
ValueError UnicodeError
BaseException SystemExit KeyboardInterrupt`;

function exceptionTypes(): ReadonlyMap<string, PyExceptionType> {
  const base = new PyExceptionType("BaseException", undefined);
  const types = new Map([["BaseException", base], ["Exception", new PyExceptionType("Exception", base)]]);
  for (const line of TREE.split("\n")) {
    const [parent, ...children] = line.split(" ");
    for (const child of children) types.set(child, new PyExceptionType(child, types.get(parent)));
  }
  return types;
}

/** Python's own exceptions by name. */
export const EXCEPTIONS = exceptionTypes();

export function derives(type: PyExceptionType, from: PyExceptionType): boolean {
  for (let at: PyExceptionType | undefined = type; at !== undefined; at = at.base) {
    if (at === from) return true;
  }
  return false;
}
