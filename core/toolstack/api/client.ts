/** The client of xend's API. It loads nothing heavy: `list` answers within tens of milliseconds. */
import { apiSocket, checkSocketPath, debugLog, type XendPaths, xendPaths } from "../xend/paths.ts";
import { exchange, isDisconnection, readOutput, ReplyCut, upgrade, writeAll } from "./unix_http.ts";
import type { DomainInspection, MachineFigures } from "./figures.ts";
import type {
  ApiError,
  AttachRequest,
  CreateReply,
  CreateRequest,
  DeviceKind,
  DeviceRecord,
  DomainDetail,
  DomainSummary,
  ErrorCode,
  NodeInfo,
  SchedulerParameters,
  ShutdownReason,
  XendEvent,
  XendStatus,
} from "./types.ts";

/** What xend refused, or that it could not be reached or started. */
export class XendFailure extends Error {
  override readonly name = "XendFailure";

  constructor(readonly code: ErrorCode | "not-running" | "not-started", message: string) {
    super(message);
  }
}

export interface ConnectOptions {
  /** Starts xend when there is none. */
  readonly start?: boolean;
  /** By default as the environment says. */
  readonly paths?: XendPaths;
  /** How long xend may take to start, milliseconds. */
  readonly startTimeoutMs?: number;
  /** Of `xend start`, when it has to be started. */
  readonly xendArguments?: readonly string[];
}

const START_TIMEOUT_MS = 60_000;

/** Events of which none is missed. */
export interface EventSubscription {
  readonly events: AsyncGenerator<XendEvent>;
  /** The events end, also for a reader that waits for the next one. */
  close(): Promise<void>;
}

/** Both directions of a domain's console, raw. */
export interface ConsoleConnection {
  /** What is kept of earlier output, then output as it comes; ends with the domain. */
  readonly output: AsyncIterable<Uint8Array>;
  input(bytes: Uint8Array): Promise<void>;
  close(): void;
  /** It had ended by itself already, for this reason: there is only what it wrote. */
  readonly ended?: ShutdownReason;
}

function isAbsent(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.ConnectionRefused ||
    error instanceof Deno.errors.NotADirectory;
}

/** True when somebody listens on the socket. @throws where this user may not use it */
async function answers(path: string): Promise<boolean> {
  try {
    (await Deno.connect({ transport: "unix", path })).close();
    return true;
  } catch (error) {
    if (isAbsent(error)) return false;
    if (error instanceof Deno.errors.PermissionDenied) {
      throw new XendFailure("unauthorized", `${path}: permission denied; xend runs as another user`);
    }
    throw error;
  }
}

export class XendClient implements Disposable {
  /** For replies that are streams, once there was one. */
  #http: Deno.HttpClient | undefined;

  private constructor(readonly paths: XendPaths) {}

  /** @throws XendFailure not-running, not-started, unauthorized; PathError */
  static async connect(options: ConnectOptions = {}): Promise<XendClient> {
    const { start = false, paths = xendPaths(), startTimeoutMs = START_TIMEOUT_MS, xendArguments = [] } =
      options;
    checkSocketPath(apiSocket(paths));
    if (!await answers(apiSocket(paths))) {
      if (!start) throw new XendFailure("not-running", "xend is not running");
      const { spawnXend } = await import("./launch.ts");
      const failure = await spawnXend(paths, xendArguments, () => answers(apiSocket(paths)), startTimeoutMs);
      if (failure !== undefined) throw new XendFailure("not-started", failure);
    }
    return new XendClient(paths);
  }

  // ---- domains

  domains(all = false): Promise<DomainSummary[]> {
    return this.get(all ? "/domains?all=1" : "/domains");
  }

  /** By name or domid. */
  domain(id: string | number): Promise<DomainDetail> {
    return this.get(`/domains/${encodeURIComponent(id)}`);
  }

  /** What is inside a domain: event channels, grants, page types, devices. */
  inspect(id: string | number): Promise<DomainInspection> {
    return this.get(`/domains/${encodeURIComponent(id)}/inspect`);
  }

  create(request: CreateRequest): Promise<CreateReply> {
    return this.post("/domains", request);
  }

  start(id: string | number, paused = false): Promise<CreateReply> {
    return this.operate(id, "start", { paused });
  }

