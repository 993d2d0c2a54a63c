/** A configuration as libvirt's domain XML (formatdomain), as far as its Xen driver has elements for the keys. */
import { commandLine, guestType } from "../domain_config.ts";
import type { KeyValues } from "../keys/mod.ts";
import { follow, Losses } from "../losses.ts";
import type { Reading } from "../reading.ts";
import { ConfigError, type Diagnostic, endOf } from "../source.ts";
import { characterDevices } from "./characters.ts";
import { disks, interfaces } from "./devices.ts";
import { hostDevices, usbControllers } from "./host_devices.ts";
import { graphics, inputs, sound, video } from "./screens.ts";
import { element, text } from "./xml.ts";

/** Actions under libvirt's names. */
const ACTIONS = {
  "destroy": "destroy",
  "restart": "restart",
  "preserve": "preserve",
  "rename-restart": "rename-restart",
  "coredump-destroy": "coredump-destroy",
  "coredump-restart": "coredump-restart",
  "soft-reset": "destroy",
} as const;

const COREDUMPS: readonly string[] = ["coredump-destroy", "coredump-restart"];

const BOOT_DEVICES: Readonly<Record<string, string>> = { a: "fd", c: "hd", d: "cdrom", n: "network" };

function osElement(values: KeyValues, reading: Reading): string {
  const guest = guestType(values);
  const type = guest === "pv" ? "linux" : guest === "hvm" ? "hvm" : "xenpvh";
  const machine = guest === "pv" ? "xenpv" : guest === "hvm" ? "xenfv" : "xenpvh";
  // An HVM guest's kernel= was xend's firmware loader, unless it is a kernel for direct boot.
  const loader = guest === "hvm" && /hvmloader$/.test(values.kernel ?? "");
  const boot = guest === "hvm"
    ? [...values.boot ?? "c"].map((letter) => BOOT_DEVICES[letter]).filter((dev) => dev !== undefined)
    : [];
  return element("os", {}, [
    element("type", { arch: "x86_64", machine }, type),
    ...loader ? [element("loader", { type: "rom" }, values.kernel)] : text("kernel", values.kernel),
    ...text("initrd", values.ramdisk || undefined),
    ...text("cmdline", commandLine(values, reading.dialect)),
    ...boot.map((dev) => element("boot", { dev })),
  ]);
}

function features({ acpi, apic, pae, hap, viridian }: KeyValues): readonly string[] {
  const on = [[acpi ?? true, "acpi"], [apic ?? true, "apic"], [pae ?? true, "pae"]] as const;
  const plain = on.filter(([value]) => value).map(([, name]) => element(name, {}));
  const more = [
    ...hap === undefined ? [] : [element("hap", { state: hap ? "on" : "off" })],
    ...viridian === true || (Array.isArray(viridian) && viridian.length > 0) ? [element("viridian", {})] : [],
  ];
  return [element("features", {}, [...plain, ...more])];
}

/** What only a PV guest may have of the host. */
function hostFeatures({ e820_host }: KeyValues): readonly string[] {
  if (e820_host !== true) return [];
  return [element("features", {}, [element("xen", {}, [element("e820_host", { state: "on" })])])];
}

function vcpuElements(values: KeyValues, losses: Losses): readonly string[] {
  const { vcpus = 1, cpus, cpu_weight: shares } = values;
  const maximum = Math.max(values.maxvcpus ?? vcpus, vcpus);
  const cpuset = typeof cpus === "string" && cpus !== "" && cpus !== "all" ? cpus : undefined;
  const pins = Array.isArray(cpus) ? cpus : [];
  if (pins.length > maximum) losses.say("cpus", `the pCPUs of more vCPUs than the ${maximum} there are`);
  const tuned = [
    ...shares === undefined ? [] : [element("shares", {}, String(shares))],
    ...pins.slice(0, maximum).map((set, vcpu) => element("vcpupin", { vcpu, cpuset: set })),
  ];
  return [
    element(
      "vcpu",
      { placement: "static", cpuset, current: maximum === vcpus ? undefined : vcpus },
      String(maximum),
    ),
    ...tuned.length === 0 ? [] : [element("cputune", {}, tuned)],
  ];
}

