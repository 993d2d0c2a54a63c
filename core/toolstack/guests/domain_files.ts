/** The files that a configuration's kernel= and ramdisk= name, read together: what of the one a userland made here needs depends on the other. */
import { isAbsolute, resolve } from "node:path";
import type { AptOptions } from "./apt.ts";
import { frontendModules } from "./kernel_modules.ts";
import { type KernelSource, parseKernelSource, readSource } from "./kernel_source.ts";

/** A configuration's part of it; `DomainConfig` is one. */
export interface DomainFileNames {
  readonly kernel: string;
  readonly ramdisk?: string;
  readonly disks: readonly unknown[];
  readonly vifs: readonly unknown[];
}

export interface DomainFiles {
  readonly kernel: Uint8Array;
  readonly ramdisk?: Uint8Array;
}

/**
 * @param directory where relative paths begin
 * @throws SourceError, FetchError
 */
export async function readDomainFiles(
  names: DomainFileNames,
  directory: string,
  apt: AptOptions,
  builtin: (name: string) => Uint8Array | undefined,
): Promise<DomainFiles> {
  const sourceOf = (value: string): KernelSource => {
    const source = parseKernelSource(value);
    return source.kind === "file" && !isAbsolute(source.path)
      ? { ...source, path: resolve(directory, source.path) }
      : source;
  };
  const kernelSource = sourceOf(names.kernel);
  const kernel = await readSource(kernelSource, "kernel", apt, builtin);
  if (names.ramdisk === undefined) return { kernel };
  const ramdiskSource = sourceOf(names.ramdisk);
  const kinds = [
    ...names.disks.length > 0 ? ["vbd"] as const : [],
    ...names.vifs.length > 0 ? ["vif"] as const : [],
  ];
  // Debian's kernels have the frontends as modules, which our userland inserts itself.
  const modules = kernelSource.kind === "debian" && ramdiskSource.kind === "busybox"
    ? await frontendModules(kernelSource.choice, kinds, apt)
    : [];
  return { kernel, ramdisk: await readSource(ramdiskSource, "ramdisk", apt, builtin, modules) };
}
