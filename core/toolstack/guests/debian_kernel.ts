/** Debian's own kernels, by flavour, fetched through apt. */
import { dirname, join } from "node:path";
import { type AptOptions, FetchError, packageDepends, packagedFile } from "./apt.ts";

export const FLAVOURS = ["cloud", "full", "rt"] as const;
export type Flavour = typeof FLAVOURS[number];

export interface DebianKernelChoice {
  /** cloud is the smallest; full is what a machine gets; rt has the PREEMPT_RT patches. */
  readonly flavour: Flavour;
  /** A kernel series other than the release's own, such as "6.12" (of backports). */
  readonly series?: string;
}

export interface DebianKernel {
  /** The bzImage. */
  readonly path: string;
  /** What uname -r says in the guest, such as 6.1.0-56-cloud-amd64. */
  readonly release: string;
  /** The package that it came out of; its modules lie under usr/lib/modules or lib/modules in there. */
  readonly packageName: string;
}

const SUFFIX: Readonly<Record<Flavour, string>> = { cloud: "cloud-amd64", full: "amd64", rt: "rt-amd64" };
const IMAGE = /^linux-image-(\d.*)$/;

/** The metapackage that names the current kernel. */
function metapackage({ flavour, series }: DebianKernelChoice): string {
  return `linux-image-${series === undefined ? "" : `${series}-`}${SUFFIX[flavour]}`;
}

function kernelFile(packageName: string): { packages: string[]; path: string; release: string } {
  const release = IMAGE.exec(packageName)?.[1] ?? "";
  return { packages: [packageName], path: `boot/vmlinuz-${release}`, release };
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return (await Deno.readTextFile(path)).trim();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/**
 * Gives a kernel of Debian's; one that the cache has stays, whatever is newer on the mirror.
 * @throws FetchError
 */
export async function debianKernel(choice: DebianKernelChoice, apt: AptOptions): Promise<DebianKernel> {
  const meta = metapackage(choice);
  const note = join(apt.cache, "kernels", meta);
  const known = await readIfThere(note);
  if (known !== undefined && IMAGE.test(known)) {
    const { path, release } = kernelFile(known);
    const cached = join(apt.cache, "packages", known, path);
    if (await isFile(cached)) return { path: cached, release, packageName: known };
  }
  const packageName = (await packageDepends(meta, apt)).find((name) => IMAGE.test(name));
  if (packageName === undefined) throw new FetchError(`Debian's package ${meta} names no kernel`);
  const { release, ...file } = kernelFile(packageName);
  const path = await packagedFile(file, apt);
  await Deno.mkdir(dirname(note), { recursive: true });
  await Deno.writeTextFile(note, `${packageName}\n`);
  return { path, release, packageName };
}
