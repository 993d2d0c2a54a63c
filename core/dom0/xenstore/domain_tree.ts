import { type DeviceDescription, deviceNodes } from "./devices.ts";
import { lookup } from "./node.ts";
import { domainPath, parentPath } from "./path.ts";
import { parsePermissions, type Permissions } from "./permissions.ts";
import { toBytes } from "./protocol.ts";
import type { Store } from "./store.ts";
import type { StoreView } from "./view.ts";

/** What the store says of a new domain. Frames are machine frame numbers, sizes KiB. */
export interface DomainDescription {
  readonly domid: number;
  readonly name: string;
  readonly uuid: string;
  /** `pv` by default. */
  readonly type?: "pv" | "pvh" | "hvm";
  /** What the domain shall have (`memory/target`) and may have (`memory/static-max`). */
  readonly memoryKiB: number;
  readonly maxMemoryKiB: number;
  readonly videoramKiB?: number;
  /** vCPUs that the domain can have, and how many of them shall be online; all by default. */
  readonly vcpus: number;
  readonly onlineVcpus?: number;
  readonly store: { readonly port: number; readonly frame: number };
  /** `tty`: where a person reaches the console; empty by default. */
  readonly console: { readonly port: number; readonly frame: number; readonly tty?: string };
  readonly image: { readonly kernel: string; readonly ramdisk?: string; readonly commandLine: string };
  /** Seconds since 1970. */
  readonly startTime: number;
  /** With it, /vm/UUID has what xend writes there beside libxl's nodes. */
  readonly xend?: XendParameters;
  /** Disks and network devices; each waits in state Initialising until somebody serves it. */
  readonly devices?: readonly DeviceDescription[];
}

/** What xm's clients read of a domain below /vm/UUID (xend's parameters of a VM). */
export interface XendParameters {
  readonly onPoweroff: string;
  readonly onReboot: string;
  readonly onCrash: string;
  readonly bootloader?: string;
  readonly bootloaderArguments?: string;
}

type Entries = Readonly<Record<string, string>>;

/** Writes entries below a path with one list of permissions. */
class Writer {
  constructor(private readonly view: StoreView) {}

  node(path: string, value: string, permissions: Permissions): void {
    this.view.set(path, toBytes(value), permissions);
  }

  all(base: string, entries: Entries, permissions: Permissions): void {
    for (const [name, value] of Object.entries(entries)) this.node(`${base}/${name}`, value, permissions);
  }

  /** A directory of Domain-0's own, left alone where it exists. */
  directory(path: string): void {
    if (!this.view.exists(path)) this.view.mkdir(path);
  }
}

/** What a Xen host's store has before its first guest: Domain-0 and the CPU pool. */
export function createDomain0Tree(store: Store): void {
  store.update((view) => {
    const home = domainPath(0);
    const entries: Entries = {
      [`${home}/control/feature-poweroff`]: "1",
      [`${home}/control/feature-reboot`]: "1",
      [`${home}/control/feature-suspend`]: "1",
      [`${home}/domid`]: "0",
      [`${home}/name`]: "Domain-0",
      "/local/pool/0/name": "Pool-0",
    };
    for (const [path, value] of Object.entries(entries)) view.write(path, toBytes(value));
    view.mkdir("/vm");
    view.mkdir("/libxl");
  });
}

/**
 * Makes the nodes that `xl create` makes for a domain, with their permissions (read off a Xen 4.17 host).
 * `n0,rN`: Domain-0's, the domain may read; `nN`: the domain's own. A device that nobody serves looks as libxl leaves it:
 * both ends in state 1, `hotplug-status` empty; what Linux's backends add at state 2 (features, `physical-device`) is theirs to write.
 */
export function createDomainTree(store: Store, domain: DomainDescription): void {
  store.update((view) => {
    const writer = new Writer(view);
    writeHome(writer, domain);
    writeVm(writer, domain);
    const devices = domain.devices ?? [];
    const write = (device: DeviceDescription) => writeDevice(writer, domain, device);
    devices.filter(({ kind }) => kind === "vbd").forEach(write);
    writeConsole(writer, domain);
    devices.filter(({ kind }) => kind !== "vbd").forEach(write);
    const keep = `/libxl/${domain.domid}`;
    writer.all(keep, { type: domain.type ?? "pv", "dm-version": "qemu_xen" }, OWN);
  });
}

