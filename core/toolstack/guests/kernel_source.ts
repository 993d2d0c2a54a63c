import { type AptOptions, packagedFile } from "./apt.ts";
import { busyboxInitramfs } from "./busybox.ts";
import { debianKernel, type DebianKernelChoice, FLAVOURS } from "./debian_kernel.ts";
import type { KernelModule } from "./kernel_modules.ts";

/** Where kernel= and ramdisk= point to. */
export type KernelSource =
  | { readonly kind: "file"; readonly path: string }
  /** apt:PACKAGE[|PACKAGE...]:PATH, a file out of a Debian package. */
  | { readonly kind: "package"; readonly packages: readonly string[]; readonly path: string }
  /** debian:[SUITE/][SERIES-]FLAVOUR, the newest kernel of Debian's of that sort. */
  | { readonly kind: "debian"; readonly choice: DebianKernelChoice }
  /** initramfs:busybox, a userland around Debian's static busybox. */
  | { readonly kind: "busybox" }
  /** builtin:NAME, a guest that Xenolith assembles itself. */
  | { readonly kind: "builtin"; readonly name: string };

/** A file that cannot be had; the message names it. */
export class SourceError extends Error {
  override readonly name = "SourceError";
}

const PACKAGE = "[a-z0-9][a-z0-9.+-]+";
const APT = new RegExp(`^apt:(${PACKAGE}(?:\\|${PACKAGE})*):/?([^/].*)$`);

const SUITE = "[a-z][a-z0-9]*(?:-[a-z]+)*";
const DEBIAN = new RegExp(`^debian:(?:(${SUITE})/)?(?:(\\d+\\.\\d+)-)?(${FLAVOURS.join("|")})$`);

/** @throws SourceError for an apt:, debian: or initramfs: source of the wrong shape */
export function parseKernelSource(text: string): KernelSource {
  if (text.startsWith("builtin:")) return { kind: "builtin", name: text.slice("builtin:".length) };
  if (text.startsWith("debian:")) {
    const [match, suite, series, name] = DEBIAN.exec(text) ?? [];
    const flavour = FLAVOURS.find((known) => known === name);
    if (match !== undefined && flavour !== undefined) {
      return { kind: "debian", choice: { flavour, series, suite } };
    }
    const examples = [...FLAVOURS, "6.12-cloud", "trixie/cloud"].map((name) => `debian:${name}`).join(", ");
    throw new SourceError(`${JSON.stringify(text)}: expected a kernel of Debian's such as ${examples}`);
  }
  if (text.startsWith("initramfs:")) {
    if (text === "initramfs:busybox") return { kind: "busybox" };
    throw new SourceError(`${JSON.stringify(text)}: the one initramfs made here is initramfs:busybox`);
  }
  if (!text.startsWith("apt:")) return { kind: "file", path: text };
  const match = APT.exec(text);
  if (match === null || match[2].split("/").includes("..")) {
    throw new SourceError(`${JSON.stringify(text)}: expected apt:PACKAGE:PATH or apt:PACKAGE|PACKAGE:PATH`);
  }
  return { kind: "package", packages: match[1].split("|"), path: match[2] };
}

async function readFile(path: string, key: string): Promise<Uint8Array> {
  try {
    const { isFile } = await Deno.stat(path);
    if (!isFile) throw new SourceError(`${key} ${path} is not a file`);
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof SourceError) throw error;
    if (error instanceof Deno.errors.NotFound) throw new SourceError(`${key} ${path}: there is no such file`);
    if (error instanceof Deno.errors.PermissionDenied) {
      throw new SourceError(`${key} ${path}: permission denied`);
    }
    if (error instanceof Deno.errors.NotADirectory) {
      throw new SourceError(`${key} ${path}: there is no such file`);
    }
    throw new SourceError(`${key} ${path} cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}

/**
 * Reads what kernel= or ramdisk= names.
 * @param key the configuration's key, for messages
 * @param modules for initramfs:busybox to insert
 * @throws SourceError, FetchError
 */
export async function readSource(
  source: KernelSource,
  key: string,
  apt: AptOptions,
  builtin: (name: string) => Uint8Array | undefined,
  modules: readonly KernelModule[] = [],
): Promise<Uint8Array> {
  switch (source.kind) {
    case "file":
      return await readFile(source.path, key);
    case "package":
      return await readFile(await packagedFile(source, apt), key);
    case "debian":
      return await readFile((await debianKernel(source.choice, apt)).path, key);
    case "busybox":
      return await busyboxInitramfs(apt, { modules });
    case "builtin": {
      const image = builtin(source.name);
      if (image === undefined) {
        throw new SourceError(`${key}: there is no built-in guest ${JSON.stringify(source.name)}`);
      }
      return image;
    }
  }
}
