/** The figures' schemas and plain types say the same: `deno check` fails where they do not, in either direction. */
import assert from "node:assert/strict";
import type { z } from "zod";
import type { DomainInspection, MachineFigures } from "./figures.ts";
import { domainInspectionSchema, machineFiguresSchema } from "./figures_schemas.ts";

/** Only where each can stand for the other. */
type Agree<A, B> = [A] extends [B] ? [B] extends [A] ? true : never : never;

const agreements: readonly true[] = [
  true satisfies Agree<z.infer<typeof machineFiguresSchema>, MachineFigures>,
  true satisfies Agree<z.infer<typeof domainInspectionSchema>, DomainInspection>,
];

Deno.test("the figures' schemas and types agree", () => assert.equal(agreements.length, 2));
