/** Statements: a program is run with its steps and its memory counted. */
import type { Source, Span } from "../source.ts";
import type { Expression, Statement } from "./ast.ts";
import { isInstance, print } from "./builtins.ts";
import { Evaluator } from "./evaluator.ts";
import { PythonFault, syntaxFault, unsupported } from "./fault.ts";
import { Modules } from "./modules.ts";
import { localNames } from "./names.ts";
import { binary, iterate } from "./operators.ts";
import { Runtime } from "./runtime.ts";
import { repr, str } from "./text.ts";
import {
  PyException,
  PyExceptionType,
  PyFunction,
  type PyModule,
  PyTuple,
  type PyValue,
  Raised,
  Scope,
  truth,
  typeName,
} from "./values.ts";

type Completion = undefined | "break" | "continue" | { readonly value: PyValue };

/** Where a global was last assigned. */
export interface Assigned {
  readonly key: Span;
  readonly value: Span;
}

export class Interpreter {
  readonly globals = new Scope(undefined, undefined);
  readonly evaluator: Evaluator;
  readonly assigned = new Map<string, Assigned>();
  readonly #modules: Modules;

  constructor(readonly runtime: Runtime) {
    this.evaluator = new Evaluator(runtime, this.globals, (callee, scope) => {
      const completion = this.#block(callee.body as readonly Statement[], scope, true);
      return typeof completion === "object" ? completion.value : null;
    });
    this.#modules = new Modules(runtime);
    // xm imported these before it ran a file.
    for (const name of ["os", "sys"]) {
      const module = this.#modules.get(name);
      if (module !== undefined) this.globals.values.set(name, module);
    }
  }

  /**
   * Runs a whole program.
   * @throws PythonFault; an exception that nothing catches becomes one
   */
  run(program: readonly Statement[], source: Source): void {
    try {
      this.#block(program, this.globals, false);
    } catch (error) {
      if (error instanceof Raised) throw this.#uncaught(error);
      if (error instanceof RangeError && error.message.includes("call stack")) {
        const start = { offset: 0, line: 1, column: 1 };
        throw this.runtime.limit({ source, start, end: start }, "nests calls or values too deeply");
      }
      throw error;
    }
  }

