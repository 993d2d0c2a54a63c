import type { Diagnostic } from "../source.ts";
import type { Assignment, Setting, Value } from "../value.ts";

export interface Settings {
  readonly byKey: ReadonlyMap<string, Setting>;
  readonly diagnostics: readonly Diagnostic[];
}

/** What += makes of two values; undefined for a list and a single value. */
function joined(first: Value, second: Value): Value | undefined {
  if (first.kind === "atom" && second.kind === "atom") {
    return { ...second, text: first.text + second.text, quoted: true };
  }
  if (first.kind === "list" && second.kind === "list") {
    return { ...second, items: [...first.items, ...second.items] };
  }
  return undefined;
}

/** Runs assignments in order after what is there already: the last one wins, += joins strings and lists. */
export function settle(
  assignments: readonly Assignment[],
  start: ReadonlyMap<string, Setting> = new Map(),
): Settings {
  const byKey = new Map(start);
  const diagnostics: Diagnostic[] = [];
  for (const { key, keySpan, operator, value } of assignments) {
    const before = byKey.get(key);
    if (operator === "=" || before === undefined) {
      byKey.set(key, { key, keySpan, value, added: operator === "+=" });
      continue;
    }
    const sum = joined(before.value, value);
    if (sum === undefined) {
      const [had, adds] = before.value.kind === "list"
        ? ["a list", "a single value"]
        : ["a single value", "a list"];
      diagnostics.push({
        span: value.span,
        message: `cannot add ${adds} to ${key}, which holds ${had} since line ${before.keySpan.start.line}`,
      });
      continue;
    }
    byKey.set(key, { key, keySpan, value: sum, added: true });
  }
  return { byKey, diagnostics };
}
