/** What goes over xend's API, as schemas; `types.ts` has the same as plain types, and schemas_test.ts holds that the two agree. */
import { z } from "@hono/zod-openapi";
import { TRACE_KINDS } from "../trace/line.ts";

/** A configuration file and its settings are text of a human's size. */
const MAX_TEXT = 1024 * 1024;
const MAX_PATH = 4096;

export const createRequestSchema = z.strictObject({
  fileName: z.string().max(MAX_PATH),
  text: z.string().max(MAX_TEXT),
  overrides: z.array(z.string().max(65536)).max(1000).readonly(),
  directory: z.string().max(MAX_PATH),
  paused: z.boolean(),
  defineOnly: z.boolean(),
  environment: z.record(z.string(), z.string()),
  strict: z.boolean().optional(),
}).openapi("CreateRequest");

export const createReplySchema = z.strictObject({
  name: z.string(),
  domid: z.int().optional(),
  warnings: z.array(z.string()).readonly(),
}).openapi("CreateReply");

export const deviceKindSchema = z.enum(["vbd", "vif"]);

export const attachRequestSchema = z.strictObject({
  kind: deviceKindSchema,
  spec: z.string().max(65536).regex(/^\P{Cc}*$/u, "expected a specification without control characters"),
  directory: z.string().max(MAX_PATH),
}).openapi("AttachRequest");

/** What DELETE /domains/X/devices/KIND/DEVID names. */
export const devicePath = z.object({
  kind: deviceKindSchema,
  devid: z.string().regex(/^\d{1,10}$/, "expected a device's number"),
});

export const ERROR_CODES = [
  "bad-request",
  "no-such-domain",
  "name-exists",
  "wrong-state",
  "bad-config",
  "bad-image",
  "no-memory",
  "no-such-device",
  "no-such-path",
  "timeout",
  "not-supported",
  "unauthorized",
  "busy",
  "internal",
] as const;

export const apiErrorSchema = z.strictObject({ code: z.enum(ERROR_CODES), message: z.string() }).openapi(
  "ApiError",
);

const shutdownReason = z.enum(["poweroff", "reboot", "suspend", "crash", "watchdog", "soft_reset"]);

export const domainStateSchema = z.strictObject({
  running: z.boolean(),
  blocked: z.boolean(),
  paused: z.boolean(),
  shutdown: z.boolean(),
  crashed: z.boolean(),
  dying: z.boolean(),
}).openapi("DomainState");

const summaryFields = {
  name: z.string(),
  domid: z.int().optional(),
  uuid: z.string(),
  memoryKiB: z.number(),
  maxMemoryKiB: z.number(),
  vcpus: z.int(),
  state: domainStateSchema,
  shutdownReason: shutdownReason.optional(),
  seconds: z.number(),
  startedAt: z.number().optional(),
  managed: z.boolean(),
};

export const domainSummarySchema = z.strictObject(summaryFields).openapi("DomainSummary");

const numbers = z.array(z.int()).readonly();

const vcpuRecordSchema = z.strictObject({
  id: z.int(),
  online: z.boolean(),
  state: z.enum(["running", "runnable", "blocked", "offline"]),
  pcpu: z.int(),
  seconds: z.number(),
  hardAffinity: numbers,
  softAffinity: numbers,
}).openapi("VcpuRecord");

export const deviceRecordSchema = z.strictObject({
  kind: z.enum(["vbd", "vif", "console"]),
  devid: z.int(),
  backendDomid: z.int(),
  state: z.int(),
  eventChannel: z.int(),
  ringRefs: numbers,
  backendPath: z.string(),
  mac: z.string().optional(),
}).openapi("DeviceRecord");

export const domainDetailSchema = z.strictObject({
  ...summaryFields,
  vcpuList: z.array(vcpuRecordSchema).readonly(),
  maxVcpus: z.int(),
  scheduler: z.strictObject({ weight: z.int(), cap: z.int() }),
  devices: z.array(deviceRecordSchema).readonly(),
  counters: z.record(z.string(), z.number()).readonly(),
  config: z.unknown(),
  configText: z.string(),
}).openapi("DomainDetail");

export const nodeInfoSchema = z.strictObject({
  host: z.string(),
  release: z.string(),
  version: z.string(),
  machine: z.string(),
  nrCpus: z.int(),
  cpuMhz: z.number(),
  totalMemoryKiB: z.number(),
  freeMemoryKiB: z.number(),
  xenMajor: z.int(),
  xenMinor: z.int(),
  xenExtra: z.string(),
  xenCaps: z.string(),
  hwCaps: z.string().optional(),
  scheduler: z.string(),
  xenolith: z.string(),
}).openapi("NodeInfo");

export const xendStatusSchema = z.strictObject({
  pid: z.int(),
  startedAt: z.number(),
  version: z.string(),
  api_socket: z.string(),
  xenstore_socket: z.string(),
  tcp: z.string().optional(),
  token_file: z.string().optional(),
  metrics: z.string().optional(),
  state_directory: z.string(),
  log_directory: z.string(),
  domains: z.int(),
}).openapi("XendStatus");

