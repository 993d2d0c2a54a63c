/** Disk specifications: xl-disk-configuration(5), read as libxlu_disk_l.l reads them, with xm's old forms. */
import { z } from "zod";

export const DISK_FORMATS = ["raw", "qcow", "qcow2", "vhd", "qed", "empty"] as const;
export const DISK_BACKEND_TYPES = ["phy", "tap", "qdisk", "standalone"] as const;
export const DISK_SPECIFICATIONS = ["xen", "virtio"] as const;

/** A disk as its specification describes it; the names are those of the manual. */
export const diskSchema = z.strictObject({
  /** Path or name of the image or device; empty: an empty CD-ROM drive. */
  target: z.string(),
  format: z.enum(DISK_FORMATS),
  /** What the guest calls it: xvda, hdc, sda1. */
  vdev: z.string(),
  access: z.enum(["rw", "ro"]),
  devtype: z.enum(["disk", "cdrom"]),
  /** The name of the domain that serves it; Domain-0 when it is not given. */
  backend: z.string().optional(),
  backendtype: z.enum(DISK_BACKEND_TYPES).optional(),
  script: z.string().optional(),
  specification: z.enum(DISK_SPECIFICATIONS).optional(),
  discard: z.boolean().optional(),
  direct_io_safe: z.boolean().optional(),
  trusted: z.boolean().optional(),
  grant_usage: z.boolean().optional(),
  colo: z.boolean().optional(),
  colo_host: z.string().optional(),
  colo_port: z.int().optional(),
  colo_export: z.string().optional(),
  active_disk: z.string().optional(),
  hidden_disk: z.string().optional(),
});

export type Disk = z.infer<typeof diskSchema>;

type Draft = { -readonly [K in keyof Disk]?: Disk[K] };
type TextKey =
  | "target"
  | "vdev"
  | "backend"
  | "script"
  | "colo_host"
  | "colo_export"
  | "active_disk"
  | "hidden_disk";

/** Why a specification is refused. */
export class SpecificationError extends Error {}

class DiskParser {
  readonly draft: Draft = {};
  #cdrom = false;
  #writable = true;
  #accessSet = false;
  #oldPrefix = false;

  text(key: TextKey, value: string, what: string = key): void {
    const before = this.draft[key];
    if (before !== undefined && before !== "") {
      throw new SpecificationError(
        `${what} is given twice: ${JSON.stringify(before)} and ${JSON.stringify(value)}`,
      );
    }
    this.draft[key] = value;
  }

  format(text: string): void {
    const format = text === "" ? "raw" : DISK_FORMATS.find((known) => known === text);
    if (format === undefined) {
      throw new SpecificationError(
        `unknown format ${JSON.stringify(text)}; there are ${DISK_FORMATS.join(", ")}`,
      );
    }
    if (this.draft.format !== undefined && this.draft.format !== format) {
      throw new SpecificationError(`the format is given twice: ${this.draft.format} and ${format}`);
    }
    this.draft.format = format;
  }

  choice<K extends "backendtype" | "specification">(
    key: K,
    options: readonly NonNullable<Disk[K]>[],
    text: string,
  ): void {
    const chosen = options.find((option) => option === text);
    if (chosen === undefined) {
      throw new SpecificationError(`unknown ${key} ${JSON.stringify(text)}; there are ${options.join(", ")}`);
    }
    if (this.draft[key] !== undefined && this.draft[key] !== chosen) {
      throw new SpecificationError(`${key} is given twice: ${this.draft[key]} and ${chosen}`);
    }
    this.draft[key] = chosen;
  }

  access(text: string): void {
    if (text === "r" || text === "ro") this.#writable = false;
    else if (["w", "rw", ""].includes(text)) this.#writable = true;
    else throw new SpecificationError(`unknown access ${JSON.stringify(text)}; write rw or ro`);
  }

  set cdrom(cdrom: boolean) {
    this.#cdrom = cdrom;
  }

  oldPrefix(): void {
    this.#oldPrefix = true;
  }

  port(text: string): void {
    const port = Number(/^\s*[-+]?\d+/.exec(text)?.[0] ?? 0) | 0;
    if (port === 0) throw new SpecificationError(`unknown colo-port ${JSON.stringify(text)}`);
    this.draft.colo_port = port;
  }

