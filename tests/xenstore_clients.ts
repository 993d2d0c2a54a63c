/** Debian's own XenStore clients and the libraries that they need, out of its packages. */
import { join } from "node:path";
import type { InitramfsEntry } from "../core/builder/mod.ts";
import { fetched, LIBRARIES, libraryFolder } from "./debian_files.ts";

const PROGRAMS = ["ls", "read", "write", "list", "exists", "rm", "watch", "chmod"];

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
    libraries: [await libraryFolder(["libxenstore4"]), await libraryFolder(["libxentoolcore1"])],
  };
}

/** The clients as files of a guest's root. @throws FetchError */
export async function xenstoreClientEntries(): Promise<InitramfsEntry[]> {
  const { programs, libraries: [store, core] } = await xenstoreClients();
  const libc = await libraryFolder(["libc6"]);
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
