/** gdb's port of a domain, on 127.0.0.1: one gdb at a time; the domain stops when it comes and goes on when it leaves. */
import { Debugger } from "../../hypervisor/debug/mod.ts";
import type { HostDomain } from "../../hypervisor/host_domain.ts";
import { GdbSession } from "./session.ts";

export interface GdbServerOptions {
  readonly domain: HostDomain;
  /** 0, the default: a free one. */
  readonly port?: number;
  /** Stops the domain at once, not when gdb comes. */
  readonly pause?: boolean;
  /** What gdb's `kill` does. */
  kill(): void | Promise<void>;
  /** What went wrong, for the log. */
  readonly log?: (line: string) => void;
}

const LOOPBACK = "127.0.0.1";
/** Replies that gdb does not take; more ends the connection. */
const MOST_WAITING = 1 << 20;

export class GdbServer implements AsyncDisposable {
  readonly #listener: Deno.TcpListener;
  #connection: Deno.TcpConn | undefined;
  #waiting: Debugger | undefined;
  readonly #accepting: Promise<void>;

  private constructor(private readonly options: GdbServerOptions) {
    this.#listener = Deno.listen({ hostname: LOOPBACK, port: options.port ?? 0 });
    this.#accepting = this.#accept();
    // A gdb that is there is told of the end, and its connection is closed then.
    options.domain.ended.then(() => closeQuietly(this.#listener));
  }

  /** @throws Deno.errors.AddrInUse; Error when the domain is being debugged already */
  static async listen(options: GdbServerOptions): Promise<GdbServer> {
    const server = new GdbServer(options);
    if (options.pause === true) {
      try {
        server.#waiting = Debugger.attach(options.domain);
        await server.#waiting.stop();
      } catch (error) {
        await server.close();
        throw error;
      }
    }
    return server;
  }

  /** host:port, as `target remote` takes it. */
  get address(): string {
    return `${LOOPBACK}:${this.#listener.addr.port}`;
  }

  async #accept(): Promise<void> {
    for await (const connection of this.#listener) {
      if (this.#connection !== undefined) {
        connection.close();
        continue;
      }
      this.#connection = connection;
      this.#serve(connection)
        .catch((error) => this.options.log?.(`gdb on domain ${this.options.domain.domid}: ${error}`))
        .finally(() => this.#connection = undefined);
    }
  }

  async #serve(connection: Deno.TcpConn): Promise<void> {
    const { domain, kill } = this.options;
    const debugging = this.#waiting ?? Debugger.attach(domain);
    this.#waiting = undefined;
    let isKilled = false, isClosed = false, waiting = 0;
    let written: Promise<unknown> = Promise.resolve();
    const close = () => {
      if (!isClosed) closeQuietly(connection);
      isClosed = true;
    };
    try {
      await debugging.stop();
      connection.setNoDelay(true);
      const session = new GdbSession({
        debugger: debugging,
        send: (bytes) => {
          waiting += bytes.length;
          if (waiting > MOST_WAITING) return close();
          written = written.then(async () => {
            for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await connection.write(rest));
            waiting -= bytes.length;
          }).catch(close);
        },
        kill: () => {
          isKilled = true;
        },
      });
      const ended = domain.ended.then(async (end) => {
        session.ended(end);
        await written;
        close();
      });
      const buffer = new Uint8Array(65536);
      while (!session.isOver) {
        const count = await connection.read(buffer).catch(() => null);
        if (count === null) break;
        await session.receive(buffer.subarray(0, count));
      }
      await written;
      if (domain.end !== undefined) await ended;
    } finally {
      await debugging.detach();
      close();
    }
    if (isKilled) await kill();
  }

  /** No gdb any more; the domain goes on. */
  async close(): Promise<void> {
    closeQuietly(this.#listener);
    if (this.#connection !== undefined) closeQuietly(this.#connection);
    await this.#waiting?.detach();
    this.#waiting = undefined;
    await this.#accepting;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** The domain's end and a gdb that leaves may both close it. */
function closeQuietly(resource: { close(): void }): void {
  try {
    resource.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
