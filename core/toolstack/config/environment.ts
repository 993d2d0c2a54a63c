import { hostname, machine, release, type as systemType, version } from "node:os";
import { isAbsolute, resolve } from "node:path";
import type { PythonEnvironment } from "./xm/mod.ts";

function fileKind(path: string): "file" | "directory" | "other" | undefined {
  try {
    const { isFile, isDirectory } = Deno.statSync(path);
    return isFile ? "file" : isDirectory ? "directory" : "other";
  } catch (error) {
    // As os.path.exists() does: what cannot be seen is not there.
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied) {
      return undefined;
    }
    if (error instanceof Deno.errors.NotADirectory || error instanceof Deno.errors.FilesystemLoop) {
      return undefined;
    }
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/**
 * What a Python configuration may know of this host.
 * @param variables os.environ: the environment of who asks, which inside xend is not the process's own
 * @param directory the configuration's relative paths begin here
 */
export function hostEnvironment(
  variables: Readonly<Record<string, string>>,
  directory = "/",
): PythonEnvironment {
  return {
    variables,
    uname: [systemType(), hostname(), release(), version(), machine()],
    directory,
    fileKind: (path) => fileKind(isAbsolute(path) ? path : resolve(directory, path)),
    now: () => Date.now() / 1000,
    random: Math.random,
  };
}

/** Knows nothing of any host; what a file asks about it is refused or plainly made up. */
export const BARE_ENVIRONMENT: PythonEnvironment = {
  variables: {},
  uname: ["Linux", "localhost", "", "", "x86_64"],
};
