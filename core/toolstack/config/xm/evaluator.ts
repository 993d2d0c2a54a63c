/** Expressions: from the syntax to a value. */
import type { Span } from "../source.ts";
import type { Argument, Clause, Expression } from "./ast.ts";
import { BUILTINS } from "./builtins.ts";
import { store } from "./container_methods.ts";
import { unsupported } from "./fault.ts";
import { attribute } from "./attributes.ts";
import { binary, compares, hashKey, iterate, unary } from "./operators.ts";
import type { Runtime } from "./runtime.ts";
import { repr } from "./text.ts";
import { index, slice } from "./subscripts.ts";
import {
  PyBuiltin,
  PyDict,
  PyException,
  PyExceptionType,
  PyFunction,
  PyList,
  PyTuple,
  PyType,
  type PyValue,
  Scope,
  truth,
  typeName,
} from "./values.ts";

/** They see the scope that they are called in. */
const NAMESPACES = ["globals", "locals", "vars"];

export class Evaluator {
  /** Names that the program asked for: what is assigned and never read may be a misspelt key. */
  readonly read = new Set<string>();

  /** @param run calls a function that the program defined */
  constructor(
    readonly runtime: Runtime,
    readonly globals: Scope,
    private readonly run: (callee: PyFunction, scope: Scope) => PyValue,
  ) {
    runtime.call = (callee, args, span) => this.#call(callee, args.positional, args.named, span);
  }

  evaluate(expression: Expression, scope: Scope): PyValue {
    const { runtime } = this;
    runtime.step(expression.span);
    switch (expression.kind) {
      case "constant":
        return expression.value;
      case "name":
        return this.lookUp(expression.id, scope, expression.span);
    }
    runtime.enter(expression.span);
    const value = this.#compound(expression, scope);
    runtime.leave();
    return value;
  }

  #compound(expression: Exclude<Expression, { kind: "constant" | "name" }>, scope: Scope): PyValue {
    const { runtime } = this;
    const { span } = expression;
    switch (expression.kind) {
      case "list":
        return new PyList(this.#each(expression.items, scope, span));
      case "tuple":
        return new PyTuple(this.#each(expression.items, scope, span));
      case "dict": {
        const dict = new PyDict();
        for (const [key, value] of expression.entries) {
          store({ runtime, span }, dict, this.evaluate(key, scope), this.evaluate(value, scope));
        }
        return dict;
      }
      case "unary":
        return unary(runtime, expression.operator, this.evaluate(expression.operand, scope), span);
      case "binary": {
        let value = this.evaluate(expression.first, scope);
        for (const { operator, operand, span } of expression.rest) {
          value = binary(runtime, operator, value, this.evaluate(operand, scope), span);
        }
        return value;
      }
      case "logic": {
        let value: PyValue = null;
        for (const operand of expression.operands) {
          value = this.evaluate(operand, scope);
          if (truth(value) !== (expression.operator === "and")) break;
        }
        return value;
      }
      case "compare": {
        let left = this.evaluate(expression.first, scope);
        for (const { operator, operand } of expression.rest) {
          const right = this.evaluate(operand, scope);
          if (!compares(runtime, operator, left, right, span)) return false;
          left = right;
        }
        return true;
      }
      case "conditional":
        return this.evaluate(
          truth(this.evaluate(expression.test, scope)) ? expression.then : expression.otherwise,
          scope,
        );
      case "lambda": {
        const names = expression.parameters.plain.map(({ name }) => name);
        const { rest, keywords } = expression.parameters;
        const locals = new Set([...names, ...[rest, keywords].filter((name) => name !== undefined)]);
        const defaults = this.defaults(expression.parameters.plain, scope);
        return new PyFunction("<lambda>", expression.parameters, defaults, expression.body, scope, locals);
      }
      case "attribute":
        return attribute(runtime, this.evaluate(expression.object, scope), expression.name, span);
      case "subscript": {
        const object = this.evaluate(expression.object, scope);
        if (expression.index.kind !== "slice") {
          return index(runtime, object, this.evaluate(expression.index, scope), span);
        }
        const part = (bound: Expression | undefined) =>
          bound === undefined ? null : this.evaluate(bound, scope);
        const { lower, upper, step } = expression.index;
        return slice(runtime, object, [part(lower), part(upper), part(step)], span);
      }
      case "slice":
        throw unsupported(span, "a slice outside of [ ]");
      case "call":
        return this.#callExpression(expression.callee, expression.arguments, scope, span);
      case "comprehension":
        return this.#comprehension(expression, scope);
    }
  }

  #each(items: readonly Expression[], scope: Scope, span: Span): PyValue[] {
    this.runtime.allocate(span, items.length);
    return items.map((item) => this.evaluate(item, scope));
  }

