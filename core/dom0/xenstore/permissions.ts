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

export function ownedBy(domid: number, others: Access = "n"): Permissions {
  return [{ domid, access: others }];
}

export function mayRead(permissions: Permissions, domid: number): boolean {
  return "rb".includes(accessOf(permissions, domid));
}

export function mayWrite(permissions: Permissions, domid: number): boolean {
  return "wb".includes(accessOf(permissions, domid));
}

/** Only the owner (and Domain-0) may change permissions. */
export function isOwner(permissions: Permissions, domid: number): boolean {
  return domid === 0 || permissions[0].domid === domid;
}

function accessOf(permissions: Permissions, domid: number): Access {
  if (isOwner(permissions, domid)) return "b";
  return permissions.find((entry, i) => i > 0 && entry.domid === domid)?.access ?? permissions[0].access;
}

/** Parses the wire form, one string an entry such as `n0` or `r7`. Throws EINVAL. */
export function parsePermissions(texts: readonly string[]): Permissions {
  const entries = texts.map((text) => {
    const match = /^([nrwb])(\d{1,5})$/.exec(text);
    if (!match) throw new XenStoreError("EINVAL");
    return { access: match[1] as Access, domid: Number(match[2]) };
  });
  const [owner, ...rest] = entries;
  if (!owner) throw new XenStoreError("EINVAL");
  return [owner, ...rest];
}

export function formatPermissions(permissions: Permissions): string[] {
  return permissions.map(({ access, domid }) => `${access}${domid}`);
}
