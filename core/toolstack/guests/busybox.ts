/** A small Linux userland: Debian's static busybox in an initramfs, with a shell on the domain's console. */
import { type InitramfsEntry, makeInitramfs } from "../../builder/mod.ts";
import { type AptOptions, FetchError, packagedFile } from "./apt.ts";

const BUSYBOX = { packages: ["busybox-static"], path: "bin/busybox" };

/** The names under which busybox is known start with these two in its own table, each with a NUL behind. */
const FIRST_NAMES = "[\0[[\0";

const DIRECTORIES = ["bin", "dev", "etc", "lib", "lib/modules", "proc", "root", "run", "sys", "tmp"];

/**
 * What process 1 does before it becomes busybox's init, which gets what poweroff, halt and reboot ask for by signals, and
 * whose children (unlike a script's background jobs) do not ignore ^C. Words of the kernel's command line that the kernel
 * does not know come in as environment variables: LINES and COLUMNS tell the size of the terminal
 * at the start; programs that see them later would believe them more than the terminal.
 */
const INIT = `#!/bin/sh
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
hostname xenolith
for module in /lib/modules/*.ko*; do
  [ -e "$module" ] && insmod "$module"
done
[ -n "$LINES" ] && [ -n "$COLUMNS" ] && stty rows "$LINES" cols "$COLUMNS"
unset LINES COLUMNS
cat /etc/motd
exec init
`;

/** cttyhack finds the console's own device, which can control a terminal's jobs; /dev/console cannot. */
const INITTAB = `::respawn:/bin/cttyhack /bin/sh -l
::respawn:/bin/uevent /bin/hotplug
`;

/** What a distribution's udev rules do: a vCPU that the toolstack gave the domain is taken into use. */
const HOTPLUG = `#!/bin/sh
[ "$SUBSYSTEM" = cpu ] && [ "$ACTION" = add ] && echo 1 > "/sys$DEVPATH/online"
`;

const PROFILE = `export PATH=/bin HOME=/root PS1='\\h:\\w\\$ '
cd
`;

/**
 * A PV console's ring carries bytes and nothing of the terminal at its other end, so nobody tells the guest of a window
 * that changed its size. As over a serial line, the terminal itself is asked: where its last place is (DSR 6, ECMA-48).
 */
const RESIZE = `#!/bin/sh
settings=$(stty -g)
stty -icanon -echo min 0 time 30
printf '\\0337\\033[999;999H\\033[6n\\0338'
IFS='[;' read -r -d R -t 3 escape rows columns
stty "$settings"
[ -n "$columns" ] && stty rows "$rows" cols "$columns"
`;

const MOTD = `
Busybox on Linux, in a PV domain. "poweroff" ends it; "resize" after the terminal's size has changed.

`;

/** Where a text lies at or behind `from`, else -1. As text, all of a file of megabytes would be decoded first. */
function find(bytes: Uint8Array, text: string, from: number): number {
  const wanted = new TextEncoder().encode(text);
  for (let at = bytes.indexOf(wanted[0], from); at >= 0; at = bytes.indexOf(wanted[0], at + 1)) {
    if (wanted.every((byte, i) => bytes[at + i] === byte)) return at;
  }
  return -1;
}

/**
 * The applets that a busybox binary knows, read from the table in it (the binary may not run on this machine).
 * @throws FetchError when it has no such table
 */
export function appletNames(busybox: Uint8Array): string[] {
  const start = find(busybox, FIRST_NAMES, 0);
  const end = start < 0 ? -1 : find(busybox, "\0\0", start);
  if (end < 0) throw new FetchError("this busybox has no table of applets that could be found");
  return new TextDecoder("latin1").decode(busybox.subarray(start, end)).split("\0");
}

export interface BusyboxOptions {
  /** Kernel modules to insert before the shell starts, by file name, in this order. */
  readonly modules?: readonly { readonly name: string; readonly data: Uint8Array }[];
  /** More files, or others in place of those here (init, etc/profile, etc/motd). */
  readonly extra?: readonly InitramfsEntry[];
}

/** An initramfs of a busybox binary: a link for each applet, and an init that gives a shell with job control. */
export function makeBusyboxInitramfs(
  busybox: Uint8Array,
  { modules = [], extra = [] }: BusyboxOptions = {},
): Uint8Array {
  const replaced = new Set(extra.map(({ path }) => path));
  const own: InitramfsEntry[] = [
    ...DIRECTORIES.map((path): InitramfsEntry => ({ kind: "directory", path })),
    // Linux runs /sbin/poweroff and /sbin/reboot when the toolstack asks for them.
    { kind: "link", path: "sbin", target: "bin" },
    // Linux opens it for process 1 before devtmpfs is there.
    { kind: "character device", path: "dev/console", major: 5, minor: 1 },
    { kind: "character device", path: "dev/null", major: 1, minor: 3, mode: 0o666 },
    { kind: "file", path: "bin/busybox", data: busybox, mode: 0o755 },
    ...appletNames(busybox).filter((name) => name !== "busybox" && name !== "resize").map((
      name,
    ): InitramfsEntry => ({
      kind: "link",
      path: `bin/${name}`,
      target: "busybox",
    })),
    { kind: "file", path: "init", data: INIT, mode: 0o755 },
    { kind: "file", path: "bin/resize", data: RESIZE, mode: 0o755 },
    { kind: "file", path: "bin/hotplug", data: HOTPLUG, mode: 0o755 },
    { kind: "file", path: "etc/inittab", data: INITTAB },
    { kind: "file", path: "etc/profile", data: PROFILE },
    { kind: "file", path: "etc/motd", data: MOTD },
    { kind: "file", path: "etc/passwd", data: "root::0:0:root:/root:/bin/sh\n" },
    { kind: "file", path: "etc/group", data: "root:x:0:\n" },
    ...modules.map(({ name, data }): InitramfsEntry => ({ kind: "file", path: `lib/modules/${name}`, data })),
  ];
  return makeInitramfs([...own.filter(({ path }) => !replaced.has(path)), ...extra]);
}

/**
 * The initramfs around Debian's busybox, which is fetched when the cache does not have it.
 * @throws FetchError
 */
export async function busyboxInitramfs(apt: AptOptions, options?: BusyboxOptions): Promise<Uint8Array> {
  return makeBusyboxInitramfs(await Deno.readFile(await packagedFile(BUSYBOX, apt)), options);
}
