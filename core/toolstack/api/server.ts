/** xend's HTTP API: routes, what they take and what they call. How it is reached is `listener.ts`'s matter. */
import { OpenAPIHono, z } from "@hono/zod-openapi";
import {
  pin,
  setMaxMemory,
  setMemoryTarget,
  setSchedule,
  setVcpus,
  sysrq,
  trigger,
} from "../xend/controls.ts";
import { XendError } from "../xend/errors.ts";
import { EVENT_TYPES } from "../xend/event_hub.ts";
import type { Xend } from "../xend/xend.ts";
import type { XenStoreService } from "../../dom0/mod.ts";
import { errorResponse } from "./errors.ts";
import { debugRoutes, type DebugServices } from "./debug_routes.ts";
import { describeRoutes } from "./document.ts";
import { figuresRoutes, metricsRoute } from "./figures_routes.ts";
import { legacyRoutes } from "./legacy.ts";
import { deviceRoutes } from "./device_routes.ts";
import { createRequestSchema, debugKeysBody, operationBodies, stopBody } from "./schemas.ts";
import { empty, isSet, readBody, readJson, streamOf } from "./http.ts";
import type { XendStatus } from "./types.ts";
import { watchPaths, watchXenStore, xenstoreRoutes } from "./xenstore_routes.ts";

/** Console input that may wait for a guest before more of it is refused, bytes. */
const INPUT_BACKLOG = 1024 * 1024;

/** What the API needs of the process around xend. */
export interface ApiHost {
  readonly xend: Xend;
  readonly xenstore?: XenStoreService;
  readonly debug?: DebugServices;
  /** Prometheus may ask for the figures. */
  readonly metrics?: boolean;
  status(): XendStatus;
  /** Ends the process once the domains are ended. @returns the domains that did not end by themselves */
  stop(graceMs?: number): Promise<string[]>;
}

/** What POST /domains/X/OP does. */
type Operation = keyof typeof operationBodies;
const operations: {
  readonly [Name in Operation]: (
    xend: Xend,
    id: string,
    body: z.infer<typeof operationBodies[Name]>,
  ) => unknown;
} = {
  start: (xend, id, { paused }) => xend.start(id, paused),
  pause: (xend, id) => xend.pause(id),
  unpause: (xend, id) => xend.unpause(id),
  shutdown: (xend, id, body) => xend.shutdown(id, body),
  reboot: (xend, id, body) => xend.shutdown(id, { ...body, reason: "reboot" }),
  destroy: (xend, id) => xend.destroy(id),
  reset: (xend, id) => xend.reset(id),
  delete: (xend, id) => xend.delete(id),
  rename: (xend, id, { name }) => xend.rename(id, name),
  sysrq: (xend, id, { key }) => sysrq(xend.find(id), key),
  trigger: (xend, id, { name, vcpu }) => trigger(xend.find(id), name, vcpu),
  memory: (xend, id, { targetKiB }) => setMemoryTarget(xend.find(id), targetKiB),
  "max-memory": (xend, id, { maxKiB }) => setMaxMemory(xend.find(id), maxKiB),
  vcpus: (xend, id, { count }) => setVcpus(xend.find(id), count),
  pin: (xend, id, { vcpu, hard, soft }) => pin(xend.find(id), vcpu, hard, soft, xend.pcpus),
  scheduler: (xend, id, parameters) => setSchedule(xend.find(id), parameters),
  "dump-core": async (xend, id, body) => ({ file: await xend.dumpCore(id, body) }),
};

async function operate<Name extends Operation>(
  name: Name,
  xend: Xend,
  id: string,
  request: Request,
): Promise<unknown> {
  const body = await readJson(request, operationBodies[name]) as z.infer<typeof operationBodies[Name]>;
  return await operations[name](xend, id, body);
}

const isOperation = (name: string): name is Operation => Object.hasOwn(operations, name);

