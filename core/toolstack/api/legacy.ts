/** xend's own URLs of old, /xend/domain and /xend/node: forms with op=, S-expressions as replies (HTML for who asks for that). */
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { pin, setMaxMemory, setMemoryTarget, setSchedule, setVcpus, sysrq } from "../xend/controls.ts";
import { XendError } from "../xend/errors.ts";
import type { Xend } from "../xend/xend.ts";
import { parseDeviceNumber } from "../xend/device_operations.ts";
import { deviceOfSxp, fileOfSxp } from "./legacy_config.ts";
import { formatSxp, type Sxp } from "./sxp.ts";
import type { DomainDetail, DomainState } from "./types.ts";

const MIME = "application/sxp";
const ACCEPTED = 202, NOT_ACCEPTABLE = 406, NOT_IMPLEMENTED = 501;

const escapeHtml = (text: string) => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

function reply(c: Context, value: Sxp, status = 200, headers: Record<string, string> = {}): Response {
  const sxp = formatSxp(value);
  // A browser says that it takes HTML; xend's clients ask for S-expressions or for anything.
  const html = (c.req.header("accept") ?? "").includes("text/html");
  return new Response(html ? `<html><body><pre>${escapeHtml(sxp)}</pre></body></html>\n` : sxp + "\n", {
    status,
    headers: { "content-type": html ? "text/html" : MIME, ...headers },
  });
}

function letters({ running, blocked, paused, shutdown, crashed, dying }: DomainState): string {
  return [running && "r", blocked && "b", paused && "p", shutdown && "s", crashed && "c", dying && "d"]
    .map((letter) => letter || "-").join("");
}

function domainSxp(domain: DomainDetail): Sxp {
  const config = domain.config as { kernel?: string; ramdisk?: string; cmdline?: string };
  const { name, uuid, domid, memoryKiB, maxMemoryKiB, vcpus, maxVcpus, seconds, startedAt } = domain;
  return [
    "domain",
    ...(domid === undefined ? [] : [["domid", domid]]),
    ["uuid", uuid],
    ["vcpus", maxVcpus],
    ["cpu_weight", domain.scheduler.weight],
    ["cpu_cap", domain.scheduler.cap],
    ["memory", Math.round(memoryKiB / 1024)],
    ["maxmem", Math.round(maxMemoryKiB / 1024)],
    ["name", name],
    ["image", [
      "linux",
      ["kernel", config.kernel ?? ""],
      ...(config.ramdisk === undefined ? [] : [["ramdisk", config.ramdisk]]),
      ["args", config.cmdline ?? ""],
    ]],
    ["status", domid === undefined ? 0 : 2],
    ["state", letters(domain.state)],
    ...(domain.shutdownReason === undefined ? [] : [["shutdown_reason", domain.shutdownReason]]),
    ["cpu_time", seconds],
    ["online_vcpus", vcpus],
    ...(startedAt === undefined
      ? []
      : [["up_time", (Date.now() - startedAt) / 1000], ["start_time", startedAt / 1000]]),
  ];
}

function vcpuSxp({ domid, name, vcpuList }: DomainDetail): Sxp {
  return [
    "domain",
    ["domid", domid],
    ["name", name],
    ["vcpu_count", vcpuList.length],
    ...vcpuList.map(({ id, online, state, seconds, pcpu, hardAffinity }): Sxp => [
      "vcpu",
      ["number", id],
      ["online", online],
      ["blocked", state === "blocked"],
      ["running", state === "running"],
      ["cpu_time", seconds],
      ["cpu", pcpu],
      ["cpumap", hardAffinity],
    ]),
  ];
}

/** A form's fields, posted either way; files count as text. */
class Form {
  private constructor(private readonly fields: ReadonlyMap<string, string>) {}

  static async of(c: Context): Promise<Form> {
    const fields = new Map<string, string>();
    try {
      for (const [key, value] of await c.req.formData()) {
        fields.set(key, typeof value === "string" ? value : await value.text());
      }
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw new XendError("bad-request", `the form cannot be read: ${error.message}`);
    }
    return new Form(fields);
  }

  get(key: string): string | undefined {
    return this.fields.get(key);
  }

  text(key: string): string {
    const value = this.get(key);
    if (value === undefined) throw new XendError("bad-request", `Missing argument: ${key}`);
    return value;
  }

