/** The real host behind `XenHost`: hypervisor, builder and Domain-0's console and XenStore, wired together. */
import { buildPvWithBreaks } from "../builder/mod.ts";
import {
  Backends,
  ConsoleRing,
  DomainBackends,
  domainPath,
  type OpenDevice,
  utf8,
  XenStoreService,
} from "../dom0/mod.ts";
import { Host, type HostParts } from "../hypervisor/host.ts";
import type { DomainInfo, HostDomain } from "../hypervisor/host_domain.ts";
import type { Inspection } from "../hypervisor/inspection.ts";
import { xenParts } from "../hypervisor/parts.ts";
import type { ControlledDomain, ControlledHost, DomainControl, DomainEnd, DomainSpec } from "./host.ts";
import { FileInterpreterStore } from "./interpreter_store.ts";

/** libxl lets a domain have so much more than maxmem says (LIBXL_MAXMEM_CONSTANT, 1024 KiB); guests see it in maximum_reservation, not in their memory map. */
const MAXMEM_SLACK_MIB = 1;

class XenDomain implements ControlledDomain {
  readonly ended: Promise<DomainEnd>;
  readonly devices: DomainBackends;
  readonly #console: ConsoleRing;

  constructor(
    private readonly domain: HostDomain,
    private readonly store: XenStoreService,
    spec: DomainSpec,
    readonly uuid: string,
    backends: Backends,
    devices: readonly OpenDevice[],
  ) {
    const { domid, consolePort, storePort } = domain;
    const ring = new ConsoleRing(domain.consoleRing, () => domain.notify(consolePort), spec.consoleOutput);
    this.#console = ring;
    domain.onNotify(consolePort, () => ring.service());
    const guest = store.introduce(
      {
        domid,
        name: utf8(spec.name),
        uuid,
        memoryKiB: spec.memoryMiB * 1024,
        maxMemoryKiB: spec.maxMemoryMiB * 1024,
        vcpus: spec.vcpus,
        onlineVcpus: spec.onlineVcpus,
        store: { port: storePort, frame: domain.start.storeMfn },
        console: { port: consolePort, frame: domain.start.consoleMfn },
        image: {
          kernel: utf8(spec.kernelName),
          ramdisk: spec.ramdiskName && utf8(spec.ramdiskName),
          commandLine: utf8(spec.cmdline),
        },
        startTime: Date.now() / 1000,
        devices: spec.devices,
      },
      domain.storeRing,
      () => domain.notify(storePort),
    );
    this.devices = new DomainBackends(backends, domain, devices);
    domain.onNotify(storePort, () => guest.service());
    this.ended = domain.ended.then(({ reason, registerDump }): DomainEnd => {
      // Destroyed from outside means by this object's owner, who does not wait for an end then.
      if (reason === "destroyed") return { reason: "poweroff" };
      // A guest may leave its last words in the ring without an event.
      ring.service();
      this.devices.release();
      store.domainEnded(domid);
      return { reason, registerDump };
    });
  }

  get domid(): number {
    return this.domain.domid;
  }

  get consoleBacklog(): number {
    return this.#console.waitingBytes;
  }

  unpause(): void {
    this.domain.unpause();
  }

  pause(): void {
    this.domain.pause();
  }

  info(): DomainInfo {
    return this.domain.info();
  }

  inspect(): Inspection {
    return this.domain.inspect();
  }

  read(path: string): string | undefined {
    return this.store.read(`${domainPath(this.domid)}/${path}`);
  }

  write(path: string, value: string): void {
    this.store.write(`${domainPath(this.domid)}/${path}`, value);
  }

  rename(name: string): void {
    this.store.rename(this.domid, utf8(name));
  }

  get control(): DomainControl {
    return this.domain.control;
  }

  consoleInput(bytes: Uint8Array): void {
    if (!this.domain.isDestroyed) this.#console.input(bytes);
  }

  async destroy(): Promise<void> {
    if (this.domain.isDestroyed) return await this.domain.destroy();
    this.devices.release();
    this.store.release(this.domid);
    await this.domain.destroy();
  }
}

function uuidBytes(uuid: string): Uint8Array {
  return Uint8Array.from(uuid.replaceAll("-", "").match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

export interface XenHostOptions {
  /** pCPU workers; by default one for each core. */
  readonly pcpus?: number;
  /** A line that a guest wrote to Xen's own console (HYPERVISOR_console_io). */
  readonly xenConsole?: (domid: number, line: string) => void;
  /** Xen's log, a line at a time. */
  readonly log?: (line: string) => void;
  /** Folder in which the generated interpreter is kept; by default it is not. */
  readonly interpreterCache?: string;
  /** With an interpreter of another kind (one that checks every TLB hit); by default the usual one. */
  readonly parts?: HostParts;
}

/** What guests write to Xen's console, cut into lines for each guest as Xen does. */
function lineCutter(
  print: (domid: number, line: string) => void,
): (domid: number, bytes: Uint8Array) => void {
  const rests = new Map<number, string>();
  return (domid, bytes) => {
    const lines = ((rests.get(domid) ?? "") + new TextDecoder().decode(bytes)).split("\n");
    rests.set(domid, lines.pop() ?? "");
    for (const line of lines) print(domid, line.replace(/\r$/, ""));
  };
}

/** The host of `startXenHost`: what xend runs on. */
export interface RealXenHost extends ControlledHost {
  readonly host: Host;
  readonly xenstore: XenStoreService;
}

export async function startXenHost(options: XenHostOptions = {}): Promise<RealXenHost> {
  const { pcpus, xenConsole, log, interpreterCache } = options;
  const cache = interpreterCache === undefined ? undefined : new FileInterpreterStore(interpreterCache);
  const host = await Host.start({
    pcpus,
    log,
    parts: options.parts ?? xenParts(cache),
    xenConsole: xenConsole && lineCutter(xenConsole),
  });
  const store = new XenStoreService();
  const backends = new Backends(store, log);
  return {
    host,
    xenstore: store,
    figures: () => ({
      pcpus: host.pcpuCount,
      internalErrors: host.internalErrors,
      guestSeconds: host.guestTimeNs / 1e9,
    }),
    scheduler: () => ({ pcpus: host.pcpuTimes(), waiting: host.waiting }),
    async createDomain(spec) {
      const { uuid = crypto.randomUUID() } = spec;
      const devices = backends.open(spec.devices ?? []);
      let domain: HostDomain | undefined;
      try {
        domain = await host.createDomain({
          name: spec.name,
          memoryMiB: spec.memoryMiB,
          maxMemoryMiB: spec.maxMemoryMiB + MAXMEM_SLACK_MIB,
          memoryMapMiB: spec.maxMemoryMiB,
          vcpus: spec.vcpus,
          handle: uuidBytes(uuid),
          build: (target) => buildPvWithBreaks(target, spec),
        });
        return new XenDomain(domain, store, spec, uuid, backends, devices);
      } catch (error) {
        for (const device of devices) device.close();
        await domain?.destroy();
        throw error;
      }
    },
    stop: () => host.stop(),
  };
}
