import assert from "node:assert/strict";
import { Connection } from "./connection.ts";
import { encodeMessage, MessageType as T } from "./protocol.ts";
import { XenStoreRing } from "./ring.ts";
import { XenStoreService } from "./service.ts";
import { Store } from "./store.ts";
import { Client, description, guestStore, nobody, ringCall, RingGuest } from "./testing.ts";

Deno.test("read, write, directory, remove", () => {
  const { dom0 } = guestStore();
  assert.equal(dom0.ask(T.WRITE, "/a/b/c\0value"), "OK\0");
  assert.equal(dom0.ask(T.READ, "/a/b/c\0"), "value");
  assert.equal(dom0.ask(T.DIRECTORY, "/a\0"), "b\0");
  assert.equal(dom0.ask(T.READ, "/a/x\0"), "error ENOENT\0");
  assert.equal(dom0.ask(T.RM, "/a/x\0"), "OK\0");
  assert.equal(dom0.ask(T.RM, "/x/y\0"), "error ENOENT\0");
  assert.equal(dom0.ask(T.RM, "/a\0"), "OK\0");
  assert.equal(dom0.ask(T.READ, "/a/b/c\0"), "error ENOENT\0");
  for (const bad of ["a b\0", "/a//b\0", "/a/\0", "\0", "/a", ""]) {
    assert.equal(dom0.ask(T.READ, bad), "error EINVAL\0", JSON.stringify(bad));
  }
  assert.equal(dom0.ask(99, "\0"), "error ENOSYS\0");
});

Deno.test("a guest reads and writes what its permissions allow, relative paths included", () => {
  const { dom0, guest } = guestStore();
  assert.equal(guest.ask(T.WRITE, "data/x\0" + "1"), "OK\0");
  assert.equal(dom0.ask(T.READ, "/local/domain/1/data/x\0"), "1");
  assert.equal(guest.ask(T.GET_PERMS, "data/x\0"), "n1\0");
  dom0.ask(T.WRITE, "/secret\0s");
  assert.equal(guest.ask(T.READ, "/secret\0"), "error EACCES\0");
  assert.equal(guest.ask(T.READ, "/nothing\0"), "error EACCES\0");
  assert.equal(guest.ask(T.WRITE, "/secret\0t"), "error EACCES\0");
  dom0.ask(T.SET_PERMS, "/secret\0n0\0r1\0");
  assert.equal(guest.ask(T.READ, "/secret\0"), "s");
  assert.equal(guest.ask(T.RM, "/secret\0"), "error EACCES\0");
  assert.equal(guest.ask(T.SET_PERMS, "data/x\0n0\0"), "error EPERM\0");
  assert.equal(guest.ask(T.INTRODUCE, "2\0" + "3\0" + "4\0"), "error EACCES\0");
});

Deno.test("watches fire once at once, then for changes at and below their path", () => {
  const { dom0, guest } = guestStore();
  assert.equal(guest.ask(T.WATCH, "data\0tok\0"), "OK\0");
  assert.deepEqual(guest.takeLate(), ["data\0tok\0"]);
  dom0.ask(T.WRITE, "/local/domain/1/data/y\0" + "2");
  assert.deepEqual(guest.takeLate(), ["data/y\0tok\0"]);
  dom0.ask(T.WRITE, "/local/domain/1/database\0" + "2");
  assert.deepEqual(guest.takeLate(), []);
  dom0.ask(T.RM, "/local/domain/1\0");
  assert.deepEqual(guest.takeLate(), ["data\0tok\0"]);
  assert.equal(guest.ask(T.WATCH, "data\0tok\0"), "error EEXIST\0");
  assert.equal(guest.ask(T.UNWATCH, "data\0tok\0"), "OK\0");
  assert.equal(guest.ask(T.UNWATCH, "data\0tok\0"), "error ENOENT\0");
});

