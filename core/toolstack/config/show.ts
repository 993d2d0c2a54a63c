import { commandLine, guestType } from "./domain_config.ts";
import { KEYS, type KeyValues } from "./keys/mod.ts";
import { type Reading, readKeys } from "./reading.ts";
import type { Diagnostic, Source } from "./source.ts";
import { typeKeys } from "./typing.ts";
import type { Json } from "./value.ts";
import type { PythonEnvironment } from "./xm/mod.ts";

/** What `config show --json` prints. */
export interface ShownConfig {
  /** The file's own keys as strings, numbers and lists. */
  readonly keys: Readonly<Record<string, Json>>;
  /** Every key that has a value, by the file or by default, typed; disks and vifs taken apart. */
  readonly effective: Readonly<Record<string, unknown>>;
}

/** Keys whose value only says what another key's value is. */
const FOLDED: ReadonlySet<string> = new Set(["builder"]);

/** The typed values, with defaults: of keys for this guest type that do something here, and of all that are set. */
export function effectiveValues(
  values: KeyValues,
  dialect: Reading["dialect"],
): Readonly<Record<string, unknown>> {
  const guest = guestType(values);
  const entries = new Map<string, unknown>();
  const given = new Map<string, unknown>(Object.entries(values));
  for (const [key, { guests, default: initial, dialects, status }] of KEYS) {
    if (FOLDED.has(key)) continue;
    const value = given.get(key);
    const defaults = initial !== undefined && guests.includes(guest) && dialects.includes("xl") &&
      (status.kind === "honoured" || guests.length < 3);
    if (value !== undefined) entries.set(key, value);
    else if (defaults) entries.set(key, initial);
  }
  entries.set("type", guest);
  const cmdline = commandLine(values, dialect);
  if (cmdline !== undefined) entries.set("cmdline", cmdline);
  if (values.memory === undefined && values.maxmem !== undefined) {
    entries.set("memory", Math.min(128, values.maxmem));
  }
  entries.set("maxmem", values.maxmem ?? entries.get("memory"));
  entries.set("maxvcpus", values.maxvcpus ?? entries.get("vcpus"));
  return Object.fromEntries(entries);
}

/**
 * A file's keys as they are read, and the configuration that they make. Values that are at fault are left out of the latter and said.
 * @throws ConfigError when the file cannot be read at all
 */
export function showConfig(
  source: Source,
  overrides: readonly string[],
  environment: PythonEnvironment,
): ShownConfig & { readonly diagnostics: readonly Diagnostic[] } {
  const reading = readKeys(source, overrides, environment);
  const { values, diagnostics } = typeKeys(reading, false);
  return {
    keys: reading.keys,
    effective: effectiveValues(values, reading.dialect),
    diagnostics: [...reading.warnings, ...diagnostics],
  };
}
