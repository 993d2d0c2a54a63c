/** What an old client posts: a configuration, `(vm (name x) (memory 64) (image (linux (kernel ...))) ...)`, as a file; a device, `(vbd (uname ...) ...)`, as a specification. */
import { XendError } from "../xend/errors.ts";
import type { DeviceKind } from "./types.ts";
import { child, children, type ParsedSxp, parseSxp, SxpError, text } from "./sxp.ts";

/** Keys of the list that are keys of the file, and how they are written there. */
const NUMBERS = ["memory", "maxmem", "vcpus"];
const STRINGS = ["name", "uuid", "on_poweroff", "on_reboot", "on_crash", "on_xend_start", "on_xend_stop"];
const IMAGE_STRINGS = { kernel: "kernel", ramdisk: "ramdisk", root: "root", args: "extra" } as const;

const DISKS = ["vbd", "tap", "tap2"], VIFS = ["vif"];

const quote = (value: string) => JSON.stringify(value);

function disk(device: ParsedSxp): string {
  const target = text(device, "uname") ?? "";
  const name = text(device, "dev") ?? "";
  return `${target},${name.replace(/:disk$/, "")},${text(device, "mode") ?? "r"}`;
}

function vif(device: ParsedSxp): string {
  const keys = ["mac", "bridge", "ip", "script", "vifname", "type", "model"];
  const set = keys.flatMap((key) => {
    const value = text(device, key);
    return value === undefined ? [] : [`${key}=${value}`];
  });
  return set.join(", ");
}

function parse(sxp: string): ParsedSxp {
  try {
    return parseSxp(sxp);
  } catch (error) {
    if (error instanceof SxpError) throw new XendError("bad-config", error.message, { cause: error });
    throw error;
  }
}

const isOf = (device: ParsedSxp, kinds: readonly string[]) =>
  Array.isArray(device) && typeof device[0] === "string" && kinds.includes(device[0]);

/** @throws XendError bad-config */
export function deviceOfSxp(sxp: string): { readonly kind: DeviceKind; readonly spec: string } {
  const device = parse(sxp);
  if (isOf(device, DISKS)) return { kind: "vbd", spec: disk(device) };
  if (isOf(device, VIFS)) return { kind: "vif", spec: vif(device) };
  throw new XendError("bad-config", "a device is an S-expression (vbd ...) or (vif ...)");
}

/** @throws XendError bad-config */
export function fileOfSxp(sxp: string): string {
  const vm = parse(sxp);
  if (!Array.isArray(vm) || (vm[0] !== "vm" && vm[0] !== "domain")) {
    throw new XendError("bad-config", "a configuration is an S-expression (vm ...)");
  }
  const lines: string[] = [];
  for (const key of NUMBERS) {
    const value = text(vm, key);
    if (value !== undefined) lines.push(`${key} = ${quote(value)}`);
  }
  for (const key of STRINGS) {
    const value = text(vm, key);
    if (value !== undefined) lines.push(`${key} = ${quote(value)}`);
  }
  const image = child(vm, "image")?.[0];
  if (!Array.isArray(image)) {
    throw new XendError("bad-config", "the configuration has no (image (linux ...))");
  }
  if (image[0] !== "linux") {
    throw new XendError("bad-config", `images of the kind ${image[0]} are not supported`);
  }
  for (const [key, name] of Object.entries(IMAGE_STRINGS)) {
    const value = text(image, key);
    if (value !== undefined && value !== "") lines.push(`${name} = ${quote(value)}`);
  }
  const devices = children(vm, "device").map(([device]) => device);
  const list = (kinds: readonly string[], spec: (device: ParsedSxp) => string) =>
    devices.filter((device) => isOf(device, kinds)).map((device) => quote(spec(device)));
  const disks = list(DISKS, disk), vifs = list(VIFS, vif);
  if (disks.length > 0) lines.push(`disk = [${disks.join(", ")}]`);
  if (vifs.length > 0) lines.push(`vif = [${vifs.join(", ")}]`);
  return lines.join("\n") + "\n";
}
