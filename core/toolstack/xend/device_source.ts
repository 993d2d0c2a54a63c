/** From the disks and interfaces of a configuration to what Domain-0's backends take. */
import { isAbsolute, resolve } from "node:path";
import type { DeviceDescription, DiskDescription, VifDescription } from "../../dom0/mod.ts";
import { type Disk, parseDisk, parseVif, SpecificationError, type Vif } from "../config/mod.ts";
import { diskNumber, numberedTwice, whyDiskRefused, whyVifRefused } from "../config/devices/served.ts";
import { XendError } from "./errors.ts";

const badConfig = (message: string, cause?: unknown) => new XendError("bad-config", message, { cause });

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** A relative target begins where the configuration lies; `phy:vg/guest` was short for /dev/vg/guest, and still is. */
function targetPath(target: string, directory: string): string {
  const path = resolve(directory, target);
  const device = resolve("/dev", target);
  return !isAbsolute(target) && !isThere(path) && isThere(device) ? device : path;
}

/** @throws XendError bad-config */
export function diskDescription(disk: Disk, directory: string): DiskDescription {
  const refused = whyDiskRefused(disk);
  if (refused !== undefined) throw badConfig(`disk: ${refused}`);
  const isCdrom = disk.devtype === "cdrom";
  return {
    kind: "vbd",
    vdev: disk.vdev,
    target: targetPath(disk.target, directory),
    // What libxl chooses for files and block devices.
    type: disk.backendtype ?? "phy",
    readOnly: disk.access === "ro",
    removable: isCdrom,
    cdrom: isCdrom,
    discard: disk.discard,
    trusted: disk.trusted,
  };
}

/** An address of XenSource's block, as libxl makes one up. */
function newMac(): string {
  const random = crypto.getRandomValues(new Uint8Array(3));
  random[0] &= 0x7f;
  return ["00:16:3e", ...Array.from(random, (byte) => byte.toString(16).padStart(2, "0"))].join(":");
}

const SCRIPTS = "/etc/xen/scripts";

/** @throws XendError bad-config */
export function vifDescription(vif: Vif): VifDescription {
  const refused = whyVifRefused(vif);
  if (refused !== undefined) throw badConfig(`vif: ${refused}`);
  const { devid, mac, bridge, script, vifname, ip, gatewaydev, mtu, trusted } = vif;
  const { rate_bytes_per_interval: bytes, rate_interval_usecs: usecs } = vif;
  return {
    kind: "vif",
    devid,
    mac: mac ?? newMac(),
    bridge,
    script: script === undefined ? undefined : resolve(SCRIPTS, script),
    vifname,
    ip,
    gatewaydev,
    rate: bytes === undefined || usecs === undefined ? undefined : `${bytes},${usecs}`,
    mtu,
    trusted,
  };
}

/** All devices of a configuration. @throws XendError bad-config */
export function deviceDescriptions(
  { disks, vifs }: { readonly disks: readonly Disk[]; readonly vifs: readonly Vif[] },
  directory: string,
): DeviceDescription[] {
  const found = [...disks.map((disk) => diskDescription(disk, directory)), ...vifs.map(vifDescription)];
  const [disk] = numberedTwice(disks.map(({ vdev }) => diskNumber(vdev)));
  if (disk !== undefined) throw badConfig(`disk: ${disks[disk].vdev} is there twice`);
  const [vif] = numberedTwice(vifs.map(({ devid }) => devid));
  if (vif !== undefined) throw badConfig(`vif: devid=${vifs[vif].devid} is there twice`);
  return found;
}

/**
 * A device from its specification, as a configuration has it.
 * @param freeVif the devid of an interface that names none
 * @throws XendError bad-config
 */
export function describeDevice(
  kind: DeviceDescription["kind"],
  spec: string,
  directory: string,
  freeVif: number,
): DeviceDescription {
  try {
    return kind === "vbd"
      ? diskDescription(parseDisk(spec), directory)
      : vifDescription(parseVif(spec, freeVif));
  } catch (error) {
    if (!(error instanceof SpecificationError)) throw error;
    throw badConfig(`${kind === "vbd" ? "disk" : "vif"}: ${error.message}`, error);
  }
}

/** An effective configuration without the devices that its domain no longer has. */
export function withoutDetached(effective: unknown, devices: readonly DeviceDescription[]): unknown {
  if (typeof effective !== "object" || effective === null) return effective;
  const has = (kind: DeviceDescription["kind"], number: unknown) =>
    devices.some((device) => device.kind === kind && deviceNumber(device) === number);
  const keep = (key: string, still: (item: object) => boolean) => {
    const list: unknown = Reflect.get(effective, key);
    return Array.isArray(list) ? { [key]: list.filter(still) } : {};
  };
  return {
    ...effective,
    ...keep("disk", (item) => has("vbd", diskNumber(String(Reflect.get(item, "vdev"))))),
    ...keep("vif", (item) => has("vif", Reflect.get(item, "devid"))),
  };
}

/** Its number in XenStore. */
export function deviceNumber(device: DeviceDescription): number {
  // What is described has a vdev that names a disk.
  return device.kind === "vif" ? device.devid : diskNumber(device.vdev) ?? -1;
}
