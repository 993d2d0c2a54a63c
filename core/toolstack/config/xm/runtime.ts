import type { Span } from "../source.ts";
import { PythonFault } from "./fault.ts";
import { EXCEPTIONS } from "./exceptions.ts";
import { type CallArguments, PyException, type PyValue, Raised } from "./values.ts";

/** What a configuration may know of the machine; the caller says it, nothing is read from the process. */
export interface PythonEnvironment {
  /** os.environ */
  readonly variables: Readonly<Record<string, string>>;
  /** os.uname(): system, node, release, version, machine. */
  readonly uname: readonly [string, string, string, string, string];
  /** os.getcwd(); where os.path.abspath() begins. */
  readonly directory?: string;
  /** What os.path.exists() and its kin ask; without it they are refused. */
  readonly fileKind?: (path: string) => "file" | "directory" | "other" | undefined;
  /** time.time(): seconds since the epoch; without it the clock is refused. */
  readonly now?: () => number;
  /** A number from 0 to 1; without it `random` is refused. */
  readonly random?: () => number;
}

/** What a configuration may use up. The amounts are far beyond any real file's. */
export interface Limits {
  /** Statements, expressions and elements looked at. */
  readonly steps: number;
  /** Characters and elements of all the values ever made. */
  readonly memory: number;
  /** Calls and expressions within each other. */
  readonly depth: number;
}

export const DEFAULT_LIMITS: Limits = { steps: 500_000, memory: 4 << 20, depth: 600 };

/** No integer is longer, in bits. */
const MAX_INTEGER_BITS = 4096;

const CHARACTERS_PER_STEP = 16;

/** Counts what a program uses up and raises its exceptions. */
export class Runtime {
  #steps: number;
  #memory: number;
  #depth = 0;
  /** What `print` wrote. */
  readonly printed: string[] = [];
  readonly notices: { readonly span: Span; readonly message: string }[] = [];
  /** Runs a function value; the interpreter sets it. */
  call: (callee: PyValue, args: CallArguments, span: Span) => PyValue = () => null;

  constructor(readonly environment: PythonEnvironment, private readonly limits: Limits) {
    this.#steps = limits.steps;
    this.#memory = limits.memory;
  }

  limit(span: Span, what: string): PythonFault {
    return new PythonFault(span, `the configuration ${what}; it is given up here`, "limit");
  }

  step(span: Span, steps = 1): void {
    this.#steps -= steps;
    if (this.#steps < 0) throw this.limit(span, "runs for too long");
  }

  /** For work over a text or a list. */
  work(span: Span, length: number): void {
    this.step(span, 1 + Math.ceil(length / CHARACTERS_PER_STEP));
  }

  /** Called before something is made. */
  allocate(span: Span, size: number): void {
    this.#memory -= size;
    if (!(this.#memory >= 0)) throw this.limit(span, "needs too much memory");
    this.work(span, size);
  }

  text(span: Span, value: string): string {
    this.allocate(span, value.length);
    return value;
  }

  /** Runs something one level deeper. */
  deeper<T>(span: Span, action: () => T): T {
    this.enter(span);
    const result = action();
    this.leave();
    return result;
  }

  enter(span: Span): void {
    if (++this.#depth > this.limits.depth) throw this.limit(span, "nests calls or values too deeply");
  }

  leave(): void {
    this.#depth--;
  }

  /** For a `try` that catches what came from deeper. */
  get depth(): number {
    return this.#depth;
  }

  set depth(depth: number) {
    this.#depth = depth;
  }

  integer(span: Span, value: bigint): bigint {
    if (value >= -0x1fffffffffffffn && value <= 0x1fffffffffffffn) return value;
    this.checkBits(span, value.toString(16).length * 4);
    return value;
  }

  /** Called before an integer is made that could be long. */
  checkBits(span: Span, bits: number): void {
    if (!(bits <= MAX_INTEGER_BITS + 4)) throw this.limit(span, "makes too long a number");
  }

  raise(span: Span, type: string, message: string): Raised {
    const known = EXCEPTIONS.get(type);
    if (known === undefined) throw new Error(`no such Python exception: ${type}`);
    return new Raised(new PyException(known, [message]), span);
  }
}
