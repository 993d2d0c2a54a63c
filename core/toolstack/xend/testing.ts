/** A host without a hypervisor for xend's tests: domains end when a test says so. */
import { join } from "node:path";
import { makeElf, parseKernel, XEN_ELFNOTE } from "../../builder/mod.ts";
import type { DomainInfo } from "../../hypervisor/host_domain.ts";
import type { Inspection } from "../../hypervisor/inspection.ts";
import { type DeviceDescription, noTraffic } from "../../dom0/mod.ts";
import type { CreateRequest, DeviceKind } from "../api/types.ts";
import type { DomainConfig } from "../config/mod.ts";
import {
  type ControlledDomain,
  type ControlledHost,
  DeviceError,
  type DomainControl,
  type DomainDevices,
  type DomainEnd,
  type DomainSpec,
} from "../host.ts";
import { deviceNumber } from "./device_source.ts";
import type { DomainSettings, DomainSource, EndAction } from "./domain_source.ts";
import { XendError } from "./errors.ts";
import { XendLog } from "./log.ts";
import { StateStore } from "./state_store.ts";
import { Xend, type XendOptions } from "./xend.ts";

/** Backends that serve any device, and let it go unless it is in use. */
export class FakeDevices implements DomainDevices {
  readonly served = new Map<string, DeviceDescription>();
  /** "vbd 51712" and the like: the guest does not let it go. */
  readonly busy = new Set<string>();
  /** Thrown by the next `attach`. */
  failure: Error | undefined;

  constructor(devices: readonly DeviceDescription[] = []) {
    for (const device of devices) this.served.set(`${device.kind} ${deviceNumber(device)}`, device);
  }

  // deno-lint-ignore require-await -- what it throws rejects
  async attach(device: DeviceDescription): Promise<void> {
    const { failure } = this;
    this.failure = undefined;
    if (failure !== undefined) throw failure;
    const key = `${device.kind} ${deviceNumber(device)}`;
    if (this.served.has(key)) throw new DeviceError("exists", `there is a ${key}`);
    this.served.set(key, device);
  }

  // deno-lint-ignore require-await -- what it throws rejects
  async detach(kind: DeviceKind, devid: number, force: boolean): Promise<void> {
    const key = `${kind} ${devid}`;
    if (!this.served.has(key)) throw new DeviceError("missing", `there is no ${key}`);
    if (this.busy.has(key) && !force) throw new DeviceError("busy", `the guest has not let go of ${key}`);
    this.served.delete(key);
  }

  vif(devid: number) {
    return this.served.has(`vif ${devid}`) ? noTraffic() : undefined;
  }

  vbd(): undefined {
    return undefined;
  }
}

export class FakeDomain implements ControlledDomain {
  readonly #end = Promise.withResolvers<DomainEnd>();
  readonly ended = this.#end.promise;
  readonly nodes = new Map<string, string>();
  readonly uuid: string;
  readonly consoleBacklog = 0;
  control: DomainControl = {};
  devices: FakeDevices | undefined;
  pauses = 1;
  received = "";
  isDestroyed = false;
  isShutdown = false;

  constructor(readonly domid: number, readonly spec: DomainSpec) {
    this.uuid = spec.uuid ?? "";
    this.devices = new FakeDevices(spec.devices);
  }

  pause(): void {
    this.pauses++;
  }

  unpause(): void {
    this.pauses = Math.max(0, this.pauses - 1);
  }

  info(): DomainInfo {
    const { vcpus, memoryMiB, name } = this.spec;
    return {
      domid: this.domid,
      name,
      running: false,
      blocked: true,
      paused: this.pauses > 0,
      shutdown: this.isShutdown,
      crashed: false,
      dying: false,
      cpuTimeNs: 1e9,
      totPages: memoryMiB * 256,
      maxPages: memoryMiB * 256,
      vcpus: Array.from({ length: vcpus }, (_, id) => ({
        id,
        state: "blocked",
        pcpu: 0,
        online: true,
        cpuTimeNs: 1e9,
        scheduledNs: 1e9,
        retired: 0,
        runnableNs: 0,
        blockedNs: 0,
        switches: 0,
        migrations: 0,
        wakes: 0,
        parks: 0,
        credit: 0,
        priority: "under",
      })),
      counters: {},
    };
  }

  inspect(): Inspection {
    return {
      channels: [{ port: 1, state: "virq", vcpu: 0, pending: true, masked: false, irq: "timer" }],
      grants: [{
        ref: 8,
        kind: "access",
        domid: 0,
        frame: 255,
        readOnly: true,
        isReading: true,
        isWriting: false,
      }],
      grantEntries: 512,
      mappings: 0,
      pageTypes: { writable: 4000, l4: 1 },
      maxPfn: 4096,
      pinned: 1,
    };
  }

  read(path: string): string | undefined {
    return this.nodes.get(path);
  }

  write(path: string, value: string): void {
    this.nodes.set(path, value);
    if (path === "control/shutdown" && this.nodes.get("control/feature-poweroff") === "1") {
      this.end("poweroff");
    }
  }

  rename(name: string): void {
    this.nodes.set("name", name);
  }

  consoleInput(bytes: Uint8Array): void {
    this.received += new TextDecoder().decode(bytes);
  }

