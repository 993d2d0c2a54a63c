/** Faults that are the user's to know, worded for them. */

/** "usage": the command line is at fault (exit code 2). */
export type FaultKind = "usage" | "failed" | "not-supported";

export class CommandError extends Error {
  override readonly name = "CommandError";

  constructor(message: string, readonly kind: FaultKind = "failed", options?: ErrorOptions) {
    super(message, options);
  }
}

/** No domain of that name or number; each dialect has its own words for it. */
export class UnknownDomain extends Error {
  override readonly name = "UnknownDomain";

  constructor(readonly domain: string, /** A name that may have been meant. */ readonly meant?: string) {
    super(`there is no domain ${JSON.stringify(domain)}`);
  }
}

const USER_ERRORS: ReadonlySet<string> = new Set([
  "CommandError",
  "UnknownDomain",
  "ConfigError",
  "SpecificationError",
  "SourceError",
  "FetchError",
  "ImageError",
  "XendError",
  "XendFailure",
  "PathError",
]);

/** Faults that are worded for the user and need no stack trace. By name: most of their modules are not loaded for most commands. */
export function isUserError(error: unknown): error is Error {
  return error instanceof Error && USER_ERRORS.has(error.name);
}