  /** VDEV:cdrom and VDEV:disk of old. */
  #vdevWithType(text: string): boolean {
    const colon = text.lastIndexOf(":");
    if (colon < 0) return false;
    this.text("vdev", text.slice(0, colon));
    const type = text.slice(colon + 1);
    if (type !== "cdrom" && type !== "disk") {
      throw new SpecificationError(`unknown device type ${JSON.stringify(type)}; there are disk and cdrom`);
    }
    this.#cdrom = type === "cdrom";
    return true;
  }

  positional(text: string): void {
    const { draft } = this;
    if (draft.target === undefined) this.text("target", text);
    else if (!this.#oldPrefix && draft.format === undefined) {
      if (draft.target === "" && this.#vdevWithType(text)) draft.format = "empty";
      else this.format(text);
    } else if (draft.vdev === undefined) {
      if (!this.#vdevWithType(text)) this.text("vdev", text);
    } else if (!this.#accessSet) {
      this.#accessSet = true;
      this.access(text);
    } else throw new SpecificationError(`too many parameters, from ${JSON.stringify(text)} on`);
  }

  finish(): Disk {
    const { target, vdev, format = "raw", ...rest } = this.draft;
    if (vdev === undefined) {
      throw new SpecificationError("no vdev is given: what the guest is to call the disk, like xvda");
    }
    if (target === undefined && !this.#cdrom) {
      throw new SpecificationError("no target is given: the image or device");
    }
    return {
      target: target ?? "",
      format: this.#cdrom && (target ?? "") === "" ? "empty" : format,
      vdev,
      access: this.#writable && !this.#cdrom ? "rw" : "ro",
      devtype: this.#cdrom ? "cdrom" : "disk",
      ...rest,
    };
  }
}

interface Rule {
  readonly pattern: RegExp;
  /** What is only looked at, but counts for the length. */
  readonly trailing?: RegExp;
  /** Gets what the pattern's first group holds. */
  readonly act: (disk: DiskParser, value: string, whole: string) => void;
}

const TEXT_PARAMETERS: Readonly<Record<string, TextKey>> = {
  backend: "backend",
  vdev: "vdev",
  script: "script",
  "colo-host": "colo_host",
  "colo-export": "colo_export",
  "active-disk": "active_disk",
  "hidden-disk": "hidden_disk",
};

const flag = (name: string, act: (disk: DiskParser) => void): Rule => ({
  pattern: new RegExp(`${name}(),?`, "y"),
  act,
});

const parameter = (name: string, act: (disk: DiskParser, value: string) => void): Rule => ({
  pattern: new RegExp(`${name}=([^,]*),?`, "y"),
  act,
});

const fail = (message: (whole: string) => string): Rule["act"] => (_disk, _value, whole) => {
  throw new SpecificationError(message(whole));
};

/** In the order of the lexer: the longest match counts, of equally long ones the first. */
const RULES: readonly Rule[] = [
  { pattern: /[ \t\n]+/y, trailing: /(?:[^ \t\n][^\n]*)?/y, act: () => {} },
  parameter("format", (disk, value) => disk.format(value)),
  flag("cdrom", (disk) => disk.cdrom = true),
  flag("devtype=cdrom", (disk) => disk.cdrom = true),
  flag("devtype=disk", (disk) => disk.cdrom = false),
  {
    pattern: /devtype=([^,]*),?/y,
    act: fail((whole) => `${JSON.stringify(whole)}: devtype is disk or cdrom`),
  },
  parameter("access", (disk, value) => disk.access(value)),
  parameter("backendtype", (disk, value) => disk.choice("backendtype", DISK_BACKEND_TYPES, value)),
  parameter("specification", (disk, value) => disk.choice("specification", DISK_SPECIFICATIONS, value)),
  ...Object.entries(TEXT_PARAMETERS).map(([name, key]) =>
    parameter(name, (disk, value) => disk.text(key, value, name))
  ),
  flag("direct-io-safe", (disk) => disk.draft.direct_io_safe = true),
  flag("discard", (disk) => disk.draft.discard = true),
  flag("no-discard", (disk) => disk.draft.discard = false),
  flag("colo", (disk) => disk.draft.colo = true),
  flag("no-colo", (disk) => disk.draft.colo = false),
  parameter("colo-port", (disk, value) => disk.port(value)),
  flag("trusted", (disk) => disk.draft.trusted = true),
  flag("untrusted", (disk) => disk.draft.trusted = false),
  flag("grant_usage=1", (disk) => disk.draft.grant_usage = true),
  flag("grant_usage=0", (disk) => disk.draft.grant_usage = false),
  // libxlutil takes one comma off the end here too.
  { pattern: /target=([^\n]*)/y, act: (disk, value) => disk.text("target", value.replace(/,$/, "")) },
  {
    pattern: /[a-z][-a-z0-9]*=[^,],?()/y,
    act: fail((whole) => `unknown parameter ${JSON.stringify(whole.split("=")[0])}`),
  },
  {
    pattern: /(raw|qcow2?|vhd):/y,
    trailing: /[^\n]*/y,
    act: (disk, format) => {
      disk.oldPrefix();
      disk.format(format);
    },
  },
  {
    pattern: /(iscsi|e?nbd|drbd):/y,
    trailing: /[^\n]*/y,
    act: (disk, kind) => {
      disk.oldPrefix();
      disk.text("script", `block-${kind}`);
    },
  },
  { pattern: /(tapdisk|tap2?|aio|ioemu|file|phy):/y, trailing: /[^\n]*/y, act: (disk) => disk.oldPrefix() },
  {
    pattern: /([a-z][a-z0-9]*):/y,
    trailing: /(?:[^a-z0-9][^\n]*)?/y,
    act: fail((whole) => `unknown prefix ${JSON.stringify(whole)}`),
  },
  {
    pattern: /([^=,]*),|([^=,]+)(),?/y,
    act: (disk, _value, whole) => disk.positional(whole.replace(/,$/, "")),
  },
];

function matchAt(pattern: RegExp, text: string, offset: number): RegExpExecArray | null {
  pattern.lastIndex = offset;
  return pattern.exec(text);
}

/**
 * Parses a disk specification.
 * @throws SpecificationError
 */
export function parseDisk(spec: string): Disk {
  const disk = new DiskParser();
  let offset = 0;
  while (offset < spec.length) {
    let best: { rule: Rule; match: RegExpExecArray; reach: number } | undefined;
    for (const rule of RULES) {
      const match = matchAt(rule.pattern, spec, offset);
      if (match === null) continue;
      const trailing = rule.trailing === undefined
        ? null
        : matchAt(rule.trailing, spec, offset + match[0].length);
      const reach = match[0].length + (trailing?.[0].length ?? 0);
      if (reach > (best?.reach ?? 0)) best = { rule, match, reach };
    }
    if (best === undefined) {
      // libxlutil overlooks a byte that means nothing when it is the last.
      if (offset === spec.length - 1 && spec.charCodeAt(offset) < 0x80) break;
      const rest = spec.slice(offset);
      throw new SpecificationError(
        `${JSON.stringify(rest.length > 60 ? `${rest.slice(0, 57)}...` : rest)} cannot be read`,
      );
    }
    const after = offset + best.match[0].length;
    if (spec[after] === "=" && after < spec.length - 1) {
      throw new SpecificationError(`unknown parameter ${JSON.stringify(best.match[0].trim())}`);
    }
    best.rule.act(disk, best.match[1] ?? "", best.match[0]);
    offset += Math.max(1, best.match[0].length);
  }
  return disk.finish();
}

/** A disk as a specification in named parameters, from which parseDisk gives the same disk. */
export function formatDisk(disk: Disk): string {
  const parts = [`format=${disk.format}`, `vdev=${disk.vdev}`, `access=${disk.access}`];
  if (disk.devtype === "cdrom") parts.push("devtype=cdrom");
  for (const key of ["backend", "backendtype", "specification", "script"] as const) {
    const value = disk[key];
    if (value !== undefined) parts.push(`${key}=${value}`);
  }
  for (const [name, key] of Object.entries(TEXT_PARAMETERS)) {
    if (!name.includes("-")) continue;
    const value = disk[key];
    if (value !== undefined) parts.push(`${name}=${value}`);
  }
  if (disk.colo_port !== undefined) parts.push(`colo-port=${disk.colo_port}`);
  const flags = [
    [disk.direct_io_safe, "direct-io-safe", ""],
    [disk.discard, "discard", "no-discard"],
    [disk.colo, "colo", "no-colo"],
    [disk.trusted, "trusted", "untrusted"],
    [disk.grant_usage, "grant_usage=1", "grant_usage=0"],
  ] as const;
  for (const [value, yes, no] of flags) {
    if (value !== undefined && (value ? yes : no) !== "") parts.push(value ? yes : no);
  }
  parts.push(`target=${disk.target}`);
  return parts.join(",");
}

/** Whether a vdev is a name or a number of xen-vbd-interface(7). */
export function isVdev(vdev: string): boolean {
  return /^(?:xvd[a-z]{1,3}\d*|hd[a-z]\d*|sd[a-z]{1,3}\d*|d\d+(?:p\d+)?|0x[0-9a-fA-F]+|\d+)$/.test(vdev);
}
