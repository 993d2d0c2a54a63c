import type { GuestPage } from "../byte_ring.ts";
import { Connection, type DomainControl } from "./connection.ts";
import { createDomainTree, type DomainDescription, removeDomainTree } from "./domain_tree.ts";
import { XenStoreError } from "./errors.ts";
import { XenStoreRing } from "./ring.ts";
import { Store } from "./store.ts";

/** A domain that talks to the store over its ring. */
export class Guest {
  constructor(
    readonly description: DomainDescription,
    readonly ring: XenStoreRing,
    readonly connection: Connection,
  ) {}

  /** Called on each event from the domain's store channel. */
  service(): void {
    this.ring.service(this.connection);
  }
}

/** XenStore as Domain-0 runs it: one store, and a connection for each domain of the host. */
export class XenStoreService {
  readonly store = new Store();
  readonly #guests = new Map<number, Guest>();
  readonly #control: DomainControl = {
    isIntroduced: (domid) => this.#guests.has(domid),
    // Domains come and go through the toolstack; a socket client may not attach a ring by hand.
    introduce: (domid) => this.#refuse(domid),
    release: (domid) => this.#refuse(domid),
    resume: (domid) => this.#refuse(domid),
  };

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
      () => ring.service(connection),
    );
    const guest = new Guest(description, ring, connection);
    this.#guests.set(domid, guest);
    this.#special("@introduceDomain");
    return guest;
  }

  /** Ends a domain's connection and removes its nodes. Fires `@releaseDomain`. */
  release(domid: number): void {
    const guest = this.#guests.get(domid);
    if (!guest) return;
    this.#guests.delete(domid);
    guest.connection.close();
    removeDomainTree(this.store, domid, guest.description.uuid);
    this.#special("@releaseDomain");
  }

  /** Tells watchers that a domain shut down or crashed (it still exists). */
  domainEnded(): void {
    this.#special("@releaseDomain");
  }

  #special(path: string): void {
    for (const guest of this.#guests.values()) guest.connection.special(path);
  }

  #refuse(domid: number): void {
    if (!this.#guests.has(domid)) throw new XenStoreError("ENOENT");
    throw new XenStoreError("EINVAL");
  }
}