/** Adds a device to a domain that runs. Throws XenStoreError EEXIST where it has one of that number. */
export function createDevice(store: Store, domain: DomainDescription, device: DeviceDescription): void {
  store.update((view) => writeDevice(new Writer(view), domain, device));
}

const OWN = parsePermissions(["n0"]);

const readableBy = (domid: number) => parsePermissions(["n0", `r${domid}`]);

function writeHome(writer: Writer, domain: DomainDescription): void {
  const { domid, type = "pv" } = domain;
  const home = domainPath(domid);
  const readable = readableBy(domid);
  const own = parsePermissions([`n${domid}`]);
  writer.node(home, "", readable);
  writer.all(home, { vm: `/vm/${domain.uuid}`, name: domain.name, cpu: "" }, readable);
  const online = domain.onlineVcpus ?? domain.vcpus;
  for (let i = 0; i < domain.vcpus; i++) {
    writer.all(`${home}/cpu`, {
      [`${i}`]: "",
      [`${i}/availability`]: i < online ? "online" : "offline",
    }, readable);
  }
  writer.all(home, {
    memory: "",
    "memory/static-max": `${domain.maxMemoryKiB}`,
    "memory/target": `${domain.memoryKiB}`,
    "memory/videoram": `${domain.videoramKiB ?? 0}`,
    device: "",
    "device/suspend": "",
  }, readable);
  writer.node(`${home}/device/suspend/event-channel`, "", own);
  writer.node(`${home}/control`, "", readable);
  writer.all(`${home}/control`, {
    shutdown: "",
    "feature-poweroff": "",
    "feature-reboot": "",
    "feature-suspend": "",
    ...(type === "hvm" ? { "feature-s3": "", "feature-s4": "" } : {}),
    sysrq: "",
  }, own);
  writer.all(`${home}/control`, {
    "platform-feature-multiprocessor-suspend": "1",
    "platform-feature-xs_reset_watches": "1",
  }, readable);
  writer.all(home, { data: "", drivers: "", feature: "", attr: "", error: "" }, own);
  writer.all(home, {
    domid: `${domid}`,
    store: "",
    "store/port": `${domain.store.port}`,
    "store/ring-ref": `${domain.store.frame}`,
  }, readable);
}

function writeConsole(writer: Writer, domain: DomainDescription): void {
  const { domid } = domain;
  const front = `${domainPath(domid)}/console`;
  const back = `${domainPath(0)}/backend/console/${domid}/0`;
  const readable = readableBy(domid);
  writer.node(front, "", readable);
  writer.node(`${front}/backend`, back, readable);
  writer.node(`${front}/backend-id`, "0", parsePermissions([`n${domid}`, "r0"]));
  writer.all(front, {
    limit: "1048576",
    type: "xenconsoled",
    output: "pty",
    tty: domain.console.tty ?? "",
    port: `${domain.console.port}`,
    "ring-ref": `${domain.console.frame}`,
  }, readable);
  const entries: Entries = {
    frontend: front,
    "frontend-id": `${domid}`,
    online: "1",
    state: "1",
    protocol: "vt100",
  };
  writer.directory(parentPath(back));
  writer.node(back, "", readable);
  writer.all(back, entries, readable);
  writeLibxlDevice(writer, `/libxl/${domid}/device/console/0`, back, entries);
}

function writeVm(writer: Writer, domain: DomainDescription): void {
  const { type = "pv", image } = domain;
  const vm = `/vm/${domain.uuid}`;
  const readable = readableBy(domain.domid);
  writer.node(vm, "", readable);
  writer.all(vm, { name: domain.name, uuid: domain.uuid }, readable);
  if (type === "hvm") {
    writer.all(vm, { rtc: "", "rtc/timeoffset": "", image: "", "image/ostype": "hvm" }, readable);
  } else if (type === "pv") {
    writer.all(vm, {
      image: "",
      "image/ostype": "linux",
      "image/kernel": image.kernel,
      ...(image.ramdisk === undefined ? {} : { "image/ramdisk": image.ramdisk }),
      "image/cmdline": image.commandLine,
    }, readable);
  }
  writer.node(`${vm}/start_time`, domain.startTime.toFixed(2), readable);
  if (domain.xend) writer.all(vm, xendEntries(domain, domain.xend), readable);
}