  print(text: string): void {
    this.spec.consoleOutput(new TextEncoder().encode(text));
  }

  end(reason: DomainEnd["reason"], registerDump?: string): void {
    this.isShutdown = true;
    this.#end.resolve({ reason, registerDump });
  }

  destroy(): Promise<void> {
    this.isDestroyed = true;
    this.#end.resolve({ reason: "poweroff" });
    return Promise.resolve();
  }
}

export class FakeHost implements ControlledHost {
  readonly domains: FakeDomain[] = [];
  /** Thrown by the next creation. */
  failure: Error | undefined;
  /** Awaited by each creation. */
  gate: Promise<void> = Promise.resolve();
  isStopped = false;

  async createDomain(spec: DomainSpec): Promise<FakeDomain> {
    await this.gate;
    const { failure } = this;
    this.failure = undefined;
    if (failure !== undefined) throw failure;
    const domain = new FakeDomain(this.domains.length + 1, spec);
    this.domains.push(domain);
    return domain;
  }

  figures() {
    return { pcpus: 2, internalErrors: 0, guestSeconds: this.domains.length };
  }

  scheduler() {
    const { length } = this.domains;
    const runs = length === 0 ? undefined : { domid: length, vcpu: 0 };
    return {
      pcpus: [
        { state: "busy", runs, idleNs: 0, switches: 1 },
        { state: "idle", idleNs: 1e9, switches: 2 },
      ] as const,
      waiting: 0,
    };
  }

  stop(): Promise<void> {
    this.isStopped = true;
    return Promise.resolve();
  }

  get last(): FakeDomain {
    const last = this.domains.at(-1);
    if (last === undefined) throw new Error("no domain was created");
    return last;
  }
}

const kernel = parseKernel(makeElf({
  segments: [{ paddr: 0n, data: new Uint8Array(100) }],
  notes: [
    { type: XEN_ELFNOTE.LOADER, desc: "generic" },
    { type: XEN_ELFNOTE.XEN_VERSION, desc: "xen-3.0" },
  ],
}));

/** A configuration is JSON here: { name, vcpus?, autostart?, actions? }. */
export class FakeSource implements DomainSource {
  read(request: CreateRequest): DomainSettings {
    let value: Partial<FakeConfig>;
    try {
      value = JSON.parse(request.text);
    } catch (error) {
      throw new XendError("bad-config", String(error));
    }
    const { name, vcpus = 1, autostart = false, actions = {}, more = {} } = value ?? {};
    if (typeof name !== "string" || name === "") throw new XendError("bad-config", "name is missing");
    const config: DomainConfig = {
      name,
      kernel: "fake",
      cmdline: "",
      memoryMiB: 16,
      maxMemoryMiB: 32,
      vcpus,
      maxVcpus: vcpus,
      cpus: [],
      cpusSoft: [],
      cpuWeight: 256,
      cap: 0,
      disks: [],
      vifs: [],
      onPoweroff: "destroy",
      onReboot: "restart",
      onCrash: "destroy",
      onWatchdog: "destroy",
      onSoftReset: "soft-reset",
      startWithXend: autostart,
      ...more,
    };
    const all = {
      poweroff: "destroy",
      reboot: "restart",
      crash: "destroy",
      watchdog: "destroy",
      softReset: "soft-reset",
    };
    return {
      config,
      actions: { ...all as Record<keyof typeof all, EndAction>, ...actions },
      startWithXend: autostart,
      effective: config,
      warnings: [],
    };
  }

  images() {
    return Promise.resolve({ kernel });
  }
}

export interface FakeConfig {
  readonly name: string;
  readonly vcpus?: number;
  readonly autostart?: boolean;
  readonly actions?: Partial<DomainSettings["actions"]>;
  /** Further keys of the configuration. */
  readonly more?: Partial<DomainConfig>;
}

export function fakeRequest(config: FakeConfig, more: Partial<CreateRequest> = {}): CreateRequest {
  return {
    fileName: "test.cfg",
    text: JSON.stringify(config),
    overrides: [],
    directory: "/",
    paused: false,
    defineOnly: false,
    environment: {},
    ...more,
  };
}

export interface FakeXend extends AsyncDisposable {
  readonly xend: Xend;
  readonly host: FakeHost;
  readonly log: XendLog;
  readonly directory: string;
}

/** xend over a fake host, its state in `directory` or a temporary folder, which is removed afterwards. */
export function fakeXend(options: Partial<XendOptions> & { directory?: string } = {}): FakeXend {
  const directory = options.directory ?? Deno.makeTempDirSync();
  const host = new FakeHost();
  const log = new XendLog();
  const state = new StateStore(join(directory, "state"));
  const xend = new Xend({ host, log, state, source: new FakeSource(), minimumLifeMs: 0, ...options });
  return {
    xend,
    host,
    log,
    directory,
    async [Symbol.asyncDispose]() {
      await xend.stop(0);
      if (options.directory === undefined) Deno.removeSync(directory, { recursive: true });
    },
  };
}

/** Lets what was begun come to rest. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
}

/** For what takes real work, such as writing files: waits until it is so. @throws Error after 10 s */
export async function until(isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`10 s passed without ${isSo}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
