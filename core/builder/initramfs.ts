/** Makes initramfs images: a cpio archive of the "newc" format (the kernel's buffer-format.rst), which Linux unpacks. */

/** A file of the archive; its path has no slash in front. Folders above it must be entries of their own, before it. */
export type InitramfsEntry =
  | { readonly kind: "directory"; readonly path: string; readonly mode?: number }
  | {
    readonly kind: "file";
    readonly path: string;
    readonly data: Uint8Array | string;
    readonly mode?: number;
  }
  | { readonly kind: "link"; readonly path: string; readonly target: string }
  | {
    readonly kind: "character device" | "block device";
    readonly path: string;
    readonly major: number;
    readonly minor: number;
    readonly mode?: number;
  };

const MAGIC = "070701";
const HEADER_BYTES = 110;
const TRAILER = "TRAILER!!!";
/** The file types of st_mode, with the permissions that an entry gets unless it names its own. */
const TYPES = {
  "directory": { type: 0o040000, mode: 0o755 },
  "file": { type: 0o100000, mode: 0o644 },
  "link": { type: 0o120000, mode: 0o777 },
  "character device": { type: 0o020000, mode: 0o600 },
  "block device": { type: 0o060000, mode: 0o600 },
} as const;

const encoder = new TextEncoder();

interface Record {
  readonly name: Uint8Array;
  readonly header: string;
  readonly data: Uint8Array;
}

function padded(length: number): number {
  return Math.ceil(length / 4) * 4;
}

function contents(entry: InitramfsEntry): Uint8Array {
  if (entry.kind === "link") return encoder.encode(entry.target);
  if (entry.kind !== "file") return new Uint8Array();
  return typeof entry.data === "string" ? encoder.encode(entry.data) : entry.data;
}

function record(
  path: string,
  fields: { ino: number; mode: number; nlink: number; rdev?: [number, number] },
  data: Uint8Array,
): Record {
  const name = encoder.encode(`${path}\0`);
  const { ino, mode, nlink, rdev = [0, 0] } = fields;
  const numbers = [ino, mode, 0, 0, nlink, 0, data.length, 0, 0, ...rdev, name.length, 0];
  const header = MAGIC + numbers.map((number) => number.toString(16).padStart(8, "0")).join("");
  return { name, header, data };
}

/**
 * Writes the archive, uncompressed: Linux takes it as well as a compressed one, and unpacking costs the guest time.
 * Everything belongs to root and has the time 0, so equal entries give equal bytes.
 * @throws RangeError for a path with a slash in front, an empty one, or a file of 4 GiB
 */
export function makeInitramfs(entries: readonly InitramfsEntry[]): Uint8Array {
  const records = entries.map((entry, i) => {
    const { kind, path } = entry;
    if (path === "" || path.startsWith("/")) {
      throw new RangeError(`${JSON.stringify(path)} is no path of an archive`);
    }
    const { type, mode } = TYPES[kind];
    const permissions = "mode" in entry ? entry.mode ?? mode : mode;
    const rdev = "major" in entry ? [entry.major, entry.minor] as [number, number] : undefined;
    const data = contents(entry);
    if (data.length >= 2 ** 32) throw new RangeError(`${path} is too large for an archive`);
    return record(
      path,
      { ino: i + 1, mode: type | permissions, nlink: kind === "directory" ? 2 : 1, rdev },
      data,
    );
  });
  records.push(record(TRAILER, { ino: 0, mode: 0, nlink: 1 }, new Uint8Array()));

  const sizes = records.map(({ name, data }) => padded(HEADER_BYTES + name.length) + padded(data.length));
  const archive = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0));
  let at = 0;
  for (const [i, { name, header, data }] of records.entries()) {
    encoder.encodeInto(header, archive.subarray(at));
    archive.set(name, at + HEADER_BYTES);
    archive.set(data, at + padded(HEADER_BYTES + name.length));
    at += sizes[i];
  }
  return archive;
}
