/** The lives of domains: building, what is done at their end, destroying. Whoever calls holds the entry's lock. */
import type { ShutdownReason, XendEvent } from "../api/types.ts";
import type { ControlledHost, DomainEnd } from "../host.ts";
import { coreDumpPath, dumpCore } from "./controls.ts";
import { DomainBuilder } from "./domain_builder.ts";
import { endAction, preservedSuffix } from "./domain_end.ts";
import { DomainEntry, type Incarnation } from "./domain_entry.ts";
import type { DomainSource } from "./domain_source.ts";
import type { DomainTable } from "./domain_table.ts";
import type { EndedConsoles } from "./ended_consoles.ts";
import type { GuestLogs } from "./guest_logs.ts";
import type { EventHub } from "./event_hub.ts";
import type { XendLog } from "./log.ts";
import type { RecordKeeper } from "./record_keeper.ts";

const MINIMUM_LIFE_MS = 1000;

type DomainChange = Extract<XendEvent, { type: "domain" }>["change"];

const message = (error: unknown) => error instanceof Error ? error.message : String(error);

/** What the lives of domains touch. */
export interface LifeWorld {
  readonly host: ControlledHost;
  readonly source: DomainSource;
  readonly table: DomainTable;
  readonly endedConsoles: EndedConsoles;
  readonly records: RecordKeeper;
  readonly events: EventHub;
  readonly log: XendLog;
  /** Keeps consoles in files. */
  readonly guestLogs?: GuestLogs;
  /** Where cores go. */
  readonly dumpDirectory: string;
  /** A domain that ends sooner than this after its start is not started again. */
  readonly minimumLifeMs?: number;
  /** Nothing is started again then. */
  isStopping(): boolean;
}

export class LifeCycle {
  readonly #builder: DomainBuilder;
  #destroying: Promise<unknown> = Promise.resolve();

