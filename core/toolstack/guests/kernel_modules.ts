/** Modules of Debian's kernels that a userland without udev inserts itself: the frontends of a domain's devices. */
import { basename } from "node:path";
import { type AptOptions, packagedFile } from "./apt.ts";
import { debianKernel, type DebianKernelChoice } from "./debian_kernel.ts";

/** Below lib/modules/RELEASE/kernel/drivers; neither needs another module. */
const FRONTENDS = { vbd: "block/xen-blkfront.ko", vif: "net/xen-netfront.ko" } as const;

export interface KernelModule {
  /** File name. */
  readonly name: string;
  /** As the package has it: newer kernels' modules are compressed, which busybox's insmod undoes. */
  readonly data: Uint8Array;
}

/**
 * The frontends of these kinds of devices for the kernel that `debian:` of this choice names.
 * @throws FetchError
 */
export async function frontendModules(
  choice: DebianKernelChoice,
  kinds: readonly (keyof typeof FRONTENDS)[],
  apt: AptOptions,
): Promise<KernelModule[]> {
  const { release, packageName } = await debianKernel(choice, apt);
  const suite: AptOptions = choice.suite === undefined ? apt : { ...apt, suite: choice.suite };
  const modules: KernelModule[] = [];
  for (const kind of kinds) {
    const [path, ...otherPaths] = ["lib", "usr/lib"].flatMap((root) =>
      ["", ".xz", ".zst"].map((suffix) =>
        `${root}/modules/${release}/kernel/drivers/${FRONTENDS[kind]}${suffix}`
      )
    );
    // Since 6.19 the modules are in a package of their own.
    const packages = [packageName, `linux-modules-${release}`];
    const file = await packagedFile({ packages, path, otherPaths }, suite);
    modules.push({ name: basename(file), data: await Deno.readFile(file) });
  }
  return modules;
}
