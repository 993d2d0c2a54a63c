/** A frontend's domain and its end of a ring, for backends' tests: memory, grants and channels without a hypervisor. */
import type { GuestPage } from "../byte_ring.ts";
import { type BackendChannel, type FrontendDomain, type GrantedPage, GrantError } from "./frontend_domain.ts";

interface Grant {
  readonly frame: number;
  readonly readonly: boolean;
  mapped: number;
}

export class FakeFrontendDomain implements FrontendDomain {
  readonly memory: Uint8Array;
  readonly grants = new Map<number, Grant>();
  /** By port, those that Domain-0 has bound. */
  readonly handlers = new Map<number, () => void>();
  /** Events that Domain-0 sent, by port. */
  readonly events = new Map<number, number>();
  /** Ports that are unbound, for Domain-0. */
  readonly offered = new Set<number>();
  #nextRef = 8;

  constructor(readonly domid = 3, frames = 64) {
    this.memory = new Uint8Array(new SharedArrayBuffer(frames * 4096));
  }

  frame(frame: number): Uint8Array {
    return this.memory.subarray(frame * 4096, (frame + 1) * 4096);
  }

  grant(frame: number, readonly = false): number {
    this.grants.set(this.#nextRef, { frame, readonly, mapped: 0 });
    return this.#nextRef++;
  }

  /** Mappings that Domain-0 has not released. */
  get mappings(): number {
    return [...this.grants.values()].reduce((sum, { mapped }) => sum + mapped, 0);
  }

  #find(ref: number, readonly: boolean): Grant {
    const grant = this.grants.get(ref);
    if (grant === undefined || grant.readonly && !readonly) throw new GrantError(`grant ${ref}`);
    return grant;
  }

  mapGrant(ref: number, readonly: boolean): GrantedPage {
    const grant = this.#find(ref, readonly);
    grant.mapped++;
    let isMapped = true;
    return {
      bytes: this.frame(grant.frame),
      written() {},
      release() {
        if (isMapped) grant.mapped--;
        isMapped = false;
      },
    };
  }

  copyFromGrant(ref: number, offset: number, into: Uint8Array): void {
    const { frame } = this.#find(ref, true);
    if (offset + into.length > 4096) throw new RangeError(`${into.length} bytes at ${offset} of a frame`);
    into.set(this.frame(frame).subarray(offset, offset + into.length));
  }

  copyToGrant(ref: number, offset: number, from: Uint8Array): void {
    this.frame(this.#find(ref, false).frame).set(from, offset);
  }

  bindChannel(port: number, handler: () => void): BackendChannel {
    if (!this.offered.delete(port)) throw new GrantError(`port ${port}`);
    this.handlers.set(port, handler);
    return {
      notify: () => this.events.set(port, (this.events.get(port) ?? 0) + 1),
      close: () => {
        this.handlers.delete(port);
      },
    };
  }

  /** The guest sends on a channel. */
  send(port: number): void {
    this.handlers.get(port)?.();
  }
}

/** FRONT_RING of xen/io/ring.h. */
export class FrontRing {
  readonly size: number;
  readonly #indexes: Int32Array;
  readonly #view: DataView;
  #produced = 0;
  #consumed = 0;

  constructor(page: GuestPage["bytes"], private readonly entryBytes: number) {
    this.size = 2 ** Math.floor(Math.log2((page.length - 64) / entryBytes));
    this.#indexes = new Int32Array(page.buffer, page.byteOffset, 4);
    this.#view = new DataView(page.buffer, page.byteOffset, page.byteLength);
    // SHARED_RING_INIT.
    this.#indexes.set([0, 1, 0, 1]);
  }

  /** An index that a guest may have set to anything: 0 req_prod, 1 req_event, 2 rsp_prod, 3 rsp_event. */
  setIndex(index: number, value: number): void {
    Atomics.store(this.#indexes, index, value);
  }

  request(fill: (entry: DataView) => void): void {
    fill(this.#entry(this.#produced++));
  }

  /** @returns whether the backend wants an event */
  push(): boolean {
    const old = Atomics.load(this.#indexes, 0);
    Atomics.store(this.#indexes, 0, this.#produced);
    return ((this.#produced - Atomics.load(this.#indexes, 1)) >>> 0) < ((this.#produced - old) >>> 0);
  }

  /** The responses that have come since; asks for an event with the next. */
  responses(): DataView[] {
    const found: DataView[] = [];
    while (this.#consumed !== Atomics.load(this.#indexes, 2)) {
      const entry = this.#entry(this.#consumed++);
      const start = entry.byteOffset;
      found.push(new DataView(new Uint8Array(entry.buffer, start, this.entryBytes).slice().buffer));
    }
    Atomics.store(this.#indexes, 3, this.#consumed + 1);
    return found;
  }

  #entry(index: number): DataView {
    const at = 64 + (index & (this.size - 1)) * this.entryBytes;
    return new DataView(this.#view.buffer, this.#view.byteOffset + at, this.entryBytes);
  }
}
