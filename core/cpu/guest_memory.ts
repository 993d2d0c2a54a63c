/** Copies between the host and guest linear addresses, page by page. */
import { CTX } from "./context.ts";
import type { Engine } from "./engine.ts";
import { Vector } from "./exit.ts";
import { READ, WRITE } from "./paging.ts";

const FOREIGN_CHUNK = 16;
/** Up to here bytes are copied one by one: a view of a part of shared memory costs more than that. */
const SHORT = 64;

interface Part {
  /** Byte address, or -1: foreign. */
  address: number;
  mfn: number;
  offset: number;
  from: number;
  length: number;
}

export class GuestMemory {
  readonly #u8: Uint8Array;

  constructor(readonly engine: Engine, buffer: ArrayBufferLike) {
    this.#u8 = new Uint8Array(buffer);
  }

  /** Translates the whole range. @returns undefined: a fault, its fields set */
  #parts(ctx: number, low: number, high: number, length: number, access: number): Part[] | undefined {
    const { engine } = this;
    const { view } = engine;
    const parts: Part[] = [];
    const long = view.get(ctx, "mode") === 64;
    for (let from = 0; from < length;) {
      const at = (low >>> 0) + from;
      const offset = at & 0xfff;
      const size = Math.min(4096 - offset, length - from);
      const carried = long ? Math.floor(at / 0x100000000) : 0;
      const address = engine.translate(ctx, at | 0, (high + carried) | 0, access);
      if (address === -1) return undefined;
      const mfn = address === -2 ? view.number(ctx, "foreignMfn") : 0;
      parts.push({ address: address === -2 ? -1 : address, mfn, offset, from, length: size });
      from += size;
    }
    return parts;
  }

  /** Through the hook, by way of the bounce area. */
  #foreign(ctx: number, part: Part, bytes: Uint8Array, write: boolean): boolean {
    const { engine } = this;
    const data = ctx + CTX.bounce;
    for (let done = 0; done < part.length; done += FOREIGN_CHUNK) {
      const size = Math.min(FOREIGN_CHUNK, part.length - done);
      const at = part.from + done;
      if (write) this.#u8.set(bytes.subarray(at, at + size), data);
      if (engine.hooks.foreign(ctx, part.mfn, part.offset + done, size, write, data) !== 0) {
        engine.view.set(ctx, "faultVector", Vector.PF);
        engine.view.set(ctx, "faultErrorCode", 9 | (write ? 2 : 0));
        engine.view.set(ctx, "faultHasError", 1);
        return false;
      }
      if (!write) bytes.set(this.#u8.subarray(data, data + size), at);
    }
    return true;
  }

  read(ctx: number, low: number, high: number, bytes: Uint8Array): boolean {
    const { length } = bytes;
    if (length <= SHORT && (low & 0xfff) + length <= 4096) {
      const address = this.engine.translate(ctx, low, high, READ);
      if (address === -1) return false;
      if (address >= 0) {
        const u8 = this.#u8;
        for (let i = 0; i < length; i++) bytes[i] = u8[address + i];
        return true;
      }
    }
    const parts = this.#parts(ctx, low, high, bytes.length, READ);
    if (!parts) return false;
    for (const part of parts) {
      if (part.address < 0) {
        if (!this.#foreign(ctx, part, bytes, false)) return false;
      } else bytes.set(this.#u8.subarray(part.address, part.address + part.length), part.from);
    }
    return true;
  }

  #put(bytes: Uint8Array, { from, length, address }: Part): void {
    if (length <= SHORT) { for (let i = 0; i < length; i++) this.#u8[address + i] = bytes[from + i]; }
    else this.#u8.set(bytes.subarray(from, from + length), address);
  }

  write(ctx: number, low: number, high: number, bytes: Uint8Array): boolean {
    // With the lock no frame changes its type between the translation and the copy. Not for foreign frames, whose domain has a lock of its own.
    const parts = this.engine.world.locked(() => {
      const parts = this.#parts(ctx, low, high, bytes.length, WRITE);
      for (const part of parts ?? []) {
        if (part.address < 0) continue;
        this.#put(bytes, part);
        this.engine.frameWritten(part.address >>> 12, part.offset, part.length);
      }
      return parts;
    });
    return parts !== undefined &&
      parts.every((part) => part.address >= 0 || this.#foreign(ctx, part, bytes, true));
  }
}
