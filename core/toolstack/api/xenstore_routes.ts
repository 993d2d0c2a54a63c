/** XenStore over the API, with Domain-0's rights. Values are UTF-8 here; the service has them as characters below 256, a byte each. */
import type { OpenAPIHono } from "@hono/zod-openapi";
import { toBytes, utf8, XenStoreError, type XenStoreService } from "../../dom0/mod.ts";
import { Feed } from "../xend/feed.ts";
import { empty, readJson, streamOf } from "./http.ts";
import { xenstoreBodies, xenstoreQuery } from "./schemas.ts";
import type { XendEvent } from "./types.ts";

/** Watch events that may wait for a client that does not read. */
const WATCH_LIMIT = 1000;
/** Of one request. */
const MOST_WATCHES = 100;

const decode = (value: string) => new TextDecoder().decode(toBytes(value));

/** @throws ZodError */
export function watchPaths(paths: readonly string[]): string[] {
  return xenstoreQuery.shape.path.array().max(MOST_WATCHES).parse(paths);
}

/** Events of changes at or below the paths, and one for each path at the start. @returns what ends it */
export function watchXenStore(
  xenstore: XenStoreService,
  paths: readonly string[],
  feed: Feed<XendEvent>,
): () => void {
  const stops = paths.map((token) =>
    xenstore.watch(token, (path) => feed.push({ type: "watch", at: Date.now(), path: decode(path), token }))
  );
  return () => stops.forEach((stop) => stop());
}

function present<T>(value: T | undefined, path: string): T {
  if (value === undefined) throw new XenStoreError("ENOENT", `there is no ${path}`);
  return value;
}

export function xenstoreRoutes(app: OpenAPIHono, base: string, xenstore: XenStoreService): void {
  const pathOf = (query: Record<string, string>) => xenstoreQuery.parse({ path: query.path }).path;
  app.get(`${base}/read`, (c) => {
    const path = pathOf(c.req.query());
    return c.json({ value: decode(present(xenstore.read(path), path)) });
  });
  app.get(`${base}/list`, (c) => {
    const path = pathOf(c.req.query());
    return c.json({ names: present(xenstore.list(path), path) });
  });
  app.get(`${base}/exists`, (c) => c.json({ exists: xenstore.exists(pathOf(c.req.query())) }));
  app.get(`${base}/permissions`, (c) => c.json({ permissions: xenstore.permissions(pathOf(c.req.query())) }));
  app.post(`${base}/write`, async (c) => {
    const { path, value } = await readJson(c.req.raw, xenstoreBodies.write);
    xenstore.write(path, utf8(value));
    return empty();
  });
  app.post(`${base}/mkdir`, async (c) => {
    xenstore.mkdir((await readJson(c.req.raw, xenstoreBodies.mkdir)).path);
    return empty();
  });
  app.post(`${base}/rm`, async (c) => {
    xenstore.rm((await readJson(c.req.raw, xenstoreBodies.rm)).path);
    return empty();
  });
  app.post(`${base}/chmod`, async (c) => {
    const { path, permissions } = await readJson(c.req.raw, xenstoreBodies.chmod);
    xenstore.chmod(path, permissions);
    return empty();
  });
  // Events of changes at or below the paths, and one for each path at the start, as XenStore's own watches have it.
  app.get(`${base}/watch`, (c) => {
    const paths = watchPaths(c.req.queries("path") ?? []);
    if (paths.length === 0) throw new XenStoreError("EINVAL", "no path is given");
    const feed = new Feed<XendEvent>({
      limit: WATCH_LIMIT,
      sizeOf: () => 1,
      lost: (count) => ({ type: "lost", at: Date.now(), count }),
      onClose: () => unwatch(),
    });
    const unwatch = watchXenStore(xenstore, paths, feed);
    const lines = streamOf(feed, (event) => new TextEncoder().encode(JSON.stringify(event) + "\n"));
    return new Response(lines, { headers: { "content-type": "application/x-ndjson" } });
  });
}
