import type { GuestPage } from "../byte_ring.ts";
import { Connection, type DomainControl } from "./connection.ts";
import type { DeviceDescription } from "./devices.ts";
import {
  createDevice,
  createDomain0Tree,
  createDomainTree,
  type DomainDescription,
  removeDevice,
  removeDomainTree,
} from "./domain_tree.ts";
import { XenStoreError } from "./errors.ts";
import { lookup } from "./node.ts";
import { absolutePath, domainPath, watchPath } from "./path.ts";
import { DOMAIN_0, formatPermissions, parsePermissions } from "./permissions.ts";
import { toBytes, toText } from "./protocol.ts";
import { XenStoreRing } from "./ring.ts";
import { Store } from "./store.ts";
import type { StoreView } from "./view.ts";

/** A domain that talks to the store over its ring. */
export class Guest {
  /** The toolstack's RELEASE leaves the domain's nodes and stops serving its ring. */
  connected = true;
  /** Whether watchers were told that it shut down. */
  ended = false;

  constructor(
    readonly description: DomainDescription,
    readonly ring: XenStoreRing,
    readonly connection: Connection,
  ) {}

  /** Called on each event from the domain's store channel. */
  service(): void {
    if (this.connected) this.ring.service(this.connection);
  }
}

/** What can be asked of a guest through `control/shutdown`. */
export type ShutdownRequest = "poweroff" | "halt" | "reboot" | "suspend" | "s3" | "s4";

/** libxl waits so long for a guest to take a request. */
const ACKNOWLEDGE_MS = 60_000;

export interface XenStoreOptions {
  /** The daemon's log, a line at a time: CONTROL print, and requests while they are traced. */
  readonly log?: (line: string) => void;
}

/**
 * XenStore as Domain-0 runs it: one store, a connection for each domain of the host, and Domain-0's own operations.
 * Paths are absolute or relative to /local/domain/0; values are text, one character a byte (Latin-1).
 * All operations throw XenStoreError (ENOENT, EINVAL, ...) unless they say otherwise.
 *
 *     const xenstore = new XenStoreService();
 *     const server = await startXenStoreSocket(xenstore, "/run/user/1000/xenolith/xenstore");
 *     const stop = xenstore.watch("/local/domain/3/control", (path) => console.log(path, xenstore.read(path)));
 *     xenstore.setMemoryTarget(3, 128 * 1024);
 *     const taken = await xenstore.requestShutdown(3, "poweroff");
 */
export class XenStoreService {
  readonly store = new Store();
  readonly #guests = new Map<number, Guest>();
  readonly #control: DomainControl;

  /** Writes a line to the daemon's log. */
  readonly log: (line: string) => void;

