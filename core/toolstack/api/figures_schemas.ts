/** The dashboard's figures as schemas; `figures.ts` has the same as plain types, and figures_schemas_test.ts holds that the two agree. */
import { z } from "@hono/zod-openapi";
import { deviceRecordSchema, domainStateSchema, nodeInfoSchema } from "./schemas.ts";

const counter = z.number().min(0);

const vcpuFiguresSchema = z.strictObject({
  id: z.int(),
  online: z.boolean(),
  state: z.enum(["running", "runnable", "blocked", "offline"]),
  pcpu: z.int(),
  seconds: counter,
  runnableSeconds: counter,
  blockedSeconds: counter,
  switches: counter,
  migrations: counter,
  wakes: counter,
  parks: counter,
  credit: z.number(),
  priority: z.enum(["boost", "under", "over", "idle"]),
  retired: counter,
}).openapi("VcpuFigures");

const vifFiguresSchema = z.strictObject({
  devid: z.int(),
  rxBytes: counter,
  rxPackets: counter,
  rxErrors: counter,
  rxDrops: counter,
  txBytes: counter,
  txPackets: counter,
  txErrors: counter,
  txDrops: counter,
}).openapi("VifFigures");

const vbdFiguresSchema = z.strictObject({
  devid: z.int(),
  outOfRequests: counter,
  reads: counter,
  writes: counter,
  readSectors: counter,
  writtenSectors: counter,
}).openapi("VbdFigures");

const domainFiguresSchema = z.strictObject({
  name: z.string(),
  domid: z.int(),
  uuid: z.string(),
  state: domainStateSchema,
  startedAt: z.number().optional(),
  seconds: counter,
  memoryKiB: z.number(),
  maxMemoryKiB: z.number().optional(),
  targetKiB: z.number().optional(),
  vcpus: z.array(vcpuFiguresSchema).readonly(),
  weight: z.int(),
  cap: z.int(),
  vifs: z.array(vifFiguresSchema).readonly(),
  vbds: z.array(vbdFiguresSchema).readonly(),
  ssid: z.int(),
  counters: z.record(z.string(), z.number()).readonly(),
}).openapi("DomainFigures");

const pcpuFiguresSchema = z.strictObject({
  id: z.int(),
  state: z.enum(["offline", "idle", "busy"]),
  runs: z.strictObject({ domid: z.int(), vcpu: z.int() }).optional(),
  idleSeconds: counter,
  switches: counter,
}).openapi("PcpuFigures");

export const machineFiguresSchema = z.strictObject({
  at: z.number(),
  clock: z.number(),
  xendPid: z.int(),
  xendStartedAt: z.number(),
  node: nodeInfoSchema,
  pcpus: z.array(pcpuFiguresSchema).readonly(),
  waiting: z.int(),
  domains: z.array(domainFiguresSchema).readonly(),
}).openapi("MachineFigures");

const channelRecordSchema = z.strictObject({
  port: z.int(),
  state: z.enum(["reserved", "unbound", "interdomain", "pirq", "virq", "ipi"]),
  vcpu: z.int(),
  pending: z.boolean(),
  masked: z.boolean(),
  remoteDomid: z.int().optional(),
  remotePort: z.int().optional(),
  irq: z.string().optional(),
}).openapi("ChannelRecord");

const grantRecordSchema = z.strictObject({
  ref: z.int(),
  kind: z.enum(["access", "transfer"]),
  domid: z.int(),
  frame: z.string(),
  readOnly: z.boolean(),
  isReading: z.boolean(),
  isWriting: z.boolean(),
}).openapi("GrantRecord");

const nodes = z.record(z.string(), z.string()).readonly();

export const domainInspectionSchema = z.strictObject({
  domid: z.int(),
  channels: z.array(channelRecordSchema).readonly(),
  grants: z.array(grantRecordSchema).readonly(),
  grantEntries: z.int(),
  mappings: z.int(),
  pageTypes: z.record(z.string(), z.number()).readonly(),
  maxPfn: z.int(),
  pinned: z.int(),
  devices: z.array(deviceRecordSchema.extend({ frontend: nodes, backend: nodes })).readonly(),
}).openapi("DomainInspection");
