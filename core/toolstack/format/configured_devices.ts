/** The disks and interfaces that a domain's configuration gives it, as `list -l` shows them: libxl's JSON (libxl_types.idl) and xm's S-expressions. */
import type { DeviceRecord, DomainDetail } from "../api/types.ts";
import { vdevName } from "./vdev.ts";

/** A disk or interface of the effective configuration, by the names of its specification; undefined where another kind of value is. */
class Configured {
  constructor(private readonly fields: object) {}

  #get(name: string): unknown {
    return Reflect.get(this.fields, name);
  }

  text(name: string): string | undefined {
    const value = this.#get(name);
    return typeof value === "string" && value !== "" ? value : undefined;
  }

  number(name: string): number | undefined {
    const value = this.#get(name);
    return typeof value === "number" ? value : undefined;
  }

  truth(name: string): boolean | undefined {
    const value = this.#get(name);
    return typeof value === "boolean" ? value : undefined;
  }
}

function configured(config: unknown, key: "disk" | "vif"): Configured[] {
  if (typeof config !== "object" || config === null) return [];
  const list: unknown = Reflect.get(config, key);
  if (!Array.isArray(list)) return [];
  return list.filter((item: unknown) => typeof item === "object" && item !== null)
    .map((item: object) => new Configured(item));
}

/** A libxl_defbool. */
const defbool = (value: boolean | undefined) => value === undefined ? undefined : value ? "True" : "False";

/** An integer that stands for no when it is 0, and is left out then. */
const flag = (value: boolean) => value ? 1 : undefined;

/** A libxl_device_disk; what is at its default is left out. Of a domain that exists libxl has filled in more. */
function diskJson(disk: Configured, exists: boolean) {
  const isCdrom = disk.text("devtype") === "cdrom";
  return {
    backend_domname: disk.text("backend"),
    pdev_path: disk.text("target"),
    vdev: disk.text("vdev"),
    backend: disk.text("backendtype"),
    format: disk.text("format"),
    script: disk.text("script"),
    removable: flag(isCdrom),
    readwrite: flag(disk.text("access") === "rw"),
    is_cdrom: flag(isCdrom),
    direct_io_safe: disk.truth("direct_io_safe") === true ? true : undefined,
    discard_enable: defbool(disk.truth("discard")),
    specification: disk.text("specification"),
    colo_enable: defbool(disk.truth("colo")),
    colo_restore_enable: exists ? "False" : undefined,
    colo_host: disk.text("colo_host"),
    colo_port: disk.number("colo_port"),
    colo_export: disk.text("colo_export"),
    active_disk: disk.text("active_disk"),
    hidden_disk: disk.text("hidden_disk"),
    trusted: defbool(disk.truth("trusted")),
    grant_usage: defbool(disk.truth("grant_usage")),
  };
}

const NIC_TYPES: Readonly<Record<string, string>> = { ioemu: "vif_ioemu", vif: "vif" };

/** A libxl_device_nic. */
function nicJson(vif: Configured, exists: boolean, attached?: DeviceRecord) {
  return {
    backend_domname: vif.text("backend"),
    devid: vif.number("devid"),
    mtu: vif.number("mtu"),
    vlan: vif.text("vlan"),
    model: vif.text("model"),
    mac: vif.text("mac") ?? attached?.mac,
    ip: vif.text("ip"),
    bridge: vif.text("bridge"),
    ifname: vif.text("vifname"),
    script: vif.text("script"),
    nictype: NIC_TYPES[vif.text("type") ?? (exists ? "vif" : "")],
    rate_bytes_per_interval: vif.number("rate_bytes_per_interval"),
    rate_interval_usecs: vif.number("rate_interval_usecs"),
    gatewaydev: vif.text("gatewaydev"),
    trusted: defbool(vif.truth("trusted")),
  };
}

const attachedOf = ({ devices }: DomainDetail, kind: DeviceRecord["kind"]) =>
  devices.filter((device) => device.kind === kind);

