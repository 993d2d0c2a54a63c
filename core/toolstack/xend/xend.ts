/** xend: what can be asked of the domains of a host, by name. It knows nothing of processes, sockets or HTTP. */
import { isAbsolute, join } from "node:path";
import type { DomainInspection, MachineFigures } from "../api/figures.ts";
import type {
  AttachRequest,
  CreateReply,
  CreateRequest,
  DeviceKind,
  DeviceRecord,
  DomainDetail,
  DomainSummary,
  NodeInfo,
} from "../api/types.ts";
import { coreDumpPath, dumpCore } from "./controls.ts";
import { attachDevice, detachDevice, deviceName } from "./device_operations.ts";
import { DomainEntry } from "./domain_entry.ts";
import type { DomainSource } from "./domain_source.ts";
import { DomainTable } from "./domain_table.ts";
import { EndedConsoles, type EndedDomain } from "./ended_consoles.ts";
import { XendError } from "./errors.ts";
import { EventHub } from "./event_hub.ts";
import type { GuestLogs } from "./guest_logs.ts";
import { LifeCycle } from "./life_cycle.ts";
import { XendLog } from "./log.ts";
import { Overview, type OverviewSources } from "./overview.ts";
import { RecordKeeper } from "./record_keeper.ts";
import { recover } from "./recovery.ts";
import type { StateStore } from "./state_store.ts";
import { attempt, autostartRequests, type XendomainsResult } from "./xendomains.ts";

export interface XendOptions extends OverviewSources {
  readonly source: DomainSource;
  readonly state: StateStore;
  readonly log?: XendLog;
  /** Keeps consoles in files. */
  readonly guestLogs?: GuestLogs;
  /** Xen's log so far. */
  readonly dmesg?: () => string;
  readonly clearDmesg?: () => void;
  /** Presses one of Xen's debug keys, whose words come in `dmesg`. */
  readonly debugKey?: (key: string) => void;
  /** A domain that ends sooner than this after its start is not started again. */
  readonly minimumLifeMs?: number;
}

/** A domain that says it can power off has so long to do it when xend stops. */
const STOP_GRACE_MS = 30_000;

const message = (error: unknown) => error instanceof Error ? error.message : String(error);

export class Xend {
  readonly events = new EventHub();
  readonly log: XendLog;
  readonly #records: RecordKeeper;
  readonly #table = new DomainTable();
  readonly #endedConsoles = new EndedConsoles();
  readonly #overview: Overview;
  readonly #lives: LifeCycle;
  readonly #dumpDirectory: string;
  #stopping: Promise<string[]> | undefined;