/** Modes of the time stamp counter under libvirt's names. */
const TSC_MODES: Readonly<Record<string, string>> = {
  always_emulate: "emulate",
  native: "native",
  native_paravirt: "paravirt",
};

function clock({ rtc_timeoffset, localtime, tsc_mode, hpet }: KeyValues, isHvm: boolean): string {
  const tsc = TSC_MODES[tsc_mode ?? ""];
  const timers = [
    ...tsc === undefined ? [] : [element("timer", { name: "tsc", present: "yes", mode: tsc })],
    ...isHvm && hpet !== undefined ? [element("timer", { name: "hpet", present: hpet ? "yes" : "no" })] : [],
  ];
  const base = localtime === true ? "localtime" : "utc";
  return rtc_timeoffset
    ? element("clock", { offset: "variable", adjustment: rtc_timeoffset, basis: base }, timers)
    : element("clock", { offset: base }, timers);
}

function endActions(values: KeyValues, losses: Losses): readonly string[] {
  const plain = (["on_poweroff", "on_reboot"] as const).map((key) => {
    const action = ACTIONS[values[key] ?? (key === "on_reboot" ? "restart" : "destroy")];
    if (!COREDUMPS.includes(action)) return element(key, {}, action);
    losses.say(key, "the core, which libvirt takes after a crash only,");
    return element(key, {}, action.slice("coredump-".length));
  });
  return [...plain, element("on_crash", {}, ACTIONS[values.on_crash ?? "destroy"])];
}

/** Limits of what the guest's devices may use. */
function xenbus({ max_event_channels, max_grant_frames }: KeyValues): readonly string[] {
  if (max_event_channels === undefined && max_grant_frames === undefined) return [];
  return [
    element("controller", {
      type: "xenbus",
      index: 0,
      maxGrantFrames: max_grant_frames,
      maxEventChannels: max_event_channels,
    }),
  ];
}

export interface LibvirtDomain {
  readonly xml: string;
  /** What of the configuration is not in it. */
  readonly left: readonly Diagnostic[];
}

/** @throws ConfigError when there is no name, which libvirt wants */
export function libvirtDomain(all: KeyValues, reading: Reading): LibvirtDomain {
  const followed = follow(all);
  const { fields: values } = followed;
  const losses = new Losses();
  const { name } = values;
  if (name === undefined) {
    throw new ConfigError([{
      span: endOf(reading.source),
      message: 'name is missing: expected name = "..."',
    }]);
  }
  const guest = guestType(values);
  const isHvm = guest === "hvm";
  const { memory = Math.min(128, values.maxmem ?? 128), maxmem = memory, nestedhvm } = values;
  const { bootloader, bootloader_args: bootloaderArgs = [] } = values;
  const parts = [
    element("name", {}, name),
    ...text("uuid", values.uuid),
    ...text("description", values.description),
    element("memory", { unit: "MiB" }, String(maxmem)),
    element("currentMemory", { unit: "MiB" }, String(memory)),
    ...vcpuElements(values, losses),
    ...bootloader
      ? [
        element("bootloader", {}, bootloader),
        ...text(
          "bootloader_args",
          (typeof bootloaderArgs === "string" ? bootloaderArgs : bootloaderArgs.join(" ")) || undefined,
        ),
      ]
      : [],
    osElement(values, reading),
    ...guest === "pv" ? hostFeatures(values) : features(values),
    ...nestedhvm === true ? [element("cpu", { mode: "host-passthrough" })] : [],
    clock(values, isHvm),
    ...endActions(values, losses),
    element("devices", {}, [
      ...text("emulator", (values.device_model_override ?? values.device_model) || undefined),
      ...disks(values, losses),
      ...xenbus(values),
      ...usbControllers(values, losses),
      ...interfaces(values, losses),
      ...characterDevices(values, isHvm, losses),
      ...isHvm ? inputs(values, losses) : [],
      ...graphics(values, losses),
      ...isHvm ? [...sound(values, losses), ...video(values)] : [],
      ...hostDevices(values, losses),
    ]),
  ];
  return {
    xml: `${element("domain", { type: "xen" }, parts)}\n`,
    left: losses.diagnostics(reading, all, followed, guest),
  };
}
