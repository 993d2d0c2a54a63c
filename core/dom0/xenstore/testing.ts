/** Clients of the store for tests: on a connection, and at a guest's end of the ring. */
import assert from "node:assert/strict";
import { Connection, type DomainControl } from "./connection.ts";
import type { DomainDescription } from "./domain_tree.ts";
import { encodeMessage, MessageReader, MessageType as T, toBytes, toText } from "./protocol.ts";
import { Store } from "./store.ts";

/** Domain control where there are no domains. */
export const nobody: DomainControl = {
  introduce: () => {},
  release: () => {},
  resume: () => {},
  setTarget: () => {},
  isIntroduced: () => false,
  log: () => {},
  tracing: false,
};

/** A client that sends one request and reads its reply and the events behind it. */
export class Client {
  readonly connection: Connection;
  #requestId = 0;
  constructor(store: Store, domid: number, connection?: Connection) {
    this.connection = connection ?? new Connection(store, domid, nobody, () => {});
  }
  ask(type: number, text: string, transactionId = 0): string {
    const requestId = ++this.#requestId;
    this.connection.request({ type, requestId, transactionId, payload: toBytes(text) });
    const replies = this.events();
    const reply = replies.find((r) => r.requestId === requestId);
    this.late.push(...replies.filter((r) => r !== reply).map((r) => r.text));
    assert.ok(reply);
    return reply.type === T.ERROR ? `error ${reply.text}` : reply.text;
  }
  late: string[] = [];
  events() {
    const reader = new MessageReader();
    const found: { type: number; requestId: number; text: string }[] = [];
    for (;;) {
      const bytes = this.connection.takeOutput(reader.room);
      if (bytes.length === 0) return found;
      reader.push(bytes);
      for (let m = reader.next(); m; m = reader.next()) {
        found.push({ type: m.type, requestId: m.requestId, text: toText(m.payload) });
      }
    }
  }
  takeLate(): string[] {
    const all = [...this.late, ...this.events().map((e) => e.text)];
    this.late = [];
    return all;
  }
}

/** A store with Domain-0's client and that of domain 1, which owns its home. */
export function guestStore(): { store: Store; dom0: Client; guest: Client } {
  const store = new Store();
  const dom0 = new Client(store, 0);
  dom0.ask(T.MKDIR, "/local/domain/1\0");
  dom0.ask(T.SET_PERMS, "/local/domain/1\0n1\0");
  return { store, dom0, guest: new Client(store, 1) };
}

/** A guest's end of the ring, as xenbus drivers do it. */
export class RingGuest {
  readonly #bytes = new Uint8Array(new SharedArrayBuffer(4096));
  readonly page = { bytes: this.#bytes, written: () => {} };
  readonly words = new Int32Array(this.#bytes.buffer);
  put(bytes: Uint8Array): number {
    let i = 0;
    while (i < bytes.length && this.words[513] - this.words[512] < 1024) {
      this.#bytes[this.words[513]++ & 1023] = bytes[i++];
    }
    return i;
  }
  take(): Uint8Array {
    const bytes: number[] = [];
    while (this.words[514] !== this.words[515] && bytes.length < 1024) {
      bytes.push(this.#bytes[1024 + (this.words[514]++ & 1023)]);
    }
    return Uint8Array.from(bytes);
  }
}

/** A small PV domain. */
export function description(domid: number, more: Partial<DomainDescription> = {}): DomainDescription {
  return {
    domid,
    name: `guest${domid}`,
    uuid: `00000000-0000-0000-0000-${String(domid).padStart(12, "0")}`,
    memoryKiB: 262144,
    maxMemoryKiB: 262144,
    vcpus: 2,
    store: { port: 1, frame: 739841 },
    console: { port: 2, frame: 739842, tty: "/dev/pts/0" },
    image: { kernel: "/g/vmlinuz", ramdisk: "/g/initrd.gz", commandLine: "console=hvc0" },
    startTime: 1795236908.25,
    ...more,
  };
}

/** Sends a request over a ring and gives the reply's type and text. */
export function ringCall(guest: RingGuest, serve: () => void, type: number, text: string): [number, string] {
  let request = encodeMessage({ type, requestId: 7, transactionId: 0, payload: toBytes(text) });
  const reader = new MessageReader();
  for (let turns = 0; turns < 100; turns++) {
    request = request.subarray(guest.put(request));
    serve();
    reader.push(guest.take());
    for (let reply = reader.next(); reply; reply = reader.next()) {
      if (reply.type !== T.WATCH_EVENT) return [reply.type, toText(reply.payload)];
    }
  }
  throw new Error("no reply");
}
