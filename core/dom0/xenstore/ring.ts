import { ByteRing, type GuestPage, RingError } from "../byte_ring.ts";
import type { Connection } from "./connection.ts";
import { MessageReader, ProtocolError } from "./protocol.ts";

/** `struct xenstore_domain_interface` of xen/io/xs_wire.h, offsets in bytes. */
const RING_BYTES = 1024;
const REQUESTS = 0;
const RESPONSES = 1024;
const REQ_CONS = 2048, REQ_PROD = 2052, RSP_CONS = 2056, RSP_PROD = 2060;
const SERVER_FEATURES = 2064, ERROR = 2072;
const FEATURE_ERROR = 2;
const ERROR_RING_INDEX = 2, ERROR_PROTOCOL = 3;

/** Carries one domain's requests and replies over the ring page that its builder made. */
export class XenStoreRing {
  readonly #requests: ByteRing;
  readonly #responses: ByteRing;
  readonly #words: Int32Array;
  readonly #reader = new MessageReader();
  #broken = false;
  #serving = false;

  /** `page` is the ring's frame in the domain's memory; `notify` sends the domain's event channel. */
  constructor(private readonly page: GuestPage, private readonly notify: () => void) {
    const { bytes } = page;
    this.#words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
    this.#requests = new ByteRing(page, REQUESTS, RING_BYTES, REQ_PROD, REQ_CONS);
    this.#responses = new ByteRing(page, RESPONSES, RING_BYTES, RSP_PROD, RSP_CONS);
    this.#put(SERVER_FEATURES, FEATURE_ERROR);
  }

  /**
   * Serves what the guest has put in and sends what waits for it; called on each event from the domain and when
   * the connection has output. A guest that breaks the ring is told so in the page's error field and left alone.
   */
  service(connection: Connection): void {
    // Serving a request makes output, whose listener calls here again: the outer call sends it.
    if (this.#broken || this.#serving) return;
    this.#serving = true;
    try {
      let moved = this.#drain(connection);
      while (!connection.stalled) {
        const bytes = this.#requests.read(this.#reader.room);
        this.#reader.push(bytes);
        let message = this.#reader.next();
        const busy = bytes.length > 0 || message !== undefined;
        for (; message; message = this.#reader.next()) connection.request(message);
        moved = this.#drain(connection) || busy || moved;
        if (!busy) break;
      }
      if (moved) this.notify();
    } catch (error) {
      if (error instanceof RingError) this.#break(ERROR_RING_INDEX);
      else if (error instanceof ProtocolError) this.#break(ERROR_PROTOCOL);
      else throw error;
    } finally {
      this.#serving = false;
    }
  }

  get broken(): boolean {
    return this.#broken;
  }

  #drain(connection: Connection): boolean {
    const bytes = connection.takeOutput(this.#responses.room);
    this.#responses.write(bytes);
    return bytes.length > 0;
  }

  #break(reason: number): void {
    this.#broken = true;
    this.#put(ERROR, reason);
    this.notify();
  }

  #put(offset: number, value: number): void {
    Atomics.store(this.#words, offset >> 2, value);
    this.page.written(offset, 4);
  }
}
