/** A domain as xend knows it, whether it runs or is only defined; it outlives the incarnations that restarts give it. */
import type { CreateRequest } from "../api/types.ts";
import type { DeviceDescription } from "../../dom0/mod.ts";
import type { ControlledDomain, DomainEnd } from "../host.ts";
import { ConsoleLog } from "./console_log.ts";
import type { DomainSettings } from "./domain_source.ts";
import { XendError } from "./errors.ts";

/** One life of a domain, from its building to its destruction. */
export interface Incarnation {
  readonly domain: ControlledDomain;
  /** Milliseconds since the epoch, and on a clock that nobody sets. */
  readonly startedAt: number;
  readonly startedClock: number;
  /** Set once it has ended by itself. */
  end?: DomainEnd;
  /** Somebody is destroying it: its end is not acted upon. */
  isDestroying?: boolean;
  /** Resolves when it has ended and what is to be done then has been done. */
  readonly settled: PromiseWithResolvers<void>;
}

export class DomainEntry {
  readonly console = new ConsoleLog();
  /** Characters come in pieces. */
  readonly consoleText = new TextDecoder();
  incarnation: Incarnation | undefined;
  /** Being built: the name is taken, there is nothing to control yet. */
  isBuilding = false;
  /** Its disks and interfaces, with those attached since and without those detached: a guest that reboots finds them again. */
  devices: readonly DeviceDescription[] | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(
    public name: string,
    public uuid: string,
    readonly request: CreateRequest,
    public settings: DomainSettings,
    readonly managed: boolean,
  ) {}

  /** Runs one after the other what changes whether the domain runs. */
  exclusive<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(action, action);
    this.#queue = result.catch(() => {});
    return result;
  }

  get domid(): number | undefined {
    return this.incarnation?.domain.domid;
  }

  /** The domain, when it exists (it may have shut down). @throws XendError wrong-state */
  get existing(): Incarnation {
    if (this.incarnation === undefined) {
      throw new XendError(
        "wrong-state",
        this.isBuilding
          ? `${this.name} is being created`
          : `${this.name} is not running; start ${this.name} starts it`,
      );
    }
    return this.incarnation;
  }

  /** The domain, when it exists and has not ended. @throws XendError wrong-state */
  get running(): Incarnation {
    const { existing } = this;
    if (existing.end !== undefined) {
      throw new XendError("wrong-state", `${this.name} has ended already (${existing.end.reason})`);
    }
    return existing;
  }
}