const at = z.number();

export const xendEventSchema = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("domain"),
    at,
    domid: z.int().optional(),
    name: z.string(),
    change: z.enum([
      "created",
      "unpaused",
      "paused",
      "shutdown",
      "destroyed",
      "renamed",
      "defined",
      "deleted",
    ]),
    reason: shutdownReason.optional(),
    registers: z.string().optional(),
  }),
  z.strictObject({ type: z.literal("device"), at, domid: z.int(), path: z.string(), state: z.int() }),
  z.strictObject({ type: z.literal("watch"), at, path: z.string(), token: z.string() }),
  z.strictObject({ type: z.literal("console"), at, domid: z.int(), name: z.string(), text: z.string() }),
  z.strictObject({ type: z.literal("log"), at, line: z.string() }),
  z.strictObject({ type: z.literal("lost"), at, count: z.int() }),
]).openapi("XendEvent");

const timeoutMs = z.int().min(0).max(24 * 3600 * 1000).optional();
const nothing = z.strictObject({});
const kib = z.int().min(1).max(2 ** 42);
const vcpu = z.int().min(0).max(4095);
const pcpus = z.array(z.int().min(0).max(4095)).max(4096);

/** The bodies of POST /domains/X/OP. */
export const operationBodies = {
  start: z.strictObject({ paused: z.boolean().default(false) }),
  pause: nothing,
  unpause: nothing,
  shutdown: z.strictObject({
    wait: z.boolean().default(false),
    reason: z.enum(["poweroff", "reboot"]).default("poweroff"),
    timeoutMs,
  }),
  reboot: z.strictObject({ wait: z.boolean().default(false), timeoutMs }),
  destroy: nothing,
  reset: nothing,
  delete: nothing,
  rename: z.strictObject({ name: z.string().min(1).max(255) }),
  sysrq: z.strictObject({ key: z.string().regex(/^[!-~]$/, "expected one printable ASCII character") }),
  trigger: z.strictObject({
    name: z.enum(["nmi", "reset", "init", "power", "sleep", "s3resume"]),
    vcpu: z.int().min(0).max(4095).default(0),
  }),
  memory: z.strictObject({ targetKiB: kib }),
  "max-memory": z.strictObject({ maxKiB: kib }),
  vcpus: z.strictObject({ count: z.int().min(1).max(4096) }),
  pin: z.strictObject({
    vcpu: z.union([z.literal("all"), vcpu]),
    hard: pcpus.optional(),
    soft: pcpus.optional(),
  }),
  scheduler: z.strictObject({
    weight: z.int().min(1).max(65535).optional(),
    cap: z.int().min(0).max(100 * 4096).optional(),
  }),
  "dump-core": z.strictObject({
    file: z.string().min(1).max(MAX_PATH).optional(),
    live: z.boolean().default(false),
    crash: z.boolean().default(false),
  }),
} as const;

const xenstorePath = z.string().min(1).max(3072).regex(/^[@/\w.:+-]+$/, "expected a path of XenStore");
export const xenstoreQuery = z.object({ path: xenstorePath });
export const xenstoreBodies = {
  write: z.strictObject({ path: xenstorePath, value: z.string().max(4096) }),
  mkdir: z.strictObject({ path: xenstorePath }),
  rm: z.strictObject({ path: xenstorePath }),
  chmod: z.strictObject({
    path: xenstorePath,
    permissions: z.array(z.string().regex(/^[nrwb]\d{1,5}$/, "expected a permission such as n0 or r7")).min(1)
      .max(64),
  }),
} as const;

export const debugKeysBody = z.strictObject({ keys: z.string().min(1).max(100) });

export const stopBody = z.strictObject({ graceMs: z.int().min(0).max(3600_000).optional() });

export const gdbBody = z.strictObject({
  port: z.int().min(0).max(65535).optional(),
  pause: z.boolean().optional(),
});
export const traceBody = z.strictObject({
  expressions: z.array(z.string().max(4096)).max(100).optional(),
  seconds: z.number().positive().max(7 * 24 * 3600).optional(),
});

export const gdbReplySchema = z.strictObject({ address: z.string() });

/** `TraceLine`; the arguments' own shapes are each call's. */
export const traceLineSchema = z.union([
  z.strictObject({
    type: z.enum(TRACE_KINDS),
    at,
    domid: z.int(),
    vcpu: z.int(),
    name: z.string(),
    op: z.string().optional(),
    args: z.record(z.string(), z.unknown()),
    rip: z.string().optional(),
    result: z.union([z.number(), z.string()]).optional(),
    errno: z.string().optional(),
    us: z.number().optional(),
    inner: z.literal(true).optional(),
    continues: z.literal(true).optional(),
  }),
  z.strictObject({ type: z.literal("lost"), at, count: z.int() }),
]).openapi("TraceLine");

export const coreReplySchema = z.strictObject({ file: z.string() });

export const xendomainsReplySchema = z.strictObject({
  done: z.array(z.string()),
  failed: z.array(z.strictObject({ name: z.string(), message: z.string() })),
}).openapi("XendomainsReply");
