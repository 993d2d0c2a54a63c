import { ByteRing, type GuestPage, RingError } from "../byte_ring.ts";
import type { Connection } from "./connection.ts";
import { MessageReader, ProtocolError, SERVER_FEATURES } from "./protocol.ts";

/** `struct xenstore_domain_interface` of xen/io/xs_wire.h, offsets in bytes. */
const RING_BYTES = 1024;
const REQUESTS = 0;
const RESPONSES = 1024;
const REQ_CONS = 2048, REQ_PROD = 2052, RSP_CONS = 2056, RSP_PROD = 2060;
const FEATURES = 2064, CONNECTION = 2068, ERROR = 2072;
const CONNECTED = 0, RECONNECT = 1;
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
    this.#put(FEATURES, SERVER_FEATURES);
  }

  /**
   * Serves what the guest has put in and sends what waits for it; called on each event from the domain and when
   * the connection has output. A guest that breaks the ring is told so in the page's error field and left alone.
   */
  service(connection: Connection): void {
    // Serving a request makes output, whose listener calls here again: the outer call sends it.
    if (this.#serving) return;
    this.#serving = true;
    try {
      if (Atomics.load(this.#words, CONNECTION >> 2) === RECONNECT) this.#restart(connection);
      if (this.#broken) return;
      let moved = this.#drain(connection);
      while (!connection.stalled) {
        const bytes = this.#requests.read(this.#reader.room);
        this.#reader.push(bytes);
        const message = this.#reader.next();
        if (message) connection.request(message);
        moved = this.#drain(connection) || bytes.length > 0 || moved;
        if (bytes.length === 0 && !message) break;
      }
      if (moved) this.notify();
    } catch (error) {
      if (error instanceof RingError) this.#break(connection, ERROR_RING_INDEX);
      else if (error instanceof ProtocolError) this.#break(connection, ERROR_PROTOCOL);
      else throw error;
    } finally {
      this.#serving = false;
    }
  }

  get broken(): boolean {
    return this.#broken;
  }

  /** Starts anew with empty rings, as when the guest asks for it by RECONNECT or the toolstack by INTRODUCE. */
  reset(connection: Connection): void {
    connection.reset();
    connection.clearOutput();
    this.#reader.clear();
    for (const index of [REQ_CONS, REQ_PROD, RSP_CONS, RSP_PROD]) this.#put(index, 0);
    this.#put(ERROR, 0);
    this.#broken = false;
  }

  #restart(connection: Connection): void {
    this.reset(connection);
    this.#put(CONNECTION, CONNECTED);
    this.notify();
  }

  #drain(connection: Connection): boolean {
    const bytes = connection.takeOutput(this.#responses.room);
    this.#responses.write(bytes);
    return bytes.length > 0;
  }

  #break(connection: Connection, reason: number): void {
    this.#broken = true;
    connection.reset();
    connection.clearOutput();
    this.#put(ERROR, reason);
    this.notify();
  }

  #put(offset: number, value: number): void {
    Atomics.store(this.#words, offset >> 2, value);
    this.page.written(offset, 4);
  }
}
