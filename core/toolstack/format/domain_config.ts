/** `list -l`: libxl's JSON of a domain's configuration (libxl_domain_config_gen_json), and xm's S-expression. */
import type { DomainDetail } from "../api/types.ts";
import { devicesSxp, disksJson, nicsJson, plannedDevices } from "./configured_devices.ts";
import { stateFlags } from "./domain_list.ts";

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined };

function textOf(config: unknown, ...keys: readonly string[]): string | undefined {
  if (typeof config !== "object" || config === null) return undefined;
  for (const key of keys) {
    const value: unknown = Reflect.get(config, key);
    if (typeof value === "string" && value !== "") return value;
  }
  return undefined;
}

/** What libxl has for a domid that is yet to be given. */
const NO_DOMID = 4294967295;

/** libxl_domain_config's members for what is done at a domain's end, each left out when it is destroyed then. */
function endActions(config: unknown): { readonly [key: string]: string } {
  const names = ["on_poweroff", "on_reboot", "on_crash", "on_watchdog"];
  const actions = names.map((name) => [name, libxlAction(textOf(config, name) ?? "destroy")] as const);
  const softReset = libxlAction(textOf(config, "on_soft_reset") ?? "soft-reset");
  return Object.fromEntries(
    [...actions, ["on_soft_reset", softReset] as const].filter(([, action]) => action !== "destroy"),
  );
}

/** libxl's word for an action of xl.cfg(5). */
const libxlAction = (action: string) =>
  action === "rename-restart" ? "restart_rename" : action.replaceAll("-", "_");

/** The object of one domain in `list -l`. */
export function longRecord(domain: DomainDetail): Json {
  const online = domain.vcpuList.filter((vcpu) => vcpu.online).map(({ id }) => id);
  return { domid: domain.domid ?? null, config: libxlConfig(domain, online) };
}

function libxlConfig(domain: DomainDetail, online: readonly number[]): Json {
  const { name, uuid, config, maxVcpus, maxMemoryKiB, memoryKiB, scheduler } = domain;
  const disks = disksJson(domain), nics = nicsJson(domain);
  return {
    c_info: { type: "pv", name, domid: NO_DOMID, uuid, run_hotplug_scripts: "True" },
    b_info: {
      max_vcpus: maxVcpus,
      avail_vcpus: online,
      max_memkb: maxMemoryKiB,
      target_memkb: memoryKiB,
      video_memkb: 0,
      sched_params: { sched: "credit", weight: scheduler.weight, cap: scheduler.cap },
      claim_mode: "True",
      kernel: textOf(config, "kernel"),
      cmdline: textOf(config, "cmdline"),
      ramdisk: textOf(config, "ramdisk"),
      "type.pv": {},
      arch_arm: {},
      arch_x86: { msr_relaxed: "False" },
    },
    ...(disks.length > 0 ? { disks } : {}),
    ...(nics.length > 0 ? { nics } : {}),
    ...endActions(config),
  };
}

/**
 * What `xl create -n` prints: the libxl_domain_config of a PV domain that is yet to be created, with nothing in it that the file does not say.
 * @param config what `config show` prints as "effective"
 * @param given the file's own keys
 */