/** Of a domain that is yet to be created. */
export function plannedDevices(config: unknown) {
  return {
    disks: configured(config, "disk").map((disk) => diskJson(disk, false)),
    nics: configured(config, "vif").map((vif) => nicJson(vif, false)),
  };
}

/** Those of the configuration, then those that were attached beside it. */
export function disksJson(domain: DomainDetail) {
  const disks = configured(domain.config, "disk");
  const known = new Set(disks.map((disk) => disk.text("vdev")));
  const others = attachedOf(domain, "vbd").map(({ devid }) => ({ vdev: vdevName(devid) }))
    .filter(({ vdev }) => !known.has(vdev));
  return [...disks.map((disk) => diskJson(disk, true)), ...others];
}

export function nicsJson(domain: DomainDetail) {
  const vifs = configured(domain.config, "vif");
  const known = new Set(vifs.map((vif) => vif.number("devid")));
  const attached = attachedOf(domain, "vif");
  const others = attached.filter(({ devid }) => !known.has(devid))
    .map(({ devid, mac }) => ({ devid, mac, nictype: "vif" }));
  const configuredOnes = vifs.map((vif) =>
    nicJson(vif, true, attached.find(({ devid }) => devid === vif.number("devid")))
  );
  return [...configuredOnes, ...others];
}

/** A name and a value of xm's, to be written `(name value)`. */
export type SxpField = readonly [name: string, value: string | number];

export interface SxpDevice {
  readonly kind: string;
  readonly fields: readonly SxpField[];
}

const present = (...fields: readonly (readonly [string, string | number | undefined])[]): SxpField[] =>
  fields.flatMap(([name, value]) => value === undefined ? [] : [[name, value]]);

/** As xend had it: `(uname phy:/dev/vg/a) (dev xvda:disk) (mode w)`. */
function diskSxp(disk: Configured): SxpDevice {
  const [target, format] = [disk.text("target"), disk.text("format")];
  const prefix = target?.startsWith("/dev/") ? "phy:" : format === "raw" ? "file:" : `tap:${format}:`;
  return {
    kind: "vbd",
    fields: present(
      ["uname", target && prefix + target],
      ["dev", `${disk.text("vdev")}:${disk.text("devtype") ?? "disk"}`],
      ["mode", disk.text("access") === "rw" ? "w" : "r"],
      ["backend", disk.text("backend") ?? 0],
    ),
  };
}

function vifSxp(vif: Configured, attached: DeviceRecord | undefined): SxpDevice {
  const plain = ["bridge", "ip", "script", "vifname", "model", "rate", "type"].map((name) =>
    [name, vif.text(name)] as const
  );
  const mac = vif.text("mac") ?? attached?.mac;
  return { kind: "vif", fields: present(["mac", mac], ...plain, ["backend", vif.text("backend") ?? 0]) };
}

export function devicesSxp(domain: DomainDetail): SxpDevice[] {
  const disks = configured(domain.config, "disk"), vifs = configured(domain.config, "vif");
  const vdevs = new Set(disks.map((disk) => disk.text("vdev")));
  const devids = new Set(vifs.map((vif) => vif.number("devid")));
  const attachedVifs = attachedOf(domain, "vif");
  const others = domain.devices.filter(({ kind, devid }) =>
    kind === "vbd" ? !vdevs.has(vdevName(devid)) : kind !== "vif" || !devids.has(devid)
  );
  return [
    ...disks.map(diskSxp),
    ...vifs.map((vif) => vifSxp(vif, attachedVifs.find(({ devid }) => devid === vif.number("devid")))),
    ...others.map(({ kind, devid, mac, backendDomid }) => ({
      kind,
      fields: present(
        ["mac", mac],
        ["dev", kind === "vbd" ? vdevName(devid) : undefined],
        ["backend", backendDomid],
      ),
    })),
  ];
}
