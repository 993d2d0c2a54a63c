/** The domains that xend knows, by name, domid and uuid. */
import { DomainEntry } from "./domain_entry.ts";
import { XendError } from "./errors.ts";

export function isDom0(id: string): boolean {
  return id === "0" || id === "Domain-0";
}

export class DomainTable {
  readonly #byUuid = new Map<string, DomainEntry>();

  all(): DomainEntry[] {
    return [...this.#byUuid.values()];
  }

  add(entry: DomainEntry): void {
    this.#byUuid.set(entry.uuid, entry);
  }

  remove(entry: DomainEntry): void {
    if (this.has(entry)) this.#byUuid.delete(entry.uuid);
  }

  has(entry: DomainEntry): boolean {
    return this.#byUuid.get(entry.uuid) === entry;
  }

  byUuid(uuid: string): DomainEntry | undefined {
    return this.#byUuid.get(uuid.toLowerCase());
  }

  byName(name: string): DomainEntry | undefined {
    return this.all().find((entry) => entry.name === name);
  }

  /** By domid, name or uuid, in this order. */
  lookup(id: string): DomainEntry | undefined {
    if (/^\d+$/.test(id)) {
      const byDomid = this.all().find(({ domid }) => domid === Number(id));
      if (byDomid !== undefined) return byDomid;
    }
    return this.byName(id) ?? this.byUuid(id);
  }

  /** @throws XendError no-such-domain; wrong-state for Domain-0 */
  find(id: string): DomainEntry {
    if (isDom0(id)) throw new XendError("wrong-state", "Domain-0 is xend itself: this cannot be done to it");
    const entry = this.lookup(id);
    if (entry !== undefined) return entry;
    throw new XendError("no-such-domain", `there is no domain ${JSON.stringify(id)}`);
  }

  /** @throws XendError no-such-domain: it went while something else was done to it */
  refuseForgotten(entry: DomainEntry): void {
    if (this.has(entry)) return;
    throw new XendError("no-such-domain", `there is no domain ${JSON.stringify(entry.name)} any more`);
  }

  /** @throws XendError name-exists, bad-config */
  refuseTakenName(name: string): void {
    if (isDom0(name) || /^\d+$/.test(name)) {
      throw new XendError(
        "bad-config",
        `a domain cannot be called ${JSON.stringify(name)}: that names a domain by number`,
      );
    }
    const entry = this.byName(name);
    if (entry === undefined) return;
    throw new XendError(
      "name-exists",
      entry.incarnation === undefined && !entry.isBuilding
        ? `there is a managed domain ${name}; start ${name} starts it, delete ${name} forgets it`
        : `there is a domain ${name}${entry.domid === undefined ? "" : ` (domid ${entry.domid})`} already`,
    );
  }

  /** @throws XendError name-exists */
  refuseTakenUuid(uuid: string): void {
    const entry = this.byUuid(uuid);
    if (entry === undefined) return;
    throw new XendError("name-exists", `the uuid ${uuid} is the domain ${entry.name}'s already`);
  }
}