Deno.test("a transaction commits whole, and gives EAGAIN only when what it saw has changed", () => {
  const { store, dom0 } = guestStore();
  const other = new Client(store, 0);
  dom0.ask(T.WRITE, "/n\0" + "1");
  const begin = () => Number(dom0.ask(T.TRANSACTION_START, "\0").replace("\0", ""));
  let tx = begin();
  assert.equal(dom0.ask(T.READ, "/n\0", tx), "1");
  dom0.ask(T.WRITE, "/n\0" + "2", tx);
  assert.equal(other.ask(T.READ, "/n\0"), "1");
  other.ask(T.WRITE, "/elsewhere/deep\0" + "9");
  assert.equal(dom0.ask(T.TRANSACTION_END, "T\0", tx), "OK\0");
  assert.equal(other.ask(T.READ, "/n\0"), "2");
  tx = begin();
  dom0.ask(T.READ, "/n\0", tx);
  dom0.ask(T.WRITE, "/m\0" + "2", tx);
  other.ask(T.WRITE, "/n\0" + "3");
  assert.equal(dom0.ask(T.TRANSACTION_END, "T\0", tx), "error EAGAIN\0");
  assert.equal(other.ask(T.READ, "/m\0"), "error ENOENT\0");
  tx = begin();
  dom0.ask(T.RM, "/elsewhere\0", tx);
  assert.equal(dom0.ask(T.READ, "/elsewhere/deep\0", tx), "error ENOENT\0");
  assert.equal(dom0.ask(T.TRANSACTION_END, "T\0", tx), "OK\0");
  assert.equal(dom0.ask(T.TRANSACTION_END, "T\0", tx), "error ENOENT\0");
});

Deno.test("an unprivileged domain meets its quotas; Domain-0 does not", () => {
  const { guest, dom0 } = guestStore();
  assert.equal(guest.ask(T.WRITE, "big\0" + "x".repeat(2049)), "error ENOSPC\0");
  let made = 0;
  while (guest.ask(T.WRITE, `${made % 10}/n${made}\0`) === "OK\0") made++;
  assert.equal(made, 989); // its home and ten directories are nodes too
  assert.equal(dom0.ask(T.WRITE, "/local/domain/1/more\0x"), "OK\0");
  let watches = 0;
  while (guest.ask(T.WATCH, `w${watches}\0t\0`) === "OK\0") watches++;
  assert.equal(watches, 128);
  let transactions = 0;
  while (!guest.ask(T.TRANSACTION_START, "\0").startsWith("error")) transactions++;
  assert.equal(transactions, 10);
});

Deno.test("a long directory comes in parts", () => {
  const { dom0 } = guestStore();
  const names = Array.from({ length: 700 }, (_, i) => `entry-${i}`);
  for (const name of names) dom0.ask(T.WRITE, `/long/${name}\0`);
  assert.equal(dom0.ask(T.DIRECTORY, "/long\0"), "error E2BIG\0");
  let text = "";
  for (;;) {
    const reply = dom0.ask(T.DIRECTORY_PART, `/long\0${text.length}\0`);
    const body = reply.slice(reply.indexOf("\0") + 1);
    const last = body.endsWith("\0\0") || body === "\0";
    text += last ? body.slice(0, -1) : body;
    if (last) break;
  }
  assert.deepEqual(text.slice(0, -1).split("\0"), names);
});

Deno.test("requests and replies larger than the ring pass over it in pieces", () => {
  const service = new XenStoreService();
  const guest = new RingGuest();
  let events = 0;
  const end = service.introduce(description(3, { name: "g" }), guest.page, () => void events++);
  const call = (type: number, text: string) => ringCall(guest, () => end.service(), type, text)[1];
  assert.equal(call(T.READ, "name\0"), "g");
  const long = "v".repeat(2000);
  assert.equal(call(T.WRITE, `data/long\0${long}`), "OK\0");
  assert.equal(call(T.READ, "data/long\0"), long);
  assert.equal(call(T.READ, "store/port\0"), "1");
  assert.equal(call(T.WRITE, "name\0other"), "error EACCES\0".replace("error ", ""));
  assert.ok(events > 4);

  guest.words[513] += 5000;
  end.service();
  assert.equal(guest.words[518], 2, "the ring's error field");
  service.release(3);
  assert.equal(new Client(service.store, 0).ask(T.DIRECTORY, "/local/domain\0"), "0\0");
});

Deno.test("a message over 4096 bytes ends the guest's connection", () => {
  const guest = new RingGuest();
  const store = new Store();
  const ring = new XenStoreRing(guest.page, () => {});
  const connection = new Connection(store, 1, nobody, () => ring.service(connection));
  const header = encodeMessage({ type: T.READ, requestId: 1, transactionId: 0, payload: new Uint8Array(0) });
  new DataView(header.buffer).setUint32(12, 4097, true);
  guest.put(header);
  ring.service(connection);
  assert.ok(ring.broken);
  assert.equal(guest.words[518], 3);
});
