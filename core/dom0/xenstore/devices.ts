import { domainPath } from "./path.ts";
import { utf8 } from "./protocol.ts";

/** XenbusState of xen/io/xenbus.h. */
export const XenbusState = {
  Unknown: 0,
  Initialising: 1,
  InitWait: 2,
  Initialised: 3,
  Connected: 4,
  Closing: 5,
  Closed: 6,
  Reconfiguring: 7,
  Reconfigured: 8,
} as const;

/** A disk as its configuration says (xl-disk-configuration(5)). */
export interface DiskDescription {
  readonly kind: "vbd";
  /** `xvda`, `hdb2`, `sdc`, `d5p0` or a number. */
  readonly vdev: string;
  /** What the backend opens: a file, a block device, `qcow2:FILE`. */
  readonly target: string;
  readonly type: "phy" | "qdisk" | "tap" | "standalone";
  readonly script?: string;
  readonly readOnly?: boolean;
  readonly removable?: boolean;
  readonly cdrom?: boolean;
  readonly discard?: boolean;
  /** The domain that serves it; Domain-0 by default. */
  readonly backendDomid?: number;
  readonly trusted?: boolean;
}

/** A network device as its configuration says (xl-network-configuration(5)). */
export interface VifDescription {
  readonly kind: "vif";
  readonly devid: number;
  /** `00:16:3e:11:22:33`. */
  readonly mac: string;
  readonly type?: "vif" | "vif_ioemu";
  readonly bridge?: string;
  readonly script?: string;
  readonly vifname?: string;
  readonly ip?: string;
  readonly gatewaydev?: string;
  /** `BYTES,MICROSECONDS`, as backends read it. */
  readonly rate?: string;
  readonly mtu?: number;
  readonly backendDomid?: number;
  readonly trusted?: boolean;
}

export type DeviceDescription = DiskDescription | VifDescription;

/** Entries of a device's three places in the store, in libxl's order. */
export interface DeviceNodes {
  readonly kind: "vbd" | "vif" | "console";
  readonly devid: number;
  readonly backendDomid: number;
  readonly frontendPath: string;
  readonly backendPath: string;
  /** The backend's, and what libxl keeps for itself. */
  readonly backend: Readonly<Record<string, string>>;
  readonly frontend: Readonly<Record<string, string>>;
  /** Of the frontend's directory, but not for the guest to change. */
  readonly frontendReadOnly: Readonly<Record<string, string>>;
}

const INITIALISING = `${XenbusState.Initialising}`;
const flag = (value: boolean | undefined) => value ? "1" : "0";

/**
 * The number that stands for a disk's name in the store and to the guest (docs of Xen, vbd-interface(7)).
 * Throws RangeError for a name that is none.
 *
 *     virtualDeviceNumber("xvda") === 51712
 */
export function virtualDeviceNumber(vdev: string): number {
  const numbered = /^d(\d{1,7})p(\d{1,3})$/.exec(vdev);
  const lettered = /^(xvd|hd|sd)([a-z]{1,4})(\d{0,3})$/.exec(vdev);
  const decimal = /^(?:0[xX][0-9a-fA-F]+|\d+)$/.test(vdev) ? Number(vdev) : NaN;
  if (Number.isInteger(decimal) && decimal < 2 ** 31) return decimal;
  let name = "xvd", disk = -1, partition = 0;
  if (numbered) [disk, partition] = [Number(numbered[1]), Number(numbered[2])];
  if (lettered) {
    name = lettered[1];
    disk = [...lettered[2]].reduce((value, letter) => value * 26 + letter.charCodeAt(0) - 96, 0) - 1;
    partition = Number(lettered[3]);
  }
  const [disks, partitions] = { xvd: [1 << 20, 255], hd: [4, 63], sd: [16, 15] }[name] ?? [0, 0];
  if (disk < 0 || disk >= disks || partition > partitions) {
    throw new RangeError(`${vdev} names no disk: xvda to xvdp, hda to hdd, sda to sdp, d0p0 or a number`);
  }
  if (name === "hd") return (disk < 2 ? 3 : 22) << 8 | (disk & 1) << 6 | partition;
  if (name === "sd") return 8 << 8 | disk << 4 | partition;
  return disk <= 15 && partition <= 15 ? 202 << 8 | disk << 4 | partition : 1 << 28 | disk << 8 | partition;
}

/** What libxl writes for a device of domain `domid`: both ends Initialising, nothing served yet. */
export function deviceNodes(domid: number, device: DeviceDescription): DeviceNodes {
  return device.kind === "vbd" ? diskNodes(domid, device) : vifNodes(domid, device);
}

function places(domid: number, kind: DeviceNodes["kind"], devid: number, backendDomid: number) {
  const frontendPath = `${domainPath(domid)}/device/${kind}/${devid}`;
  const backendPath = `${domainPath(backendDomid)}/backend/${kind}/${domid}/${devid}`;
  return { kind, devid, backendDomid, frontendPath, backendPath };
}

function diskNodes(domid: number, disk: DiskDescription): DeviceNodes {
  const devid = virtualDeviceNumber(disk.vdev);
  const { backendDomid = 0, type } = disk;
  const where = places(domid, "vbd", devid, backendDomid);
  const deviceType = disk.cdrom ? "cdrom" : "disk";
  return {
    ...where,
    backend: {
      frontend: where.frontendPath,
      params: utf8(disk.target),
      ...(type === "phy" || type === "tap" ? { script: utf8(disk.script ?? "/etc/xen/scripts/block") } : {}),
      "frontend-id": `${domid}`,
      online: "1",
      removable: flag(disk.removable),
      bootable: "1",
      state: INITIALISING,
      dev: disk.vdev,
      type,
      mode: disk.readOnly ? "r" : "w",
      "device-type": deviceType,
      "discard-enable": flag(disk.discard ?? !disk.readOnly),
      specification: "xen",
    },
    frontend: {
      backend: where.backendPath,
      "backend-id": `${backendDomid}`,
      state: INITIALISING,
      "virtual-device": `${devid}`,
      "device-type": deviceType,
      trusted: flag(disk.trusted ?? true),
    },
    frontendReadOnly: {},
  };
}

function vifNodes(domid: number, vif: VifDescription): DeviceNodes {
  const { backendDomid = 0, devid } = vif;
  const where = places(domid, "vif", devid, backendDomid);
  const given = (name: string, value: string | number | undefined) =>
    value === undefined ? {} : { [name]: utf8(`${value}`) };
  return {
    ...where,
    backend: {
      frontend: where.frontendPath,
      "frontend-id": `${domid}`,
      online: "1",
      state: INITIALISING,
      script: utf8(vif.script ?? "/etc/xen/scripts/vif-bridge"),
      ...given("vifname", vif.vifname),
      mac: vif.mac,
      ...given("ip", vif.ip),
      ...given("gatewaydev", vif.gatewaydev),
      ...given("rate", vif.rate),
      ...given("mtu", vif.mtu),
      bridge: utf8(vif.bridge ?? "xenbr0"),
      handle: `${devid}`,
      type: vif.type ?? "vif",
      "hotplug-status": "",
    },
    frontend: {
      backend: where.backendPath,
      "backend-id": `${backendDomid}`,
      state: INITIALISING,
      handle: `${devid}`,
      mac: vif.mac,
      trusted: flag(vif.trusted ?? true),
    },
    frontendReadOnly: { mtu: `${vif.mtu ?? 1500}` },
  };
}
