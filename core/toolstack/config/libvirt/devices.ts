/** Disks and network interfaces. */
import type { Disk } from "../devices/disk.ts";
import type { Vif } from "../devices/vif.ts";
import type { KeyValues } from "../keys/mod.ts";
import { follow, type Losses } from "../losses.ts";
import { element } from "./xml.ts";

function bus(vdev: string): string {
  return vdev.startsWith("hd") ? "ide" : vdev.startsWith("sd") ? "scsi" : "xen";
}

const DRIVERS = { phy: "phy", tap: "tap", qdisk: "qemu" } as const;

function diskElement(disk: Disk): string {
  const { target, format, backendtype } = disk;
  const device = target.startsWith("/dev/") || backendtype === "phy";
  const discard = disk.discard === undefined ? undefined : disk.discard ? "unmap" : "ignore";
  const driver = {
    name: backendtype === undefined || backendtype === "standalone"
      ? device && format === "raw" ? "phy" : "qemu"
      : DRIVERS[backendtype],
    type: format === "empty" ? undefined : format,
    discard,
  };
  return element("disk", { type: device ? "block" : "file", device: disk.devtype }, [
    element("driver", driver),
    ...target === "" ? [] : [element("source", { [device ? "dev" : "file"]: target })],
    ...disk.backend === undefined ? [] : [element("backenddomain", { name: disk.backend })],
    element("target", { dev: disk.vdev, bus: bus(disk.vdev) }),
    ...disk.access === "ro" ? [element("readonly", {})] : [],
  ]);
}

function vifElement(vif: Vif): string {
  const routed = vif.script?.includes("vif-route") ?? false;
  return element("interface", { type: routed ? "ethernet" : "bridge" }, [
    ...vif.mac === undefined ? [] : [element("mac", { address: vif.mac })],
    ...routed ? [] : [element("source", { bridge: vif.bridge ?? "xenbr0" })],
    ...vif.script === undefined ? [] : [element("script", { path: vif.script })],
    ...(vif.ip ?? "").split(" ").filter((ip) => ip !== "").map((ip) =>
      element("ip", { address: ip, family: ip.includes(":") ? "ipv6" : "ipv4" })
    ),
    ...vif.backend === undefined ? [] : [element("backenddomain", { name: vif.backend })],
    ...vif.vifname === undefined ? [] : [element("target", { dev: vif.vifname })],
    ...vif.model !== undefined || vif.type !== undefined
      ? [element("model", { type: vif.model ?? (vif.type === "vif" ? "netfront" : "rtl8139") })]
      : [],
    ...vif.mtu === undefined ? [] : [element("mtu", { size: vif.mtu })],
    ...vif.rate_bytes_per_interval === undefined || vif.rate_interval_usecs === undefined ? [] : [
      element("bandwidth", {}, [
        element("outbound", {
          average: Math.max(
            1,
            Math.round(vif.rate_bytes_per_interval * 1e6 / vif.rate_interval_usecs / 1024),
          ),
        }),
      ]),
    ],
  ]);
}

export function disks({ disk = [] }: KeyValues, losses: Losses): string[] {
  return disk.map((one) => {
    const followed = follow(one);
    const made = diskElement(followed.fields);
    losses.sayUnseen("disk", one, one.vdev, followed);
    if (one.backendtype === "standalone") losses.say("disk", `backendtype=standalone of ${one.vdev}`);
    return made;
  });
}

export function interfaces({ vif = [] }: KeyValues, losses: Losses): string[] {
  return vif.map((one, index) => {
    const followed = follow(one);
    const made = vifElement(followed.fields);
    // Its number says nothing where it is its place; the rate is in what it comes to.
    const { devid, rate: _rate, ...rest } = one;
    const said = devid === index ? rest : { ...rest, devid };
    losses.sayUnseen("vif", said, `interface ${index}`, followed);
    return made;
  });
}
