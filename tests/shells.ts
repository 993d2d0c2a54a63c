/** zsh and fish as Debian has them, out of its packages: nothing is installed. */
import { basename, join } from "node:path";
import { fetched } from "./debian_files.ts";

const fetchedFrom = (name: string, path: string): Promise<string> => fetched({ packages: [name], path });

/** The one folder in a folder. */
async function only(folder: string): Promise<string> {
  const [{ name }] = await Array.fromAsync(Deno.readDir(folder));
  return join(folder, name);
}

export interface Zsh {
  readonly program: string;
  /** Folders of its modules and functions, which it would look for where it is installed. */
  readonly modules: string;
  readonly functions: string;
}

/** @throws FetchError */
export async function zsh(): Promise<Zsh> {
  const program = await fetchedFrom("zsh", "bin/zsh");
  // usr/lib/x86_64-linux-gnu/zsh/5.9
  const modules = await only(join(await only(await fetchedFrom("zsh", "usr/lib")), "zsh"));
  return { program, modules, functions: await fetchedFrom("zsh-common", "usr/share/zsh/functions") };
}

export interface Fish {
  readonly program: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** fish looks for its functions beside itself. @param folder an empty one to put it into. @throws FetchError */
export async function fish(folder: string): Promise<Fish> {
  const [program, functions, library] = await Promise.all([
    fetchedFrom("fish", "usr/bin/fish"),
    fetchedFrom("fish-common", "usr/share/fish"),
    fetchedFrom("libpcre2-32-0", "usr/lib"),
  ]);
  for (const path of ["bin", "share", "etc/fish", "home"]) {
    await Deno.mkdir(join(folder, path), { recursive: true });
  }
  const copy = join(folder, "bin", basename(program));
  await Deno.copyFile(program, copy);
  await Deno.symlink(functions, join(folder, "share/fish"));
  const libraries = await only(library);
  return { program: copy, environment: { LD_LIBRARY_PATH: libraries, HOME: join(folder, "home") } };
}

/** All of them, so that a test need not wait for the network. @throws FetchError */
export async function fetchShells(): Promise<string> {
  const { program } = await zsh();
  const folder = await Deno.makeTempDir({ prefix: "fish-" });
  try {
    await fish(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  return program;
}
