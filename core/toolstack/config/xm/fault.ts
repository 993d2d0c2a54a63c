import type { Diagnostic, Span } from "../source.ts";

/** Ends the reading of a Python configuration: wrong syntax, something unsupported, a limit. No `except` catches it. */
export class PythonFault extends Error {
  readonly diagnostic: Diagnostic;

  constructor(
    span: Span,
    message: string,
    readonly reason: "syntax" | "unsupported" | "limit" | "exception",
  ) {
    super(message);
    this.diagnostic = { span, message };
  }
}

/** What of Python a configuration cannot use here, by name. */
export function unsupported(span: Span, what: string): PythonFault {
  return new PythonFault(
    span,
    `${what}: configurations are not run as programs, only the declarative part of Python is read`,
    "unsupported",
  );
}

export function syntaxFault(span: Span, message: string): PythonFault {
  return new PythonFault(span, message, "syntax");
}