export function apiApp({ xend, xenstore, debug = {}, metrics, status, stop }: ApiHost): OpenAPIHono {
  const app = new OpenAPIHono();
  const base = "/api/v1";
  app.onError((error) =>
    errorResponse(error, () => xend.log.error(`API: ${error instanceof Error ? error.stack : error}`))
  );
  app.notFound((c) =>
    c.json({ code: "bad-request", message: `there is no ${c.req.method} ${c.req.path} in the API` }, 404)
  );
  describeRoutes(app, base);
  legacyRoutes(app, xend, stop);
  if (xenstore !== undefined) xenstoreRoutes(app, `${base}/xenstore`, xenstore);
  app.get(
    `${base}/openapi.json`,
    (c) =>
      c.json(
        app.getOpenAPI31Document({ openapi: "3.1.0", info: { title: "Xenolith's xend", version: "1" } }),
      ),
  );

  app.get(`${base}/domains`, (c) => c.json(xend.list(isSet(c.req.query("all")))));
  app.post(`${base}/domains`, async (c) => {
    const request = await readJson(c.req.raw, createRequestSchema);
    return c.json(await xend.create(request), 201);
  });
  app.get(`${base}/domains/:id`, (c) => c.json(xend.detail(c.req.param("id"))));
  app.get(`${base}/domains/:id/console`, (c) => {
    const { console } = xend.find(c.req.param("id"));
    const headers = { "content-type": "application/octet-stream" };
    if (!isSet(c.req.query("follow"))) return new Response(console.history().slice(), { headers });
    return new Response(streamOf(console.follow(true), (bytes) => bytes), { headers });
  });
  app.post(`${base}/domains/:id/console`, async (c) => {
    const { domain } = xend.find(c.req.param("id")).running;
    if (domain.consoleBacklog > INPUT_BACKLOG) {
      throw new XendError("busy", "the guest has not yet read what it was sent before");
    }
    domain.consoleInput(await readBody(c.req.raw));
    return empty();
  });
  figuresRoutes(app, base, xend);
  if (metrics === true) metricsRoute(app, xend);
  debugRoutes(app, base, xend, debug);
  deviceRoutes(app, base, xend);
  app.post(`${base}/domains/:id/:operation`, async (c) => {
    const { id, operation } = c.req.param();
    if (!isOperation(operation)) {
      throw new XendError("bad-request", `there is no operation ${JSON.stringify(operation)} on domains`);
    }
    const result = await operate(operation, xend, id, c.req.raw);
    return result === undefined ? empty() : Response.json(result);
  });

  app.post(`${base}/xendomains/start`, async (c) => c.json(await xend.xendomainsStart()));
  app.post(`${base}/xendomains/stop`, async (c) => {
    const { graceMs } = await readJson(c.req.raw, stopBody);
    return c.json(await xend.xendomainsStop(graceMs));
  });
  app.get(`${base}/node`, (c) => c.json(xend.node()));
  app.get(`${base}/node/log`, (c) => c.text(xend.log.lines().map((line) => `${line}\n`).join("")));
  app.get(`${base}/node/dmesg`, (c) => c.text(xend.dmesg()));
  app.post(`${base}/node/dmesg/clear`, () => {
    xend.clearDmesg();
    return empty();
  });
  app.post(`${base}/node/debug-keys`, async (c) => {
    xend.debugKeys((await readJson(c.req.raw, debugKeysBody)).keys);
    return empty();
  });
  app.get(`${base}/status`, (c) => c.json(status()));
  app.post(`${base}/stop`, async (c) => {
    const { graceMs } = await readJson(c.req.raw, stopBody);
    return c.json({ destroyed: await stop(graceMs) });
  });
  // types=domain,log chooses; watch=PATH (any number of them) adds the changes in XenStore at or below a path.
  app.get(`${base}/events`, (c) => {
    const wanted = c.req.query("types");
    const types = wanted === undefined
      ? undefined
      : new Set(z.array(z.enum(EVENT_TYPES)).parse(wanted === "" ? [] : wanted.split(",")));
    const paths = watchPaths(c.req.queries("watch") ?? []);
    const feed = xend.events.follow(types, () => unwatch());
    const unwatch = xenstore === undefined ? () => {} : watchXenStore(xenstore, paths, feed);
    const lines = streamOf(feed, (event) => new TextEncoder().encode(JSON.stringify(event) + "\n"));
    return new Response(lines, { headers: { "content-type": "application/x-ndjson" } });
  });
  return app;
}