export function plannedConfig(config: Readonly<Record<string, unknown>>, given: ReadonlySet<string>): Json {
  const number = (key: string) => {
    const value = config[key];
    return typeof value === "number" ? value : undefined;
  };
  const ifGiven = (key: string) => given.has(key) ? number(key) : undefined;
  const { vcpus, maxvcpus } = config;
  const hasVcpus = given.has("vcpus") || given.has("maxvcpus");
  const { disks, nics } = plannedDevices(config);
  return {
    c_info: {
      type: "pv",
      name: textOf(config, "name"),
      uuid: textOf(config, "uuid") ?? crypto.randomUUID(),
      run_hotplug_scripts: "True",
    },
    b_info: {
      max_vcpus: hasVcpus && typeof maxvcpus === "number" ? maxvcpus : undefined,
      avail_vcpus: hasVcpus && typeof vcpus === "number"
        ? Array.from({ length: vcpus }, (_, id) => id)
        : undefined,
      max_memkb: (number("maxmem") ?? 0) * 1024,
      target_memkb: (number("memory") ?? 0) * 1024,
      localtime: given.has("localtime") ? config.localtime === true ? "True" : "False" : undefined,
      sched_params: { weight: ifGiven("cpu_weight"), cap: ifGiven("cap") },
      claim_mode: "True",
      event_channels: ifGiven("max_event_channels"),
      kernel: textOf(config, "kernel"),
      cmdline: textOf(config, "cmdline"),
      ramdisk: textOf(config, "ramdisk"),
      bootloader: textOf(config, "bootloader"),
      "type.pv": {},
      arch_arm: {},
      arch_x86: {},
    },
    ...(disks.length > 0 ? { disks } : {}),
    ...(nics.length > 0 ? { nics } : {}),
    ...endActions(config),
  };
}

/** yajl's layout: four spaces a level, and a blank line in what is empty. */
export function yajl(value: Json | undefined, level = 0): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value ?? null);
  const [inner, outer] = ["    ".repeat(level + 1), "    ".repeat(level)];
  if (isList(value)) {
    if (value.length === 0) return `[\n\n${outer}]`;
    return `[\n${value.map((item) => inner + yajl(item, level + 1)).join(",\n")}\n${outer}]`;
  }
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  if (members.length === 0) return `{\n\n${outer}}`;
  return `{\n${
    members.map(([key, member]) => `${inner}${JSON.stringify(key)}: ${yajl(member, level + 1)}`).join(",\n")
  }\n${outer}}`;
}

const isList = (value: Json): value is readonly Json[] => Array.isArray(value);

/** All of `list -l`: it ends with a blank line, as xl's does. */
export function longJson(domains: readonly DomainDetail[]): string {
  return `${yajl(domains.map(longRecord))}\n\n`;
}

const quoted = (text: string) => /^[\w.:/+=,-]+$/.test(text) ? text : `'${text.replace(/[\\']/g, "\\$&")}'`;

/** xm's `list --long`: an S-expression, four spaces a level. */
export function longSxp(domains: readonly DomainDetail[]): string {
  return domains.map((domain) => {
    const { config } = domain;
    const [kernel, cmdline, ramdisk] = [
      textOf(config, "kernel"),
      textOf(config, "cmdline"),
      textOf(config, "ramdisk"),
    ];
    const lines = [
      ...(domain.domid === undefined ? [] : [`(domid ${domain.domid})`]),
      `(uuid ${domain.uuid})`,
      `(vcpus ${domain.maxVcpus})`,
      `(cpu_cap ${domain.scheduler.cap})`,
      `(cpu_weight ${domain.scheduler.weight})`,
      `(memory ${Math.floor(domain.memoryKiB / 1024)})`,
      `(maxmem ${Math.floor(domain.maxMemoryKiB / 1024)})`,
      `(name ${quoted(domain.name)})`,
      ...(kernel === undefined ? [] : [
        "(image",
        "    (linux",
        `        (kernel ${quoted(kernel)})`,
        ...(ramdisk === undefined ? [] : [`        (ramdisk ${quoted(ramdisk)})`]),
        ...(cmdline === undefined ? [] : [`        (args ${quoted(cmdline)})`]),
        "    )",
        ")",
      ]),
      `(state ${domain.domid === undefined ? "------" : stateFlags(domain.state)})`,
      `(online_vcpus ${domain.vcpus})`,
      `(cpu_time ${domain.seconds})`,
      ...(domain.startedAt === undefined ? [] : [`(start_time ${domain.startedAt / 1000})`]),
      ...devicesSxp(domain).flatMap(({ kind, fields }) => [
        "(device",
        `    (${kind}`,
        ...fields.map(([name, value]) =>
          `        (${name} ${typeof value === "string" ? quoted(value) : value})`
        ),
        "    )",
        ")",
      ]),
    ];
    return `(domain\n${lines.map((line) => `    ${line}\n`).join("")})\n`;
  }).join("");
}
