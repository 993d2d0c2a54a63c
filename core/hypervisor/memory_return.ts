/**
 * Gives memory back to the host. A memory's pages: madvise(MADV_DONTNEED) on Linux through FFI, after which they read as zero (which is the scrub too).
 * What the runtime freed: malloc_trim(3) of glibc. The one module that uses FFI, and only in the main thread. Where it cannot be used `returnPages` says
 * so and the memory is dropped instead.
 */

const MADV_DONTNEED = 4;
const PAGE = 4096;

type Madvise = (address: Deno.PointerValue, length: bigint, advice: number) => number;

function open(): Madvise | undefined {
  if (Deno.build.os !== "linux") return undefined;
  for (const name of ["libc.so.6", "libc.so"]) {
    try {
      const library = Deno.dlopen(name, {
        madvise: { parameters: ["pointer", "usize", "i32"], result: "i32" },
      });
      return library.symbols.madvise as Madvise;
    } catch (error) {
      // No permission, another C library, a build without FFI: the next name, or none.
      if (!(error instanceof Error)) throw error;
    }
  }
  return undefined;
}

let madvise: Madvise | undefined;
let opened = false;

/** True when pages can be given back on this host. */
export function canReturnPages(): boolean {
  if (!opened) {
    madvise = open();
    opened = true;
  }
  return madvise !== undefined;
}

/**
 * Returns whole pages of `bytes` of a memory to the host; they read as zero afterwards. Nobody may be using them.
 * @returns false when the host offers no way: the contents stay
 */
export function returnPages(
  memory: WebAssembly.Memory,
  offset = 0,
  bytes = memory.buffer.byteLength - offset,
): boolean {
  if (!canReturnPages() || madvise === undefined) return false;
  if (offset % PAGE !== 0) throw new RangeError(`offset ${offset} is not page aligned`);
  const pointer = Deno.UnsafePointer.of(new Uint8Array(memory.buffer, offset, bytes));
  return madvise(pointer, BigInt(bytes), MADV_DONTNEED) === 0;
}

let trim: ((pad: bigint) => number) | undefined;
let lookedForTrim = false;

function openTrim(): typeof trim {
  if (Deno.build.os !== "linux") return undefined;
  try {
    const library = Deno.dlopen("libc.so.6", { malloc_trim: { parameters: ["usize"], result: "i32" } });
    return library.symbols.malloc_trim;
  } catch (error) {
    // As above; a C library other than glibc has no such function.
    if (!(error instanceof Error)) throw error;
    return undefined;
  }
}

/**
 * Returns what the runtime has freed on any thread and malloc keeps (the compiler's working memory above all): some milliseconds.
 * @returns false when the host offers no way or nothing was returned
 */
export function returnFreedMemory(): boolean {
  if (!lookedForTrim) {
    trim = openTrim();
    lookedForTrim = true;
  }
  return trim?.(0n) === 1;
}