  constructor(private readonly world: LifeWorld) {
    this.#builder = new DomainBuilder(
      world.host,
      world.source,
      (entry, bytes) => this.#consoleOutput(entry, bytes),
    );
  }

  /** Builds a domain and lets it run. */
  async start(entry: DomainEntry, paused: boolean, warnings: string[]): Promise<void> {
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
        .catch((error) => this.world.log.error(`${entry.name}: after its end: ${message(error)}`));
      try {
        this.world.records.keep("running", entry);
      } catch (error) {
        warnings.push(`${message(error)}; xend forgets ${entry.name} if it is killed`);
      }
      this.changed(entry, "created");
      if (!paused) {
        domain.unpause();
        this.changed(entry, "unpaused");
      }
    } finally {
      entry.isBuilding = false;
    }
  }

  #consoleOutput(entry: DomainEntry, bytes: Uint8Array): void {
    entry.console.write(bytes);
    this.world.guestLogs?.write(entry, bytes);
    const { name, domid } = entry;
    if (domid === undefined || !this.world.events.heard("console")) return;
    const text = entry.consoleText.decode(bytes, { stream: true });
    this.world.events.emit({ type: "console", at: Date.now(), domid, name, text });
  }

  #onEnd(entry: DomainEntry, incarnation: Incarnation, end: DomainEnd): Promise<void> | undefined {
    if (incarnation.isDestroying) return undefined;
    incarnation.end = end;
    this.world.log.info(`domain ${entry.name} (${incarnation.domain.domid}) has ended: ${end.reason}`);
    if (end.registerDump !== undefined) this.world.log.warning(`${entry.name}:\n${end.registerDump}`);
    this.changed(entry, "shutdown", end.reason, end.registerDump);
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

  /** Does what the configuration says about a domain's end. */
  async #act(entry: DomainEntry, incarnation: Incarnation, end: DomainEnd): Promise<void> {
    const action = endAction(end, entry.settings);
    if (action === "soft-reset") {
      this.world.log.error(`${entry.name}: a soft reset is not supported; the domain is destroyed`);
    }
    if (action === "preserve") {
      this.world.log.info(`${entry.name} is kept as it ended; destroy ${entry.name} removes it`);
      this.world.records.forget("running", entry);
      entry.console.end();
      return;
    }
    if (action === "coredump-destroy" || action === "coredump-restart") {
      await this.#dumpAfterEnd(entry);
    }
    const restarts = action === "restart" || action === "rename-restart" || action === "coredump-restart";
    const lived = performance.now() - incarnation.startedClock;
    const { minimumLifeMs = MINIMUM_LIFE_MS } = this.world;
    if (!restarts || this.world.isStopping()) return await this.end(entry);
    if (lived < minimumLifeMs) {
      this.world.log.error(
        `${entry.name} ended ${
          Math.round(lived)
        } ms after its start; it is not started again, to avoid a loop`,
      );
      return await this.end(entry);
    }
    if (action === "rename-restart") this.#preserveUnderOtherName(entry, incarnation);
    else await this.dismantle(entry, incarnation);
    this.world.log.info(`starting ${entry.name} again`);
    try {
      // The files are read again, as xl does.
      const warnings: string[] = [];
      await this.start(entry, false, warnings);
      for (const warning of warnings) this.world.log.warning(warning);
    } catch (error) {
      this.world.log.error(`${entry.name} cannot be started again: ${message(error)}`);
      await this.end(entry);
    }
  }

  /** A dump that fails is told of and changes nothing else. */
  async #dumpAfterEnd(entry: DomainEntry): Promise<void> {
    const path = coreDumpPath(this.world.dumpDirectory, entry);
    try {
      Deno.mkdirSync(this.world.dumpDirectory, { recursive: true, mode: 0o700 });
      await dumpCore(entry, path, true);
      this.world.log.info(`the core of ${entry.name} is in ${path}`);
    } catch (error) {
      this.world.log.error(`no core of ${entry.name} in ${path}: ${message(error)}`);
    }
  }

  /** The domain that ended stays under another name and uuid; the entry is free for its successor. */
  #preserveUnderOtherName(entry: DomainEntry, incarnation: Incarnation): void {
    const base = entry.name + preservedSuffix(new Date());
    let name = base;
    for (let count = 1; this.world.table.lookup(name) !== undefined; count++) name = `${base}-${count}`;
    const kept = new DomainEntry(name, crypto.randomUUID(), entry.request, entry.settings, false);
    kept.console.write(entry.console.history());
    kept.console.end();
    kept.incarnation = incarnation;
    entry.incarnation = undefined;
    this.world.table.add(kept);
    this.world.records.forget("running", entry);
    incarnation.domain.rename(name);
    this.changed(kept, "renamed");
  }

  /** Destroys an incarnation. */
  async dismantle(entry: DomainEntry, incarnation: Incarnation): Promise<void> {
    incarnation.isDestroying = true;
    // One after the other: with 200 at once the hypervisor's thread was seen to hang at its first collection.
    const destroyed = this.#destroying.then(() => incarnation.domain.destroy());
    this.#destroying = destroyed.catch(() => {});
    await destroyed;
    if (entry.incarnation === incarnation) entry.incarnation = undefined;
    this.world.guestLogs?.close(entry.uuid);
    this.world.records.forget("running", entry);
    this.#emit(entry.name, incarnation.domain.domid, "destroyed", incarnation.end?.reason);
    incarnation.settled.resolve();
  }

  /** The end of a domain's life: it is destroyed; unless it is managed, nothing is left of it. */
  async end(entry: DomainEntry): Promise<void> {
    const { incarnation, domid } = entry;
    if (incarnation !== undefined) await this.dismantle(entry, incarnation);
    entry.devices = undefined;
    entry.console.end();
    if (entry.managed) return;
    this.world.table.remove(entry);
    const reason = incarnation?.end?.reason;
    if (reason !== undefined) this.world.endedConsoles.keep({ entry, domid, reason });
  }

  /** Tells what became of a domain. */
  changed(entry: DomainEntry, change: DomainChange, reason?: ShutdownReason, registers?: string): void {
    this.#emit(entry.name, entry.domid, change, reason, registers);
  }

  #emit(
    name: string,
    domid: number | undefined,
    change: DomainChange,
    reason?: ShutdownReason,
    registers?: string,
  ): void {
    this.world.log.debug(`domain ${name}${domid === undefined ? "" : ` (${domid})`}: ${change}`);
    this.world.events.emit({ type: "domain", at: Date.now(), domid, name, change, reason, registers });
  }
}
