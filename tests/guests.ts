/** Guests that tests boot: out of Debian's packages, through the cache that the commands use. */
import { fetched } from "./debian_files.ts";

/** Set by `deno task test --offline`: tests of guests that must be fetched are skipped, and counted as such. */
export const OFFLINE = Deno.env.get("XENOLITH_OFFLINE") === "1";

/** Files that tests need, by a short name. */
export const GUEST_FILES = {
  grub: { packages: ["grub-xen-host", "grub-xen-bin"], path: "usr/lib/grub-xen/grub-x86_64-xen.bin" },
  grubPae: { packages: ["grub-xen-host", "grub-xen-bin"], path: "usr/lib/grub-xen/grub-i386-xen.bin" },
  // All of it at once: its files are the kernel and the ramdisk of configs/debian-installer.cfg.
  installer: {
    packages: ["debian-installer-12-netboot-amd64"],
    path: "usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64",
  },
  grubPvh: { packages: ["grub-xen-host", "grub-xen-bin"], path: "usr/lib/grub-xen/grub-i386-xen_pvh.bin" },
} as const;

/** Xen's public C headers, which our declarations of its structures are held against. */
export const XEN_HEADERS = { packages: ["libxen-dev"], path: "usr/include" } as const;

export type GuestName = keyof typeof GUEST_FILES;

/** Path of a guest's file, fetched if need be. @throws FetchError */
export async function guestFile(
  name: GuestName,
  progress: (line: string) => void = console.error,
): Promise<string> {
  return await fetched(GUEST_FILES[name], progress);
}

/** A test that boots fetched guests: it fails where they cannot be had, and is skipped with `--offline` alone. */
export function guestTest(
  name: string,
  guests: readonly GuestName[],
  run: (files: string[]) => Promise<void>,
): void {
  Deno.test({
    name,
    ignore: OFFLINE,
    fn: async () => await run(await Promise.all(guests.map((guest) => guestFile(guest)))),
  });
}
