/** xend: the domains of a host by name, their life cycle and what is kept of them. It knows nothing of processes, sockets or HTTP. */
import { isAbsolute, join } from "node:path";
import type {
  CreateReply,
  CreateRequest,
  DeviceRecord,
  DomainDetail,
  DomainSummary,
  NodeInfo,
  ShutdownReason,
  XendEvent,
} from "../api/types.ts";
import type { DomainInspection, MachineFigures } from "../api/figures.ts";
import type { ControlledHost, DomainEnd } from "../host.ts";
import { endAction, preservedSuffix } from "./domain_end.ts";
import { DomainBuilder } from "./domain_builder.ts";
import { DomainEntry, type Incarnation } from "./domain_entry.ts";
import type { DomainSource } from "./domain_source.ts";
import { DomainTable, isDom0 } from "./domain_table.ts";
import { coreDumpPath, dumpCore } from "./controls.ts";
import { XendError } from "./errors.ts";
import { EventHub } from "./event_hub.ts";
import { DOM0_INSPECTION, dom0Figures, domainFigures, inspection, machineFigures } from "./figures.ts";
import { XendLog } from "./log.ts";
import { attempt, autostartRequests, type XendomainsResult } from "./xendomains.ts";
import { detail, dom0Detail, dom0Summary, nodeInfo, summary } from "./records.ts";
import { RecordKeeper } from "./record_keeper.ts";
import { recover } from "./recovery.ts";
import type { StateStore } from "./state_store.ts";

export interface XendOptions {
  readonly host: ControlledHost;
  readonly source: DomainSource;
  readonly state: StateStore;
  readonly log?: XendLog;
  /** A domain's disks and network devices. */
  readonly devices?: (domid: number) => DeviceRecord[];
  /** The same with what XenStore has of them. */
  readonly inspectDevices?: (domid: number) => DomainInspection["devices"];
  /** Xen's log so far. */
  readonly dmesg?: () => string;
  readonly clearDmesg?: () => void;
  /** Presses one of Xen's debug keys, whose words come in `dmesg`. */
  readonly debugKey?: (key: string) => void;
  /** A domain that ends sooner than this after its start is not started again. */
  readonly minimumLifeMs?: number;
}

const MINIMUM_LIFE_MS = 1000;
/** A domain that says it can power off has so long to do it when xend stops. */
const STOP_GRACE_MS = 30_000;

type DomainChange = Extract<XendEvent, { type: "domain" }>["change"];

const message = (error: unknown) => error instanceof Error ? error.message : String(error);

export class Xend {
  readonly events = new EventHub();
  readonly log: XendLog;
  readonly startedAt = Date.now();
  readonly #records: RecordKeeper;
  readonly #builder: DomainBuilder;
  readonly #table = new DomainTable();
  /** As told last: no reader sees it fall. */
  #dom0Seconds = 0;
  #destroying: Promise<unknown> = Promise.resolve();
  #stopping: Promise<string[]> | undefined;

