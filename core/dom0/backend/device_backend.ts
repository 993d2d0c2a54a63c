/** Domain-0's end of one device in XenStore: carries a driver through the states of xen/io/xenbus.h, as Linux's backends do (xenbus_probe_backend.c). */
import { RingError } from "../byte_ring.ts";
import { type DeviceNodes, XenbusState } from "../xenstore/devices.ts";
import { toBytes } from "../xenstore/protocol.ts";
import type { XenStoreService } from "../xenstore/service.ts";
import { type BackendDriver, FrontendError, type FrontendNodes } from "./driver.ts";
import { GrantError } from "./frontend_domain.ts";

const UINT32 = 2 ** 32;

class NodesOf implements FrontendNodes {
  constructor(private readonly store: XenStoreService, private readonly path: string) {}

  text(name: string): string | undefined {
    return this.store.read(`${this.path}/${name}`);
  }

  number(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (!/^\d{1,10}$/.test(text) || Number(text) >= UINT32) {
      throw new FrontendError(`${this.path}/${name} is no number: ${JSON.stringify(text.slice(0, 40))}`);
    }
    return Number(text);
  }

  requiredNumber(name: string): number {
    const value = this.number(name);
    if (value === undefined) throw new FrontendError(`${this.path}/${name} is missing`);
    return value;
  }
}

export class DeviceBackend {
  #state: number = XenbusState.Initialising;
  #stopWatching: () => void = () => {};
  #isClosed = false;
  /** Settles when the device has reached Closed, or is gone. */
  #whenClosed = Promise.withResolvers<void>();

  constructor(
    private readonly store: XenStoreService,
    private readonly nodes: DeviceNodes,
    private readonly driver: BackendDriver,
    private readonly log: (line: string) => void,
  ) {}

  /** Publishes the features and waits for the frontend. The device's nodes are in the store. */
  start(): void {
    this.#write({ ...this.driver.features, "hotplug-status": "connected" });
    this.#switch(XenbusState.InitWait);
    // Once at first, too: a frontend may be there already.
    this.#stopWatching = this.store.watch(`${this.nodes.frontendPath}/state`, () => this.#frontendChanged());
  }

  /** Asks the frontend to let the device go. @returns when it is Closed */
  askToClose(): Promise<void> {
    // As libxl: one that nobody is connected to is not waited for.
    if (this.#isClosed || this.#state === XenbusState.Closed || this.#state === XenbusState.InitWait) {
      return Promise.resolve();
    }
    this.#write({ online: "0" });
    this.#switch(XenbusState.Closing);
    this.#frontendChanged();
    return this.#whenClosed.promise;
  }

  /** Ends it whatever the frontend does. May be called again. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopWatching();
    this.driver.close();
    this.#whenClosed.resolve();
  }

  #frontendChanged(): void {
    if (this.#isClosed) return;
    switch (Number(this.store.read(`${this.nodes.frontendPath}/state`) ?? NaN)) {
      case XenbusState.Initialising:
        if (this.#state === XenbusState.Closed) this.#switch(XenbusState.InitWait);
        break;
      case XenbusState.Initialised:
      case XenbusState.Connected:
        if (this.#state === XenbusState.InitWait) this.#connect();
        break;
      case XenbusState.Closing:
        this.driver.disconnect();
        if (this.#state !== XenbusState.Closed) this.#switch(XenbusState.Closing);
        break;
      case XenbusState.Closed:
        // A frontend that never was there has nothing to close.
        if (this.#state === XenbusState.InitWait) break;
        this.#toClosed();
        break;
      default:
        // No such state: the guest removed its directory.
        if (this.#state !== XenbusState.InitWait) this.#toClosed();
    }
  }

  #toClosed(): void {
    this.driver.disconnect();
    this.#switch(XenbusState.Closed);
    this.#whenClosed.resolve();
  }

  #connect(): void {
    try {
      const nodes = this.driver.connect(
        new NodesOf(this.store, this.nodes.frontendPath),
        (why) => this.#fail(why),
      );
      // Lost already.
      if (this.#state !== XenbusState.InitWait) return;
      this.#write(nodes);
      this.#switch(XenbusState.Connected);
    } catch (error) {
      const isFrontends = error instanceof FrontendError || error instanceof GrantError ||
        error instanceof RingError;
      if (!isFrontends) throw error;
      this.#fail(error.message);
    }
  }

  /** xenbus_dev_fatal: the error for whoever looks, then Closing. */
  #fail(why: string): void {
    const { backendPath } = this.nodes;
    this.log(`${backendPath}: ${why}`);
    this.driver.disconnect();
    if (this.#isClosed) return;
    const relative = backendPath.split("/").slice(4).join("/");
    this.store.write(`/local/domain/${this.nodes.backendDomid}/error/${relative}/error`, `1 ${why}`);
    this.#switch(XenbusState.Closing);
  }

  /** Only while the directory is there: a toolstack may have removed it. */
  #write(nodes: Readonly<Record<string, string>>): void {
    const { backendPath } = this.nodes;
    if (!this.store.exists(backendPath)) return;
    this.store.transaction((view) => {
      for (const [name, value] of Object.entries(nodes)) {
        view.write(`${backendPath}/${name}`, toBytes(value));
      }
    });
  }

  #switch(state: number): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#write({ state: `${state}` });
  }
}
