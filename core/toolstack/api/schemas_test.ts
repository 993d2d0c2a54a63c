/** The schemas and the plain types say the same: `deno check` fails where they do not, in either direction. */
import assert from "node:assert/strict";
import type { z } from "zod";
import {
  apiErrorSchema,
  attachRequestSchema,
  createReplySchema,
  createRequestSchema,
  domainDetailSchema,
  domainSummarySchema,
  nodeInfoSchema,
  xendEventSchema,
  xendStatusSchema,
} from "./schemas.ts";
import type {
  ApiError,
  AttachRequest,
  CreateReply,
  CreateRequest,
  DomainDetail,
  DomainSummary,
  NodeInfo,
  XendEvent,
  XendStatus,
} from "./types.ts";

/** Only where each can stand for the other. */
type Agree<A, B> = [A] extends [B] ? [B] extends [A] ? true : never : never;

const agreements: readonly true[] = [
  true satisfies Agree<z.infer<typeof apiErrorSchema>, ApiError>,
  true satisfies Agree<z.infer<typeof attachRequestSchema>, AttachRequest>,
  true satisfies Agree<z.infer<typeof createReplySchema>, CreateReply>,
  true satisfies Agree<z.infer<typeof createRequestSchema>, CreateRequest>,
  true satisfies Agree<z.infer<typeof domainDetailSchema>, DomainDetail>,
  true satisfies Agree<z.infer<typeof domainSummarySchema>, DomainSummary>,
  true satisfies Agree<z.infer<typeof nodeInfoSchema>, NodeInfo>,
  true satisfies Agree<z.infer<typeof xendEventSchema>, XendEvent>,
  true satisfies Agree<z.infer<typeof xendStatusSchema>, XendStatus>,
];

Deno.test("the API's schemas and types agree", () => assert.equal(agreements.length, 9));
