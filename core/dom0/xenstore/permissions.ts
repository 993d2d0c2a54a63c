import { XenStoreError } from "./errors.ts";

/** What a domain may do with a node: none, read, write, both. */
export type Access = "n" | "r" | "w" | "b";

export interface PermissionEntry {
  readonly domid: number;
  readonly access: Access;
}

/**
 * A node's permission list (docs/misc/xenstore.txt): the first entry names the owner, who may do everything, and
 * its access is what every domain without an entry of its own gets.
 */
export type Permissions = readonly [PermissionEntry, ...PermissionEntry[]];

/** Who asks: a domain, and the domain that it acts for as well (SET_TARGET, a device model's domain). */
export interface Principal {
  readonly domid: number;
  readonly target?: number;
}

/** Domain-0 may do everything and has no quotas. */
export const DOMAIN_0: Principal = { domid: 0 };

export function isPrivileged({ domid }: Principal): boolean {
  return domid === 0;
}

export function ownedBy(domid: number, others: Access = "n"): Permissions {
  return [{ domid, access: others }];
}

export function mayRead(permissions: Permissions, who: Principal): boolean {
  return "rb".includes(accessOf(permissions, who));
}

export function mayWrite(permissions: Permissions, who: Principal): boolean {
  return "wb".includes(accessOf(permissions, who));
}

/** Only the owner (and Domain-0) may change permissions. */
export function isOwner(permissions: Permissions, who: Principal): boolean {
  return isPrivileged(who) || concerns(permissions[0], who);
}

function concerns(entry: PermissionEntry, who: Principal): boolean {
  return entry.domid === who.domid || entry.domid === who.target;
}

function accessOf(permissions: Permissions, who: Principal): Access {
  if (isOwner(permissions, who)) return "b";
  return permissions.find((entry, i) => i > 0 && concerns(entry, who))?.access ?? permissions[0].access;
}

/** The list without entries for `domid`, itself when it has none; the owner's entry stays. */
export function withoutDomain(permissions: Permissions, domid: number): Permissions {
  const [owner, ...rest] = permissions;
  const kept = rest.filter((entry) => entry.domid !== domid);
  return kept.length === rest.length ? permissions : [owner, ...kept];
}

/** Parses the wire form, one string an entry such as `n0` or `r7`. Throws EINVAL. */
export function parsePermissions(texts: readonly string[]): Permissions {
  const entries = texts.map((text) => {
    const match = /^([nrwb])(\d{1,5})$/.exec(text);
    if (!match || Number(match[2]) > 0xffff) throw new XenStoreError("EINVAL");
    return { access: match[1] as Access, domid: Number(match[2]) };
  });
  const [owner, ...rest] = entries;
  if (!owner) throw new XenStoreError("EINVAL");
  return [owner, ...rest];
}

export function formatPermissions(permissions: Permissions): string[] {
  return permissions.map(({ access, domid }) => `${access}${domid}`);
}
