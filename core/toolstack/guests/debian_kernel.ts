/** Debian's own kernels, by flavour, fetched through apt. */
import { dirname, join } from "node:path";
import {
  type AptOptions,
  cachedFile,
  FetchError,
  packageDepends,
  type PackagedFile,
  packagedFile,
} from "./apt.ts";

export const FLAVOURS = ["cloud", "full", "rt"] as const;
export type Flavour = typeof FLAVOURS[number];

export interface DebianKernelChoice {
  /** cloud is the smallest; full is what a machine gets; rt has the PREEMPT_RT patches. */
  readonly flavour: Flavour;
  /** A kernel series other than the release's own, such as "6.12" (of backports). */
  readonly series?: string;
  /** A suite of Debian's other than the machine's own, such as "trixie" or "sid". */
  readonly suite?: string;
}

export interface DebianKernel {
  /** The bzImage. */
  readonly path: string;
  /** What uname -r says in the guest, such as 6.1.0-56-cloud-amd64. */
  readonly release: string;
  /** The package that a user installs for it. */
  readonly packageName: string;
}

const SUFFIX: Readonly<Record<Flavour, string>> = { cloud: "cloud-amd64", full: "amd64", rt: "rt-amd64" };
const IMAGE = /^linux-image-(\d.*)$/;

/** The metapackage that names the current kernel. */
function metapackage({ flavour, series }: DebianKernelChoice): string {
  return `linux-image-${series === undefined ? "" : `${series}-`}${SUFFIX[flavour]}`;
}

/** Since 6.19 the image is in a package of its own, at first under boot, then beside the modules. */
function kernelFile(packageName: string): { file: PackagedFile; release: string } {
  const release = IMAGE.exec(packageName)?.[1] ?? "";
  const file = {
    packages: [packageName, `linux-binary-${release}`],
    path: `boot/vmlinuz-${release}`,
    otherPaths: [`usr/lib/modules/${release}/vmlinuz`],
  };
  return { file, release };
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return (await Deno.readTextFile(path)).trim();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/**
 * Gives a kernel of Debian's; one that the cache has stays, whatever is newer on the mirror.
 * @throws FetchError
 */
export async function debianKernel(choice: DebianKernelChoice, options: AptOptions): Promise<DebianKernel> {
  const { suite } = choice;
  const apt: AptOptions = suite === undefined ? options : { ...options, suite };
  const meta = metapackage(choice);
  const note = join(apt.cache, "kernels", ...suite === undefined ? [] : [suite], meta);
  const known = await readIfThere(note);
  if (known !== undefined && IMAGE.test(known)) {
    const { file, release } = kernelFile(known);
    const path = await cachedFile(file, apt);
    if (path !== undefined) return { path, release, packageName: known };
  }
  const packageName = (await packageDepends(meta, apt)).find((name) => IMAGE.test(name));
  if (packageName === undefined) throw new FetchError(`Debian's package ${meta} names no kernel`);
  const { file, release } = kernelFile(packageName);
  const path = await packagedFile(file, apt);
  await Deno.mkdir(dirname(note), { recursive: true });
  await Deno.writeTextFile(note, `${packageName}\n`);
  return { path, release, packageName };
}
