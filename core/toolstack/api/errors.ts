/** Faults as replies: the status and the body of an error. */
import { z } from "zod";
import { XenStoreError, type XenStoreErrorName } from "../../dom0/mod.ts";
import { XendError } from "../xend/errors.ts";
import type { ApiError, ErrorCode } from "./types.ts";

const STATUS: Readonly<Record<ErrorCode, number>> = {
  "bad-request": 400,
  "no-such-domain": 404,
  "name-exists": 409,
  "wrong-state": 409,
  "bad-config": 422,
  "bad-image": 422,
  "no-memory": 507,
  "no-such-device": 404,
  "no-such-path": 404,
  "timeout": 504,
  "not-supported": 501,
  "unauthorized": 401,
  "busy": 503,
  "internal": 500,
};

const XENSTORE_CODES: Readonly<Partial<Record<XenStoreErrorName, ErrorCode>>> = {
  ENOENT: "no-such-path",
  EACCES: "unauthorized",
  EPERM: "unauthorized",
  EAGAIN: "busy",
  EBUSY: "busy",
  EIO: "internal",
  ENOMEM: "internal",
};

export interface ErrorReply {
  readonly status: number;
  readonly body: ApiError;
}

/** What is wrong with a request's values, in one line. */
function issuesText({ issues }: z.ZodError): string {
  return issues.map(({ path, message }) => path.length === 0 ? message : `${path.join(".")}: ${message}`)
    .join("; ");
}

/** @param onInternal told of what is no fault of the request's */
export function errorReply(error: unknown, onInternal: (error: unknown) => void): ErrorReply {
  if (error instanceof XendError) {
    return { status: STATUS[error.code], body: { code: error.code, message: error.message } };
  }
  if (error instanceof XenStoreError) {
    const code = XENSTORE_CODES[error.code] ?? "bad-request";
    return { status: STATUS[code], body: { code, message: `XenStore: ${error.message}` } };
  }
  if (error instanceof z.ZodError) {
    return { status: 400, body: { code: "bad-request", message: issuesText(error) } };
  }
  onInternal(error);
  return {
    status: 500,
    body: { code: "internal", message: error instanceof Error ? error.message : String(error) },
  };
}

export function errorResponse(error: unknown, onInternal: (error: unknown) => void): Response {
  const { status, body } = errorReply(error, onInternal);
  return Response.json(body, { status });
}
