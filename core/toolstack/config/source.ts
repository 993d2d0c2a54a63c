/** Text being read, and places in it. */

/** A place: UTF-16 offset, line and column counted from 1. */
export interface Position {
  readonly offset: number;
  readonly line: number;
  readonly column: number;
}

/** A piece of a source, end exclusive. */
export interface Span {
  readonly source: Source;
  readonly start: Position;
  readonly end: Position;
}

/** A configuration text with the name that messages give it. */
export interface Source {
  readonly name: string;
  readonly text: string;
}

/** One thing wrong (or worth a warning) at a place. */
export interface Diagnostic {
  readonly span: Span;
  readonly message: string;
}

/** FILE:LINE:COLUMN: message, then the line itself with a caret under the place. */
export function formatDiagnostic({ span, message }: Diagnostic): string {
  const { source, start } = span;
  const lineStart = start.offset - (start.column - 1);
  const lineEnd = source.text.indexOf("\n", lineStart);
  const line = source.text.slice(lineStart, lineEnd < 0 ? undefined : lineEnd).replace(/\r$/, "");
  const head = `${source.name}:${start.line}:${start.column}: ${message}`;
  if (line.trim() === "") return head;
  const indent = line.slice(0, start.column - 1).replace(/[^\t]/g, " ");
  return `${head}\n    ${line}\n    ${indent}^`;
}

/** A configuration that cannot be used; carries every fault found. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";

  constructor(readonly diagnostics: readonly Diagnostic[]) {
    super(diagnostics.map(formatDiagnostic).join("\n"));
  }
}
