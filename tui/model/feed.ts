/**
 * What comes from xend, for as long as the dashboard runs: figures every so often, events as they happen. When xend is gone the last figures
 * stay, marked as old, and the feed connects again. Made for React's useSyncExternalStore: `subscribe` and `getSnapshot`.
 */
import type { EventSubscription } from "../../core/toolstack/api/client.ts";
import type { MachineFigures } from "../../core/toolstack/api/figures.ts";
import type { XendEvent } from "../../core/toolstack/api/types.ts";
import type { DashboardPorts, DashboardXend } from "../ports.ts";
import { Alerts } from "./alerts.ts";
import { appendNotices, noticeOf } from "./notices.ts";
import { SampleKeeper } from "./samples.ts";
import type { Connection, Notice, Snapshot } from "./types.ts";

const FIRST_BACKOFF_MS = 250;
const LONGEST_BACKOFF_MS = 2000;
/** An answer that takes longer is called none. */
const PATIENCE_MS = 5000;
/** Events ask for a look at the figures, but not more often. */
const LOOK_MS = 200;
/** Notices are shown together with those that come so soon after. */
const GATHER_MS = 50;

export interface FeedOptions {
  readonly delaySeconds: number;
  readonly patienceMs?: number;
  readonly backoffMs?: number;
}

const messageOf = (error: unknown) => error instanceof Error ? error.message : String(error);

/** Why xend is gone: its own words, or those of whatever broke. */
function lossOf(error: unknown): string {
  const isOurs = error instanceof Error && error.name === "XendFailure";
  return isOurs ? error.message : `the connection to xend broke: ${messageOf(error)}`;
}

