/**
 * Consoles of domains that ended by themselves and are gone: for a moment whoever was about to attach still reads what they said. A test guest
 * lives for milliseconds, less than a `console` command takes to start beside the `unpause`.
 */
import type { ShutdownReason } from "../api/types.ts";
import type { DomainEntry } from "./domain_entry.ts";

const KEPT_MS = 5000;
/** Each is up to 128 KiB. */
const AT_MOST = 16;

export interface EndedDomain {
  readonly entry: DomainEntry;
  /** The one that it had. */
  readonly domid: number | undefined;
  readonly reason: ShutdownReason;
}

export class EndedConsoles {
  /** The latest last. */
  #ended: (EndedDomain & { readonly until: number })[] = [];

  /** @param now milliseconds of a clock that nobody sets */
  constructor(private readonly now: () => number = () => performance.now()) {}

  keep(ended: EndedDomain): void {
    this.#forgetOld();
    this.#ended.push({ ...ended, until: this.now() + KEPT_MS });
    if (this.#ended.length > AT_MOST) this.#ended.shift();
  }

  /** By domid, name or uuid; of several of one name the latest. */
  find(id: string): EndedDomain | undefined {
    this.#forgetOld();
    return this.#ended.findLast(({ entry: { name, uuid }, domid }) =>
      String(domid) === id || name === id || uuid === id.toLowerCase()
    );
  }

  #forgetOld(): void {
    const now = this.now();
    this.#ended = this.#ended.filter(({ until }) => until > now);
  }
}
