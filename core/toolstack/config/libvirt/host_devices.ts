/** Devices of the host that the guest gets: PCI and USB. */
import type { KeyValues } from "../keys/mod.ts";
import type { Losses } from "../losses.ts";
import { Parameters } from "./parameters.ts";
import { element } from "./xml.ts";

/** DDDD:BB:DD.F, and the place that the guest is to see it at. */
const BDF = /^(?:([0-9a-f]{1,4}):)?([0-9a-f]{1,2}):([0-9a-f]{1,2})\.([0-7])(?:@([0-9a-f]{1,2}))?$/i;

const hex = (digits: string, width: number) => `0x${parseInt(digits, 16).toString(16).padStart(width, "0")}`;

function pciElement(spec: string, losses: Losses): string[] {
  // Of late it may have a name too.
  const named = /(?:^|,)\s*bdf=/.test(spec);
  const parameters = new Parameters(spec, named);
  const place = BDF.exec((named ? parameters.get("bdf") : parameters.first) ?? "");
  if (place === null) {
    losses.say("pci", `${JSON.stringify(spec)} names no one function of a device and`);
    return [];
  }
  const [, domain = "0", bus, slot, fn, vslot] = place;
  const source = element("source", { writeFiltering: parameters.truth("permissive") ? "no" : undefined }, [
    element("address", {
      domain: hex(domain, 4),
      bus: hex(bus, 2),
      slot: hex(slot, 2),
      function: hex(fn, 1),
    }),
  ]);
  const lost = [...vslot === undefined ? [] : [`the slot @${vslot}`], ...parameters.unseen()];
  if (lost.length > 0) losses.say("pci", `${lost.join(", ")} of ${place[0]}`);
  return [
    element("hostdev", { mode: "subsystem", type: "pci", managed: "no" }, [
      element("driver", { name: "xen" }),
      source,
    ]),
  ];
}

function usbElement(spec: string, losses: Losses): string[] {
  const parameters = new Parameters(spec);
  const [bus, device] = [parameters.get("hostbus"), parameters.get("hostaddr")];
  const type = parameters.get("type") ?? "hostdev";
  if (!/^\d+$/.test(bus ?? "") || !/^\d+$/.test(device ?? "") || type !== "hostdev") {
    losses.say("usbdev", `${JSON.stringify(spec)} names no device of the host by hostbus and hostaddr and`);
    return [];
  }
  const lost = parameters.unseen();
  if (lost.length > 0) losses.say("usbdev", `${lost.join(", ")} of ${bus}:${device}`);
  return [
    element("hostdev", { mode: "subsystem", type: "usb", managed: "no" }, [
      element("source", {}, [element("address", { bus: Number(bus), device: Number(device) })]),
    ]),
  ];
}

/** Controllers of USB devices; libvirt knows the paravirtual ones by version. */
function usbController(spec: string, index: number, losses: Losses): string[] {
  const parameters = new Parameters(spec);
  const [type, version, ports] = ["type", "version", "ports"].map((name) => parameters.get(name));
  if (!["auto", "pv", "qusb", undefined].includes(type) || !["1", "2", undefined].includes(version)) {
    losses.say("usbctrl", JSON.stringify(spec));
    return [];
  }
  const lost = parameters.unseen();
  if (lost.length > 0) losses.say("usbctrl", `${lost.join(", ")} of ${JSON.stringify(spec)}`);
  return [
    element("controller", { type: "usb", index, model: version === "1" ? "qusb1" : "qusb2", ports }),
  ];
}

export function usbControllers(values: KeyValues, losses: Losses): string[] {
  return (values.usbctrl ?? []).flatMap((spec, index) => usbController(spec, index, losses));
}

export function hostDevices(values: KeyValues, losses: Losses): string[] {
  // For all devices at once, in place of a word behind each.
  const permissive = values.pci_permissive === true ? ",permissive=1" : "";
  return [
    ...(values.pci ?? []).flatMap((spec) => pciElement(spec + permissive, losses)),
    ...(values.usbdev ?? []).flatMap((spec) => usbElement(spec, losses)),
  ];
}
