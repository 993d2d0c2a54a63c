/** What can be asked of a running domain beside its life cycle. Each takes the domain's entry. @throws XendError */
import { join } from "node:path";
import type { DomainConfig } from "../config/mod.ts";
import type { ControlledDomain } from "../host.ts";
import { parseCpuList } from "./cpu_list.ts";
import type { DomainEntry } from "./domain_entry.ts";
import { XendError } from "./errors.ts";

function unsupported(what: string): XendError {
  return new XendError("not-supported", `${what} is not supported`);
}

/** What the hypervisor finds wrong with the arguments is the request's fault. */
function controlled(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (error instanceof RangeError) throw new XendError("bad-request", error.message, { cause: error });
    throw error;
  }
}

/** What the configuration says of scheduling, done to a domain that was just built. @returns warnings */
export function applyScheduling(domain: ControlledDomain, config: DomainConfig, pcpus: number): string[] {
  const { control } = domain;
  const warnings: string[] = [];
  const { cpuWeight: weight, cap, cpus, cpusSoft, maxVcpus } = config;
  if (weight !== 256 || cap !== 0) {
    if (control.schedule === undefined) {
      warnings.push("cpu_weight and cap are not supported and have no effect");
    } else controlled(() => control.schedule?.set({ weight, cap }));
  }
  const list = (key: string, text: string | undefined): number[] | undefined => {
    if (text === undefined) return undefined;
    const chosen = parseCpuList(text, pcpus);
    if (chosen.length > 0) return chosen;
    warnings.push(
      `${key} = ${JSON.stringify(text)}: the host has the pCPUs 0 to ${pcpus - 1} only; this has no effect`,
    );
    return undefined;
  };
  for (let vcpu = 0; vcpu < maxVcpus; vcpu++) {
    const hard = list("cpus", cpus[vcpu]), soft = list("cpus_soft", cpusSoft[vcpu]);
    if (hard !== undefined || soft !== undefined) controlled(() => control.setAffinity?.(vcpu, hard, soft));
  }
  return [...new Set(warnings)];
}

/** Least memory that a guest's balloon is asked to keep, KiB. */
const LEAST_MEMORY_KIB = 4096;

export function setMemoryTarget(entry: DomainEntry, targetKiB: number): void {
  const { domain } = entry.running;
  const most = entry.settings.config.maxMemoryMiB * 1024;
  if (targetKiB < LEAST_MEMORY_KIB || targetKiB > most) {
    throw new XendError(
      "bad-request",
      `${entry.name} can have from ${LEAST_MEMORY_KIB} to ${most} KiB of memory; ${targetKiB} KiB were asked for`,
    );
  }
  domain.write("memory/target", String(Math.floor(targetKiB)));
}

export function setMaxMemory(entry: DomainEntry, maxKiB: number): void {
  const { domain } = entry.running;
  if (domain.control.setMaxPages === undefined) {
    throw unsupported("another maximum of memory for a running domain");
  }
  const most = entry.settings.config.maxMemoryMiB * 1024;
  if (maxKiB < LEAST_MEMORY_KIB || maxKiB > most) {
    throw new XendError(
      "bad-request",
      `${entry.name} was created with room for ${most} KiB; its maximum can be from ${LEAST_MEMORY_KIB} to that`,
    );
  }
  controlled(() => domain.control.setMaxPages?.(Math.floor(maxKiB / 4)));
}

export function setVcpus(entry: DomainEntry, count: number): void {
  const { domain } = entry.running;
  const most = entry.settings.config.maxVcpus;
  if (count < 1 || count > most) {
    throw new XendError("bad-request", `${entry.name} has from 1 to ${most} vCPUs; ${count} were asked for`);
  }
  for (let vcpu = 0; vcpu < most; vcpu++) {
    domain.write(`cpu/${vcpu}/availability`, vcpu < count ? "online" : "offline");
  }
}

/** @param vcpu "all" or a number */
export function pin(
  entry: DomainEntry,
  vcpu: number | "all",
  hard: readonly number[] | undefined,
  soft: readonly number[] | undefined,
  pcpus: number,
): void {
  const { control } = entry.running.domain;
  if (control.setAffinity === undefined) throw unsupported("pinning of vCPUs");
  const count = entry.settings.config.maxVcpus;
  if (vcpu !== "all" && vcpu >= count) {
    throw new XendError("bad-request", `${entry.name} has no vCPU ${vcpu}`);
  }
  for (const list of [hard, soft]) {
    if (list === undefined) continue;
    if (list.length === 0 || list.some((pcpu) => pcpu >= pcpus)) {
      throw new XendError(
        "bad-request",
        `the host has the pCPUs 0 to ${pcpus - 1}; ${JSON.stringify(list)} were asked for`,
      );
    }
  }
  const vcpus = vcpu === "all" ? Array.from({ length: count }, (_, number) => number) : [vcpu];
  for (const each of vcpus) controlled(() => control.setAffinity?.(each, hard, soft));
}

export function setSchedule(entry: DomainEntry, parameters: { weight?: number; cap?: number }): void {
  const { control } = entry.running.domain;
  if (control.schedule === undefined) throw unsupported("setting of the scheduler's parameters");
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  controlled(() => control.schedule?.set(Object.fromEntries(given)));
}

export function sysrq(entry: DomainEntry, key: string): void {
  entry.running.domain.write("control/sysrq", key);
}

export function trigger(entry: DomainEntry, name: string, vcpu: number): void {
  const { control } = entry.running.domain;
  if (control.trigger === undefined) throw unsupported("triggering of a domain");
  if (vcpu >= entry.settings.config.maxVcpus) {
    throw new XendError("bad-request", `${entry.name} has no vCPU ${vcpu}`);
  }
  try {
    control.trigger(name, vcpu);
  } catch (error) {
    // What this kind of guest does not know.
    throw new XendError("not-supported", error instanceof Error ? error.message : String(error), {
      cause: error,
    });
  }
}

/** xend's name of a core dump: 2009-0302-1405.11-NAME.DOMID.core */
export function coreDumpPath(directory: string, entry: DomainEntry, now = new Date()): string {
  const stamp = now.toISOString().replace(/^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+).*$/, "$1-$2$3-$4$5.$6");
  return join(directory, `${stamp}-${entry.name}.${entry.domid}.core`);
}

/** Writes an ELF core of the domain, which is paused meanwhile unless `live`. A dump that fails leaves no file. */
export async function dumpCore(entry: DomainEntry, path: string, live: boolean): Promise<void> {
  const { domain } = entry.existing;
  if (domain.control.coreDump === undefined) throw unsupported("dumping a domain's core");
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path, { write: true, create: true, truncate: true, mode: 0o600 });
  } catch (error) {
    throw new XendError(
      "bad-request",
      `${path} cannot be written: ${error instanceof Error ? error.message : error}`,
    );
  }
  if (!live) domain.pause();
  try {
    await domain.control.coreDump((chunk) => {
      for (let rest = chunk; rest.length > 0;) rest = rest.subarray(file.writeSync(rest));
    });
  } catch (error) {
    await Deno.remove(path);
    throw new XendError(
      "internal",
      `the core cannot be written: ${error instanceof Error ? error.message : error}`,
      {
        cause: error,
      },
    );
  } finally {
    file.close();
    if (!live) domain.unpause();
  }
}