  number(key: string): number {
    const value = this.text(key);
    if (!/^\d{1,9}$/.test(value)) {
      throw new XendError("bad-request", `Bad argument: ${key} is no number: ${JSON.stringify(value)}`);
    }
    return Number(value);
  }

  flag(key: string): boolean {
    const value = this.get(key);
    return value !== undefined && value !== "0" && value !== "" && value !== "False";
  }
}

type LegacyOperation = (xend: Xend, id: string, form: Form) => Promise<Sxp | void> | Sxp | void;

const notSupported: LegacyOperation = () => {
  throw new XendError("not-supported", "this operation is not supported");
};

const SHUTDOWN_REASONS = ["poweroff", "reboot", "halt", "suspend", "crash"] as const;

/** What POST /xend/domain/NAME does. What gives nothing is accepted with 202. */
const domainOperations: Readonly<Record<string, LegacyOperation>> = {
  unpause: (xend, id) => xend.unpause(id),
  pause: (xend, id) => xend.pause(id),
  rename: (xend, id, form) => xend.rename(id, form.text("name")),
  shutdown: async (xend, id, form) => {
    const reason = SHUTDOWN_REASONS.find((known) => known === form.text("reason"));
    if (reason === undefined) throw new XendError("bad-request", `Invalid reason: ${form.text("reason")}`);
    await xend.shutdown(id, { reason });
  },
  delete: (xend, id) => xend.delete(id),
  start: async (xend, id, form) => void await xend.start(id, form.flag("paused")),
  sysrq: (xend, id, form) => sysrq(xend.find(id), String.fromCharCode(form.number("key"))),
  wait_for_devices: (xend, id) => void xend.find(id),
  destroy: (xend, id) => xend.destroy(id),
  reset: (xend, id) => xend.reset(id),
  dump: async (xend, id, form) =>
    void await xend.dumpCore(id, {
      file: form.get("file") || undefined,
      live: form.flag("live"),
      crash: form.flag("crash"),
    }),
  pincpu: (xend, id, form) => {
    const cpus = form.text("cpumap").split(",").map((cpu) => Number(cpu));
    if (cpus.some((cpu) => !Number.isInteger(cpu) || cpu < 0)) {
      throw new XendError("bad-request", `Bad argument: cpumap is ${form.text("cpumap")}`);
    }
    pin(xend.find(id), form.number("vcpu"), cpus, undefined, xend.pcpus);
  },
  domain_sched_credit_get: (xend, id) => {
    const { weight, cap } = xend.detail(id).scheduler;
    return ["sched_credit", ["weight", weight], ["cap", cap]];
  },
  domain_sched_credit_set: (xend, id, form) =>
    setSchedule(xend.find(id), {
      weight: form.get("weight") === undefined ? undefined : form.number("weight"),
      cap: form.get("cap") === undefined ? undefined : form.number("cap"),
    }),
  maxmem_set: (xend, id, form) => setMaxMemory(xend.find(id), form.number("memory") * 1024),
  mem_target_set: (xend, id, form) => setMemoryTarget(xend.find(id), form.number("target") * 1024),
  set_vcpus: (xend, id, form) => setVcpus(xend.find(id), form.number("vcpu")),
  devices: (xend, id, form) => {
    const { devices } = xend.detail(id);
    return devices.filter(({ kind }) => kind === form.text("type")).map(({ devid }) => devid);
  },
  configure: notSupported,
  save: notSupported,
  migrate: notSupported,
  device_create: async (xend, id, form) =>
    void await xend.attachDevice(id, { ...deviceOfSxp(form.text("config")), directory: "/" }),
  device_destroy: async (xend, id, form) => {
    const kind = form.text("type") === "vif" ? "vif" : "vbd";
    await xend.detachDevice(id, kind, parseDeviceNumber(kind, form.text("dev")), form.flag("force"));
  },
  device_configure: notSupported,
  vif_limit_set: notSupported,
};

function nodeSxp(xend: Xend): Sxp {
  const node = xend.node();
  return [
    "node",
    ["system", "Linux"],
    ["host", node.host],
    ["release", node.release],
    ["version", node.version],
    ["machine", node.machine],
    ["nr_cpus", node.nrCpus],
    ["nr_nodes", 1],
    ["cores_per_socket", node.nrCpus],
    ["threads_per_core", 1],
    ["cpu_mhz", node.cpuMhz],
    ["total_memory", Math.floor(node.totalMemoryKiB / 1024)],
    ["free_memory", Math.floor(node.freeMemoryKiB / 1024)],
    ["xen_major", node.xenMajor],
    ["xen_minor", node.xenMinor],
    ["xen_extra", node.xenExtra],
    ["xen_caps", node.xenCaps],
    ["xen_scheduler", node.scheduler],
    ["xen_pagesize", 4096],
    ["xend_config_format", 4],
  ];
}

