import { checkDomain } from "./domain_config.ts";
import { readKeys } from "./reading.ts";
import { ConfigError, type Diagnostic, formatDiagnostic, type Severity, type Source } from "./source.ts";
import { typeKeys } from "./typing.ts";
import type { PythonEnvironment } from "./xm/mod.ts";

/** A diagnostic as plain data. */
export interface CheckDiagnostic {
  readonly file: string;
  /** Counted from 1, as columns are. */
  readonly line: number;
  readonly column: number;
  readonly severity: Severity;
  readonly message: string;
  /** As the command prints it: with the line at fault. */
  readonly text: string;
}

export interface CheckOptions {
  readonly overrides?: readonly string[];
  readonly environment: PythonEnvironment;
  /** Unknown keys are errors. */
  readonly strict?: boolean;
}

function plain(diagnostic: Diagnostic): CheckDiagnostic {
  const { span, message, severity = "error" } = diagnostic;
  const { line, column } = span.start;
  return { file: span.source.name, line, column, severity, message, text: formatDiagnostic(diagnostic) };
}

/** Everything to say about a file, in the order of its lines. */
function checkSource(
  source: Source,
  { overrides = [], environment, strict = false }: CheckOptions,
): Diagnostic[] {
  try {
    const reading = readKeys(source, overrides, environment);
    const { values, diagnostics } = typeKeys(reading, strict);
    const all = [...reading.warnings, ...diagnostics, ...checkDomain(reading, values)];
    return all.sort((a, b) => a.span.start.offset - b.span.start.offset);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return [...error.diagnostics];
  }
}

/** Checks configurations: syntax, types, what cannot be done and what has no effect. Throws nothing. */
export function checkConfig(files: readonly Source[], options: CheckOptions): readonly CheckDiagnostic[] {
  return files.flatMap((file) => checkSource(file, options).map(plain));
}
