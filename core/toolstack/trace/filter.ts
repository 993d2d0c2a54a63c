/**
 * What of a trace is wanted. An expression is `KEY=VALUE,VALUE...`; a `!` before the first value turns it around. Keys: `kind` (hypercall, trap, event, grant),
 * `vcpu`, `name` (a hypercall, a trap, with `.OP` a sub-operation, with `*` for anything), `errno` (EINVAL..., `any`, `none`). A value without a key is a name.
 */
import { TRACE_KINDS, type TraceCall, type TraceKindName } from "./line.ts";

export class TraceExpressionError extends Error {
  override readonly name = "TraceExpressionError";
}

export interface TraceFilter {
  /** Kinds that can match at all. */
  readonly kinds: ReadonlySet<TraceKindName>;
  matches(line: TraceCall): boolean;
}

const KEYS = ["kind", "vcpu", "name", "errno"];

function isKind(text: string): text is TraceKindName {
  return TRACE_KINDS.some((kind) => kind === text);
}

function namePattern(value: string): RegExp {
  const escaped = value.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*");
  return new RegExp(`^${escaped}$`);
}

function predicate(key: string, value: string): (line: TraceCall) => boolean {
  switch (key) {
    case "kind":
      if (!isKind(value)) {
        throw new TraceExpressionError(`kind=${value}: the kinds are ${TRACE_KINDS.join(", ")}`);
      }
      return ({ type }) => type === value;
    case "vcpu":
      if (!/^\d{1,4}$/.test(value)) {
        throw new TraceExpressionError(`vcpu=${value}: a vCPU's number is expected`);
      }
      return ({ vcpu }) => vcpu === Number(value);
    case "errno":
      if (value === "any") return ({ errno }) => errno !== undefined;
      if (value === "none") return ({ errno }) => errno === undefined;
      if (!/^(E[A-Z0-9]+|GNTST_\w+)$/.test(value)) {
        throw new TraceExpressionError(`errno=${value}: a name like EINVAL, any or none is expected`);
      }
      return ({ errno }) => errno === value;
    default: {
      if (!/^[#\w.*]+$/.test(value)) {
        throw new TraceExpressionError(`${JSON.stringify(value)} is no name of a hypercall or trap`);
      }
      const pattern = namePattern(value);
      return ({ name, op }) => pattern.test(name) || (op !== undefined && pattern.test(`${name}.${op}`));
    }
  }
}

function expression(
  text: string,
): { isKinds: boolean; values: string[]; negated: boolean; matches: (line: TraceCall) => boolean } {
  const at = text.indexOf("=");
  const key = at < 0 ? "name" : text.slice(0, at).trim();
  if (!KEYS.includes(key)) {
    throw new TraceExpressionError(`${JSON.stringify(text)}: the keys are ${KEYS.join(", ")}`);
  }
  const rest = text.slice(at + 1).trim();
  const negated = rest.startsWith("!");
  const values = rest.slice(negated ? 1 : 0).split(",").map((value) => value.trim());
  if (values.some((value) => value === "")) {
    throw new TraceExpressionError(`${JSON.stringify(text)}: a value is missing`);
  }
  const predicates = values.map((value) => predicate(key, value));
  const any = (line: TraceCall) => predicates.some((matches) => matches(line));
  return { isKinds: key === "kind", values, negated, matches: negated ? (line) => !any(line) : any };
}

/** Each expression must hold. @throws TraceExpressionError */
export function traceFilter(expressions: readonly string[]): TraceFilter {
  const parsed = expressions.map(expression);
  const kinds = new Set<TraceKindName>(TRACE_KINDS);
  for (const { isKinds, values, negated } of parsed) {
    if (!isKinds) continue;
    for (const kind of TRACE_KINDS) if (values.includes(kind) === negated) kinds.delete(kind);
  }
  return { kinds, matches: (line) => parsed.every(({ matches }) => matches(line)) };
}