  constructor({ log = () => {} }: XenStoreOptions = {}) {
    this.log = log;
    createDomain0Tree(this.store);
    this.#control = {
      tracing: false,
      log,
      isIntroduced: (domid) => this.#guests.get(domid)?.connected === true,
      introduce: (domid) => this.#reconnect(domid),
      release: (domid) => this.#disconnect(domid),
      resume: (domid) => {
        this.#guest(domid).ended = false;
      },
      setTarget: (domid, target) => {
        this.#guest(target);
        this.#guest(domid).connection.actFor(target);
      },
    };
  }

  // Domain-0's own operations

  /** The value; undefined where there is no such node. */
  read(path: string): string | undefined {
    const node = lookup(this.store.root, absolutePath(path, 0));
    return node && toText(node.value);
  }

  /** Creates the node and any missing parent. */
  write(path: string, value: string): void {
    this.store.update((view) => view.write(absolutePath(path, 0), toBytes(value)));
  }

  mkdir(path: string): void {
    this.store.update((view) => view.mkdir(absolutePath(path, 0)));
  }

  /** Names of the children, oldest first; undefined where there is no such node. */
  list(path: string): string[] | undefined {
    return lookup(this.store.root, absolutePath(path, 0))?.children.names();
  }

  /** Removes the node and all below it. ENOENT where neither it nor its parent exists. */
  rm(path: string): void {
    this.store.update((view) => view.remove(absolutePath(path, 0)));
  }

  exists(path: string): boolean {
    return lookup(this.store.root, absolutePath(path, 0)) !== undefined;
  }

  /** `["n0", "r7"]`: the owner with what others may do, then other domains (n none, r read, w write, b both). */
  permissions(path: string): string[] {
    return formatPermissions(this.store.update((view) => view.permissions(absolutePath(path, 0))));
  }

  chmod(path: string, permissions: readonly string[]): void {
    const parsed = parsePermissions(permissions);
    this.store.update((view) => view.setPermissions(absolutePath(path, 0), parsed));
  }

  /** Several operations in one step: all happen or, when `action` throws, none; watchers hear of them afterwards. */
  transaction<T>(action: (view: StoreView) => T): T {
    return this.store.update(action);
  }

  /**
   * Calls `listener` with the path of each change at or below `path` (or for `@introduceDomain`, `@releaseDomain`), and once at
   * first with `path`; always in a later microtask, after the change. Returns what ends it.
   */
  watch(path: string, listener: (path: string) => void): () => void {
    let ended = false;
    const event = (changed: string) =>
      queueMicrotask(() => {
        if (!ended) listener(changed);
      });
    const absolute = watchPath(path, 0);
    const watch = { watcher: { principal: DOMAIN_0, event }, path: absolute, token: "", hidden: 0 };
    this.store.watches.add(watch);
    event(absolute);
    return () => {
      ended = true;
      this.store.watches.delete(watch);
    };
  }

  // Requests to a guest

  /**
   * Asks the guest to shut down (`control/shutdown`). Resolves to true when it has taken the request (it clears the node; what follows is
   * its own business) or is gone, to false when it has not within `timeoutMs`: the request is taken back then. ENOENT: no such domain.
   */
  async requestShutdown(
    domid: number,
    reason: ShutdownRequest,
    { timeoutMs = ACKNOWLEDGE_MS }: { timeoutMs?: number } = {},
  ): Promise<boolean> {
    this.#guest(domid);
    const path = `${domainPath(domid)}/control/shutdown`;
    this.write(path, reason);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const stop = this.watch(path, () => {
      if (!this.read(path)) resolve(true);
    });
    const timer = setTimeout(() => resolve(false), timeoutMs);
    try {
      const taken = await promise;
      if (!taken && this.read(path) === reason) this.write(path, "");
      return taken;
    } finally {
      clearTimeout(timer);
      stop();
    }
  }

  /** What the guest's balloon driver shall make of its memory (`memory/target`). */
  setMemoryTarget(domid: number, kib: number): void {
    this.#guest(domid);
    if (!Number.isSafeInteger(kib) || kib <= 0) throw new XenStoreError("EINVAL", `${kib} KiB`);
    this.write(`${domainPath(domid)}/memory/target`, `${kib}`);
  }

  /** Asks the guest to take a vCPU into use or out of it (`cpu/N/availability`). ENOENT: it has no such vCPU. */
  setVcpuAvailability(domid: number, vcpu: number, online: boolean): void {
    const path = `${domainPath(domid)}/cpu/${vcpu}/availability`;
    if (!this.exists(path)) throw new XenStoreError("ENOENT", `domain ${domid} has no vCPU ${vcpu}`);
    this.write(path, online ? "online" : "offline");
  }

  /** Presses a magic SysRq key in the guest (`control/sysrq`), one character. */
  sysrq(domid: number, key: string): void {
    this.#guest(domid);
    if (!/^[!-~]$/.test(key)) throw new XenStoreError("EINVAL", `${JSON.stringify(key)} is no key`);
    this.write(`${domainPath(domid)}/control/sysrq`, key);
  }

  /** Gives the domain another name; it is not checked that the name is free. */
  rename(domid: number, name: string): void {
    const { uuid } = this.#guest(domid).description;
    this.transaction((view) => {
      view.write(`${domainPath(domid)}/name`, toBytes(name));
      view.write(`/vm/${uuid}/name`, toBytes(name));
    });
  }

  // Connections and domains

  /** A connection with Domain-0's rights, for a socket. `onOutput` is told that it has something to send. */
  connect(onOutput: () => void): Connection {
    return new Connection(this.store, 0, this.#control, onOutput);
  }

  /**
   * Makes a domain's tree and serves its ring. `page` is the ring's frame, `notify` sends the domain's event
   * channel. Fires `@introduceDomain`.
   */
  introduce(description: DomainDescription, page: GuestPage, notify: () => void): Guest {
    const { domid } = description;
    if (this.#guests.has(domid)) throw new Error(`domain ${domid} is already in the store`);
    createDomainTree(this.store, description);
    const ring = new XenStoreRing(page, notify);
    const connection: Connection = new Connection(
      this.store,
      domid,
      this.#control,
      () => guest.service(),
    );
    const guest = new Guest(description, ring, connection);
    this.#guests.set(domid, guest);
    this.store.fireSpecial("@introduceDomain", domid);
    return guest;
  }

  /** Adds a device to a domain, as `createDomainTree` does for those of its description. ENOENT: no such domain. */
  addDevice(domid: number, device: DeviceDescription): void {
    createDevice(this.store, this.#guest(domid).description, device);
  }

  /** Removes a device's nodes: both ends' and libxl's own. */
  removeDevice(domid: number, device: DeviceDescription): void {
    removeDevice(this.store, domid, device);
  }

  /** Ends a domain's connection and removes its nodes. Fires `@releaseDomain`. */
  release(domid: number): void {
    const guest = this.#guests.get(domid);
    if (!guest) return;
    this.#guests.delete(domid);
    guest.connection.close();
    for (const other of this.#guests.values()) {
      if (other.connection.principal.target === domid) other.connection.actFor(undefined);
    }
    removeDomainTree(this.store, guest.description);
    this.store.fireSpecial("@releaseDomain", domid);
  }

  /** Tells watchers that a domain shut down or crashed (it still exists); once, until it is resumed. */
  domainEnded(domid: number): void {
    const guest = this.#guests.get(domid);
    if (!guest || guest.ended) return;
    guest.ended = true;
    this.store.fireSpecial("@releaseDomain", domid);
  }

  /** INTRODUCE of a domain that we have: its ring starts anew. The ring of another is not ours to reach. */
  #reconnect(domid: number): void {
    const guest = this.#guest(domid);
    const wasConnected = guest.connected;
    guest.connected = true;
    guest.ring.reset(guest.connection);
    if (!wasConnected) this.store.fireSpecial("@introduceDomain", domid);
  }

  #disconnect(domid: number): void {
    const guest = this.#guest(domid);
    if (!guest.connected) throw new XenStoreError("ENOENT");
    guest.connected = false;
    guest.connection.close();
    this.store.fireSpecial("@releaseDomain", domid);
  }

  #guest(domid: number): Guest {
    const guest = this.#guests.get(domid);
    if (!guest) throw new XenStoreError("ENOENT", `no domain ${domid} in the store`);
    return guest;
  }
}