/** xend answered, and refused: everything else means that it is gone. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "string" &&
    error.name === "XendFailure" && error.code !== "not-running" && error.code !== "not-started";
}

export class Feed {
  readonly #listeners = new Set<() => void>();
  readonly #samples = new SampleKeeper();
  readonly #alerts = new Alerts();
  readonly #backoffMs: number;
  #snapshot: Snapshot = { connection: { kind: "connecting" }, rows: [], notices: [] };
  #connection: Connection = this.#snapshot.connection;
  #gathered: Notice[] = [];
  #gatherTimer: ReturnType<typeof setTimeout> | undefined;
  #delayMs: number;
  #xend: DashboardXend | undefined;
  #running: Promise<void> | undefined;
  #isStopped = false;
  readonly #onStop = new Set<() => void>();
  /** Ends the wait that goes on. */
  #wake: () => void = () => {};
  /** When the next look is due, by performance.now(). */
  #due = 0;
  #lastStart = -Infinity;
  #lastPlace = -Infinity;
  #count = 0;
  #refusal: string | undefined;

  constructor(
    private readonly ports: Pick<DashboardPorts, "connect" | "now">,
    private readonly options: FeedOptions,
  ) {
    this.#delayMs = options.delaySeconds * 1000;
    this.#backoffMs = options.backoffMs ?? FIRST_BACKOFF_MS;
  }

  readonly subscribe = (listener: () => void): () => void => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly getSnapshot = (): Snapshot => this.#snapshot;

  /** While it is connected; for what views ask for themselves. */
  get xend(): DashboardXend | undefined {
    return this.#xend;
  }

  /** Regular samples so far. */
  get count(): number {
    return this.#count;
  }

  get delaySeconds(): number {
    return this.#delayMs / 1000;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#onStop.forEach((resolve) => resolve());
    this.#wake();
    clearTimeout(this.#gatherTimer);
    await this.#running;
  }

  setDelay(seconds: number): void {
    this.#delayMs = seconds * 1000;
    this.#due = Math.min(this.#due, performance.now() + this.#delayMs);
    this.#wake();
  }

  /** Looks at the figures now; without xend, tries to connect now. */
  refresh(): void {
    this.#due = 0;
    this.#wake();
  }

  /** Something that the dashboard itself has to say. */
  notify(severity: Notice["severity"], text: string, domain?: string): void {
    this.#gather({ at: this.ports.now(), severity, text, ...(domain === undefined ? {} : { domain }) });
  }

  async #run(): Promise<void> {
    let backoff = this.#backoffMs;
    while (!this.#isStopped) {
      const xend = await this.#orStop(this.#connect());
      if (xend !== undefined) {
        const before = this.#count;
        await this.#session(xend);
        this.#xend = undefined;
        if (this.#count > before) backoff = this.#backoffMs;
      }
      this.#due = performance.now() + backoff;
      await this.#untilDue();
      backoff = Math.min(2 * backoff, LONGEST_BACKOFF_MS);
    }
  }

  async #connect(): Promise<DashboardXend | undefined> {
    try {
      return await this.ports.connect();
    } catch (error) {
      this.#lose(messageOf(error));
      return undefined;
    }
  }

  /** Until xend is lost, or the feed stopped. */
  async #session(xend: DashboardXend): Promise<void> {
    let subscription: EventSubscription | undefined;
    try {
      subscription = await this.#orStop(xend.followEvents(["domain", "device", "log"]));
    } catch (error) {
      this.#lose(lossOf(error));
    }
    if (subscription === undefined) return;
    this.#xend = xend;
    let end: string | undefined;
    const followed = this.#follow(subscription).then((message) => {
      end = message;
      this.#wake();
    });
    this.#due = 0;
    while (!this.#isStopped && end === undefined) {
      if (!await this.#look(xend)) break;
      if (end === undefined) await this.#untilDue(() => end !== undefined);
    }
    if (end !== undefined && !this.#isStopped) this.#lose(end);
    await close(subscription);
    await followed;
  }

  /** @returns why it ended */
  async #follow({ events }: EventSubscription): Promise<string> {
    try {
      for await (const event of events) this.#event(event);
      return "xend has ended the connection";
    } catch (error) {
      return lossOf(error);
    }
  }

  /** @returns false when xend is gone */
  async #look(xend: DashboardXend): Promise<boolean> {
    const start = performance.now();
    this.#lastStart = start;
    const isRegular = start - this.#lastPlace >= this.#delayMs / 2;
    // Set before the answer is here: whoever wants a look meanwhile gets one after it.
    this.#due = (isRegular ? start : this.#lastPlace) + this.#delayMs;
    if (isRegular) this.#lastPlace = start;
    const impatience = setTimeout(
      () => this.#lose("xend does not answer"),
      this.options.patienceMs ?? PATIENCE_MS,
    );
    try {
      const figures = await this.#orStop(xend.figures());
      if (figures !== undefined && !this.#isStopped) this.#sample(figures, isRegular);
      return true;
    } catch (error) {
      if (!isRefusal(error)) {
        this.#lose(lossOf(error));
        return false;
      }
      // The same refusal every second is one notice.
      if (this.#refusal !== messageOf(error)) this.notify("warning", `no figures: ${messageOf(error)}`);
      this.#refusal = messageOf(error);
      return true;
    } finally {
      clearTimeout(impatience);
    }
  }

  #sample(figures: MachineFigures, isRegular: boolean): void {
    const isFirst = this.#samples.latest === undefined;
    const samples = this.#samples.add(figures, isRegular);
    this.#refusal = undefined;
    if (isRegular) {
      this.#count++;
      this.#gathered.push(...this.#alerts.look(samples));
    }
    if (this.#connection.kind === "lost" && !isFirst) {
      this.#gathered.push({ at: this.ports.now(), severity: "info", text: "xend is back" });
    }
    if (this.#connection.kind !== "connected") this.#connection = { kind: "connected" };
    this.#publish();
  }

  #event(event: XendEvent): void {
    const rows = this.#snapshot.rows;
    const notice = noticeOf(
      event,
      (domid) => rows.find(({ figures }) => figures.domid === domid)?.figures.name,
    );
    if (notice !== undefined) this.#gather(notice);
    if (event.type === "domain" || event.type === "lost") {
      this.#due = Math.min(this.#due, Math.max(performance.now(), this.#lastStart + LOOK_MS));
      this.#wake();
    }
  }

  #lose(message: string): void {
    if (this.#isStopped) return;
    if (this.#connection.kind === "lost") {
      if (this.#connection.message === message) return;
      this.#connection = { ...this.#connection, message };
    } else {
      const since = this.ports.now();
      if (this.#connection.kind === "connected") {
        this.#gathered.push({ at: since, severity: "alert", text: `xend is lost: ${message}` });
      }
      this.#connection = { kind: "lost", since, message };
    }
    this.#samples.interrupt();
    this.#publish();
  }

  #gather(notice: Notice): void {
    this.#gathered.push(notice);
    this.#gatherTimer ??= setTimeout(() => this.#publish(), GATHER_MS);
  }

  #publish(): void {
    clearTimeout(this.#gatherTimer);
    this.#gatherTimer = undefined;
    const { latest } = this.#samples;
    this.#snapshot = {
      connection: this.#connection,
      ...(latest === undefined ? {} : { host: latest.host }),
      rows: latest?.rows ?? [],
      notices: appendNotices(this.#snapshot.notices, this.#gathered),
    };
    this.#gathered = [];
    for (const listener of [...this.#listeners]) listener();
  }

  async #untilDue(isOver: () => boolean = () => false): Promise<void> {
    while (!this.#isStopped && !isOver()) {
      const rest = this.#due - performance.now();
      if (rest <= 0) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, rest);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** @returns undefined when the feed was stopped first */
  #orStop<T>(promise: Promise<T>): Promise<T | undefined> {
    // Not Promise.race with a promise that lives as long as the feed: each race would leave something behind in it.
    return new Promise((resolve, reject) => {
      const onStop = () => resolve(undefined);
      this.#onStop.add(onStop);
      promise.then(resolve, reject).finally(() => this.#onStop.delete(onStop));
      if (this.#isStopped) onStop();
    });
  }
}

async function close(subscription: EventSubscription): Promise<void> {
  try {
    await subscription.close();
  } catch {
    // The stream broke, which is why it is closed; #follow has told of it.
  }
}