/** Sizes are MiB there, `vcpu_avail` is a mask of vCPUs. */
function xendEntries(domain: DomainDescription, xend: XendParameters): Entries {
  const mebibytes = (kib: number) => `${Math.ceil(kib / 1024)}`;
  return {
    vcpus: `${domain.vcpus}`,
    vcpu_avail: `${(1n << BigInt(domain.onlineVcpus ?? domain.vcpus)) - 1n}`,
    memory: mebibytes(domain.memoryKiB),
    maxmem: mebibytes(domain.maxMemoryKiB),
    shadow_memory: "0",
    on_poweroff: xend.onPoweroff,
    on_reboot: xend.onReboot,
    on_crash: xend.onCrash,
    on_xend_start: "ignore",
    on_xend_stop: "ignore",
    bootloader: xend.bootloader ?? "",
    bootloader_args: xend.bootloaderArguments ?? "",
  };
}

function writeDevice(writer: Writer, domain: DomainDescription, device: DeviceDescription): void {
  const { domid } = domain;
  const nodes = deviceNodes(domid, device);
  const { backendDomid, frontendPath, backendPath } = nodes;
  const frontend = parsePermissions([`n${domid}`, `r${backendDomid}`]);
  const backend = parsePermissions([`n${backendDomid}`, `r${domid}`]);
  const abi: Entries = nodes.kind === "vbd" && (domain.type ?? "pv") === "pv"
    ? { protocol: "x86_64-abi" }
    : {};
  const kind = parentPath(frontendPath);
  writer.node(kind, "", readableBy(domid));
  writer.node(frontendPath, "", frontend);
  writer.all(frontendPath, { ...nodes.frontend, ...abi }, frontend);
  writer.all(frontendPath, nodes.frontendReadOnly, readableBy(domid));
  writer.directory(parentPath(backendPath));
  writer.node(backendPath, "", backend);
  writer.all(backendPath, nodes.backend, backend);
  writeLibxlDevice(writer, `/libxl/${domid}/device/${nodes.kind}/${nodes.devid}`, backendPath, nodes.backend);
}

/** What libxl keeps for itself of a device: where its ends are, and the backend's entries, which a backend may change. */
function writeLibxlDevice(writer: Writer, path: string, backendPath: string, entries: Entries): void {
  const { frontend, ...rest } = entries;
  writer.directory(parentPath(path));
  writer.node(path, "", OWN);
  writer.all(path, { frontend, backend: backendPath, ...rest }, OWN);
}

/** Removes what `createDevice` made, and directories that have nothing more in them (libxl__device_destroy). */
export function removeDevice(store: Store, domid: number, device: DeviceDescription): void {
  const { frontendPath, backendPath, kind, devid } = deviceNodes(domid, device);
  const paths = [frontendPath, backendPath, `/libxl/${domid}/device/${kind}/${devid}`];
  store.update((view) => {
    for (const path of paths) if (view.exists(path)) view.remove(path);
    const above = paths.map(parentPath);
    for (const path of [...above, parentPath(above[1])]) {
      if (lookup(view.root, path)?.children.size === 0) view.remove(path);
    }
  });
}

/** Removes what `createDomainTree` made and every node the domain owned. */
export function removeDomainTree(store: Store, domain: DomainDescription): void {
  const { domid, uuid, devices = [] } = domain;
  const backends = new Set([`${domainPath(0)}/backend/console/${domid}`]);
  for (const device of devices) backends.add(parentPath(deviceNodes(domid, device).backendPath));
  // Devices that were added later.
  const ours = lookup(store.root, `${domainPath(0)}/backend`);
  for (const kind of ours?.children.names() ?? []) backends.add(`${domainPath(0)}/backend/${kind}/${domid}`);
  store.update((view) => {
    for (const path of [domainPath(domid), `/vm/${uuid}`, `/libxl/${domid}`, ...backends]) {
      if (view.exists(path)) view.remove(path);
    }
    // Directories that have nothing more in them, as libxl leaves the store.
    for (const path of backends) {
      for (const above of [parentPath(path), parentPath(parentPath(path))]) {
        if (lookup(view.root, above)?.children.size === 0) view.remove(above);
      }
    }
  });
  store.forgetDomain(domid);
}
