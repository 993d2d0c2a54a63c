/** From a file's keys to typed values: the table's schema, applied key by key so that each fault has its place. */
import { type KeyDefinition, KEYS, type KeyValues } from "./keys/mod.ts";
import { Refused } from "./keys/types.ts";
import type { Reading } from "./reading.ts";
import type { Diagnostic, Span } from "./source.ts";
import { nearest } from "./suggestion.ts";
import type { Setting } from "./value.ts";

export interface Typed {
  /** What could be typed; keys at fault are left out. */
  readonly values: KeyValues;
  readonly diagnostics: readonly Diagnostic[];
}

function typeOne(
  setting: Setting,
  { type }: KeyDefinition,
): { value: unknown } | { faults: readonly Diagnostic[] } {
  const { key, value } = setting;
  const fault = (message: string, span: Span = value.span): Diagnostic => ({
    span,
    message: `${key}: ${message}`,
  });
  const json = type.coerce(value, setting);
  if (json instanceof Refused) return { faults: [fault(json.message, json.span)] };
  const result = type.schema.safeParse(json);
  if (result.success) return { value: result.data };
  return {
    faults: result.error.issues.map((issue) => {
      const item = value.kind === "list" && typeof issue.path[0] === "number"
        ? value.items[issue.path[0]]
        : undefined;
      if (issue.code === "custom") return fault(issue.message, item?.span);
      return fault(`expected ${type.expects}, found ${JSON.stringify(json)?.slice(0, 80)}`, item?.span);
    }),
  };
}

/** A name that could have been meant as a key: xm's programs have their own variables beside. */
function unknownKey(setting: Setting, { dialect, own }: Reading, strict: boolean): Diagnostic | undefined {
  const { key, keySpan } = setting;
  if (dialect === "xm" && (own.has(key) || /^[A-Z_]/.test(key))) return undefined;
  const meant = nearest(key, KEYS.keys());
  const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
  // A program has variables that nobody reads; a misspelt key is like a key.
  const plain = dialect === "xm" && meant === undefined ? "note" : "warning";
  return { span: keySpan, message: `unknown key ${key}${hint}`, severity: strict ? "error" : plain };
}

/**
 * Types a file's keys.
 * @param strict makes unknown keys faults
 */
export function typeKeys(reading: Reading, strict: boolean): Typed {
  const values = new Map<string, unknown>();
  const diagnostics: Diagnostic[] = [];
  for (const [key, setting] of reading.settings) {
    const definition = KEYS.get(key);
    if (definition === undefined) {
      const diagnostic = unknownKey(setting, reading, strict);
      if (diagnostic !== undefined) diagnostics.push(diagnostic);
      continue;
    }
    const typed = typeOne(setting, definition);
    if ("value" in typed) values.set(key, typed.value);
    else if (setting.value.kind === "atom" && setting.value.text === "" && key !== "name") {
      // xm took an empty string for a key that is not set; so do the tools that write all keys.
      const message = `${key} is empty and counts as not set`;
      diagnostics.push({ span: setting.value.span, message, severity: "note" });
    } else diagnostics.push(...typed.faults);
  }
  // The schema of each key has checked its value, so the map is what the type says.
  return { values: Object.fromEntries(values) as KeyValues, diagnostics };
}
