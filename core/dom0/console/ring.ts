import { ByteRing, type GuestPage, RingError } from "../byte_ring.ts";

/** `struct xencons_interface` of xen/io/console.h, offsets in bytes: in[1024], out[2048], then the indexes. */
const IN_BYTES = 1024, OUT_BYTES = 2048;
const IN_CONS = 3072, IN_PROD = 3076, OUT_CONS = 3080, OUT_PROD = 3084;

/**
 * Domain-0's end of a domain's console ring. Output is always taken at once, whoever looks at it: a simple guest
 * spins until there is room. Input waits here until the guest has room for it.
 */
export class ConsoleRing {
  readonly #in: ByteRing;
  readonly #out: ByteRing;
  #waiting: Uint8Array[] = [];
  #broken = false;

  /** `page` is the ring's frame in the domain's memory; `notify` sends the domain's event channel. */
  constructor(
    page: GuestPage,
    private readonly notify: () => void,
    private readonly onOutput: (bytes: Uint8Array) => void,
  ) {
    this.#in = new ByteRing(page, 0, IN_BYTES, IN_PROD, IN_CONS);
    this.#out = new ByteRing(page, IN_BYTES, OUT_BYTES, OUT_PROD, OUT_CONS);
  }

  /** Whether the guest broke the ring's indexes; the console is dead then, as xenconsoled has it. */
  get broken(): boolean {
    return this.#broken;
  }

  /** Bytes of input that the guest has not yet had room for. */
  get waitingBytes(): number {
    return this.#waiting.reduce((sum, piece) => sum + piece.length, 0);
  }

  /** Queues input for the guest; all of it arrives, in order. */
  input(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#waiting.push(bytes.slice());
    this.service();
  }

  /** Called on each event from the domain. */
  service(): void {
    if (this.#broken) return;
    try {
      const output = this.#out.read(OUT_BYTES);
      const moved = this.#fill();
      if (output.length > 0 || moved) this.notify();
      if (output.length > 0) this.onOutput(output);
    } catch (error) {
      if (!(error instanceof RingError)) throw error;
      this.#broken = true;
    }
  }

  #fill(): boolean {
    let moved = false;
    while (this.#waiting.length > 0) {
      const piece = this.#waiting[0];
      const count = this.#in.write(piece);
      moved ||= count > 0;
      if (count < piece.length) {
        this.#waiting[0] = piece.subarray(count);
        break;
      }
      this.#waiting.shift();
    }
    return moved;
  }
}