  constructor(private readonly options: XendOptions) {
    const { state, log = new XendLog() } = options;
    this.log = log;
    this.#records = new RecordKeeper(state, log);
    this.#overview = new Overview(this.#table, options);
    this.#dumpDirectory = join(state.directory, "dump");
    this.#lives = new LifeCycle({
      ...options,
      table: this.#table,
      endedConsoles: this.#endedConsoles,
      records: this.#records,
      events: this.events,
      log,
      dumpDirectory: this.#dumpDirectory,
      isStopping: () => this.#stopping !== undefined,
    });
  }

  // ---- what there is

  /** Domain-0 first, then by domid; managed domains that do not run only with `all`. */
  list(all = false): DomainSummary[] {
    return this.#overview.list(all);
  }

  /** Everything at one moment. */
  figures(): MachineFigures {
    return this.#overview.figures();
  }

  /** What is inside a domain. @throws XendError no-such-domain, wrong-state */
  inspect(id: string): DomainInspection {
    return this.#overview.inspect(id);
  }

  /** @throws XendError no-such-domain */
  detail(id: string): DomainDetail {
    return this.#overview.detail(id);
  }

  get pcpus(): number {
    return this.options.host.figures().pcpus;
  }

  node(): NodeInfo {
    return this.#overview.node();
  }

  dmesg(): string {
    return this.options.dmesg?.() ?? "";
  }

  clearDmesg(): void {
    this.options.clearDmesg?.();
  }

  /** @throws XendError not-supported */
  debugKeys(keys: string): void {
    const { debugKey } = this.options;
    if (debugKey === undefined) throw new XendError("not-supported", "this host has no debug keys");
    for (const key of keys) debugKey(key);
  }

  get domainCount(): number {
    return this.#table.all().filter(({ incarnation }) => incarnation !== undefined).length;
  }

  /** A domain by name, domid or uuid. @throws XendError no-such-domain; wrong-state for Domain-0 */
  find(id: string): DomainEntry {
    return this.#table.find(id);
  }

  /** A domain that ended by itself a moment ago, for its console; undefined while there is one of that name. */
  recentlyEnded(id: string): EndedDomain | undefined {
    return this.#table.lookup(id) === undefined ? this.#endedConsoles.find(id) : undefined;
  }

  // ---- life cycle

  /** Creates a domain, or only defines it. @throws XendError bad-config, bad-image, name-exists, no-memory */
  async create(request: CreateRequest): Promise<CreateReply> {
    this.#refuseWhenStopping();
    const settings = this.options.source.read(request);
    const { name } = settings.config;
    this.#table.refuseTakenName(name);
    const uuid = settings.config.uuid?.toLowerCase() ?? crypto.randomUUID();
    this.#table.refuseTakenUuid(uuid);
    const entry = new DomainEntry(name, uuid, request, settings, request.defineOnly);
    this.#table.add(entry);
    const warnings = [...settings.warnings];
    try {
      if (request.defineOnly) {
        this.#records.keep("domains", entry);
        this.#lives.changed(entry, "defined");
      } else {
        await entry.exclusive(() => this.#lives.start(entry, request.paused, warnings));
      }
    } catch (error) {
      this.#table.remove(entry);
      throw error;
    }
    return { name, domid: entry.domid, warnings };
  }

  #refuseWhenStopping(): void {
    if (this.#stopping !== undefined) throw new XendError("busy", "xend is stopping");
  }

  /** Starts a managed domain. */
  async start(id: string, paused = false): Promise<CreateReply> {
    this.#refuseWhenStopping();
    const entry = this.find(id);
    const warnings: string[] = [];
    await entry.exclusive(async () => {
      if (entry.incarnation !== undefined) {
        throw new XendError("wrong-state", `${entry.name} is running already`);
      }
      this.#table.refuseForgotten(entry);
      await this.#lives.start(entry, paused, warnings);
    });
    return { name: entry.name, domid: entry.domid, warnings };
  }

  /** @returns the file. @throws XendError */
  async dumpCore(id: string, { file, live = false, crash = false }: {
    file?: string;
    live?: boolean;
    crash?: boolean;
  } = {}): Promise<string> {
    const entry = this.find(id);
    if (file !== undefined && !isAbsolute(file)) {
      throw new XendError("bad-request", `the file of a core has an absolute path: ${file}`);
    }
    return await entry.exclusive(async () => {
      if (file === undefined) Deno.mkdirSync(this.#dumpDirectory, { recursive: true, mode: 0o700 });
      const path = file ?? coreDumpPath(this.#dumpDirectory, entry);
      await dumpCore(entry, path, live);
      if (crash) await this.#lives.end(entry);
      return path;
    });
  }

  /** @throws XendError bad-config, bad-image, name-exists, wrong-state, not-supported */
  async attachDevice(id: string, request: AttachRequest): Promise<DeviceRecord> {
    const entry = this.find(id);
    const record = await entry.exclusive(() =>
      attachDevice(entry, request, this.options.devices ?? (() => []))
    );
    this.log.info(`${entry.name}: device ${deviceName(request.kind, record.devid)} is attached`);
    return record;
  }

  /** @throws XendError no-such-device, busy, wrong-state, not-supported */
  async detachDevice(id: string, kind: DeviceKind, devid: number, force = false): Promise<void> {
    const entry = this.find(id);
    // Not exclusive: a guest may take its time, and whoever destroys it does not wait for that.
    await detachDevice(entry, kind, devid, force);
    this.log.info(`${entry.name}: device ${deviceName(kind, devid)} is detached`);
  }

  pause(id: string): void {
    const entry = this.find(id);
    const { domain } = entry.running;
    if (domain.info().paused) return;
    domain.pause();
    this.#lives.changed(entry, "paused");
  }

  unpause(id: string): void {
    const entry = this.find(id);
    const { domain } = entry.running;
    if (!domain.info().paused) return;
    domain.unpause();
    this.#lives.changed(entry, "unpaused");
  }

  /** Asks the guest to end (control/shutdown in XenStore). @throws XendError timeout when it was waited for in vain */
  async shutdown(
    id: string,
    { reason = "poweroff", wait = false, timeoutMs }: {
      reason?: "poweroff" | "reboot" | "halt" | "suspend" | "crash";
      wait?: boolean;
      timeoutMs?: number;
    } = {},
  ): Promise<void> {
    const entry = this.find(id);
    const incarnation = entry.running;
    incarnation.domain.write("control/shutdown", reason);
    this.log.info(`${entry.name} is asked for ${reason}`);
    if (!wait) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const expired = new Promise<"expired">((resolve) => {
      if (timeoutMs !== undefined) timer = setTimeout(() => resolve("expired"), timeoutMs);
    });
    const result = await Promise.race([incarnation.settled.promise, expired]);
    clearTimeout(timer);
    if (result === "expired") {
      throw new XendError("timeout", `${entry.name} has not ended within ${timeoutMs} ms`);
    }
  }

  /** Ends a domain at once. */
  async destroy(id: string): Promise<void> {
    const entry = this.find(id);
    await entry.exclusive(async () => {
      if (entry.incarnation === undefined) {
        this.#table.refuseForgotten(entry);
        throw new XendError("wrong-state", `${entry.name} is not running`);
      }
      await this.#lives.end(entry);
    });
  }

  /** Destroys a domain and starts it anew. */
  async reset(id: string): Promise<void> {
    this.#refuseWhenStopping();
    const entry = this.find(id);
    await entry.exclusive(async () => {
      await this.#lives.dismantle(entry, entry.existing);
      try {
        await this.#lives.start(entry, false, []);
      } catch (error) {
        await this.#lives.end(entry);
        throw error;
      }
    });
  }

  /** Gives a domain another name. @throws XendError name-exists, bad-request */
  async rename(id: string, name: string): Promise<void> {
    const entry = this.find(id);
    if (name === "" || /[/\s\p{Cc}]/u.test(name)) {
      throw new XendError(
        "bad-request",
        `a domain's name has no slashes, blanks or control characters: ${JSON.stringify(name)}`,
      );
    }
    await entry.exclusive(() => {
      this.#table.refuseForgotten(entry);
      if (name === entry.name) return Promise.resolve();
      this.#table.refuseTakenName(name);
      const before = entry.name;
      entry.name = name;
      try {
        if (entry.managed) this.#records.keep("domains", entry);
        if (entry.incarnation?.end === undefined && entry.incarnation !== undefined) {
          this.#records.keep("running", entry);
        }
      } catch (error) {
        entry.name = before;
        throw error;
      }
      entry.incarnation?.domain.rename(name);
      this.#lives.changed(entry, "renamed");
      return Promise.resolve();
    });
  }

  /** Forgets a managed domain. */
  async delete(id: string): Promise<void> {
    const entry = this.find(id);
    await entry.exclusive(() => {
      if (entry.incarnation !== undefined) {
        throw new XendError("wrong-state", `${entry.name} is running; shut it down or destroy it first`);
      }
      this.#table.refuseForgotten(entry);
      this.#records.forget("domains", entry);
      this.#table.remove(entry);
      this.#lives.changed(entry, "deleted");
      return Promise.resolve();
    });
  }

  /**
   * Reads what an earlier xend left, says what was lost and begins to start what is to be started. To be called once, before anything else.
   * @returns what the user should know, a line each (it is in the log too); `started` resolves when all are started
   */
  recover(): { said: string[]; started: Promise<void> } {
    const said: string[] = [];
    const { entries, toStart } = recover(this.options.state, this.options.source, (line) => {
      said.push(line);
      this.log.warning(line);
    });
    for (const entry of entries) this.#table.add(entry);
    const started = Promise.all(toStart.map((entry) =>
      entry.exclusive(async () => {
        const warnings: string[] = [];
        try {
          await this.#lives.start(entry, false, warnings);
          for (const warning of warnings) this.log.warning(warning);
        } catch (error) {
          this.log.error(`${entry.name} cannot be started: ${message(error)}`);
          if (!entry.managed) this.#table.remove(entry);
        }
      })
    ));
    return { said, started: started.then(() => {}) };
  }

  /** Starts the domains that are to run whenever the host does: managed ones that say so, and the files of `auto`. */
  async xendomainsStart(): Promise<XendomainsResult> {
    const starts: [string, () => Promise<unknown>][] = [];
    for (const entry of this.#table.all()) {
      if (!entry.managed || !entry.settings.startWithXend || entry.incarnation !== undefined) continue;
      starts.push([entry.name, () => this.start(entry.uuid)]);
    }
    const folder = join(this.options.state.directory, "auto");
    for (const request of autostartRequests(folder)) {
      starts.push([request.fileName, () => this.create(request)]);
    }
    return await attempt(starts, ["name-exists"]);
  }

  /** Asks every domain to power off and waits for it. */
  async xendomainsStop(graceMs = STOP_GRACE_MS): Promise<XendomainsResult> {
    const running = this.#table.all().filter(({ incarnation }) =>
      incarnation !== undefined && incarnation.end === undefined
    );
    return await attempt(
      running.map(({ uuid, name }) => [name, () => this.shutdown(uuid, { wait: true, timeoutMs: graceMs })]),
      [],
    );
  }

  /**
   * Ends all domains (those that can are asked to power off first) and the host.
   * @returns the names of the domains that were destroyed without having ended by themselves
   */
  stop(graceMs = STOP_GRACE_MS): Promise<string[]> {
    return this.#stopping ??= this.#stop(graceMs);
  }

  async #stop(graceMs: number): Promise<string[]> {
    // Those that are being built too: their turn comes when they are complete.
    const entries = this.#table.all();
    const asked = graceMs > 0
      ? entries.filter(({ incarnation }) =>
        incarnation?.end === undefined && incarnation?.domain.read("control/feature-poweroff") === "1"
      )
      : [];
    await Promise.allSettled(
      asked.map(({ uuid }) => this.shutdown(uuid, { wait: true, timeoutMs: graceMs })),
    );
    const destroyed: string[] = [];
    await Promise.all(entries.map((entry) =>
      entry.exclusive(async () => {
        if (entry.incarnation === undefined) return;
        if (entry.incarnation.end === undefined) destroyed.push(entry.name);
        await this.#lives.end(entry);
      })
    ));
    this.log.info("xend stops");
    this.events.end();
    await this.options.host.stop();
    return destroyed;
  }
}
