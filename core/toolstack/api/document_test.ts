/** The OpenAPI document names every route that is served, and no other. */
import assert from "node:assert/strict";
import { z } from "zod";
import { XenStoreService } from "../../dom0/mod.ts";
import { fakeXend } from "../xend/testing.ts";
import { operationBodies } from "./schemas.ts";
import { apiApp } from "./server.ts";

const documentSchema = z.object({
  openapi: z.string(),
  paths: z.record(z.string(), z.record(z.string(), z.looseObject({ summary: z.string() }))),
  components: z.object({ schemas: z.record(z.string(), z.unknown()) }),
});

/** URLs of the xend of old, which has none. */
const LEGACY = /^\/xend(?:\/|$)/;

Deno.test("the OpenAPI document has every route, and every route that it has is served", async () => {
  await using fake = fakeXend();
  const { xend } = fake;
  const status = () => assert.fail("nobody asks for it");
  const stop = () => Promise.resolve([]);
  const app = apiApp({ xend, xenstore: new XenStoreService(), metrics: true, status, stop });
  const served = app.routes.filter(({ method, path }) => method !== "ALL" && !LEGACY.test(path))
    .flatMap(({ method, path }) => {
      const operations = path.includes(":operation") ? Object.keys(operationBodies) : [""];
      return operations.map((name) =>
        `${method} ${path.replace(":operation", name).replaceAll(/:(\w+)/g, "{$1}")}`
      );
    });
  // An upgrade of the connection is not the application's: attachment.ts serves it.
  served.push("POST /api/v1/domains/{id}/console/attach");

  const reply = await app.request("/api/v1/openapi.json");
  const { openapi, paths, components } = documentSchema.parse(await reply.json());
  assert.match(openapi, /^3\.1/);
  const documented = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`)
  );
  assert.deepEqual(documented.toSorted(), [...new Set(served)].toSorted());
  assert.ok(documented.length > 40, `${documented.length} routes`);
  for (const [path, methods] of Object.entries(paths)) {
    for (const { summary } of Object.values(methods)) assert.match(summary, /^\S.*\S$/, path);
  }
  const named = JSON.stringify(paths).matchAll(/"#\/components\/schemas\/(\w+)"/g);
  for (const [, name] of named) assert.ok(name in components.schemas, name);
});
