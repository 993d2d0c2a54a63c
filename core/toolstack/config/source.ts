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

/** An error keeps a domain from being made, a warning does not; a note says what has no effect here, and why. */
export type Severity = "error" | "warning" | "note";

/** One thing wrong (or worth a warning) at a place. */
export interface Diagnostic {
  readonly span: Span;
  readonly message: string;
  /** "error" when it is not given. */
  readonly severity?: Severity;
}

/** FILE:LINE:COLUMN: message, then the line itself with a caret under the place. */
export function formatDiagnostic({ span, message, severity = "error" }: Diagnostic): string {
  const { source, start } = span;
  const lineStart = start.offset - (start.column - 1);
  const lineEnd = source.text.indexOf("\n", lineStart);
  const line = source.text.slice(lineStart, lineEnd < 0 ? undefined : lineEnd).replace(/\r$/, "");
  const kind = severity === "error" ? "" : `${severity}: `;
  const head = `${source.name}:${start.line}:${start.column}: ${kind}${message}`;
  if (line.trim() === "" || line.length > 400) return head;
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

/** The most that a configuration may hold, in UTF-16 units. */
export const MAX_SOURCE_LENGTH = 4 << 20;

/** The place after the last character, for what is missing altogether. */
export function endOf(source: Source): Span {
  const text = source.text.replace(/\n$/, "");
  const lastLine = text.lastIndexOf("\n") + 1;
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) line++;
  const end = { offset: text.length, line, column: text.length - lastLine + 1 };
  return { source, start: end, end };
}

/** A text that holds a NUL is none. */
export class NotText extends Error {}

/**
 * A file's bytes as text: UTF-8, or else a character for each byte, since xl cares for neither.
 * @throws NotText
 */
export function decodeSource(bytes: Uint8Array): string {
  if (bytes.includes(0)) throw new NotText("it is not text");
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  }
}
