import { setTimeout as sleep } from "node:timers/promises";
import type { Connection } from "./connection.ts";
import { HEADER_BYTES, MessageReader, PAYLOAD_MAX, ProtocolError } from "./protocol.ts";
import type { XenStoreService } from "./service.ts";

/** Bytes taken from a connection's output for one write. */
const CHUNK = 64 << 10;

const ACCEPT_AGAIN_MS = 200;

/** A XenStore server on a unix socket. */
export interface XenStoreSocket {
  readonly path: string;
  /** Clients that are connected now. */
  readonly clients: number;
  /** Ends all clients' connections; the socket file is gone when the promise resolves, and another may take its place. */
  close(): Promise<void>;
}

/** Another process serves this socket. */
export class SocketInUseError extends Error {
  override readonly name = "SocketInUseError";
}

/**
 * Serves the store with its wire protocol on a unix socket, as xenstored does: every client has Domain-0's rights, so the file is for its owner
 * alone (mode 0600). A socket file that nobody listens on is replaced. Throws SocketInUseError where somebody does, and Deno's errors
 * where the file cannot be made. A client that breaks the protocol or lets 16 MiB of events wait is dropped; one that does not read its replies has its
 * further requests wait; neither concerns the others.
 *
 *     XENSTORED_PATH=PATH xenstore-ls
 */
export async function startXenStoreSocket(service: XenStoreService, path: string): Promise<XenStoreSocket> {
  await removeStale(path);
  const listener = listenPrivately(path);
  const clients = new Set<Client>();
  let closed = false;
  const accept = async () => {
    while (!closed) {
      try {
        const client = new Client(service, await listener.accept());
        clients.add(client);
        client.run().finally(() => clients.delete(client));
      } catch (error) {
        if (closed) return;
        // Too many open files, say: those who are connected are served, and others once there is room.
        service.log(`a client on the socket is not let in: ${error}`);
        await sleep(ACCEPT_AGAIN_MS);
      }
    }
  };
  const accepting = accept();
  return {
    path,
    get clients() {
      return clients.size;
    },
    async close() {
      if (!closed) listener.close();
      closed = true;
      for (const client of clients) client.close();
      // Deno removes the file once nobody waits for clients any more.
      await accepting;
    },
  };
}

/** The file is made with its mode, so that nobody can connect before a chmod. */
function listenPrivately(path: string): Deno.Listener<Deno.UnixConn> {
  const before = Deno.umask(0o177);
  try {
    return Deno.listen({ transport: "unix", path });
  } finally {
    Deno.umask(before);
  }
}

async function removeStale(path: string): Promise<void> {
  try {
    if (!Deno.lstatSync(path).isSocket) throw new Deno.errors.AlreadyExists(`${path} is no socket`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  try {
    (await Deno.connect({ transport: "unix", path })).close();
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
    Deno.removeSync(path);
    return;
  }
  throw new SocketInUseError(`${path}: another process serves this socket`);
}

/** What the operating system says when a client has gone, and what Deno says of a socket that we closed. */
const GONE = [
  Deno.errors.BrokenPipe,
  Deno.errors.ConnectionReset,
  Deno.errors.ConnectionAborted,
  Deno.errors.NotConnected,
  Deno.errors.BadResource,
  Deno.errors.Interrupted,
];

/** One client: requests are read and answered in order; what waits for it is written as fast as it reads. */
class Client {
  readonly #connection: Connection;
  readonly #reader = new MessageReader();
  #closed = false;
  #writing = false;
  /** Goes on reading once the client has read enough. */
  #resume: (() => void) | undefined;

  constructor(private readonly service: XenStoreService, private readonly socket: Deno.UnixConn) {
    this.#connection = service.connect(() => this.#output());
  }

  async run(): Promise<void> {
    try {
      await this.#serve();
    } catch (error) {
      this.#failed(error);
    }
    this.close();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connection.close();
    this.socket.close();
    this.#resume?.();
  }

  async #serve(): Promise<void> {
    const buffer = new Uint8Array(HEADER_BYTES + PAYLOAD_MAX);
    while (!this.#closed) {
      const count = await this.socket.read(buffer.subarray(0, this.#reader.room));
      if (count === null) return await this.#finish();
      this.#reader.push(buffer.subarray(0, count));
      for (let message = this.#reader.next(); message; message = this.#reader.next()) {
        this.#connection.request(message);
        while (this.#connection.stalled && !this.#closed) await this.#written();
        if (this.#closed) return;
      }
    }
  }

  /** A client may end its half and still read what it asked for. */
  async #finish(): Promise<void> {
    this.#connection.reset();
    while (this.#writing && !this.#closed) await this.#written();
  }

  #written(): Promise<void> {
    return new Promise((resolve) => this.#resume = resolve);
  }

  #output(): void {
    if (this.#connection.overflowed) {
      this.service.log(`a client on the socket does not read its events; it is dropped`);
      // Whoever made the event is still at work: the client goes after it.
      queueMicrotask(() => this.close());
    } else if (!this.#writing) {
      this.#writing = true;
      // Later in this turn, so that a reply and the events behind it go in one write.
      queueMicrotask(() => this.#write().catch((error) => (this.#failed(error), this.close())));
    }
  }

  async #write(): Promise<void> {
    for (;;) {
      let bytes = this.#connection.takeOutput(CHUNK);
      if (bytes.length === 0 || this.#closed) break;
      while (bytes.length > 0) bytes = bytes.subarray(await this.socket.write(bytes));
      this.#resume?.();
    }
    this.#writing = false;
    this.#resume?.();
  }

  /** A client that went or broke the protocol concerns nobody else; anything else is a fault of ours and is logged. */
  #failed(error: unknown): void {
    if (this.#closed || GONE.some((kind) => error instanceof kind)) return;
    const text = error instanceof ProtocolError
      ? error.message
      : error instanceof Error
      ? error.stack
      : error;
    this.service.log(`a client on the socket is dropped: ${text}`);
  }
}
