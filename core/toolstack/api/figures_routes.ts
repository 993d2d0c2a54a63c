/** The figures of everything at one moment, and what is inside one domain. */
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Xend } from "../xend/xend.ts";

export function figuresRoutes(app: OpenAPIHono, base: string, xend: Xend): void {
  app.get(`${base}/figures`, (c) => c.json(xend.figures()));
  app.get(`${base}/domains/:id/inspect`, (c) => c.json(xend.inspect(c.req.param("id"))));
}
