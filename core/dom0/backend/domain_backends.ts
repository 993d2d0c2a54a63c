/** Domain-0's backends: of all domains (`Backends`), and of one (`DomainBackends`). Main thread of xend. */
import { BlockBackend, type BlockFigures } from "../block/mod.ts";
import { Switch, VifBackend, type VifTraffic } from "../network/mod.ts";
import { type DeviceDescription, deviceNodes } from "../xenstore/devices.ts";
import { XenStoreError } from "../xenstore/errors.ts";
import type { XenStoreService } from "../xenstore/service.ts";
import { DeviceBackend } from "./device_backend.ts";
import { DeviceError } from "./device_error.ts";
import type { FrontendDomain } from "./frontend_domain.ts";
import { Images } from "./images.ts";

/** libxl gives a guest so long to let a device go (LIBXL_DESTROY_TIMEOUT). */
const DETACH_MS = 10_000;
/** Where xl's scripts put an interface that names no bridge. */
const DEFAULT_BRIDGE = "xenbr0";

/** A device whose image is open and whose domain may not exist yet. */
export interface OpenDevice {
  readonly device: DeviceDescription;
  /** Its backend, for the domain. */
  backend(domain: FrontendDomain): BlockBackend | VifBackend;
  /** For one that never got a backend. */
  close(): void;
}

export class Backends {
  readonly #images = new Images();
  /** By bridge; one that nobody is on holds nothing and stays. */
  readonly #switches = new Map<string, Switch>();

  constructor(readonly store: XenStoreService, readonly log: (line: string) => void = () => {}) {}

  /** All of them or none. @throws DeviceError image, unsupported */
  open(devices: readonly DeviceDescription[]): OpenDevice[] {
    const open: OpenDevice[] = [];
    try {
      for (const device of devices) open.push(this.#open(device));
      return open;
    } catch (error) {
      for (const each of open) each.close();
      throw error;
    }
  }

  #open(device: DeviceDescription): OpenDevice {
    const { log } = this;
    if (device.kind === "vbd") {
      const { removable, cdrom } = device;
      const image = this.#images.open(device);
      return {
        device,
        backend: (domain) => new BlockBackend(domain, image, { removable, cdrom, log }),
        close: () => image.close(),
      };
    }
    const { backendDomid = 0, devid, bridge = DEFAULT_BRIDGE, mac } = device;
    if (backendDomid !== 0) {
      throw new DeviceError(
        "unsupported",
        `vif ${devid}: only Domain-0 serves interfaces, not domain ${backendDomid}`,
      );
    }
    const [bytes, usecs] = (device.rate ?? "").split(",").map(Number);
    const rate = bytes > 0 && usecs > 0 ? { bytes, usecs } : undefined;
    return {
      device,
      backend: (domain) => new VifBackend(domain, this.#switch(bridge), { mac, rate, log }),
      close() {},
    };
  }

  #switch(bridge: string): Switch {
    let found = this.#switches.get(bridge);
    if (found === undefined) this.#switches.set(bridge, found = new Switch());
    return found;
  }
}

interface Served {
  readonly device: DeviceDescription;
  readonly driver: BlockBackend | VifBackend;
  readonly backend: DeviceBackend;
}

export class DomainBackends {
  /** By kind and number. */
  readonly #served = new Map<string, Served>();
  #isReleased = false;

  /** @param open devices whose nodes are in the store already */
  constructor(
    private readonly backends: Backends,
    private readonly domain: FrontendDomain,
    open: readonly OpenDevice[],
  ) {
    for (const each of open) this.#serve(each);
  }

  #serve(open: OpenDevice): void {
    const { device } = open;
    const { store, log } = this.backends;
    const nodes = deviceNodes(this.domain.domid, device);
    const driver = open.backend(this.domain);
    const backend = new DeviceBackend(store, nodes, driver, log);
    this.#served.set(`${nodes.kind} ${nodes.devid}`, { device, driver, backend });
    backend.start();
  }

  /** Adds a device to the domain. @throws DeviceError; RangeError for a vdev that names no disk */
  // deno-lint-ignore require-await -- what it throws rejects
  async attach(device: DeviceDescription): Promise<void> {
    const { kind, devid } = deviceNodes(this.domain.domid, device);
    const exists = () =>
      new DeviceError("exists", `domain ${this.domain.domid} has a ${kind} ${devid} already`);
    if (this.#isReleased) throw new DeviceError("missing", `domain ${this.domain.domid} is gone`);
    if (this.#served.has(`${kind} ${devid}`)) throw exists();
    const [open] = this.backends.open([device]);
    try {
      this.backends.store.addDevice(this.domain.domid, device);
    } catch (error) {
      open.close();
      if (error instanceof XenStoreError && error.code === "EEXIST") throw exists();
      throw error;
    }
    this.#serve(open);
  }

  /** An interface that the guest does not let go of is taken, as libxl does; a disk may be mounted. @throws DeviceError missing, busy */
  async detach(kind: DeviceDescription["kind"], devid: number, force: boolean): Promise<void> {
    const { domid } = this.domain;
    const key = `${kind} ${devid}`;
    const found = this.#isReleased ? undefined : this.#served.get(key);
    if (found === undefined) throw new DeviceError("missing", `domain ${domid} has no ${kind} ${devid}`);
    if (!force && !await within(found.backend.askToClose(), DETACH_MS) && kind === "vbd") {
      throw new DeviceError(
        "busy",
        `domain ${domid} has not let go of ${kind} ${devid} within ${
          DETACH_MS / 1000
        } s: it may be in use there`,
      );
    }
    found.backend.close();
    // Somebody else detached it meanwhile, or the domain has ended.
    if (this.#isReleased || this.#served.get(key) !== found) return;
    this.#served.delete(key);
    this.backends.store.removeDevice(domid, found.device);
  }

  vbd(devid: number): BlockFigures | undefined {
    const driver = this.#served.get(`vbd ${devid}`)?.driver;
    return driver instanceof BlockBackend ? driver.figures() : undefined;
  }

  vif(devid: number): VifTraffic | undefined {
    const driver = this.#served.get(`vif ${devid}`)?.driver;
    return driver instanceof VifBackend ? driver.figures() : undefined;
  }

  /**
   * The domain has ended or is about to go: nothing of it is touched afterwards, and its images are free for others. Its nodes stay, and the figures.
   * May be called again.
   */
  release(): void {
    this.#isReleased = true;
    for (const { backend } of this.#served.values()) backend.close();
  }
}

/** @returns whether it settled in time */
async function within(promise: Promise<void>, ms: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((resolve) => timer = setTimeout(() => resolve(false), ms));
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
