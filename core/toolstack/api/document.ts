/** The OpenAPI document of the API: a line for each route. document_test.ts holds that none is missing. */
import { type OpenAPIHono, z } from "@hono/zod-openapi";
import { EVENT_TYPES } from "../xend/event_hub.ts";
import { domainInspectionSchema, machineFiguresSchema } from "./figures_schemas.ts";
import { NO_CONTENT } from "./http.ts";
import {
  apiErrorSchema,
  attachRequestSchema,
  coreReplySchema,
  createReplySchema,
  createRequestSchema,
  debugKeysBody,
  devicePath,
  deviceRecordSchema,
  domainDetailSchema,
  domainSummarySchema,
  gdbBody,
  gdbReplySchema,
  nodeInfoSchema,
  operationBodies,
  stopBody,
  traceBody,
  traceLineSchema,
  xendEventSchema,
  xendomainsReplySchema,
  xendStatusSchema,
  xenstoreBodies,
  xenstoreQuery,
} from "./schemas.ts";

/** A reply with no body is `undefined`; one schema alone is of JSON. */
type Reply = z.ZodType | { readonly type: string; readonly schema: z.ZodType; readonly status?: number };

interface Route {
  readonly method: "get" | "post" | "delete";
  readonly path: string;
  readonly summary: string;
  /** Of the path, beside a domain's id. */
  readonly parameters?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType | { readonly type: string };
  readonly reply?: Reply;
}

const flag = (description: string) => z.enum(["0", "1"]).optional().openapi({ description });
const text = z.string();
const bytes = z.string().openapi({ format: "binary" });
/** One JSON object a line, as long as the connection stays. */
const lines = (schema: z.ZodType) => ({ type: "application/x-ndjson", schema });
const plain = { type: "text/plain", schema: text };
const raw = { type: "application/octet-stream", schema: bytes };
const watched = z.array(xenstoreQuery.shape.path);

/** What the operations of POST /domains/X/OP do. */
const OPERATIONS: { readonly [Name in keyof typeof operationBodies]: string } = {
  start: "start a managed domain",
  pause: "pause",
  unpause: "unpause",
  shutdown: "ask the guest to power off, or to reboot; with wait: until it has",
  reboot: "ask the guest to reboot",
  destroy: "end it at once",
  reset: "destroy it and start it anew",
  delete: "forget a managed domain",
  rename: "give it another name",
  sysrq: "send a magic SysRq key to the guest",
  trigger: "send an NMI or another trigger to a vCPU",
  memory: "set the memory that its balloon is to reach",
  "max-memory": "set the most memory that it can have",
  vcpus: "set how many vCPUs it is to use",
  pin: "set the pCPUs that a vCPU may run on",
  scheduler: "set the credit scheduler's weight and cap",
  "dump-core": "write an ELF core of it",
};