  pause(id: string | number): Promise<void> {
    return this.operate(id, "pause");
  }

  unpause(id: string | number): Promise<void> {
    return this.operate(id, "unpause");
  }

  /** With `wait` it returns when the domain has ended and its on_poweroff action is done. */
  shutdown(
    id: string | number,
    options: { wait?: boolean; reason?: "poweroff" | "reboot"; timeoutMs?: number } = {},
  ): Promise<void> {
    return this.operate(id, "shutdown", options);
  }

  reboot(id: string | number, options: { wait?: boolean; timeoutMs?: number } = {}): Promise<void> {
    return this.operate(id, "reboot", options);
  }

  destroy(id: string | number): Promise<void> {
    return this.operate(id, "destroy");
  }

  reset(id: string | number): Promise<void> {
    return this.operate(id, "reset");
  }

  /** Forgets a managed domain. */
  delete(id: string | number): Promise<void> {
    return this.operate(id, "delete");
  }

  rename(id: string | number, name: string): Promise<void> {
    return this.operate(id, "rename", { name });
  }

  sysrq(id: string | number, key: string): Promise<void> {
    return this.operate(id, "sysrq", { key });
  }

  trigger(id: string | number, name: string, vcpu = 0): Promise<void> {
    return this.operate(id, "trigger", { name, vcpu });
  }

  setMemory(id: string | number, targetKiB: number): Promise<void> {
    return this.operate(id, "memory", { targetKiB });
  }

  setMaxMemory(id: string | number, maxKiB: number): Promise<void> {
    return this.operate(id, "max-memory", { maxKiB });
  }

  setVcpus(id: string | number, count: number): Promise<void> {
    return this.operate(id, "vcpus", { count });
  }

  pin(
    id: string | number,
    vcpu: number | "all",
    affinity: { hard?: readonly number[]; soft?: readonly number[] },
  ): Promise<void> {
    return this.operate(id, "pin", { vcpu, ...affinity });
  }

  setScheduler(id: string | number, parameters: Partial<SchedulerParameters>): Promise<void> {
    return this.operate(id, "scheduler", parameters);
  }

  /** A disk or an interface, specified as in a configuration. @returns it, as XenStore has it */
  attachDevice(id: string | number, request: AttachRequest): Promise<DeviceRecord> {
    return this.post(`/domains/${encodeURIComponent(id)}/devices`, request);
  }

  /** @param devid a disk's is the number of its vdev: 51712 is xvda. @param force without asking the guest */
  async detachDevice(id: string | number, kind: DeviceKind, devid: number, force = false): Promise<void> {
    const path = `/domains/${encodeURIComponent(id)}/devices/${kind}/${devid}`;
    await this.#exchange("DELETE", force ? `${path}?force=1` : path);
  }

  /** @param options.file an absolute path; by default one below xend's state. @returns the file */
  dumpCore(
    id: string | number,
    options: { file?: string; live?: boolean; crash?: boolean } = {},
  ): Promise<{ file: string }> {
    return this.operate(id, "dump-core", options);
  }

  /** Listens for gdb on a port of 127.0.0.1; with `pause` the domain stops at once. @returns host:port for `target remote` */
  gdb(id: string | number, options: { port?: number; pause?: boolean } = {}): Promise<{ address: string }> {
    return this.operate(id, "gdb", options);
  }

  /** Any operation of POST /domains/X/OP. */
  operate<T = void>(id: string | number, operation: string, body: unknown = {}): Promise<T> {
    return this.post(`/domains/${encodeURIComponent(id)}/${operation}`, body);
  }

  // ---- consoles

