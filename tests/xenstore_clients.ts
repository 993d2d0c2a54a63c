/** Debian's own XenStore clients and the libraries that they need, out of its packages. */
import { join } from "node:path";
import type { InitramfsEntry } from "../core/builder/mod.ts";
import { type PackagedFile, packagedFile } from "../core/toolstack/guests/apt.ts";
import { cacheDirectory } from "../core/toolstack/guests/cache.ts";

const LIBRARIES = "lib/x86_64-linux-gnu";
const PROGRAMS = ["ls", "read", "write", "list", "exists", "rm", "watch", "chmod"];

async function fetched(file: PackagedFile): Promise<string> {
  return await packagedFile(file, { cache: cacheDirectory(), progress: console.error });
}

function libraryFolder(name: string): Promise<string> {
  return fetched({ packages: [name], path: `usr/${LIBRARIES}`, otherPaths: [LIBRARIES] });
}

export interface XenstoreClients {
  /** Folder of `xenstore-ls` and its likes. */
  readonly programs: string;
  /** Folders of their libraries, the C library left out. */
  readonly libraries: readonly string[];
}

/** @throws FetchError */
export async function xenstoreClients(): Promise<XenstoreClients> {
  return {
    programs: await fetched({ packages: ["xenstore-utils"], path: "usr/bin" }),
    libraries: [await libraryFolder("libxenstore4"), await libraryFolder("libxentoolcore1")],
  };
}

/** The clients as files of a guest's root. @throws FetchError */
export async function xenstoreClientEntries(): Promise<InitramfsEntry[]> {
  const { programs, libraries: [store, core] } = await xenstoreClients();
  const libc = await libraryFolder("libc6");
  const file = async (path: string, from: string): Promise<InitramfsEntry> => ({
    kind: "file",
    path,
    data: await Deno.readFile(from),
    mode: 0o755,
  });
  return [
    { kind: "directory", path: "lib64" },
    { kind: "directory", path: LIBRARIES },
    await file("lib64/ld-linux-x86-64.so.2", join(libc, "ld-linux-x86-64.so.2")),
    await file(`${LIBRARIES}/libc.so.6`, join(libc, "libc.so.6")),
    await file(`${LIBRARIES}/libxenstore.so.4`, join(store, "libxenstore.so.4")),
    await file(`${LIBRARIES}/libxentoolcore.so.1`, join(core, "libxentoolcore.so.1")),
    ...await Promise.all(
      PROGRAMS.map((name) => file(`bin/xenstore-${name}`, join(programs, `xenstore-${name}`))),
    ),
  ];
}
