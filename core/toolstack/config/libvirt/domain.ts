/** A configuration as libvirt's domain XML (formatdomain), as far as its Xen driver has elements for the keys. */
import type { Disk } from "./devices/disk.ts";
import type { Vif } from "./devices/vif.ts";
import { commandLine, guestType } from "./domain_config.ts";
import type { KeyValues } from "./keys/mod.ts";
import type { Reading } from "./reading.ts";
import { ConfigError, endOf } from "./source.ts";

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

/** XML 1.0 has no way to write most control characters. */
function escape(text: string): string {
  return text.replace(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd]/g, "").replace(
    /[&<>"']/g,
    (letter) => ENTITIES[letter],
  );
}

/** An element: text for its content, or the elements in it. */
function element(
  name: string,
  attributes: Readonly<Record<string, string | number | undefined>>,
  content: string | readonly string[] = [],
): string {
  const head = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}='${escape(String(value))}'`).join("");
  if (typeof content === "string") return `<${name}${head}>${escape(content)}</${name}>`;
  if (content.length === 0) return `<${name}${head}/>`;
  const inner = content.join("\n").replace(/^/gm, "  ");
  return `<${name}${head}>\n${inner}\n</${name}>`;
}

const text = (name: string, content: string | undefined) =>
  content === undefined ? [] : [element(name, {}, content)];

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

function bus(vdev: string): string {
  return vdev.startsWith("hd") ? "ide" : vdev.startsWith("sd") ? "scsi" : "xen";
}

function diskElement(disk: Disk): string {
  const device = disk.target.startsWith("/dev/") || disk.backendtype === "phy";
  const driver = device && disk.format === "raw" ? { name: "phy" } : {
    name: disk.backendtype === "tap" ? "tap" : "qemu",
    type: disk.format === "empty" ? undefined : disk.format,
  };
  return element("disk", { type: device ? "block" : "file", device: disk.devtype }, [
    element("driver", driver),
    ...disk.target === "" ? [] : [element("source", { [device ? "dev" : "file"]: disk.target })],
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

function graphics(values: KeyValues): readonly string[] {
  if (values.vnc !== true) return [];
  const fixed = values.vncdisplay !== undefined && values.vncunused !== true;
  return [element("graphics", {
    type: "vnc",
    port: fixed ? 5900 + (values.vncdisplay ?? 0) : -1,
    autoport: fixed ? "no" : "yes",
    listen: values.vnclisten,
    passwd: values.vncpasswd || undefined,
    keymap: values.keymap || undefined,
  })];
}

/** @throws ConfigError when there is no name, which libvirt wants */
export function libvirtDomain(values: KeyValues, reading: Reading): string {
  if (values.name === undefined) {
    throw new ConfigError([{
      span: endOf(reading.source),
      message: 'name is missing: expected name = "..."',
    }]);
  }
  const guest = guestType(values);
  const memory = values.memory ?? Math.min(128, values.maxmem ?? 128);
  const vcpus = values.vcpus ?? 1;
  const maximum = Math.max(values.maxvcpus ?? vcpus, vcpus);
  const cpuset = typeof values.cpus === "string" && values.cpus !== "" && values.cpus !== "all"
    ? values.cpus
    : undefined;
  const bootloaderArgs = values.bootloader_args ?? [];
  const crash = ACTIONS[values.on_crash ?? "destroy"];
  const actions = [values.on_poweroff ?? "destroy", values.on_reboot ?? "restart"].map((action) => {
    const known = ACTIONS[action];
    // libvirt takes a dump only after a crash.
    return COREDUMPS.includes(known) ? known.slice("coredump-".length) : known;
  });
  const parts = [
    element("name", {}, values.name),
    ...text("uuid", values.uuid),
    element("memory", { unit: "MiB" }, String(values.maxmem ?? memory)),
    element("currentMemory", { unit: "MiB" }, String(memory)),
    element(
      "vcpu",
      { placement: "static", cpuset, current: maximum === vcpus ? undefined : vcpus },
      String(maximum),
    ),
    ...values.bootloader
      ? [
        element("bootloader", {}, values.bootloader),
        ...text(
          "bootloader_args",
          (typeof bootloaderArgs === "string" ? bootloaderArgs : bootloaderArgs.join(" ")) || undefined,
        ),
      ]
      : [],
    osElement(values, reading),
    ...guest === "pv" ? [] : features(values),
    values.rtc_timeoffset
      ? element("clock", {
        offset: "variable",
        adjustment: values.rtc_timeoffset,
        basis: values.localtime === true ? "localtime" : "utc",
      })
      : element("clock", { offset: values.localtime === true ? "localtime" : "utc" }),
    element("on_poweroff", {}, actions[0]),
    element("on_reboot", {}, actions[1]),
    element("on_crash", {}, crash),
    element("devices", {}, [
      ...text("emulator", values.device_model_override || undefined),
      ...(values.disk ?? []).map(diskElement),
      ...(values.vif ?? []).map(vifElement),
      element("console", { type: "pty" }, [
        element("target", { type: guest === "hvm" ? "serial" : "xen", port: 0 }),
      ]),
      ...graphics(values),
    ]),
  ];
  return `${element("domain", { type: "xen" }, parts)}\n`;
}
