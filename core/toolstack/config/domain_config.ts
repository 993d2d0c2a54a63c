/** What a domain is made from, and what of a configuration cannot be honoured. */
import { checkDevices } from "./devices/check.ts";
import type { Disk } from "./devices/disk.ts";
import type { Vif } from "./devices/vif.ts";
import { type GuestType, KEYS, type KeyValues, SHUTDOWN_ACTIONS } from "./keys/mod.ts";
import type { Reading } from "./reading.ts";
import { type Diagnostic, endOf, type Span } from "./source.ts";
import type { Value } from "./value.ts";

export type ShutdownAction = typeof SHUTDOWN_ACTIONS[number];

/** A domain as its configuration describes it. */
export interface DomainConfig {
  readonly name: string;
  readonly uuid?: string;
  /** Where the kernel comes from, as written: a path, or what `kernelSource` reads. */
  readonly kernel: string;
  readonly ramdisk?: string;
  /** The kernel's whole command line, put together from cmdline, root and extra. */
  readonly cmdline: string;
  readonly memoryMiB: number;
  readonly maxMemoryMiB: number;
  /** Online at the start. */
  readonly vcpus: number;
  readonly maxVcpus: number;
  /** pCPU lists like "0-3,^1" or "all", one for each of the first vCPUs; the others may run anywhere. */
  readonly cpus: readonly string[];
  readonly cpusSoft: readonly string[];
  readonly cpuWeight: number;
  /** Per cent of one pCPU; 0: no bound. */
  readonly cap: number;
  readonly disks: readonly Disk[];
  readonly vifs: readonly Vif[];
  readonly onPoweroff: ShutdownAction;
  readonly onReboot: ShutdownAction;
  readonly onCrash: ShutdownAction;
  readonly onWatchdog: ShutdownAction;
  readonly onSoftReset: ShutdownAction;
  /** xm's on_xend_start="start". */
  readonly startWithXend: boolean;
}

/** A domain's memory and the hypervisor's part of it are one WebAssembly memory of at most 4 GiB. */
export const MAX_MEMORY_MIB = 3072;
export const MAX_VCPUS = 32;

const DEFAULT_MEMORY_MIB = 128;

/** xl's type and xm's builder; pv when neither is given. */
export function guestType({ type, builder }: KeyValues): GuestType {
  return type ?? builder ?? "pv";
}

/** xm's ip=ADDRESS:SERVER:GATEWAY:NETMASK:HOST:INTERFACE:DHCP for the kernel. */
function ipArgument(values: KeyValues): string | undefined {
  const { ip = "", dhcp = "off", nfs_server: server, gateway = "", netmask = "", hostname = "" } = values;
  if (ip === "" && (dhcp === "off" || dhcp === "")) return undefined;
  // xm put an address that leads nowhere where there is no server.
  const parts = [ip.replace(/^ip=/, ""), server || "127.0.255.255", gateway, netmask, hostname];
  return `ip=${[...parts, values.interface || "eth0", dhcp].join(":")}`;
}

/** The kernel's command line; undefined when nothing asks for one. */
export function commandLine(values: KeyValues, dialect: Reading["dialect"]): string | undefined {
  const { cmdline, root, extra } = values;
  if (cmdline !== undefined) return cmdline;
  const parts: string[] = [];
  if (dialect === "xm") {
    const ip = ipArgument(values);
    if (ip !== undefined) parts.push(ip);
    if (root) parts.push(`root=${root.replace(/^root=/, "")}`);
    if (values.nfs_root) parts.push(`nfsroot=${values.nfs_server ?? ""}:${values.nfs_root}`);
    if (extra) parts.push(extra);
    return parts.length === 0 && root === undefined && extra === undefined ? undefined : parts.join(" ");
  }
  if (root !== undefined) parts.push(`root=${root}`);
  if (extra !== undefined) parts.push(extra);
  return parts.length === 0 ? undefined : parts.join(" ");
}

function isEmpty(value: Value): boolean {
  return value.kind === "list" ? value.items.length === 0 : value.text === "" || value.text === "0";
}

/** What keys of a configuration do not do here. */
function ineffective(reading: Reading, guest: GuestType): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  for (const [key, { keySpan, value }] of reading.settings) {
    const definition = KEYS.get(key);
    if (definition === undefined || isEmpty(value)) continue;
    const { guests, status } = definition;
    if (status.kind === "refused" && guests.includes(guest)) {
      diagnostics.push({ span: value.span, message: `${key}: ${status.why}` });
    } else if (!guests.includes(guest)) {
      const message = `${key} has no effect: it is for ${guests.join(" and ")} guests`;
      diagnostics.push({ span: keySpan, message, severity: "note" });
    } else if (status.kind === "accepted") {
      diagnostics.push({
        span: keySpan,
        message: `${key} has no effect: ${status.why}`,
        severity: status.quiet ? "note" : "warning",
      });
    }
  }
  return diagnostics;
}

