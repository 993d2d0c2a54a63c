/** The figures of everything at one moment, for the dashboard and for Prometheus, and what is inside one domain. */
import { type OpenAPIHono, z } from "@hono/zod-openapi";
import { PROMETHEUS_TYPE, prometheusText } from "../format/prometheus.ts";
import type { Xend } from "../xend/xend.ts";

export function figuresRoutes(app: OpenAPIHono, base: string, xend: Xend): void {
  app.get(`${base}/figures`, (c) => c.json(xend.figures()));
  app.get(`${base}/domains/:id/inspect`, (c) => c.json(xend.inspect(c.req.param("id"))));
}

/** Where Prometheus looks by itself. */
export const METRICS_PATH = "/metrics";

/** For whoever may use the API, when xend was asked for it. */
export function metricsRoute(app: OpenAPIHono, xend: Xend): void {
  app.openAPIRegistry.registerPath({
    method: "get",
    path: METRICS_PATH,
    summary: "the figures in Prometheus' text format",
    responses: { 200: { description: "done", content: { "text/plain": { schema: z.string() } } } },
  });
  app.get(
    METRICS_PATH,
    () => new Response(prometheusText(xend.figures()), { headers: { "content-type": PROMETHEUS_TYPE } }),
  );
}