  /** What is kept of the output; with `follow` the rest as it comes, until the domain's end. */
  async consoleOutput(id: string | number, follow = false): Promise<AsyncIterable<Uint8Array>> {
    const response = await this.#fetch(
      "GET",
      `/domains/${encodeURIComponent(id)}/console${follow ? "?follow=1" : ""}`,
    );
    return response.body ?? new ReadableStream<Uint8Array>({ start: (controller) => controller.close() });
  }

  consoleInput(id: string | number, bytes: Uint8Array): Promise<void> {
    return this.post(`/domains/${encodeURIComponent(id)}/console`, bytes);
  }

  /** One connection for both directions. @param history with what is kept of earlier output */
  async attachConsole(id: string | number, history = true): Promise<ConsoleConnection> {
    const connection = await this.#connect();
    const path = `/api/v1/domains/${encodeURIComponent(id)}/console/attach${history ? "" : "?history=0"}`;
    try {
      const answer = await this.#orLost(upgrade(connection, path, "xen-console"));
      if (!answer.isUpgraded) throw failureOf(answer.reply.status, answer.reply.text);
      const { head, rest } = answer;
      const ended = /^xen-ended: (\w+)/im.exec(head)?.[1];
      let isClosed = false;
      const close = () => {
        if (!isClosed) connection.close();
        isClosed = true;
      };
      return {
        output: readOutput(connection, rest, close),
        input: async (bytes) => {
          if (!isClosed) await writeAll(connection, bytes);
        },
        close,
        ...ended === undefined ? {} : { ended: ended as ShutdownReason },
      };
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  // ---- the host

  /** Everything at one moment. */
  figures(): Promise<MachineFigures> {
    return this.get("/figures");
  }

  node(): Promise<NodeInfo> {
    return this.get("/node");
  }

  /** Xen's log, and xend's. */
  dmesg(): Promise<string> {
    return this.#text("/node/dmesg");
  }

  log(): Promise<string> {
    return this.#text("/node/log");
  }

  status(): Promise<XendStatus> {
    return this.get("/status");
  }

  /** xend ends all domains, then itself. @returns the domains that were destroyed without having ended by themselves */
  stop(graceMs?: number): Promise<{ destroyed: string[] }> {
    return this.post("/stop", graceMs === undefined ? {} : { graceMs });
  }

  /** Events as they come, of all types but consoles' output, or of these; and changes in XenStore below `watches`. Leaving the loop ends it. */
  async *events(
    types: readonly XendEvent["type"][] = [],
    watches: readonly string[] = [],
  ): AsyncGenerator<XendEvent> {
    yield* lines(await this.#eventStream(types, watches));
  }

  /** As `events`; when it resolves none is missed any more. */
  async followEvents(
    types: readonly XendEvent["type"][] = [],
    watches: readonly string[] = [],
  ): Promise<EventSubscription> {
    const reader = (await this.#eventStream(types, watches)).getReader();
    return {
      events: lines(chunks(reader)),
      // Not by an AbortSignal: in Deno 2.9 a read of a body that is aborted while a chunk comes may never settle.
      close: () => reader.cancel(),
    };
  }

  #eventStream(
    types: readonly XendEvent["type"][],
    watches: readonly string[],
  ): Promise<ReadableStream<Uint8Array>> {
    const query = "?" + [
      ...(types.length === 0 ? [] : [`types=${types.join(",")}`]),
      ...watches.map((path) => `watch=${encodeURIComponent(path)}`),
    ].join("&");
    return this.stream("GET", `/events${query}`);
  }

  /** xendomains: starts what is to run whenever the host does, or shuts all domains down and waits. */
  xendomains(
    action: "start" | "stop",
  ): Promise<{ done: string[]; failed: { name: string; message: string }[] }> {
    return this.post(`/xendomains/${action}`, {});
  }

  // ---- XenStore, with Domain-0's rights

  async xenstoreRead(path: string): Promise<string> {
    return (await this.get<{ value: string }>(`/xenstore/read?path=${encodeURIComponent(path)}`)).value;
  }

  async xenstoreList(path: string): Promise<string[]> {
    return (await this.get<{ names: string[] }>(`/xenstore/list?path=${encodeURIComponent(path)}`)).names;
  }

  async xenstoreExists(path: string): Promise<boolean> {
    return (await this.get<{ exists: boolean }>(`/xenstore/exists?path=${encodeURIComponent(path)}`)).exists;
  }

  /** `["n0", "r7"]` */
  async xenstorePermissions(path: string): Promise<string[]> {
    const reply = await this.get<{ permissions: string[] }>(
      `/xenstore/permissions?path=${encodeURIComponent(path)}`,
    );
    return reply.permissions;
  }

  xenstoreWrite(path: string, value: string): Promise<void> {
    return this.post("/xenstore/write", { path, value });
  }

  xenstoreMkdir(path: string): Promise<void> {
    return this.post("/xenstore/mkdir", { path });
  }

  xenstoreRemove(path: string): Promise<void> {
    return this.post("/xenstore/rm", { path });
  }

  xenstoreChmod(path: string, permissions: readonly string[]): Promise<void> {
    return this.post("/xenstore/chmod", { path, permissions });
  }

  /** Changes at or below the paths, and each path once at the start. */
  async *xenstoreWatch(paths: readonly string[]): AsyncGenerator<XendEvent> {
    const query = paths.map((path) => `path=${encodeURIComponent(path)}`).join("&");
    yield* lines(await this.stream("GET", `/xenstore/watch?${query}`));
  }

  // ---- requests of any kind

  /** GET of a path below /api/v1. */
  async get<T>(path: string): Promise<T> {
    return JSON.parse(await this.#exchange("GET", path));
  }

  async post<T>(path: string, body: unknown): Promise<T> {
    const text = await this.#exchange("POST", path, body);
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }

  /** A reply that is a stream. */
  async stream(
    method: "GET" | "POST",
    path: string,
    body?: unknown,
  ): Promise<ReadableStream<Uint8Array>> {
    const response = await this.#fetch(method, path, body);
    return response.body ?? new ReadableStream<Uint8Array>({ start: (controller) => controller.close() });
  }

  async #connect(): Promise<Deno.UnixConn> {
    try {
      return await Deno.connect({ transport: "unix", path: apiSocket(this.paths) });
    } catch (error) {
      if (isAbsent(error)) throw new XendFailure("not-running", "xend is not running");
      throw error;
    }
  }

  #text(path: string): Promise<string> {
    return this.#exchange("GET", path);
  }

  /** @throws XendFailure not-running, when the connection is lost */
  async #orLost<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (error instanceof ReplyCut || isDisconnection(error)) throw this.#lost(error);
      throw error;
    }
  }

  #lost(error: unknown): XendFailure {
    return new XendFailure(
      "not-running",
      `xend does not answer: ${error instanceof Error ? error.message : error}; ${
        debugLog(this.paths)
      } may tell why`,
    );
  }

  /** A request whose reply is whole. */
  async #exchange(method: "GET" | "POST" | "DELETE", path: string, body?: unknown): Promise<string> {
    const request = { method, path: `/api/v1${path}`, body: bodyOf(body) };
    const { status, text } = await this.#orLost(exchange(await this.#connect(), request));
    if (status >= 200 && status < 300) return text;
    throw failureOf(status, text);
  }

  async #fetch(method: "GET" | "POST", path: string, body?: unknown): Promise<Response> {
    this.#http ??= Deno.createHttpClient({ proxy: { transport: "unix", path: apiSocket(this.paths) } });
    const init: RequestInit & { client: Deno.HttpClient } = { method, client: this.#http };
    const content = bodyOf(body);
    if (content !== undefined) {
      init.body = content.bytes;
      init.headers = { "content-type": content.type };
    }
    let response: Response;
    try {
      response = await fetch(`http://xend/api/v1${path}`, init);
    } catch (error) {
      throw this.#lost(error);
    }
    if (response.ok) return response;
    throw failureOf(response.status, await response.text());
  }

  [Symbol.dispose](): void {
    this.#http?.close();
  }
}

async function* chunks(reader: ReadableStreamDefaultReader<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

/** Newline-delimited JSON. */
async function* lines(stream: AsyncIterable<Uint8Array>): AsyncGenerator<XendEvent> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const bytes of stream) {
    const parts = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts) if (line !== "") yield JSON.parse(line);
  }
}

function bodyOf(body: unknown): { type: string; bytes: Uint8Array<ArrayBuffer> } | undefined {
  if (body === undefined) return undefined;
  if (body instanceof Uint8Array) return { type: "application/octet-stream", bytes: body.slice() };
  return { type: "application/json", bytes: new TextEncoder().encode(JSON.stringify(body)) };
}

function failureOf(status: number, text: string): XendFailure {
  try {
    const { code, message } = JSON.parse(text) as ApiError;
    if (typeof code === "string" && typeof message === "string") return new XendFailure(code, message);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return new XendFailure("internal", `xend replied with status ${status}: ${text.slice(0, 200)}`);
}