  #uncaught({ exception, span }: Raised): PythonFault {
    const text = str(this.runtime, exception, span);
    const name = exception.type.name;
    const undefinedName = /^name '(\w+)' is not defined$/.exec(text)?.[1];
    if (name === "NameError" && undefinedName !== undefined) {
      const hint = undefinedName === "vmid"
        ? "give it behind the file: vmid=1"
        : `a string is written in quotes: "${undefinedName}"`;
      return new PythonFault(span, `the name ${undefinedName} is not defined; ${hint}`, "exception");
    }
    const words = name === "SystemExit"
      ? `the configuration ends itself${text === "" ? "" : ` with ${text}`}`
      : text === ""
      ? name
      : `${name}: ${text}`;
    return new PythonFault(span, words.length > 500 ? `${words.slice(0, 497)}...` : words, "exception");
  }

  #block(statements: readonly Statement[], scope: Scope, inFunction: boolean): Completion {
    for (const statement of statements) {
      const completion = this.#statement(statement, scope, inFunction);
      if (completion !== undefined) return completion;
    }
    return undefined;
  }

  #nested(statements: readonly Statement[], scope: Scope, inFunction: boolean): Completion {
    if (statements.length === 0) return undefined;
    this.runtime.enter(statements[0].span);
    const completion = this.#block(statements, scope, inFunction);
    this.runtime.leave();
    return completion;
  }

  #statement(statement: Statement, scope: Scope, inFunction: boolean): Completion {
    const { runtime, evaluator } = this;
    const { span } = statement;
    runtime.step(span);
    switch (statement.kind) {
      case "expression":
        evaluator.evaluate(statement.value, scope);
        return undefined;
      case "assign": {
        const value = evaluator.evaluate(statement.value, scope);
        for (const target of statement.targets) {
          evaluator.assign(target, value, scope);
          this.#note(target, statement.value.span, scope);
        }
        return undefined;
      }
      case "augmented":
        this.#augmented(statement, scope);
        return undefined;
      case "if":
        for (const { test, body } of statement.branches) {
          if (truth(evaluator.evaluate(test, scope))) return this.#nested(body, scope, inFunction);
        }
        return this.#nested(statement.otherwise, scope, inFunction);
      case "for":
        return this.#for(statement, scope, inFunction);
      case "while": {
        while (truth(evaluator.evaluate(statement.test, scope))) {
          const completion = this.#nested(statement.body, scope, inFunction);
          if (completion === "break") return undefined;
          if (typeof completion === "object") return completion;
        }
        return this.#nested(statement.otherwise, scope, inFunction);
      }
      case "def": {
        const { name, parameters, body } = statement;
        const defaults = evaluator.defaults(parameters.plain, scope);
        const made = new PyFunction(name, parameters, defaults, body, scope, localNames(parameters, body));
        evaluator.assign({ kind: "name", id: name, span }, made, scope);
        return undefined;
      }
      case "return":
        if (!inFunction) throw syntaxFault(span, "there is no function to return from here");
        return { value: statement.value === undefined ? null : evaluator.evaluate(statement.value, scope) };
      case "pass":
      case "global":
        return undefined;
      case "break":
      case "continue":
        return statement.kind;
      case "import":
      case "from":
        this.#import(statement, scope);
        return undefined;
      case "raise":
        throw this.#raised(statement, scope);
      case "assert": {
        if (truth(evaluator.evaluate(statement.test, scope))) return undefined;
        const message = statement.message === undefined ? "" : evaluator.evaluate(statement.message, scope);
        throw runtime.raise(span, "AssertionError", str(runtime, message, span));
      }
      case "delete":
        for (const target of statement.targets) evaluator.remove(target, scope);
        return undefined;
      case "print":
        print(runtime, statement.values.map((value) => evaluator.evaluate(value, scope)), span);
        return undefined;
      case "try":
        return this.#try(statement, scope, inFunction);
    }
  }

  /** Keeps where a key got its value. */
  #note(target: Expression, value: Span, scope: Scope): void {
    if (target.kind === "name") {
      if (!(scope.locals?.has(target.id) ?? false)) {
        this.assigned.set(target.id, { key: target.span, value });
      }
    } else if (target.kind === "tuple" || target.kind === "list") {
      for (const item of target.items) this.#note(item, value, scope);
    }
  }

  #augmented(statement: Extract<Statement, { kind: "augmented" }>, scope: Scope): void {
    const { runtime, evaluator } = this;
    const { target, operator, span } = statement;
    const before = evaluator.evaluate(target, scope);
    const value = evaluator.evaluate(statement.value, scope);
    if (operator === "+" && typeName(before) === "list") {
      // In place: another name for the list sees it too.
      const { items } = before as { items: PyValue[] } & PyValue;
      const more = [...iterate(runtime, value, span)];
      runtime.allocate(span, more.length);
      for (const item of more) items.push(item);
    } else evaluator.assign(target, binary(runtime, operator, before, value, span), scope);
    this.#note(target, statement.value.span, scope);
  }

  #for(statement: Extract<Statement, { kind: "for" }>, scope: Scope, inFunction: boolean): Completion {
    const { runtime, evaluator } = this;
    const items = iterate(runtime, evaluator.evaluate(statement.iterable, scope), statement.iterable.span);
    for (const item of items) {
      runtime.step(statement.span);
      evaluator.assign(statement.target, item, scope);
      this.#note(statement.target, statement.iterable.span, scope);
      const completion = this.#nested(statement.body, scope, inFunction);
      if (completion === "break") return undefined;
      if (typeof completion === "object") return completion;
    }
    return this.#nested(statement.otherwise, scope, inFunction);
  }

  #module(name: string, span: Span): PyModule {
    const module = this.#modules.get(name);
    if (module === undefined) throw unsupported(span, `the module ${name}`);
    return module;
  }

  #import(statement: Extract<Statement, { kind: "import" | "from" }>, scope: Scope): void {
    const { span } = statement;
    const put = (id: string, value: PyValue) =>
      this.evaluator.assign({ kind: "name", id, span }, value, scope);
    if (statement.kind === "import") {
      for (const { module, as } of statement.names) {
        const loaded = this.#module(module, span);
        if (as !== undefined) put(as, loaded);
        else {
          const top = module.split(".")[0];
          put(top, this.#module(top, span));
        }
      }
      return;
    }
    const module = this.#module(statement.module, span);
    if (statement.names === "*") {
      for (const [name, value] of module.members) if (!name.startsWith("_")) put(name, value);
      return;
    }
    for (const { name, as } of statement.names) {
      const member = module.members.get(name) ?? this.#modules.get(`${statement.module}.${name}`);
      if (member === undefined) throw unsupported(span, `${statement.module}.${name}`);
      put(as, member);
    }
  }

  #raised(statement: Extract<Statement, { kind: "raise" }>, scope: Scope): Error {
    const { runtime, evaluator } = this;
    const { span } = statement;
    if (statement.value === undefined) {
      const current = this.#handling.at(-1);
      return current ?? runtime.raise(span, "RuntimeError", "there is no exception to raise again");
    }
    const value = evaluator.evaluate(statement.value, scope);
    if (value instanceof PyException) return new Raised(value, span);
    if (value instanceof PyExceptionType) {
      const args = statement.argument === undefined ? [] : [evaluator.evaluate(statement.argument, scope)];
      return new Raised(new PyException(value, args), span);
    }
    if (typeof value === "string") throw unsupported(span, "a string as an exception");
    return runtime.raise(span, "TypeError", "exceptions must derive from BaseException");
  }

  readonly #handling: Raised[] = [];

  #try(statement: Extract<Statement, { kind: "try" }>, scope: Scope, inFunction: boolean): Completion {
    const { runtime } = this;
    const depth = runtime.depth;
    let completion: Completion;
    try {
      completion = this.#guarded(statement, scope, inFunction, depth);
    } catch (error) {
      if (error instanceof Raised) {
        runtime.depth = depth;
        const last = this.#nested(statement.finally, scope, inFunction);
        if (last !== undefined) return last;
      }
      throw error;
    }
    return this.#nested(statement.finally, scope, inFunction) ?? completion;
  }

  #guarded(
    statement: Extract<Statement, { kind: "try" }>,
    scope: Scope,
    inFunction: boolean,
    depth: number,
  ): Completion {
    const { runtime, evaluator } = this;
    let completion: Completion;
    try {
      completion = this.#nested(statement.body, scope, inFunction);
    } catch (error) {
      if (!(error instanceof Raised)) throw error;
      runtime.depth = depth;
      for (const { types, name, body } of statement.handlers) {
        if (types !== undefined) {
          const type = evaluator.evaluate(types, scope);
          if (!this.#catches(error.exception, type, types.span)) continue;
        }
        if (name !== undefined) {
          evaluator.assign({ kind: "name", id: name, span: error.span }, error.exception, scope);
        }
        this.#handling.push(error);
        try {
          return this.#nested(body, scope, inFunction);
        } finally {
          this.#handling.pop();
        }
      }
      throw error;
    }
    return completion ?? this.#nested(statement.otherwise, scope, inFunction);
  }

  #catches(exception: PyException, type: PyValue, span: Span): boolean {
    if (type instanceof PyTuple || type instanceof PyExceptionType) {
      return isInstance(this.runtime, exception, type, span);
    }
    throw this.runtime.raise(span, "TypeError", `cannot catch ${repr(this.runtime, type, span)}`);
  }
}
