/** Programs of Debian's that run in a guest and natively, from the same files: busybox, and some dynamically linked ones. */
import { join } from "node:path";
import type { InitramfsEntry } from "../../core/builder/mod.ts";
import { appletNames } from "../../core/toolstack/guests/busybox.ts";
import { fetched, LIBRARIES, libraryFolder } from "../debian_files.ts";

const LOADER = `${LIBRARIES}/ld-linux-x86-64.so.2`;

/** Programs by package; GNU's printf, seq and numfmt compute in `long double`. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  "coreutils": [
    ..."printf seq numfmt sha512sum b2sum cksum sum tac sha1sum comm expand unexpand md5sum ptx".split(" "),
  ],
  "mawk": ["mawk"],
  "perl-base": ["perl"],
};
const LIBRARY_FILES: Readonly<Record<string, readonly string[]>> = {
  "libc6": ["ld-linux-x86-64.so.2", "libc.so.6", "libm.so.6"],
  "libcrypt1": ["libcrypt.so.1"],
};

/**
 * glibc chooses among implementations by what the processor has, and those of mathematical functions differ in the last
 * bit: the native run is told to do without what our processor does not have.
 */
const TUNABLES = "glibc.cpu.hwcaps=-AVX,-AVX2,-FMA,-FMA4,-AVX512F";

const SCRIPTS = ["programs.sh", "script.sh"];

export interface Userland {
  readonly busybox: Uint8Array;
  /** Files by their path in the root. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** Fetches what is not in the cache. @throws FetchError */
export async function userland(progress: (line: string) => void = console.error): Promise<Userland> {
  const files = new Map<string, Uint8Array>();
  const put = async (path: string, from: string) => {
    files.set(path, await Deno.readFile(from));
  };
  for (const [name, programs] of Object.entries(PROGRAMS)) {
    const folder = await fetched({ packages: [name], path: "usr/bin" }, progress);
    for (const program of programs) await put(`usr/bin/${program}`, join(folder, program));
  }
  for (const [name, libraries] of Object.entries(LIBRARY_FILES)) {
    const folder = await libraryFolder([name], progress);
    for (const library of libraries) await put(`${LIBRARIES}/${library}`, join(folder, library));
  }
  for (const script of SCRIPTS) await put(script, new URL(script, import.meta.url).pathname);
  const busybox = await fetched({ packages: ["busybox-static"], path: "bin/busybox" }, progress);
  return { busybox: await Deno.readFile(busybox), files };
}

/** Environment of the scripts, for a root folder ("" in the guest). */
function environment(root: string): Record<string, string> {
  const loader = `${root}/${LOADER} --library-path ${root}/${LIBRARIES}`;
  return {
    PATH: `${root}/bin`,
    ROOT: root,
    LOADER: loader,
    GLIBC_TUNABLES: TUNABLES,
    LC_ALL: "C",
    HOME: "/",
    PERL_HASH_SEED: "0",
  };
}

export const BEGIN = "<<<begin>>>";
export const END = "<<<end>>>";

function init(): string {
  const exports = Object.entries(environment("")).map(([name, value]) => `export ${name}='${value}'`);
  return `#!/bin/sh
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
echo 1 > /proc/sys/kernel/printk
stty -opost
mkdir -p /work /tmp
cd /work
${exports.join("\n")}
echo "${BEGIN}"
sh /programs.sh 2> /errors
echo "${END}"
cat /errors
exec poweroff -f
`;
}

/** What makes an initramfs run the programs and power off: entries beside those of busybox. */
export function userlandEntries({ files }: Userland): InitramfsEntry[] {
  const folders = new Set<string>();
  for (const path of files.keys()) {
    const parts = path.split("/");
    for (let i = 1; i < parts.length; i++) folders.add(parts.slice(0, i).join("/"));
  }
  // busybox' own archive has it.
  folders.delete("lib");
  return [
    ...[...folders].sort().map((path): InitramfsEntry => ({ kind: "directory", path })),
    ...[...files].map(([path, data]): InitramfsEntry => ({ kind: "file", path, data, mode: 0o755 })),
    { kind: "file", path: "init", data: init(), mode: 0o755 },
  ];
}

/** What the programs print on this machine's own processor. */
export async function nativeOutput({ busybox, files }: Userland): Promise<string> {
  const root = await Deno.makeTempDir();
  try {
    for (const folder of ["bin", "usr/bin", LIBRARIES, "work"]) {
      await Deno.mkdir(join(root, folder), { recursive: true });
    }
    const write = async (path: string, data: Uint8Array) => {
      await Deno.writeFile(join(root, path), data, { mode: 0o755 });
    };
    await write("bin/busybox", busybox);
    for (const name of appletNames(busybox)) {
      if (name !== "busybox") await Deno.symlink("busybox", join(root, "bin", name));
    }
    for (const [path, data] of files) await write(path, data);
    const { code, stdout, stderr } = await new Deno.Command(join(root, "bin/busybox"), {
      args: ["sh", join(root, "programs.sh")],
      cwd: join(root, "work"),
      env: environment(root),
      clearEnv: true,
      stdin: "null",
    }).output();
    const text = new TextDecoder();
    if (code !== 0) throw new Error(`the programs ended with ${code} natively: ${text.decode(stderr)}`);
    return text.decode(stdout);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}