  lookUp(id: string, scope: Scope, span: Span): PyValue {
    for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) {
      const value = at.values.get(id);
      if (value !== undefined) {
        if (at === this.globals) this.read.add(id);
        return value;
      }
      if (at.locals?.has(id)) {
        throw this.runtime.raise(
          span,
          "UnboundLocalError",
          `the function's own variable ${id} has no value yet`,
        );
      }
    }
    const known = BUILTINS.get(id);
    if (known !== undefined) return known;
    throw this.runtime.raise(span, "NameError", `name '${id}' is not defined`);
  }

  defaults(parameters: readonly { readonly default?: Expression }[], scope: Scope): (PyValue | undefined)[] {
    return parameters.map((parameter) =>
      parameter.default === undefined ? undefined : this.evaluate(parameter.default, scope)
    );
  }

  #callExpression(callee: Expression, args: readonly Argument[], scope: Scope, span: Span): PyValue {
    const called = this.evaluate(callee, scope);
    const variables = args.length === 0
      ? NAMESPACES.find((name) => called === BUILTINS.get(name))
      : undefined;
    if (variables !== undefined) return this.#namespace(variables === "globals" ? this.globals : scope, span);
    const positional: PyValue[] = [];
    const named = new Map<string, PyValue>();
    const name = (key: PyValue, value: PyValue) => {
      if (typeof key !== "string") throw this.runtime.raise(span, "TypeError", "keywords must be strings");
      if (named.has(key)) {
        throw this.runtime.raise(span, "TypeError", `got multiple values for argument '${key}'`);
      }
      named.set(key, value);
    };
    for (const argument of args) {
      const value = this.evaluate(argument.value, scope);
      if (argument.star === "*") {
        const items = iterate(this.runtime, value, span);
        this.runtime.allocate(span, items.length);
        for (const item of items) positional.push(item);
      } else if (argument.star === "**") {
        if (!(value instanceof PyDict)) throw this.runtime.raise(span, "TypeError", "** wants a dictionary");
        for (const [key, item] of value.entries.values()) name(key, item);
      } else if (argument.name !== undefined) name(argument.name, value);
      else positional.push(value);
    }
    return this.#call(called, positional, named, span);
  }

  /** A copy of the variables, for `"%(name)s" % locals()`. */
  #namespace(scope: Scope, span: Span): PyDict {
    const dict = new PyDict();
    for (const [name, value] of scope.values) {
      if (scope === this.globals) this.read.add(name);
      store({ runtime: this.runtime, span }, dict, name, value);
    }
    return dict;
  }

  #call(
    callee: PyValue,
    positional: readonly PyValue[],
    named: ReadonlyMap<string, PyValue>,
    span: Span,
  ): PyValue {
    const { runtime } = this;
    runtime.step(span);
    if (callee instanceof PyBuiltin || callee instanceof PyType) {
      return runtime.deeper(span, () => callee.call(runtime, { positional, named }, span));
    }
    if (callee instanceof PyExceptionType) {
      if (named.size > 0) throw runtime.raise(span, "TypeError", "an exception takes no named arguments");
      return new PyException(callee, [...positional]);
    }
    if (!(callee instanceof PyFunction)) {
      throw runtime.raise(span, "TypeError", `'${typeName(callee)}' object is not callable`);
    }
    const scope = this.#bind(callee, positional, named, span);
    // A call takes more of the stack than an expression does.
    runtime.enter(span);
    runtime.enter(span);
    runtime.enter(span);
    const value = Array.isArray(callee.body)
      ? this.run(callee, scope)
      : this.evaluate(callee.body as Expression, scope);
    runtime.leave();
    runtime.leave();
    runtime.leave();
    return value;
  }

  #bind(
    callee: PyFunction,
    positional: readonly PyValue[],
    named: ReadonlyMap<string, PyValue>,
    span: Span,
  ): Scope {
    const { plain, rest, keywords } = callee.parameters;
    const scope = new Scope(callee.scope, callee.locals);
    const wrong = (message: string) => this.runtime.raise(span, "TypeError", `${callee.name}() ${message}`);
    if (positional.length > plain.length && rest === undefined) {
      throw wrong(`takes ${plain.length} positional arguments but ${positional.length} were given`);
    }
    const more = new PyDict();
    for (const [name, value] of named) {
      const at = plain.findIndex((parameter) => parameter.name === name);
      if (at >= 0 && at < positional.length) throw wrong(`got multiple values for argument '${name}'`);
      if (at >= 0) scope.values.set(name, value);
      else if (keywords === undefined) throw wrong(`got an unexpected keyword argument '${name}'`);
      else more.entries.set(hashKey(this.runtime, name, span), [name, value]);
    }
    plain.forEach(({ name }, index) => {
      if (index < positional.length) scope.values.set(name, positional[index]);
      else if (!scope.values.has(name)) {
        const initial = callee.defaults[index];
        if (initial === undefined) throw wrong(`missing the argument '${name}'`);
        scope.values.set(name, initial);
      }
    });
    if (rest !== undefined) scope.values.set(rest, new PyTuple(positional.slice(plain.length)));
    if (keywords !== undefined) scope.values.set(keywords, more);
    return scope;
  }

  #comprehension(expression: Extract<Expression, { kind: "comprehension" }>, scope: Scope): PyValue {
    const { runtime } = this;
    const { span } = expression;
    const inner = new Scope(scope, new Set(), true);
    const list = new PyList([]);
    const dict = new PyDict();
    const visit = (clauses: readonly Clause[], outer: Scope): void => {
      const [clause, ...more] = clauses;
      if (clause === undefined) {
        const element = this.evaluate(expression.element, inner);
        if (expression.value === undefined) {
          runtime.allocate(span, 1);
          list.items.push(element);
        } else store({ runtime, span }, dict, element, this.evaluate(expression.value, inner));
        return;
      }
      for (const item of iterate(runtime, this.evaluate(clause.iterable, outer), clause.iterable.span)) {
        runtime.step(span);
        this.assign(clause.target, item, inner);
        if (clause.conditions.every((condition) => truth(this.evaluate(condition, inner)))) {
          visit(more, inner);
        }
      }
    };
    visit(expression.clauses, scope);
    return expression.shape === "dict" ? dict : list;
  }

  /** The scope in which an assignment puts a name. */
  #owner(id: string, scope: Scope): Scope {
    return scope.own || scope.locals === undefined || scope.locals.has(id) ? scope : this.globals;
  }

  /** Gives a value to a name, to an element, or each of several to their targets. */
  assign(target: Expression, value: PyValue, scope: Scope): void {
    const { runtime } = this;
    const { span } = target;
    switch (target.kind) {
      case "name":
        this.#owner(target.id, scope).values.set(target.id, value);
        return;
      case "tuple":
      case "list": {
        const items = [...iterate(runtime, value, span)];
        if (items.length !== target.items.length) {
          const wanted = `(expected ${target.items.length}, found ${items.length})`;
          throw runtime.raise(span, "ValueError", `cannot unpack the value ${wanted}`);
        }
        target.items.forEach((item, at) => this.assign(item, items[at], scope));
        return;
      }
      case "subscript":
        this.#assignElement(target, value, scope);
        return;
      case "attribute":
        throw unsupported(span, "an assignment to an attribute");
      default:
        throw new Error(`the parser lets ${target.kind} be a target`);
    }
  }

  #assignElement(target: Extract<Expression, { kind: "subscript" }>, value: PyValue, scope: Scope): void {
    const { runtime } = this;
    const { span } = target;
    if (target.index.kind === "slice") throw unsupported(span, "an assignment to a slice");
    const object = this.evaluate(target.object, scope);
    const key = this.evaluate(target.index, scope);
    if (object instanceof PyDict) return store({ runtime, span }, object, key, value);
    if (!(object instanceof PyList)) {
      throw runtime.raise(span, "TypeError", `'${typeName(object)}' object does not support item assignment`);
    }
    // Looking it up checks the index.
    index(runtime, object, key, span);
    const at = Number(key);
    object.items[at < 0 ? at + object.items.length : at] = value;
  }

  /** `del` of a name or an element. */
  remove(target: Expression, scope: Scope): void {
    const { runtime } = this;
    const { span } = target;
    if (target.kind === "name") {
      if (!this.#owner(target.id, scope).values.delete(target.id)) {
        throw runtime.raise(span, "NameError", `name '${target.id}' is not defined`);
      }
      return;
    }
    if (target.kind !== "subscript" || target.index.kind === "slice") throw unsupported(span, "del of this");
    const object = this.evaluate(target.object, scope);
    const key = this.evaluate(target.index, scope);
    if (object instanceof PyDict) {
      if (object.readOnly) throw runtime.raise(span, "TypeError", "os.environ is read only here");
      if (!object.entries.delete(hashKey(runtime, key, span))) {
        throw runtime.raise(span, "KeyError", repr(runtime, key, span));
      }
      return;
    }
    if (!(object instanceof PyList)) {
      throw runtime.raise(span, "TypeError", `'${typeName(object)}' object doesn't support item deletion`);
    }
    index(runtime, object, key, span);
    runtime.work(span, object.items.length);
    object.items.splice(Number(key), 1);
  }
}
