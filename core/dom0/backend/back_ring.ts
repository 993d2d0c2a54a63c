/**
 * The backend's end of a shared ring of xen/io/ring.h: one page with free-running 32-bit indexes (req_prod, req_event, rsp_prod, rsp_event), then,
 * from byte 64, a power of two of entries in which responses take the requests' places.
 */
import { type GuestPage, RingError } from "../byte_ring.ts";

const REQ_PROD = 0, REQ_EVENT = 1, RSP_PROD = 2, RSP_EVENT = 3;
const ENTRIES = 64;

export class BackRing {
  /** Entries of the ring (__CONST_RING_SIZE). */
  readonly size: number;
  readonly #indexes: Int32Array;
  readonly #view: DataView;
  #consumed: number;
  #produced: number;

  /** @param entryBytes size of the union of request and response */
  constructor(private readonly page: GuestPage, private readonly entryBytes: number) {
    const { bytes } = page;
    this.size = 2 ** Math.floor(Math.log2((bytes.length - ENTRIES) / entryBytes));
    this.#indexes = new Int32Array(bytes.buffer, bytes.byteOffset, 4);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    // BACK_RING_ATTACH: what was answered stays answered.
    this.#produced = Atomics.load(this.#indexes, RSP_PROD);
    this.#consumed = this.#produced;
  }

  /** Requests that wait. @throws RingError: more than the ring has room for */
  get waiting(): number {
    const waiting = (Atomics.load(this.#indexes, REQ_PROD) - this.#consumed) >>> 0;
    const open = (this.#consumed - this.#produced) >>> 0;
    if (waiting + open > this.size) {
      throw new RingError(`${waiting + open} requests in a ring of ${this.size}`);
    }
    return waiting;
  }

  /** Takes the next request: a copy, which the guest cannot change any more. undefined: none waits. @throws RingError */
  next(): DataView | undefined {
    if (this.waiting === 0) return undefined;
    const at = this.#offset(this.#consumed);
    this.#consumed = (this.#consumed + 1) | 0;
    return new DataView(this.page.bytes.slice(at, at + this.entryBytes).buffer);
  }

  /** Puts an answer in the place of the oldest request that has none yet. The frontend does not see it before `push`. */
  respond(fill: (entry: DataView) => void): void {
    const at = this.#offset(this.#produced);
    fill(new DataView(this.#view.buffer, this.#view.byteOffset + at, this.entryBytes));
    this.page.written(at, this.entryBytes);
    this.#produced = (this.#produced + 1) | 0;
  }

  /** RING_PUSH_RESPONSES_AND_CHECK_NOTIFY. @returns whether the frontend wants an event */
  push(): boolean {
    const old = Atomics.load(this.#indexes, RSP_PROD);
    this.#store(RSP_PROD, this.#produced);
    const event = Atomics.load(this.#indexes, RSP_EVENT);
    return ((this.#produced - event) >>> 0) < ((this.#produced - old) >>> 0);
  }

  /** RING_FINAL_CHECK_FOR_REQUESTS: asks for an event with the next request. @returns whether one has come meanwhile @throws RingError */
  armAndCheck(): boolean {
    if (this.waiting > 0) return true;
    this.#store(REQ_EVENT, (this.#consumed + 1) | 0);
    return this.waiting > 0;
  }

  #store(index: number, value: number): void {
    Atomics.store(this.#indexes, index, value);
    this.page.written(index * 4, 4);
  }

  #offset(index: number): number {
    return ENTRIES + (index & (this.size - 1)) * this.entryBytes;
  }
}
