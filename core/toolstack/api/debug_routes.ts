/** A domain under a debugger, and its trace as a stream of lines of JSON. */
import type { OpenAPIHono } from "@hono/zod-openapi";
import { XendError } from "../xend/errors.ts";
import type { TraceLine } from "../trace/line.ts";
import type { Feed } from "../xend/feed.ts";
import type { Xend } from "../xend/xend.ts";
import { readJson, streamOf } from "./http.ts";
import { gdbBody, traceBody } from "./schemas.ts";

/** What the host's debugging parts can do; what is missing is answered with "not-supported". */
export interface DebugServices {
  /** Listens for gdb on a port of 127.0.0.1. @returns host:port */
  gdb?(domid: number, options: { port?: number; pause?: boolean }): Promise<string>;
  /** Lines until the domain's end or the reader leaves. */
  trace?(
    domid: number,
    request: { expressions?: readonly string[]; seconds?: number },
  ): Feed<readonly TraceLine[]>;
}

export function debugRoutes(app: OpenAPIHono, base: string, xend: Xend, services: DebugServices): void {
  app.post(`${base}/domains/:id/gdb`, async (c) => {
    const { domain } = xend.find(c.req.param("id")).running;
    const options = await readJson(c.req.raw, gdbBody);
    if (services.gdb === undefined) throw new XendError("not-supported", "this xend has no gdb stub");
    try {
      return c.json({ address: await services.gdb(domain.domid, options) });
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
      throw new XendError("busy", `the port ${options.port} is in use`, { cause: error });
    }
  });
  app.post(`${base}/domains/:id/trace`, async (c) => {
    const { domain } = xend.find(c.req.param("id")).running;
    const request = await readJson(c.req.raw, traceBody);
    if (services.trace === undefined) throw new XendError("not-supported", "this xend has no trace");
    const lines = streamOf(
      services.trace(domain.domid, request),
      (batch) => new TextEncoder().encode(batch.map((line) => `${JSON.stringify(line)}\n`).join("")),
    );
    return new Response(lines, { headers: { "content-type": "application/x-ndjson" } });
  });
}