/** @param stop ends xend */
export function legacyRoutes(app: OpenAPIHono, xend: Xend, stop: () => Promise<unknown>): void {
  /** xend's shape of a refusal. */
  const guarded = (handler: (c: Context) => Promise<Response>) => async (c: Context) => {
    try {
      return await handler(c);
    } catch (error) {
      if (error instanceof XendError && error.code === "no-such-domain") {
        return reply(c, ["xend.err", error.message], 404);
      }
      if (!(error instanceof XendError)) {
        xend.log.error(`API: ${error instanceof Error ? error.stack : error}`);
      }
      return reply(c, ["xend.err", error instanceof Error ? error.message : String(error)], 500);
    }
  };
  const noOperation = (c: Context) => reply(c, ["xend.err", "No op specified"], NOT_ACCEPTABLE);
  const unknownOperation = (c: Context, op: string) =>
    reply(c, ["xend.err", `Operation not implemented: ${op}`], NOT_IMPLEMENTED);

  app.get("/xend", (c) => reply(c, ["xend", "node", "domain"]));
  app.get(
    "/xend/domain",
    guarded((c) => {
      const state = c.req.query("state");
      const domains = xend.list(true).filter(({ domid }) =>
        state === undefined || state === "all" || (state === "halted") === (domid === undefined)
      ).filter(({ domid }) => state !== undefined || domid !== undefined);
      const detailed = c.req.query("detail") === "1";
      return Promise.resolve(
        reply(
          c,
          domains.map(({ name, uuid, domid }) =>
            detailed ? domainSxp(xend.detail(domid === 0 ? "0" : uuid)) : name
          ),
        ),
      );
    }),
  );
  app.post(
    "/xend/domain",
    guarded(async (c) => {
      const form = await Form.of(c);
      const op = form.get("op");
      if (op === undefined) return noOperation(c);
      if (op === "list") return reply(c, xend.list().map(({ name }) => name));
      if (op === "restore") throw new XendError("not-supported", "restoring of domains is not supported");
      if (op !== "create" && op !== "new") return unknownOperation(c, op);
      const { name } = await xend.create({
        fileName: "(vm ...)",
        text: fileOfSxp(form.text("config")),
        overrides: [],
        directory: "/",
        // xend's clients unpause a domain themselves.
        paused: op === "create",
        defineOnly: op === "new",
        environment: {},
      });
      const location = `/xend/domain/${encodeURIComponent(name)}`;
      return reply(c, domainSxp(xend.detail(name)), 201, { location });
    }),
  );
  app.get(
    "/xend/domain/:id",
    guarded((c) => {
      const id = c.req.param("id") ?? "";
      const op = c.req.query("op");
      if (op === undefined) return Promise.resolve(reply(c, domainSxp(xend.detail(id))));
      if (op === "vcpuinfo") return Promise.resolve(reply(c, vcpuSxp(xend.detail(id))));
      return Promise.resolve(unknownOperation(c, op));
    }),
  );
  app.post(
    "/xend/domain/:id",
    guarded(async (c) => {
      const id = c.req.param("id") ?? "";
      const form = await Form.of(c);
      const op = form.get("op");
      if (op === undefined) return noOperation(c);
      if (!Object.hasOwn(domainOperations, op)) return unknownOperation(c, op);
      const result = await domainOperations[op](xend, id, form);
      return result === undefined ? reply(c, [], ACCEPTED) : reply(c, result);
    }),
  );
  app.get("/xend/node", (c) => reply(c, nodeSxp(xend)));
  app.post(
    "/xend/node",
    guarded(async (c) => {
      const op = (await Form.of(c)).get("op");
      if (op === undefined) return noOperation(c);
      if (op !== "shutdown") return unknownOperation(c, op);
      await stop();
      return reply(c, [], ACCEPTED);
    }),
  );
  app.get("/xend/node/dmesg", (c) => c.text(xend.dmesg()));
  app.get("/xend/node/log", (c) => c.text(xend.log.lines().map((line) => `${line}\n`).join("")));
}