  constructor(private readonly options: XendOptions) {
    this.log = options.log ?? new XendLog();
    this.#records = new RecordKeeper(options.state, this.log);
    this.#builder = new DomainBuilder(
      options.host,
      options.source,
      (entry, bytes) => this.#consoleOutput(entry, bytes),
    );
  }

  // ---- what there is

  /** Domain-0 first, then by domid; managed domains that do not run only with `all`. */
  list(all = false): DomainSummary[] {
    const entries = this.#table.all();
    const running = entries.filter(({ incarnation }) => incarnation !== undefined).map(summary)
      .sort((a, b) => (a.domid ?? 0) - (b.domid ?? 0));
    const idle = all
      ? entries.filter(({ incarnation, isBuilding }) => incarnation === undefined && !isBuilding)
      : [];
    return [this.#dom0(), ...running, ...idle.map(summary)];
  }

  #dom0(): DomainSummary {
    const { guestSeconds, pcpus } = this.options.host.figures();
    const summary = dom0Summary(guestSeconds, pcpus, this.startedAt);
    // What the host kept from a guest turns up a little later than the bill.
    this.#dom0Seconds = Math.max(this.#dom0Seconds, summary.seconds);
    return { ...summary, seconds: this.#dom0Seconds };
  }

  /** Everything at one moment. */
  figures(): MachineFigures {
    const { devices = () => [], host } = this.options;
    const domains = this.#table.all().flatMap((entry) => {
      const { incarnation } = entry;
      if (incarnation === undefined) return [];
      return domainFigures(entry, incarnation, devices(incarnation.domain.domid));
    });
    domains.sort((a, b) => a.domid - b.domid);
    return machineFigures(host, this.node(), this.startedAt, [dom0Figures(this.#dom0()), ...domains]);
  }

  /** What is inside a domain. @throws XendError no-such-domain, wrong-state */
  inspect(id: string): DomainInspection {
    if (isDom0(id)) return DOM0_INSPECTION;
    const { existing } = this.find(id);
    return inspection(existing, this.options.inspectDevices?.(existing.domain.domid) ?? []);
  }

  /** @throws XendError no-such-domain */
  detail(id: string): DomainDetail {
    if (isDom0(id)) {
      const [dom0] = this.list();
      return dom0Detail(dom0, dom0.vcpus);
    }
    return detail(this.find(id), this.options.host, this.options.devices ?? (() => []));
  }

  get pcpus(): number {
    return this.options.host.figures().pcpus;
  }

  node(): NodeInfo {
    return nodeInfo(this.options.host);
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
        this.#changed(entry, "defined");
      } else {
        await entry.exclusive(() => this.#start(entry, request.paused, warnings));
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
      await this.#start(entry, paused, warnings);
    });
    return { name: entry.name, domid: entry.domid, warnings };
  }

  /** Builds a domain and lets it run. The entry's lock is held. */
  async #start(entry: DomainEntry, paused: boolean, warnings: string[]): Promise<void> {
    entry.isBuilding = true;
    try {
      const domain = await this.#builder.build(entry, warnings);
      entry.console.reopen();
      const incarnation: Incarnation = {
        domain,
        startedAt: Date.now(),
        startedClock: performance.now(),
        settled: Promise.withResolvers<void>(),
      };
      entry.incarnation = incarnation;
      domain.ended.then((end) => this.#onEnd(entry, incarnation, end))
        .catch((error) => this.log.error(`${entry.name}: after its end: ${message(error)}`));
      try {
        this.#records.keep("running", entry);
      } catch (error) {
        warnings.push(`${message(error)}; xend forgets ${entry.name} if it is killed`);
      }
      this.#changed(entry, "created");
      if (!paused) {
        domain.unpause();
        this.#changed(entry, "unpaused");
      }
    } finally {
      entry.isBuilding = false;
    }
  }

  #consoleOutput(entry: DomainEntry, bytes: Uint8Array): void {
    entry.console.write(bytes);
    const { name, domid } = entry;
    if (domid === undefined || !this.events.heard("console")) return;
    const text = entry.consoleText.decode(bytes, { stream: true });
    this.events.emit({ type: "console", at: Date.now(), domid, name, text });
  }

  #onEnd(entry: DomainEntry, incarnation: Incarnation, end: DomainEnd): Promise<void> | undefined {
    if (incarnation.isDestroying) return undefined;
    incarnation.end = end;
    this.log.info(`domain ${entry.name} (${incarnation.domain.domid}) has ended: ${end.reason}`);
    if (end.registerDump !== undefined) this.log.warning(`${entry.name}:\n${end.registerDump}`);
    this.#changed(entry, "shutdown", end.reason, end.registerDump);
    return entry.exclusive(async () => {
      try {
        if (entry.incarnation === incarnation && !incarnation.isDestroying) {
          await this.#act(entry, incarnation, end);
        }
      } finally {
        incarnation.settled.resolve();
      }
    });
  }

  /** Does what the configuration says about a domain's end. The entry's lock is held. */
  async #act(entry: DomainEntry, incarnation: Incarnation, end: DomainEnd): Promise<void> {
    const action = endAction(end, entry.settings);
    if (action === "soft-reset") {
      this.log.error(`${entry.name}: a soft reset is not supported; the domain is destroyed`);
    }
    if (action === "preserve") {
      this.log.info(`${entry.name} is kept as it ended; destroy ${entry.name} removes it`);
      this.#records.forget("running", entry);
      entry.console.end();
      return;
    }
    if (action === "coredump-destroy" || action === "coredump-restart") {
      await this.#dumpAfterEnd(entry);
    }
    const restarts = action === "restart" || action === "rename-restart" || action === "coredump-restart";
    const lived = performance.now() - incarnation.startedClock;
    const { minimumLifeMs = MINIMUM_LIFE_MS } = this.options;
    if (!restarts || this.#stopping !== undefined) return await this.#end(entry);
    if (lived < minimumLifeMs) {
      this.log.error(
        `${entry.name} ended ${
          Math.round(lived)
        } ms after its start; it is not started again, to avoid a loop`,
      );
      return await this.#end(entry);
    }
    if (action === "rename-restart") this.#preserveUnderOtherName(entry, incarnation);
    else await this.#dismantle(entry, incarnation);
    this.log.info(`starting ${entry.name} again`);
    try {
      // The files are read again, as xl does.
      const warnings: string[] = [];
      await this.#start(entry, false, warnings);
      for (const warning of warnings) this.log.warning(warning);
    } catch (error) {
      this.log.error(`${entry.name} cannot be started again: ${message(error)}`);
      await this.#end(entry);
    }
  }

  /** A dump that fails is told of and changes nothing else. */
  async #dumpAfterEnd(entry: DomainEntry): Promise<void> {
    const path = coreDumpPath(this.#dumpDirectory, entry);
    try {
      Deno.mkdirSync(this.#dumpDirectory, { recursive: true, mode: 0o700 });
      await dumpCore(entry, path, true);
      this.log.info(`the core of ${entry.name} is in ${path}`);
    } catch (error) {
      this.log.error(`no core of ${entry.name} in ${path}: ${message(error)}`);
    }
  }

  get #dumpDirectory(): string {
    return join(this.options.state.directory, "dump");
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
      if (crash) await this.#end(entry);
      return path;
    });
  }

  /** The domain that ended stays under another name and uuid; the entry is free for its successor. */
  #preserveUnderOtherName(entry: DomainEntry, incarnation: Incarnation): void {
    const base = entry.name + preservedSuffix(new Date());
    let name = base;
    for (let count = 1; this.#table.lookup(name) !== undefined; count++) name = `${base}-${count}`;
    const kept = new DomainEntry(name, crypto.randomUUID(), entry.request, entry.settings, false);
    kept.console.write(entry.console.history());
    kept.console.end();
    kept.incarnation = incarnation;
    entry.incarnation = undefined;
    this.#table.add(kept);
    this.#records.forget("running", entry);
    incarnation.domain.rename(name);
    this.#changed(kept, "renamed");
  }

  /** Destroys an incarnation. The entry's lock is held. */
  async #dismantle(entry: DomainEntry, incarnation: Incarnation): Promise<void> {
    incarnation.isDestroying = true;
    // One after the other: with 200 at once the hypervisor's thread was seen to hang at its first collection.
    const destroyed = this.#destroying.then(() => incarnation.domain.destroy());
    this.#destroying = destroyed.catch(() => {});
    await destroyed;
    if (entry.incarnation === incarnation) entry.incarnation = undefined;
    this.#records.forget("running", entry);
    this.#emit(entry.name, incarnation.domain.domid, "destroyed", incarnation.end?.reason);
    incarnation.settled.resolve();
  }

  /** The end of a domain's life: it is destroyed; unless it is managed, nothing is left of it. */
  async #end(entry: DomainEntry): Promise<void> {
    if (entry.incarnation !== undefined) await this.#dismantle(entry, entry.incarnation);
    entry.console.end();
    if (!entry.managed) this.#table.remove(entry);
  }

  pause(id: string): void {
    const entry = this.find(id);
    const { domain } = entry.running;
    if (domain.info().paused) return;
    domain.pause();
    this.#changed(entry, "paused");
  }

  unpause(id: string): void {
    const entry = this.find(id);
    const { domain } = entry.running;
    if (!domain.info().paused) return;
    domain.unpause();
    this.#changed(entry, "unpaused");
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
      await this.#end(entry);
    });
  }

  /** Destroys a domain and starts it anew. */
  async reset(id: string): Promise<void> {
    this.#refuseWhenStopping();
    const entry = this.find(id);
    await entry.exclusive(async () => {
      await this.#dismantle(entry, entry.existing);
      try {
        await this.#start(entry, false, []);
      } catch (error) {
        await this.#end(entry);
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
      this.#changed(entry, "renamed");
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
      this.#changed(entry, "deleted");
      return Promise.resolve();
    });
  }

  // ---- what is told

  #changed(entry: DomainEntry, change: DomainChange, reason?: ShutdownReason, registers?: string): void {
    this.#emit(entry.name, entry.domid, change, reason, registers);
  }

  #emit(
    name: string,
    domid: number | undefined,
    change: DomainChange,
    reason?: ShutdownReason,
    registers?: string,
  ): void {
    this.log.debug(`domain ${name}${domid === undefined ? "" : ` (${domid})`}: ${change}`);
    this.events.emit({ type: "domain", at: Date.now(), domid, name, change, reason, registers });
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
          await this.#start(entry, false, warnings);
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
        await this.#end(entry);
      })
    ));
    this.log.info("xend stops");
    this.events.end();
    await this.options.host.stop();
    return destroyed;
  }
}
