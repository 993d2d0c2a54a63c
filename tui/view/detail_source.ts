/** What the open tab of a domain shows beyond the figures: asked of xend when figures come, one request at a time. */
import type { DomainInspection } from "../../core/toolstack/api/figures.ts";
import type { DomainDetail } from "../../core/toolstack/api/types.ts";
import type { DashboardXend } from "../ports.ts";
import type { Tab } from "../keys/ui_state.ts";
import type { ConsoleScreen, ConsoleSize } from "./console_screen.ts";

export interface DetailData {
  /** Whose it is. */
  readonly uuid?: string;
  readonly detail?: DomainDetail;
  readonly inspection?: DomainInspection;
  /** Of the console. */
  readonly console?: readonly string[];
  /** xend's log. */
  readonly log?: readonly string[];
  /** Why the latest request failed. */
  readonly error?: string;
}

export interface DetailTarget {
  readonly uuid: string;
  readonly domid: number;
  readonly tab: Tab;
}

const NEEDS: Readonly<Record<Tab, readonly ("detail" | "inspection" | "log" | "console")[]>> = {
  Overview: ["detail"],
  Configuration: ["detail"],
  vCPUs: ["detail"],
  Memory: ["inspection"],
  Devices: ["inspection"],
  Channels: ["inspection"],
  Grants: ["inspection"],
  Inside: [],
  Console: ["console"],
  Log: ["log"],
};

/** Output of a console comes in many pieces: the screen hears of it at most so often. */
const CONSOLE_MS = 200;

const LOG_LINES = 1000;

const reason = (error: unknown) => error instanceof Error ? error.message : String(error);

export class DetailSource {
  #data: DetailData = {};
  #target: DetailTarget | undefined;
  #isBusy = false;
  /** Something else is wanted since the request that is under way began. */
  #isStale = false;
  #tail: ConsoleTail | undefined;

  constructor(
    private readonly xend: () => DashboardXend | undefined,
    private readonly onChange: (data: DetailData) => void,
    /** Of the user's terminal: a program that has the whole screen was told it when somebody was attached. */
    private readonly size: () => ConsoleSize,
  ) {}

  get data(): DetailData {
    return this.#data;
  }

  /** @param target undefined: no detail is open */
  show(target: DetailTarget | undefined): void {
    const before = this.#target;
    if (before?.uuid === target?.uuid && before?.tab === target?.tab && before?.domid === target?.domid) {
      return;
    }
    this.#target = target;
    if (before?.uuid !== target?.uuid || before?.domid !== target?.domid) {
      this.#tail?.close();
      this.#tail = undefined;
      this.#set(target === undefined ? {} : { uuid: target.uuid });
    }
    if (target?.tab !== "Console") {
      this.#tail?.close();
      this.#tail = undefined;
    }
    this.refresh();
  }

  /** New figures are here: what the tab shows may be old. */
  refresh(): void {
    if (this.#target === undefined) return;
    if (this.#isBusy) {
      this.#isStale = true;
      return;
    }
    this.#isBusy = true;
    this.#load(this.#target).finally(() => {
      this.#isBusy = false;
      if (!this.#isStale) return;
      this.#isStale = false;
      this.refresh();
    });
  }

  close(): void {
    this.show(undefined);
  }

  #set(data: DetailData): void {
    this.#data = data;
    this.onChange(data);
  }

  async #load(target: DetailTarget): Promise<void> {
    const xend = this.xend();
    if (xend === undefined) return;
    const keep = (part: Partial<DetailData>) => {
      // Another domain may be open by now.
      if (this.#target?.uuid === target.uuid && this.#target.domid === target.domid) {
        const { error: _, ...rest } = this.#data;
        this.#set({ ...rest, ...part });
      }
    };
    try {
      for (const need of NEEDS[target.tab]) {
        if (need === "detail") keep({ detail: await xend.detail(target.domid) });
        else if (need === "inspection") keep({ inspection: await xend.inspect(target.domid) });
        else if (need === "log") keep({ log: this.#logLines(await xend.log()) });
        else this.#follow(xend, target, keep);
      }
    } catch (error) {
      keep({ error: reason(error) });
    }
  }

  /** The latest lines; the same object while nothing comes. */
  #logLines(text: string): readonly string[] {
    const lines = text.trimEnd().split("\n").slice(-LOG_LINES);
    const { log } = this.#data;
    const isSame = log?.length === lines.length && log.at(-1) === lines.at(-1);
    return isSame ? log : lines;
  }

  #follow(xend: DashboardXend, target: DetailTarget, keep: (part: Partial<DetailData>) => void): void {
    if (this.#target?.tab !== "Console" || this.#tail?.xend === xend) return;
    this.#tail?.close();
    this.#tail = new ConsoleTail(
      xend,
      target.domid,
      this.size,
      (console) => keep({ console }),
      (error) => keep({ error: reason(error) }),
    );
  }
}

interface Reading {
  read(): Promise<{ readonly done?: boolean; readonly value?: Uint8Array }>;
  /** Ends also a read that waits. */
  end(): Promise<unknown>;
}

function readingOf(output: AsyncIterable<Uint8Array>): Reading {
  if (output instanceof ReadableStream) {
    const reader: ReadableStreamDefaultReader<Uint8Array> = output.getReader();
    return { read: () => reader.read(), end: () => reader.cancel() };
  }
  const iterator = output[Symbol.asyncIterator]();
  return { read: () => iterator.next(), end: async () => await iterator.return?.() };
}

/** A console's output, followed until it is closed. */
class ConsoleTail {
  #screen: ConsoleScreen | undefined;
  #reading: Reading | undefined;
  #isClosed = false;
  #lastTold = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly xend: DashboardXend,
    domid: number,
    private readonly size: () => ConsoleSize,
    private readonly onLines: (lines: readonly string[]) => void,
    private readonly onFailure: (error: unknown) => void,
  ) {
    this.#run(domid).catch((error) => this.#failed(error));
  }

  async #run(domid: number): Promise<void> {
    // A terminal emulator takes a while to load, and most tabs need none.
    const { ConsoleScreen } = await import("./console_screen.ts");
    const reading = readingOf(await this.xend.consoleOutput(domid, true));
    if (this.#isClosed) {
      await reading.end();
      return;
    }
    this.#reading = reading;
    const screen = this.#screen = new ConsoleScreen(this.size());
    this.onLines([]);
    for (;;) {
      const { done, value } = await reading.read();
      if (done === true || value === undefined || this.#isClosed) return;
      await screen.write(value);
      const wait = this.#lastTold + CONSOLE_MS - performance.now();
      if (wait <= 0) this.#tell();
      else this.#timer ??= setTimeout(() => this.#tell(), wait);
    }
  }

  #tell(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#lastTold = performance.now();
    if (this.#isClosed || this.#screen === undefined) return;
    this.#screen.resize(this.size());
    this.onLines(this.#screen.lines);
  }

  /** What fails because it was closed is no failure. */
  #failed(error: unknown): void {
    if (!this.#isClosed) this.onFailure(error);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#screen?.close();
    this.#reading?.end().catch((error) => this.#failed(error));
  }
}
