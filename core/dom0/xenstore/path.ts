import { XenStoreError } from "./errors.ts";

/** XENSTORE_ABS_PATH_MAX and XENSTORE_REL_PATH_MAX of xen/io/xs_wire.h, in bytes. */
const ABSOLUTE_MAX = 3072;
const RELATIVE_MAX = 2048;

const PATH = /^\/(?:[A-Za-z0-9\-_@]+(?:\/[A-Za-z0-9\-_@]+)*)?$/;
const SPECIAL = /^@[A-Za-z0-9\-_@]+(?:\/[A-Za-z0-9\-_@]+)*$/;
const HOME = /^\/local\/domain\/\d{1,5}\//;

/** The home of a domain in the store: `/local/domain/DOMID`. Relative paths start there. */
export function domainPath(domid: number): string {
  return `/local/domain/${domid}`;
}

/**
 * The absolute form of a path that domain `domid` sent.
 *
 * Throws EINVAL where docs/misc/xenstore.txt forbids the path: empty, doubled or trailing slashes, characters
 * outside `[A-Za-z0-9-/_@]`, longer than 3072 bytes (2048 when relative).
 */
export function absolutePath(path: string, domid: number): string {
  if (!path.startsWith("/") && path.length > RELATIVE_MAX) throw new XenStoreError("EINVAL");
  if (path === "" || path.startsWith("@")) throw new XenStoreError("EINVAL");
  const absolute = path.startsWith("/") ? path : `${domainPath(domid)}/${path}`;
  if (absolute.length > ABSOLUTE_MAX || !PATH.test(absolute)) throw new XenStoreError("EINVAL");
  return absolute;
}

/** As `absolutePath`, but the special paths `@introduceDomain`, `@releaseDomain` pass as they are. */
export function watchPath(path: string, domid: number): string {
  if (!path.startsWith("@")) return absolutePath(path, domid);
  if (path.length > RELATIVE_MAX || !SPECIAL.test(path)) throw new XenStoreError("EINVAL");
  return path;
}

/** What counts of a path against the quota `path-max`: a domain's home is free. */
export function countedLength(absolute: string): number {
  return absolute.length - (HOME.exec(absolute)?.[0].length ?? 0);
}

/** The names between the slashes; none for the root. */
export function names(absolute: string): string[] {
  return absolute === "/" ? [] : absolute.slice(1).split("/");
}

export function parentPath(absolute: string): string {
  const cut = absolute.lastIndexOf("/");
  return cut <= 0 ? "/" : absolute.slice(0, cut);
}
