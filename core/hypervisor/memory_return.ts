/**
 * Gives a memory's pages back to the host: madvise(MADV_DONTNEED) on Linux through FFI, after which they read as zero (which is the scrub too). The one
 * module that uses FFI, and only in the main thread. Where it cannot be used `returnPages` says so and the memory is dropped instead.
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
