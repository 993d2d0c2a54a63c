/** From a file's text to its keys: xl's reading, and where xl refuses the text, xm's. */
import { ConfigError, type Diagnostic, endOf, MAX_SOURCE_LENGTH, type Source } from "./source.ts";
import { type Assignment, type Json, type Setting, settingJson } from "./value.ts";
import { parseConfig, type ParsedConfig } from "./xl/parser.ts";
import { settle } from "./xl/settings.ts";
import { type PythonEnvironment, PythonFault, readPython } from "./xm/mod.ts";

export interface Reading {
  readonly dialect: "xl" | "xm";
  readonly source: Source;
  readonly settings: ReadonlyMap<string, Setting>;
  /** All that the file holds, with the command line's settings, as JSON: strings, numbers and lists. */
  readonly keys: Readonly<Record<string, Json>>;
  /** Of xm: variables that are the program's own, so that they need not be keys. */
  readonly own: ReadonlySet<string>;
  readonly warnings: readonly Diagnostic[];
}

const OVERRIDE = /^\s*([A-Za-z_][A-Za-z0-9_.]*)\s*(\+?=)([^]*)$/;

/** What NAME=VALUE of a command line says: a value of the language if it is one, a string otherwise. */
function parseOverride(
  override: string,
): { assignments: readonly Assignment[]; diagnostics: readonly Diagnostic[] } {
  const source = { name: "command line", text: override };
  const parsed = parseConfig(source);
  if (parsed.diagnostics.length === 0 && parsed.pedantry.length === 0) return parsed;
  const match = OVERRIDE.exec(override);
  if (match === null) return parsed;
  const [, key, operator, text] = match;
  const value = parseConfig({ name: source.name, text: `a=${text}\n` });
  const keyEnd = override.indexOf("=") + 1;
  const at = (offset: number) => ({ offset, line: 1, column: offset + 1 });
  const span = { source, start: at(keyEnd), end: at(override.length) };
  const keySpan = { source, start: at(0), end: at(key.length) };
  const plain = value.diagnostics.length === 0 && value.assignments.length === 1
    ? value.assignments[0].value
    : undefined;
  return {
    diagnostics: [],
    assignments: [{
      key,
      keySpan,
      operator: operator === "+=" ? "+=" : "=",
      value: plain === undefined ? { kind: "atom", text, quoted: true, span } : { ...plain, span },
    }],
  };
}

/** A line that begins with a statement that only Python has. */
const STATEMENT = /^[ \t]*(?:import|from|def|if|for|while|print|try|class|raise|with|exec|assert)\b/m;

/** Each name's text as the command line has it, for the program to find. */
function givenNames(overrides: readonly string[]): ReadonlyMap<string, string> {
  const given = new Map<string, string>();
  for (const override of overrides) {
    const match = OVERRIDE.exec(override);
    if (match !== null && match[2] === "=" && !match[1].includes(".")) given.set(match[1], match[3].trim());
  }
  return given;
}

interface OneDialect {
  readonly dialect: "xl" | "xm";
  readonly settings: ReadonlyMap<string, Setting>;
  readonly values?: ReadonlyMap<string, Json>;
  readonly own: ReadonlySet<string>;
  readonly warnings: readonly Diagnostic[];
}

function asXl(
  { diagnostics, pedantry, surprises, assignments }: ParsedConfig,
): OneDialect | readonly Diagnostic[] {
  const settled = settle(assignments);
  const faults = [...diagnostics, ...settled.diagnostics];
  if (faults.length > 0) return faults;
  if (pedantry.length > 0) return pedantry;
  const warnings = surprises.map((surprise): Diagnostic => ({ ...surprise, severity: "warning" }));
  return { dialect: "xl", settings: settled.byKey, own: new Set(), warnings };
}

/** @throws ConfigError with xl's faults, or Python's where the file is Python */
function asXm(
  source: Source,
  overrides: readonly string[],
  environment: PythonEnvironment,
  faults: readonly Diagnostic[],
  grammatical: boolean,
): OneDialect {
  try {
    const { settings, values, read, notices, printed } = readPython(
      source,
      givenNames(overrides),
      environment,
    );
    const warnings = notices.map((notice): Diagnostic => ({ ...notice, severity: "warning" }));
    if (printed.length > 0) {
      const lines = `it prints: ${printed.join("\n").slice(0, 500)}`;
      warnings.push({
        span: { ...endOf(source), start: { offset: 0, line: 1, column: 1 } },
        message: lines,
        severity: "note",
      });
    }
    return { dialect: "xm", settings, values, own: read, warnings };
  } catch (error) {
    if (!(error instanceof PythonFault)) throw error;
    // Whose words are the better ones: those of the language that the file seems to be written in.
    const python = STATEMENT.test(source.text) || (error.reason !== "syntax" && !grammatical);
    throw new ConfigError(python ? [error.diagnostic] : faults);
  }
}

/** The keys and their values; a key's last place in the file is where it stands. */
function keysOf(
  read: OneDialect,
  settings: ReadonlyMap<string, Setting>,
): Readonly<Record<string, Json>> {
  const entries: [string, Json][] = [...read.values ?? []];
  const changed = [...settings].filter(([key, setting]) =>
    read.values === undefined || read.settings.get(key) !== setting
  );
  for (const [key, setting] of changed) entries.push([key, settingJson(setting)]);
  return Object.fromEntries(entries);
}

/**
 * Reads a configuration's keys: as xl does; and where its grammar refuses the text, as xm did.
 * @param overrides KEY=VALUE and KEY+=VALUE texts of a command line, which come last; an xm file finds them as variables
 * @throws ConfigError naming file, line and column of every fault
 */
export function readKeys(
  source: Source,
  overrides: readonly string[],
  environment: PythonEnvironment,
): Reading {
  if (source.text.length > MAX_SOURCE_LENGTH) {
    const start = { offset: 0, line: 1, column: 1 };
    const message = `the file is too long for a configuration (over ${MAX_SOURCE_LENGTH >> 20} MiB)`;
    throw new ConfigError([{
      span: { source: { name: source.name, text: "" }, start, end: start },
      message,
    }]);
  }
  const more = overrides.map(parseOverride);
  const wrong = more.flatMap(({ diagnostics }) => diagnostics);
  const parsed = parseConfig(source);
  const xl = asXl(parsed);
  const read = Array.isArray(xl) ? undefined : xl as OneDialect;
  const chosen = read ??
    (wrong.length > 0 ? undefined : asXm(
      source,
      overrides,
      environment,
      xl as readonly Diagnostic[],
      parsed.diagnostics.length === 0 && parsed.pedantry.length === 0,
    ));
  if (chosen === undefined || wrong.length > 0) {
    throw new ConfigError([...read === undefined ? xl as readonly Diagnostic[] : [], ...wrong]);
  }
  const { byKey, diagnostics } = settle(more.flatMap(({ assignments }) => assignments), chosen.settings);
  if (diagnostics.length > 0) throw new ConfigError(diagnostics);
  const { dialect, own, warnings } = chosen;
  return { dialect, source, settings: byKey, keys: keysOf(chosen, byKey), own, warnings };
}
