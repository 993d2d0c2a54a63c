import assert from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { encodeMessage, type Message, MessageReader, MessageType as T, toBytes, toText } from "./protocol.ts";
import { XenStoreService } from "./service.ts";
import { SocketInUseError, startXenStoreSocket } from "./socket.ts";
import { description, RingGuest } from "./testing.ts";

/** A client with the wire protocol on the socket. */
class SocketClient implements Disposable {
  readonly #reader = new MessageReader();
  readonly #buffer = new Uint8Array(4112);
  #lastRequest = 0;
  constructor(readonly socket: Deno.UnixConn) {}
  static async to(path: string): Promise<SocketClient> {
    return new SocketClient(await Deno.connect({ transport: "unix", path }));
  }
  async send(bytes: Uint8Array): Promise<void> {
    while (bytes.length > 0) bytes = bytes.subarray(await this.socket.write(bytes));
  }
  /** The next message; undefined once the server has hung up. */
  async next(): Promise<Message | undefined> {
    for (;;) {
      const message = this.#reader.next();
      if (message) return message;
      const count = await this.socket.read(this.#buffer.subarray(0, this.#reader.room)).catch(() => null);
      if (count === null) return undefined;
      this.#reader.push(this.#buffer.subarray(0, count));
    }
  }
  request(type: number, text: string): Uint8Array<ArrayBuffer> {
    const requestId = ++this.#lastRequest;
    return encodeMessage({ type, requestId, transactionId: 0, payload: toBytes(text) });
  }
  async ask(type: number, text: string): Promise<string> {
    await this.send(this.request(type, text));
    const reply = await this.next();
    assert.ok(reply, "the server hung up");
    return reply.type === T.ERROR ? `error ${toText(reply.payload)}` : toText(reply.payload);
  }
  [Symbol.dispose](): void {
    this.socket.close();
  }
}

function socketTest(
  name: string,
  run: (service: XenStoreService, path: string, lines: string[]) => Promise<void>,
): void {
  Deno.test(name, async () => {
    const folder = await Deno.makeTempDir();
    const lines: string[] = [];
    const service = new XenStoreService({ log: (line) => lines.push(line) });
    const path = join(folder, "xenstore");
    const server = await startXenStoreSocket(service, path);
    try {
      await run(service, path, lines);
    } finally {
      await server.close();
      await Deno.remove(folder, { recursive: true });
    }
    // Connections whose other end has gone are closed by then.
    await sleep(10);
    assert.equal(server.clients, 0);
    assert.equal(service.store.watches.size, 0);
  });
}

socketTest(
  "clients on the socket have Domain-0's rights and see each other's changes",
  async (service, path) => {
    using one = await SocketClient.to(path);
    using two = await SocketClient.to(path);
    assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
    assert.equal(await one.ask(T.WRITE, "/a\0value"), "OK\0");
    assert.equal(await two.ask(T.READ, "/a\0"), "value");
    assert.equal(await two.ask(T.WATCH, "/a\0token\0"), "OK\0");
    assert.equal((await two.next())?.type, T.WATCH_EVENT);
    service.write("/a/b", "x");
    const event = await two.next();
    assert.equal(event?.type, T.WATCH_EVENT);
    assert.equal(toText(event.payload), "/a/b\0token\0");
    assert.equal(await one.ask(T.GET_PERMS, "/a\0"), "n0\0");
    // A transaction ends with its client.
    const id = await one.ask(T.TRANSACTION_START, "\0");
    assert.match(id, /^\d+\0$/);
  },
);

socketTest("a message may come byte by byte, and many may come at once", async (_service, path) => {
  using client = await SocketClient.to(path);
  for (const byte of client.request(T.MKDIR, "/slow\0")) {
    await client.send(Uint8Array.of(byte));
    await sleep(1);
  }
  assert.equal(toText((await client.next())!.payload), "OK\0");
  const requests = Array.from({ length: 500 }, (_, i) => client.request(T.WRITE, `/many/${i}\0${i}`));
  const all = new Uint8Array(requests.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const each of requests) {
    all.set(each, at);
    at += each.length;
  }
  const sending = client.send(all);
  for (let i = 0; i < 500; i++) assert.equal(toText((await client.next())!.payload), "OK\0");
  await sending;
  assert.equal(await client.ask(T.READ, "/many/499\0"), "499");
});

socketTest("a client may end its half and read what it asked for", async (_service, path) => {
  using client = await SocketClient.to(path);
  await client.send(client.request(T.READ, "/local/domain/0/name\0"));
  client.socket.closeWrite();
  assert.equal(toText((await client.next())!.payload), "Domain-0");
  assert.equal(await client.next(), undefined);
});

socketTest("a message that says it is too long ends its client, no other", async (_service, path, lines) => {
  using good = await SocketClient.to(path);
  using bad = await SocketClient.to(path);
  const header = bad.request(T.READ, "");
  new DataView(header.buffer).setUint32(12, 4097, true);
  await bad.send(header);
  assert.equal(await bad.next(), undefined);
  assert.equal(await good.ask(T.READ, "/local/domain/0/name\0"), "Domain-0");
  assert.match(lines.join("\n"), /a message of 4097 bytes/);
});

socketTest(
  "a client that stops reading stalls nobody, and is dropped before it fills memory",
  async (service, path, lines) => {
    using deaf = await SocketClient.to(path);
    using good = await SocketClient.to(path);
    assert.equal(await deaf.ask(T.WATCH, `/\0${"t".repeat(3500)}\0`), "OK\0");
    // It asks and asks as well: its requests must wait.
    const asking = (async () => {
      for (;;) await deaf.send(deaf.request(T.READ, "/\0"));
    })().catch(() => {});
    const slowest = { ms: 0 };
    for (let i = 0; i < 6000; i++) {
      service.write(`/fill/${i % 3000}/${i}`, "x");
      if (i % 200 !== 0) continue;
      const start = performance.now();
      assert.equal(await good.ask(T.READ, "/local/domain/0/name\0"), "Domain-0");
      slowest.ms = Math.max(slowest.ms, performance.now() - start);
    }
    assert.ok(slowest.ms < 1500, `a reply took ${slowest.ms} ms`);
    await asking;
    assert.match(lines.join("\n"), /does not read its events; it is dropped/);
    assert.equal(service.store.watches.size, 0);
  },
);

socketTest("10,000 random messages of hostile clients crash nothing", async (service, path) => {
  service.introduce(description(1), new RingGuest().page, () => {});
  let seed = 20261121;
  const random = (below: number) => {
    seed = Math.imul(seed ^ (seed >>> 15), 0x2c1b3c6d) + 0x9e3779b9 | 0;
    return ((seed ^ (seed >>> 13)) >>> 0) % below;
  };
  let replies = 0;
  using good = await SocketClient.to(path);
  for (let round = 0; round < 50; round++) {
    using client = await SocketClient.to(path);
    const drain = (async () => {
      while (await client.next()) replies++;
    })();
    try {
      for (let i = 0; i < 200; i++) {
        const payload = Uint8Array.from(
          { length: random(60) },
          () => random(3) ? 97 + random(5) : random(256),
        );
        const [type, transactionId] = [random(30), random(4)];
        const bytes = encodeMessage({ type, requestId: i, transactionId, payload });
        // One in 400 lies about its length, which ends the connection or swallows what follows.
        if (random(400) === 0) {
          new DataView(bytes.buffer).setUint32(12, random(2) ? random(8192) : random(0xffffffff), true);
        }
        await client.send(bytes.subarray(0, random(400) === 0 ? random(bytes.length) : bytes.length));
      }
      client.socket.closeWrite();
    } catch (error) {
      // The server may hang up at any time.
      assert.ok(
        error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.NotConnected,
        `${error}`,
      );
    }
    await drain;
    assert.equal(await good.ask(T.GET_DOMAIN_PATH, "1\0"), "/local/domain/1\0");
  }
  assert.ok(replies > 4000, `${replies} were answered`);
});

Deno.test("a stale socket file is replaced; one in use and what is no socket are left", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "xenstore");
    // What a killed process leaves behind.
    const code = `Deno.listen({ transport: "unix", path: ${JSON.stringify(path)} }); Deno.exit(0)`;
    await new Deno.Command(Deno.execPath(), { args: ["eval", code] }).output();
    assert.ok(Deno.lstatSync(path).isSocket);
    const service = new XenStoreService();
    const server = await startXenStoreSocket(service, path);
    await assert.rejects(startXenStoreSocket(service, path), SocketInUseError);
    {
      using client = await SocketClient.to(path);
      assert.equal(await client.ask(T.READ, "/local/domain/0/name\0"), "Domain-0");
    }
    server.close();
    await server.close();
    assert.throws(() => Deno.lstatSync(path), Deno.errors.NotFound);
    await Deno.writeTextFile(path, "precious");
    await assert.rejects(startXenStoreSocket(service, path), Deno.errors.AlreadyExists);
    assert.equal(await Deno.readTextFile(path), "precious");
    await assert.rejects(startXenStoreSocket(service, join(folder, "none/xenstore")));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
