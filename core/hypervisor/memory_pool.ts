/** Domain memories by size: a destroyed domain's memory is scrubbed, its pages go back to the host, and the next domain of that size takes it over. */
import { guardedMemory } from "./guarded_memory.ts";
import { returnPages } from "./memory_return.ts";

/** Sizes are rounded up to this many 64 KiB pages (16 MiB), so that domains of nearly one size share memories. */
const GRAIN = 256;
const MOST_PAGES = 65535;
/** Memories kept for each size: address space only, their pages are gone. */
const KEPT = 64;

/**
 * V8 counts a memory's whole size against its heap's limit, touched or not, and starts a marking for each one beyond it: creating hundreds of domains is
 * quadratic (400 of 64 MiB: 42 s), unless V8 is started with --max-old-space-size above the memory of all domains (3 s). The tasks of deno.json do that;
 * the flag cannot be set later.
 */
export class MemoryPool {
  readonly #free = new Map<number, WebAssembly.Memory[]>();
  made = 0;
  recycled = 0;

  /** A zeroed shared memory of at least `pages` 64 KiB pages. @throws RangeError when the host has no address space left */
  take(pages: number): WebAssembly.Memory {
    const size = Math.min(MOST_PAGES, Math.ceil(pages / GRAIN) * GRAIN);
    const memory = this.#free.get(size)?.pop();
    if (memory !== undefined) {
      this.recycled++;
      return memory;
    }
    this.made++;
    return guardedMemory(size);
  }

  /** Takes back a memory that no thread uses any more. Without a way to scrub it by returning its pages, it is dropped. */
  give(memory: WebAssembly.Memory): void {
    if (!returnPages(memory)) return;
    const size = memory.buffer.byteLength / 65536;
    const list = this.#free.get(size) ?? [];
    if (list.length < KEPT) list.push(memory);
    this.#free.set(size, list);
  }
}
