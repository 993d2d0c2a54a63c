/** Files out of Debian's packages for tests, through the cache that the commands use: nothing is installed. */
import { type PackagedFile, packagedFile } from "../core/toolstack/guests/apt.ts";
import { cacheDirectory } from "../core/toolstack/guests/cache.ts";

/** Where a release before trixie has a package's libraries; later ones have them under usr. */
export const LIBRARIES = "lib/x86_64-linux-gnu";

/** The file's or folder's path, fetched if need be. @throws FetchError */
export function fetched(
  file: PackagedFile,
  progress: (line: string) => void = console.error,
): Promise<string> {
  return packagedFile(file, { cache: cacheDirectory(), progress });
}

/** The folder of a package's libraries. @param packages names that it has had @throws FetchError */
export function libraryFolder(
  packages: readonly string[],
  progress?: (line: string) => void,
): Promise<string> {
  return fetched({ packages, path: LIBRARIES, otherPaths: [`usr/${LIBRARIES}`] }, progress);
}