/** Values that fit each other and this host. */
function together(reading: Reading, values: KeyValues): Diagnostic[] {
  const { settings } = reading;
  const end = endOf(reading.source);
  const at = (key: string): Span => settings.get(key)?.value.span ?? end;
  const keyAt = (key: string): Span => settings.get(key)?.keySpan ?? end;
  const faults: Diagnostic[] = [];
  const { memory, maxmem, vcpus = 1, maxvcpus } = values;
  if (memory !== undefined && maxmem !== undefined && maxmem < memory) {
    faults.push({
      span: at("maxmem"),
      message: `maxmem: expected at least memory (${memory} MiB), found ${maxmem}`,
    });
  }
  for (const key of ["memory", "maxmem"] as const) {
    const given = values[key];
    if (given !== undefined && given > MAX_MEMORY_MIB) {
      const message =
        `${key}: expected a number of MiB from 1 to ${MAX_MEMORY_MIB}, found the number ${given}`;
      faults.push({ span: at(key), message });
    }
  }
  for (const key of ["vcpus", "maxvcpus"] as const) {
    const given = values[key];
    if (given !== undefined && given > MAX_VCPUS) {
      const message = `${key}: expected a number of vCPUs from 1 to ${MAX_VCPUS}, found the number ${given}`;
      faults.push({ span: at(key), message });
    }
  }
  if (maxvcpus !== undefined && maxvcpus < vcpus) {
    faults.push({
      span: at("maxvcpus"),
      message: `maxvcpus: expected at least vcpus (${vcpus}), found ${maxvcpus}`,
    });
  }
  if (values.type !== undefined && values.builder !== undefined && values.type !== values.builder) {
    faults.push({ span: at("builder"), message: `builder: it contradicts type="${values.type}"` });
  }
  if (values.cmdline !== undefined && (values.root ?? values.extra) !== undefined) {
    const span = keyAt(values.root !== undefined ? "root" : "extra");
    faults.push({ span, message: "root and extra are ignored in favour of cmdline", severity: "warning" });
  }
  return faults;
}

/** What keeps a domain from being built, and what does nothing. */
export function checkDomain(reading: Reading, values: KeyValues): readonly Diagnostic[] {
  const { settings } = reading;
  const guest = guestType(values);
  const end = endOf(reading.source);
  const diagnostics = [
    ...ineffective(reading, guest),
    ...together(reading, values),
    ...checkDevices(reading, values, guest),
  ];
  for (const key of ["name", "kernel"] as const) {
    // A bootloader would bring the kernel; that it cannot is said already.
    if (settings.has(key) || (key === "kernel" && (values.bootloader || guest === "hvm"))) continue;
    diagnostics.push({ span: end, message: `${key} is missing: expected ${key} = "..."` });
  }
  if (guest !== "pv") {
    const key = values.type === undefined ? "builder" : "type";
    const span = settings.get(key)?.value.span ?? end;
    diagnostics.push({
      span,
      message: `${key}: ${guest} domains are not supported yet; expected "${
        key === "type" ? "pv" : "generic"
      }"`,
    });
  }
  return diagnostics;
}

function lists(cpus: string | readonly string[] | undefined, count: number): readonly string[] {
  if (cpus === undefined || cpus === "") return [];
  return typeof cpus === "string" ? Array.from({ length: count }, () => cpus) : cpus.slice(0, count);
}

/** Of values that `checkDomain` found no fault in. */
export function toDomainConfig(values: KeyValues, dialect: Reading["dialect"]): DomainConfig {
  const memoryMiB = values.memory ?? Math.min(DEFAULT_MEMORY_MIB, values.maxmem ?? DEFAULT_MEMORY_MIB);
  const vcpus = values.vcpus ?? 1;
  const maxVcpus = values.maxvcpus ?? vcpus;
  return {
    name: values.name ?? "",
    uuid: values.uuid,
    kernel: values.kernel ?? "",
    ramdisk: values.ramdisk === "" ? undefined : values.ramdisk,
    cmdline: commandLine(values, dialect) ?? "",
    memoryMiB,
    maxMemoryMiB: values.maxmem ?? memoryMiB,
    vcpus,
    maxVcpus,
    cpus: lists(values.cpus, maxVcpus),
    cpusSoft: lists(values.cpus_soft, maxVcpus),
    cpuWeight: values.cpu_weight ?? 256,
    cap: values.cap ?? 0,
    disks: values.disk ?? [],
    vifs: values.vif ?? [],
    onPoweroff: values.on_poweroff ?? "destroy",
    onReboot: values.on_reboot ?? "restart",
    onCrash: values.on_crash ?? "destroy",
    onWatchdog: values.on_watchdog ?? "destroy",
    onSoftReset: values.on_soft_reset ?? "soft-reset",
    startWithXend: values.on_xend_start === "start",
  };
}