const ROUTES: readonly Route[] = [
  {
    method: "get",
    path: "/domains",
    summary: "all domains, Domain-0 first",
    query: z.object({ all: flag("managed ones that do not run too") }),
    reply: z.array(domainSummarySchema),
  },
  {
    method: "post",
    path: "/domains",
    summary: "create or define a domain",
    body: createRequestSchema,
    reply: { type: "application/json", schema: createReplySchema, status: 201 },
  },
  { method: "get", path: "/domains/{id}", summary: "one domain", reply: domainDetailSchema },
  ...Object.entries(operationBodies).map(([name, body]): Route => ({
    method: "post",
    path: `/domains/{id}/${name}`,
    summary: OPERATIONS[name as keyof typeof operationBodies],
    body,
    reply: name === "dump-core" ? coreReplySchema : name === "start" ? createReplySchema : undefined,
  })),
  {
    method: "post",
    path: "/domains/{id}/devices",
    summary: "attach a disk or an interface, specified as in a configuration",
    body: attachRequestSchema,
    reply: { type: "application/json", schema: deviceRecordSchema, status: 201 },
  },
  {
    method: "delete",
    path: "/domains/{id}/devices/{kind}/{devid}",
    summary: "detach a disk or an interface",
    parameters: devicePath,
    query: z.object({ force: flag("without asking the guest") }),
  },
  {
    method: "get",
    path: "/domains/{id}/console",
    summary: "what the guest wrote to its console",
    query: z.object({ follow: flag("and goes on writing, until the domain's end") }),
    reply: raw,
  },
  {
    method: "post",
    path: "/domains/{id}/console",
    summary: "console input",
    body: { type: "application/octet-stream" },
  },
  {
    method: "post",
    path: "/domains/{id}/console/attach",
    summary: "upgrade the connection (Upgrade: xen-console) to the console's bytes in both directions",
    query: z.object({ history: flag("what was written before comes first (the default)") }),
    reply: { type: "application/octet-stream", schema: bytes, status: 101 },
  },
  {
    method: "get",
    path: "/domains/{id}/inspect",
    summary: "what is inside a domain",
    reply: domainInspectionSchema,
  },
  {
    method: "post",
    path: "/domains/{id}/gdb",
    summary: "listen for gdb on a port of 127.0.0.1",
    body: gdbBody,
    reply: gdbReplySchema,
  },
  {
    method: "post",
    path: "/domains/{id}/trace",
    summary: "its hypercalls, traps, event channels and grants as they happen",
    body: traceBody,
    reply: lines(traceLineSchema),
  },
  {
    method: "get",
    path: "/figures",
    summary: "the figures of everything at one moment",
    reply: machineFiguresSchema,
  },
  {
    method: "post",
    path: "/xendomains/start",
    summary: "start what is to run whenever the host does",
    reply: xendomainsReplySchema,
  },
  {
    method: "post",
    path: "/xendomains/stop",
    summary: "ask every domain to power off, and wait",
    body: stopBody,
    reply: xendomainsReplySchema,
  },
  { method: "get", path: "/node", summary: "the host", reply: nodeInfoSchema },
  { method: "get", path: "/node/log", summary: "xend's log", reply: plain },
  { method: "get", path: "/node/dmesg", summary: "Xen's log", reply: plain },
  { method: "post", path: "/node/dmesg/clear", summary: "begin Xen's log anew" },
  {
    method: "post",
    path: "/node/debug-keys",
    summary: "press Xen's debug keys, which answer in its log",
    body: debugKeysBody,
  },
  { method: "get", path: "/status", summary: "the process", reply: xendStatusSchema },
  {
    method: "post",
    path: "/stop",
    summary: "end all domains and xend",
    body: stopBody,
    reply: z.object({ destroyed: z.array(z.string()) }),
  },
  {
    method: "get",
    path: "/events",
    summary: "events as they happen",
    query: z.object({
      types: text.optional().openapi({
        description: `kinds of events with commas between them: ${EVENT_TYPES.join(", ")}`,
      }),
      watch: watched.optional().openapi({
        description: "changes at or below these paths of XenStore too",
      }),
    }),
    reply: lines(xendEventSchema),
  },
  {
    method: "get",
    path: "/xenstore/read",
    summary: "the value of a node of XenStore",
    query: xenstoreQuery,
    reply: z.object({ value: text }),
  },
  {
    method: "get",
    path: "/xenstore/list",
    summary: "the names below a node",
    query: xenstoreQuery,
    reply: z.object({ names: z.array(text) }),
  },
  {
    method: "get",
    path: "/xenstore/exists",
    summary: "whether there is a node",
    query: xenstoreQuery,
    reply: z.object({ exists: z.boolean() }),
  },
  {
    method: "get",
    path: "/xenstore/permissions",
    summary: "the permissions of a node, such as n0 and r7",
    query: xenstoreQuery,
    reply: z.object({ permissions: z.array(text) }),
  },
  { method: "post", path: "/xenstore/write", summary: "write a value", body: xenstoreBodies.write },
  { method: "post", path: "/xenstore/mkdir", summary: "make an empty node", body: xenstoreBodies.mkdir },
  {
    method: "post",
    path: "/xenstore/rm",
    summary: "remove a node and all below it",
    body: xenstoreBodies.rm,
  },
  { method: "post", path: "/xenstore/chmod", summary: "set permissions", body: xenstoreBodies.chmod },
  {
    method: "get",
    path: "/xenstore/watch",
    summary: "changes at or below paths, and one for each path at the start",
    query: z.object({ path: watched }),
    reply: lines(xendEventSchema),
  },
  { method: "get", path: "/openapi.json", summary: "this document", reply: z.looseObject({}) },
];

const id = z.object({ id: z.string().openapi({ description: "a domain's name, domid or uuid" }) });

const json = (schema: z.ZodType) => ({ content: { "application/json": { schema } } });

function replyOf(reply: Reply | undefined) {
  if (reply === undefined) return { status: NO_CONTENT };
  if (reply instanceof z.ZodType) return { status: 200, ...json(reply) };
  const { type, schema, status = 200 } = reply;
  return { status, content: { [type]: { schema } } };
}

/** Enters the routes into the document. */
export function describeRoutes(app: OpenAPIHono, base: string): void {
  for (const { method, path, summary, parameters = z.object({}), query, body, reply } of ROUTES) {
    const { status, ...content } = replyOf(reply);
    app.openAPIRegistry.registerPath({
      method,
      path: base + path,
      summary,
      request: {
        params: path.includes("{id}") ? id.extend(parameters.shape) : undefined,
        query,
        body: body === undefined
          ? undefined
          : body instanceof z.ZodType
          ? json(body)
          : { content: { [body.type]: { schema: bytes } } },
      },
      responses: {
        [status]: { description: "done", ...content },
        default: { description: "refused", ...json(apiErrorSchema) },
      },
    });
  }
}
