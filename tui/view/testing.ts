/** A dashboard for tests: a machine that a test sets, a terminal that is read cell by cell. */
import type { ConsoleConnection } from "../../core/toolstack/api/client.ts";
import type { DomainInspection, MachineFigures } from "../../core/toolstack/api/figures.ts";
import type { DomainDetail, DomainSummary, XendEvent } from "../../core/toolstack/api/types.ts";
import type { CommandResult, DashboardOptions, DashboardPorts, DashboardXend } from "../ports.ts";
import { domain, machine, vcpu } from "../model/testing.ts";
import { FakeTerminal, HeadlessTerminal } from "../screen/testing.ts";

export const OPTIONS: DashboardOptions = {
  delaySeconds: 60,
  iterations: 0,
  readOnly: false,
  networks: false,
  vbds: false,
  vcpus: false,
  repeatHeader: false,
  fullName: false,
  ascii: false,
};

export const INSPECTION: DomainInspection = {
  domid: 1,
  channels: [
    { port: 1, state: "interdomain", vcpu: 0, pending: false, masked: false, remoteDomid: 0, remotePort: 7 },
    { port: 2, state: "virq", vcpu: 0, pending: true, masked: false, irq: "timer" },
  ],
  grants: [{
    ref: 8,
    kind: "access",
    domid: 0,
    frame: "0x1234",
    readOnly: true,
    isReading: true,
    isWriting: false,
  }],
  grantEntries: 512,
  mappings: 0,
  pageTypes: { writable: 3000, l1: 20, l4: 1, none: 100 },
  maxPfn: 32_768,
  pinned: 2,
  devices: [{
    kind: "vif",
    devid: 0,
    backendDomid: 0,
    state: 4,
    eventChannel: 9,
    ringRefs: [768, 769],
    backendPath: "/local/domain/0/backend/vif/1/0",
    mac: "00:16:3e:00:00:01",
    frontend: { state: "4", mac: "00:16:3e:00:00:01" },
    backend: { state: "4", bridge: "xenbr0" },
  }],
};

const encoder = new TextEncoder();

/** Items that come when a test pushes them. */
export class Pushed<T> implements AsyncIterable<T> {
  #items: T[] = [];
  #isEnded = false;
  #wake: () => void = () => {};

  push(item: T): void {
    this.#items.push(item);
    this.#wake();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) yield item;
      else if (this.#isEnded) return;
      else await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }
}

export class FakeXend implements DashboardXend {
  machine: MachineFigures;
  consoleText = "Linux version 6.1\r\nlogin: ";
  readonly console = new Pushed<Uint8Array>();
  /** What an attached console was sent. */
  readonly typed: Uint8Array[] = [];
  readonly events = new Pushed<XendEvent>();
  stopped: DomainSummary[] = [];
  isGone = false;
  asked: string[] = [];

  constructor(names: readonly string[] = ["web", "mail"]) {
    this.machine = machine(1000, [
      domain(0, { vcpus: [vcpu(0), vcpu(1)] }),
      ...names.map((name, index) => domain(index + 1, { name })),
    ]);
  }

  #answer<T>(call: string, value: T): Promise<T> {
    this.asked.push(call);
    if (!this.isGone) return Promise.resolve(value);
    return Promise.reject(new Error("xend does not answer"));
  }

  figures(): Promise<MachineFigures> {
    return this.#answer("figures", this.machine);
  }

  inspect(id: string | number): Promise<DomainInspection> {
    return this.#answer(`inspect ${id}`, INSPECTION);
  }

