/** Devices of running domains over the API. */
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Xend } from "../xend/xend.ts";
import { empty, isSet, readJson } from "./http.ts";
import { attachRequestSchema, devicePath } from "./schemas.ts";

export function deviceRoutes(app: OpenAPIHono, base: string, xend: Xend): void {
  app.post(`${base}/domains/:id/devices`, async (c) => {
    const request = await readJson(c.req.raw, attachRequestSchema);
    return c.json(await xend.attachDevice(c.req.param("id"), request), 201);
  });
  app.delete(`${base}/domains/:id/devices/:kind/:devid`, async (c) => {
    const { kind, devid } = devicePath.parse(c.req.param());
    await xend.detachDevice(c.req.param("id"), kind, Number(devid), isSet(c.req.query("force")));
    return empty();
  });
}
