/** The language of domain configuration files (xl.cfg(5)) and what a domain's keys mean. */
import { parseConfig } from "./xl/parser.ts";
import { type CheckedConfig, checkSettings } from "./schema.ts";
import { settle } from "./xl/settings.ts";
import { ConfigError, type Position, type Source } from "./source.ts";

export { type DomainConfig, type ShutdownAction } from "./schema.ts";
export { ConfigError, type Diagnostic, formatDiagnostic } from "./source.ts";

function endOf(text: string): Position {
  const lines = text.replace(/\n$/, "").split("\n");
  return { offset: text.length, line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
}

/** Makes KEY=VALUE of a command line a statement: what is no value of the language counts as a string. */
function overrideSource(override: string): Source {
  const source = { name: "command line", text: override };
  const equals = override.indexOf("=");
  if (equals < 0) return source;
  if (parseConfig(source).diagnostics.length === 0) return source;
  const key = override.slice(0, equals + 1);
  return { name: source.name, text: `${key}${JSON.stringify(override.slice(equals + 1))}` };
}

/**
 * Reads a domain configuration.
 * @param source the file
 * @param overrides KEY=VALUE or KEY+=VALUE texts that count as further lines
 * @throws ConfigError naming file, line and column of every fault
 */
export function readDomainConfig(source: Source, overrides: readonly string[] = []): CheckedConfig {
  const sources = [source, ...overrides.map(overrideSource)];
  const parsed = sources.map(parseConfig);
  const faults = parsed.flatMap(({ diagnostics }) => diagnostics);
  if (faults.length > 0) throw new ConfigError(faults);
  const { byKey, diagnostics } = settle(parsed.flatMap(({ assignments }) => assignments));
  if (diagnostics.length > 0) throw new ConfigError(diagnostics);
  const end = endOf(source.text);
  return checkSettings(byKey, { source, start: end, end });
}