  detail(id: string | number): Promise<DomainDetail> {
    const figures = this.machine.domains.find(({ domid, name }) => domid === id || name === id);
    if (figures === undefined) return Promise.reject(new Error(`there is no domain ${id}`));
    const { name, domid, uuid, memoryKiB, state, seconds, weight, cap } = figures;
    return this.#answer(`detail ${id}`, {
      name,
      domid,
      uuid,
      memoryKiB,
      maxMemoryKiB: figures.maxMemoryKiB ?? memoryKiB,
      vcpus: figures.vcpus.length,
      state,
      seconds,
      managed: true,
      vcpuList: figures.vcpus.map(({ id, online, state, pcpu, seconds }) => ({
        id,
        online,
        state,
        pcpu,
        seconds,
        hardAffinity: [0, 1],
        softAffinity: [1],
      })),
      maxVcpus: figures.vcpus.length,
      scheduler: { weight, cap },
      devices: [],
      counters: {},
      config: { name, memory: memoryKiB / 1024, disk: [{ vdev: "xvda" }] },
      configText: `# a guest\nname = "${name}"\nmemory = ${memoryKiB / 1024}\n`,
    });
  }

  list(): Promise<DomainSummary[]> {
    return this.#answer("list", this.stopped);
  }

  log(): Promise<string> {
    return this.#answer("log", "[2024-01-01 00:00:00 1] INFO (xend:1) xend has started\n");
  }

  consoleOutput(id: string | number): Promise<AsyncIterable<Uint8Array>> {
    const { console, consoleText } = this;
    const output = async function* () {
      yield encoder.encode(consoleText);
      yield* console;
    };
    return this.#answer(`console ${id}`, output());
  }

  attachConsole(id: string | number): Promise<ConsoleConnection> {
    const { console, consoleText, typed } = this;
    const output = async function* () {
      yield encoder.encode(consoleText);
      yield* console;
    };
    return this.#answer(`attach ${id}`, {
      output: output(),
      input: (bytes) => {
        typed.push(bytes.slice());
        return Promise.resolve();
      },
      close: () => {},
    });
  }

  followEvents(): Promise<{ events: AsyncGenerator<XendEvent>; close: () => Promise<void> }> {
    const events = this.events[Symbol.asyncIterator]() as AsyncGenerator<XendEvent>;
    return this.#answer("events", {
      events,
      close: () => {
        this.events.end();
        return Promise.resolve();
      },
    });
  }
}

/** A terminal at which a test types, and whose screen it reads. */
export class TestTerminal extends FakeTerminal {
  readonly #typed = new Pushed<Uint8Array>();
  readonly screen: HeadlessTerminal;
  #pending: Promise<void> = Promise.resolve();

  constructor(columns = 80, rows = 24) {
    super(columns, rows);
    this.screen = new HeadlessTerminal(columns, rows);
  }

  override input(): AsyncIterable<Uint8Array> {
    return this.#typed;
  }

  override write(text: string): void {
    super.write(text);
    this.#pending = this.screen.write(text);
  }

  override resize(columns: number, rows: number): void {
    this.screen.resize(columns, rows);
    super.resize(columns, rows);
  }

  type(text: string): void {
    this.#typed.push(encoder.encode(text));
  }

  async lines(): Promise<string[]> {
    await this.#pending;
    return this.screen.lines();
  }

  /** @throws when the screen does not come to show it */
  async waitFor(wanted: RegExp, timeoutMs = 5000): Promise<string> {
    const end = performance.now() + timeoutMs;
    for (;;) {
      const text = (await this.lines()).join("\n");
      if (wanted.test(text)) return text;
      if (performance.now() > end) throw new Error(`the screen does not show ${wanted}:\n${text}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  close(): void {
    this.screen[Symbol.dispose]();
  }
}

export interface TestPorts extends DashboardPorts {
  readonly terminal: TestTerminal;
  readonly ran: string[][];
}

export interface PortsOptions {
  readonly terminal?: TestTerminal;
  readonly environment?: Readonly<Record<string, string>>;
  readonly run?: (words: readonly string[]) => Promise<CommandResult>;
  readonly configurations?: readonly string[];
}

const ENVIRONMENT = { TERM: "xterm-256color", LANG: "C.UTF-8" };

export function testPorts(xend: () => FakeXend, options: PortsOptions = {}): TestPorts {
  const ran: string[][] = [];
  const environment: Readonly<Record<string, string>> = { ...ENVIRONMENT, ...options.environment };
  return {
    terminal: options.terminal ?? new TestTerminal(),
    ran,
    connect: async () => {
      const connected = xend();
      if (connected.isGone) throw new Error("xend is not running");
      return await Promise.resolve(connected);
    },
    run: async (words) => {
      ran.push([...words]);
      return await (options.run?.(words) ?? Promise.resolve({ code: 0, output: "" }));
    },
    configurations: () =>
      Promise.resolve(options.configurations ?? ["configs/grub.cfg", "configs/debian-shell.cfg"]),
    environment: { get: (name) => environment[name] },
    now: () => Date.now(),
  };
}
