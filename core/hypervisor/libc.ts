/** The C library through FFI, for what the runtime has no call for: the one module that uses FFI, and only in the main thread. */

const GLIBC = "libc.so.6";

/**
 * Functions of the C library of a Linux host.
 * @param symbols as Deno.dlopen takes them
 * @param names of the library, the first that has them all
 * @returns undefined where there are none: another system or C library, no permission, a build without FFI
 */
export function openLibc<const S extends Deno.ForeignLibraryInterface>(
  symbols: S,
  names: readonly string[] = [GLIBC, "libc.so"],
): Deno.DynamicLibrary<S>["symbols"] | undefined {
  if (Deno.build.os !== "linux") return undefined;
  for (const name of names) {
    try {
      return Deno.dlopen(name, symbols).symbols;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
    }
  }
  return undefined;
}

/** Functions that only glibc has. */
export function openGlibc<const S extends Deno.ForeignLibraryInterface>(symbols: S) {
  return openLibc(symbols, [GLIBC]);
}
