import type { Store } from "./store.ts";
import { domainPath } from "./path.ts";
import { parsePermissions } from "./permissions.ts";
import { toBytes } from "./protocol.ts";

/** What the store says of a new domain. Frames are machine frame numbers, sizes KiB. */
export interface DomainDescription {
  readonly domid: number;
  readonly name: string;
  readonly uuid: string;
  readonly memoryKiB: number;
  readonly maxMemoryKiB: number;
  readonly vcpus: number;
  readonly store: { readonly port: number; readonly frame: number };
  readonly console: { readonly port: number; readonly frame: number };
  readonly image: { readonly kernel: string; readonly ramdisk?: string; readonly commandLine: string };
  /** Seconds since 1970. */
  readonly startTime: number;
}

/**
 * Makes the nodes that `xl create` makes for a PV domain without devices, with their permissions (read off a
 * Xen 4.17 host). `n0,rN`: Domain-0's, the domain may read; `nN`: the domain's own.
 */
export function createDomainTree(store: Store, domain: DomainDescription): void {
  const { domid } = domain;
  const home = domainPath(domid);
  const vm = `/vm/${domain.uuid}`;
  const backend = `${domainPath(0)}/backend/console/${domid}/0`;
  const readable = parsePermissions(["n0", `r${domid}`]);
  const own = parsePermissions([`n${domid}`]);
  const frontend = parsePermissions([`n${domid}`, "r0"]);

  store.update((view) => {
    const node = (path: string, value: string, permissions: ReturnType<typeof parsePermissions>) => {
      view.write(path, toBytes(value), 0);
      view.setPermissions(path, permissions, 0);
    };
    const all = (base: string, entries: Record<string, string>, permissions: typeof readable) => {
      for (const [name, value] of Object.entries(entries)) node(`${base}/${name}`, value, permissions);
    };
    node(home, "", readable);
    all(home, { vm, name: domain.name, cpu: "", memory: "", device: "", control: "" }, readable);
    for (let i = 0; i < domain.vcpus; i++) {
      all(home, { [`cpu/${i}`]: "", [`cpu/${i}/availability`]: "online" }, readable);
    }
    all(`${home}/memory`, {
      "static-max": `${domain.maxMemoryKiB}`,
      target: `${domain.memoryKiB}`,
      videoram: "0",
    }, readable);
    node(`${home}/device/suspend`, "", readable);
    node(`${home}/device/suspend/event-channel`, "", own);
    all(`${home}/control`, {
      shutdown: "",
      "feature-poweroff": "",
      "feature-reboot": "",
      "feature-suspend": "",
      sysrq: "",
    }, own);
    all(`${home}/control`, {
      "platform-feature-multiprocessor-suspend": "1",
      "platform-feature-xs_reset_watches": "1",
    }, readable);
    all(home, { data: "", drivers: "", feature: "", attr: "", error: "" }, own);
    all(home, {
      domid: `${domid}`,
      store: "",
      "store/port": `${domain.store.port}`,
      "store/ring-ref": `${domain.store.frame}`,
      console: "",
      "console/backend": backend,
    }, readable);
    node(`${home}/console/backend-id`, "0", frontend);
    all(`${home}/console`, {
      limit: "1048576",
      type: "xenconsoled",
      output: "pty",
      tty: "",
      port: `${domain.console.port}`,
      "ring-ref": `${domain.console.frame}`,
    }, readable);
    node(backend, "", readable);
    all(backend, {
      frontend: `${home}/console`,
      "frontend-id": `${domid}`,
      online: "1",
      state: "1",
      protocol: "vt100",
    }, readable);
    node(vm, "", readable);
    all(vm, { name: domain.name, uuid: domain.uuid, image: "", "image/ostype": "linux" }, readable);
    all(`${vm}/image`, {
      kernel: domain.image.kernel,
      ...(domain.image.ramdisk === undefined ? {} : { ramdisk: domain.image.ramdisk }),
      cmdline: domain.image.commandLine,
    }, readable);
    node(`${vm}/start_time`, domain.startTime.toFixed(2), readable);
  });
}

/** Removes what `createDomainTree` made and every node the domain owned. */
export function removeDomainTree(store: Store, domid: number, uuid: string): void {
  store.update((view) => {
    const backend = `${domainPath(0)}/backend/console/${domid}`;
    for (const path of [domainPath(domid), `/vm/${uuid}`, backend]) {
      if (view.exists(path)) view.remove(path, 0);
    }
  });
  store.forgetDomain(domid);
}
