import type { ErrorCode } from "../api/types.ts";

/** An operation that xend refuses or that failed; worded for the user. */
export class XendError extends Error {
  override readonly name = "XendError";

  constructor(readonly code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}
