import assert from "node:assert/strict";
import { MessageType as T } from "./protocol.ts";
import { Store } from "./store.ts";
import { Client, guestStore } from "./testing.ts";

const OK = "OK\0";
const error = (code: string) => `error ${code}\0`;

function begin(client: Client): number {
  return Number(client.ask(T.TRANSACTION_START, "\0").replace("\0", ""));
}

Deno.test("a payload that is not what the operation takes is EINVAL, an operation that is none ENOSYS", () => {
  const { dom0 } = guestStore();
  const sole = [T.READ, T.DIRECTORY, T.GET_PERMS, T.MKDIR, T.RM, T.GET_DOMAIN_PATH, T.RELEASE, T.RESUME];
  for (const type of sole) {
    for (const payload of ["", "/local", "/local\0/tool\0", "/local\0x"]) {
      assert.equal(dom0.ask(type, payload), error("EINVAL"), `${type} ${JSON.stringify(payload)}`);
    }
  }
  for (const type of [T.SET_PERMS, T.WATCH, T.UNWATCH, T.INTRODUCE, T.SET_TARGET, T.DIRECTORY_PART]) {
    assert.equal(dom0.ask(type, "/local\0"), error("EINVAL"), `${type}`);
  }
  for (const bad of ["x0", "r", "r1x", "", "r99999"]) {
    assert.equal(dom0.ask(T.SET_PERMS, `/local\0${bad}\0`), error("EINVAL"), bad);
  }
  for (const payload of ["x\0", "T", "T\0F\0"]) {
    const id = begin(dom0);
    assert.equal(dom0.ask(T.TRANSACTION_END, payload, id), error("EINVAL"));
    assert.equal(dom0.ask(T.TRANSACTION_END, "F\0", id), OK);
  }
  for (const type of [T.WATCH_EVENT, T.ERROR, 20, 27, 0xffff, 0xffffffff]) {
    assert.equal(dom0.ask(type, "/local\0"), error("ENOSYS"));
  }
  assert.equal(dom0.ask(T.WRITE, "/local\0"), OK, "an empty value");
  assert.equal(dom0.ask(T.WRITE, `/${"a".repeat(3072)}\0x`), error("EINVAL"));
  assert.equal(dom0.ask(T.GET_DOMAIN_PATH, "007\0"), "/local/domain/7\0");
});

Deno.test("values are bytes: any of them, up to a whole message", () => {
  const { dom0 } = guestStore();
  const all = String.fromCharCode(...Array(256).keys());
  assert.equal(dom0.ask(T.WRITE, `/v\0${all}`), OK);
  assert.equal(dom0.ask(T.READ, "/v\0"), all);
  const long = "x".repeat(4096 - 3);
  assert.equal(dom0.ask(T.WRITE, `/v\0${long}`), OK);
  assert.equal(dom0.ask(T.READ, "/v\0"), long);
});

Deno.test("new nodes inherit permissions; what a guest makes is its own; only Domain-0 gives nodes away", () => {
  const { dom0, guest } = guestStore();
  dom0.ask(T.WRITE, "/shared\0");
  dom0.ask(T.SET_PERMS, "/shared\0r0\0b1\0");
  dom0.ask(T.WRITE, "/shared/theirs/deep\0v");
  assert.equal(dom0.ask(T.GET_PERMS, "/shared/theirs/deep\0"), "r0\0b1\0");
  assert.equal(guest.ask(T.WRITE, "/shared/mine\0v"), OK);
  assert.equal(guest.ask(T.GET_PERMS, "/shared/mine\0"), "r1\0b1\0");
  assert.equal(guest.ask(T.SET_PERMS, "/shared/mine\0n1\0w2\0"), OK);
  assert.equal(guest.ask(T.SET_PERMS, "/shared/theirs\0n0\0"), error("EACCES"));
  assert.equal(guest.ask(T.SET_PERMS, "/shared/none\0n1\0"), error("ENOENT"));
  assert.equal(guest.ask(T.SET_PERMS, "/none\0n1\0"), error("EACCES"));
  assert.equal(guest.ask(T.SET_PERMS, "/shared/mine\0n1\0r2\0r3\0r4\0r5\0r6\0"), error("ENOSPC"));
  assert.equal(dom0.ask(T.SET_PERMS, "/shared/mine\0n2\0"), OK);
  assert.equal(guest.ask(T.READ, "/shared/mine\0"), error("EACCES"));
  const other = new Client(guestStore().store, 2);
  assert.equal(other.ask(T.WRITE, "/local/domain/1/x\0"), error("EACCES"));
});

Deno.test("write-only nodes can be written and not read, removal needs the right to write", () => {
  const { dom0, guest } = guestStore();
  dom0.ask(T.WRITE, "/in\0box");
  dom0.ask(T.SET_PERMS, "/in\0n0\0w1\0");
  assert.equal(guest.ask(T.READ, "/in\0"), error("EACCES"));
  assert.equal(guest.ask(T.GET_PERMS, "/in\0"), error("EACCES"));
  assert.equal(guest.ask(T.WRITE, "/in\0new"), OK);
  assert.equal(dom0.ask(T.READ, "/in\0"), "new");
  dom0.ask(T.SET_PERMS, "/in\0r0\0");
  assert.equal(guest.ask(T.MKDIR, "/in\0"), error("EACCES"));
  assert.equal(guest.ask(T.RM, "/in\0"), error("EACCES"));
  assert.equal(guest.ask(T.RM, "/in/none\0"), error("EACCES"));
  assert.equal(guest.ask(T.READ, "/in/none\0"), error("ENOENT"));
  assert.equal(guest.ask(T.RM, "/\0"), error("EACCES"));
  assert.equal(dom0.ask(T.RM, "/\0"), error("EINVAL"));
  assert.equal(guest.ask(T.RM, "data/none\0"), error("ENOENT"));
  assert.equal(guest.ask(T.RM, "none\0"), OK);
});

Deno.test("a domain that acts for another may do what that one may (SET_TARGET)", () => {
  const { store } = guestStore();
  const model = new Client(store, 5);
  assert.equal(model.ask(T.WRITE, "/local/domain/1/data\0x"), error("EACCES"));
  model.connection.actFor(1);
  assert.equal(model.ask(T.WRITE, "/local/domain/1/data\0x"), OK);
  assert.equal(model.ask(T.GET_PERMS, "/local/domain/1/data\0"), "n5\0");
  model.connection.actFor(undefined);
  assert.equal(model.ask(T.WRITE, "/local/domain/1/other\0x"), error("EACCES"));
});

Deno.test("a watch's depth limits how far below it changes count", () => {
  const { store, dom0 } = guestStore();
  const watcher = new Client(store, 0);
  assert.equal(watcher.ask(T.WATCH, "/d\0zero\0" + "0\0"), OK);
  assert.equal(watcher.ask(T.WATCH, "/d\0one\0" + "1\0"), OK);
  assert.equal(watcher.ask(T.WATCH, "/d\0all\0"), OK);
  for (const bad of ["-1", "x", ""]) {
    assert.equal(watcher.ask(T.WATCH, `/d\0t\0${bad}\0`), error("EINVAL"));
  }
  watcher.takeLate();
  dom0.ask(T.WRITE, "/d\0");
  assert.deepEqual(watcher.takeLate(), ["/d\0zero\0", "/d\0one\0", "/d\0all\0"]);
  dom0.ask(T.WRITE, "/d/e\0");
  assert.deepEqual(watcher.takeLate(), ["/d/e\0one\0", "/d/e\0all\0"]);
  dom0.ask(T.WRITE, "/d/e/f\0");
  assert.deepEqual(watcher.takeLate(), ["/d/e/f\0all\0"]);
});

Deno.test("the removal of a tree tells watches on what was in it, deepest first, and only those that may know", () => {
  const { store, dom0, guest } = guestStore();
  const watcher = new Client(store, 0);
  for (const path of ["/t", "/t/a", "/t/a/b", "/t/none"]) watcher.ask(T.WATCH, `${path}\0w\0`);
  guest.ask(T.WATCH, "/t\0g\0");
  dom0.ask(T.WRITE, "/t/a/b\0");
  watcher.takeLate();
  guest.takeLate();
  dom0.ask(T.RM, "/t\0");
  assert.deepEqual(watcher.takeLate(), ["/t/a/b\0w\0", "/t/a\0w\0", "/t\0w\0"]);
  assert.deepEqual(guest.takeLate(), [], "it may not read /t");
  dom0.ask(T.WRITE, "/t/a\0");
  dom0.ask(T.SET_PERMS, "/t\0r0\0");
  assert.deepEqual(guest.takeLate(), ["/t\0g\0"], "it may read it now");
  dom0.ask(T.SET_PERMS, "/t\0n0\0");
  assert.deepEqual(guest.takeLate(), ["/t\0g\0"], "it is told that it may not any more");
});

Deno.test("an event that waits already is not queued again; RESET_WATCHES ends watches and transactions", () => {
  const { dom0, guest } = guestStore();
  guest.ask(T.WATCH, "data\0w\0");
  guest.takeLate();
  for (let i = 0; i < 5; i++) dom0.ask(T.WRITE, `/local/domain/1/data\0${i}`);
  dom0.ask(T.WRITE, "/local/domain/1/data/x\0");
  dom0.ask(T.WRITE, "/local/domain/1/data\0last");
  assert.deepEqual(guest.takeLate(), ["data\0w\0", "data/x\0w\0"]);
  const id = begin(guest);
  assert.equal(guest.ask(T.RESET_WATCHES, "\0"), OK);
  assert.equal(guest.ask(T.TRANSACTION_END, "T\0", id), error("ENOENT"));
  dom0.ask(T.WRITE, "/local/domain/1/data\0again");
  assert.deepEqual(guest.takeLate(), []);
  assert.equal(guest.ask(T.WATCH, "data\0w\0"), OK);
});

Deno.test("a transaction's writes are seen by others at its end, with each event once", () => {
  const { store, dom0 } = guestStore();
  const watcher = new Client(store, 0);
  watcher.ask(T.WATCH, "/a\0w\0");
  watcher.takeLate();
  const id = begin(dom0);
  dom0.ask(T.WRITE, "/a/x\0" + "1", id);
  dom0.ask(T.WRITE, "/a/y\0" + "1", id);
  dom0.ask(T.WRITE, "/a/x\0" + "2", id);
  assert.equal(dom0.ask(T.DIRECTORY, "/a\0", id), "x\0y\0");
  assert.deepEqual(watcher.takeLate(), []);
  assert.equal(watcher.ask(T.READ, "/a/x\0"), error("ENOENT"));
  assert.equal(watcher.ask(T.READ, "/a/x\0", id), error("ENOENT"), "another's transaction");
  assert.equal(dom0.ask(T.TRANSACTION_START, "\0", id), error("EBUSY"));
  assert.equal(dom0.ask(T.TRANSACTION_END, "T\0", id), OK);
  assert.deepEqual(watcher.takeLate(), ["/a/x\0w\0", "/a/y\0w\0"]);
  const dropped = begin(dom0);
  dom0.ask(T.RM, "/a\0", dropped);
  assert.equal(dom0.ask(T.TRANSACTION_END, "F\0", dropped), OK);
  assert.deepEqual(watcher.takeLate(), []);
  assert.equal(watcher.ask(T.READ, "/a/x\0"), "2");
  assert.equal(dom0.ask(T.TRANSACTION_END, "T\0"), error("ENOENT"));
});

Deno.test("what conflicts with a transaction and what does not", () => {
  const cases: [string, [number, string][], [number, string][], boolean][] = [
    ["both make different children", [[T.WRITE, "/p/a\0"]], [[T.WRITE, "/p/b\0"]], false],
    ["both make the same node", [[T.WRITE, "/p/a\0"]], [[T.WRITE, "/p/a\0"]], true],
    ["both write a node", [[T.WRITE, "/p\0" + "1"]], [[T.WRITE, "/p\0" + "2"]], true],
    ["a listed directory grows", [[T.DIRECTORY, "/p\0"]], [[T.WRITE, "/p/b\0"]], true],
    ["a read node has its permissions changed", [[T.READ, "/p\0"]], [[T.SET_PERMS, "/p\0r0\0"]], true],
    ["a missing node that was read appears", [[T.READ, "/p/n\0"]], [[T.WRITE, "/p/n\0"]], true],
    ["something below a read node changes", [[T.READ, "/p\0"]], [[T.WRITE, "/p/q/r\0x"]], false],
    ["something below a removed tree changes", [[T.RM, "/p\0"]], [[T.WRITE, "/p/q/r\0x"]], true],
    ["the parent of a new node goes", [[T.WRITE, "/p/a\0"]], [[T.RM, "/p\0"]], true],
    ["the parent of a new node gets other permissions", [[T.WRITE, "/p/a\0"]], [
      [T.SET_PERMS, "/p\0r0\0"],
    ], true],
    ["a node goes and comes back as it was", [[T.READ, "/p/q\0"]], [[T.RM, "/p/q\0"], [
      T.WRITE,
      "/p/q\0",
    ]], true],
    ["nothing else happens", [[T.RM, "/p\0"], [T.WRITE, "/p/new\0"]], [], false],
  ];
  for (const [what, inside, outside, conflict] of cases) {
    const { store, dom0 } = guestStore();
    const other = new Client(store, 0);
    dom0.ask(T.WRITE, "/p/q/r\0");
    const id = begin(dom0);
    for (const [type, text] of inside) dom0.ask(type, text, id);
    for (const [type, text] of outside) assert.equal(other.ask(type, text), OK);
    const end = dom0.ask(T.TRANSACTION_END, "T\0", id);
    assert.equal(end, conflict ? error("EAGAIN") : OK, what);
  }
});

Deno.test("quotas hold in transactions too, and a guest's long paths are refused", () => {
  const { store, guest, dom0 } = guestStore();
  const id = begin(guest);
  for (let i = 0; i < 1024; i++) guest.ask(T.READ, `n${i}\0`, id);
  assert.equal(guest.ask(T.READ, "n1024\0", id), error("ENOSPC"));
  assert.equal(guest.ask(T.READ, "n7\0", id), error("ENOENT"));
  const name = "a".repeat(2048);
  assert.equal(guest.ask(T.READ, `${name}\0`), error("ENOENT"));
  assert.equal(guest.ask(T.READ, `/local/domain/1/${name}\0`), error("ENOENT"));
  assert.equal(guest.ask(T.READ, `/local/domain/1/${name}a\0`), error("EINVAL"));
  assert.equal(guest.ask(T.WATCH, `/${name}\0t\0`), error("EINVAL"));
  assert.equal(dom0.ask(T.READ, `/${name}\0`), error("ENOENT"));

  assert.equal(store.owned(1), 1);
  assert.equal(dom0.ask(T.SET_QUOTA, "1\0nodes\0" + "3\0"), OK);
  assert.equal(dom0.ask(T.GET_QUOTA, "1\0nodes\0"), "3\0");
  assert.equal(dom0.ask(T.GET_QUOTA, "nodes\0"), "1000\0");
  assert.match(dom0.ask(T.GET_QUOTA, ""), /^nodes watches .*node-size\0$/);
  for (const bad of ["none\0" + "1\0", "nodes\0x\0", "1\0nodes\0-1\0", "1\0" + "2\0nodes\0" + "1\0"]) {
    assert.equal(dom0.ask(T.SET_QUOTA, bad), error("EINVAL"));
  }
  const full = begin(guest);
  assert.equal(guest.ask(T.WRITE, "a/b/c\0", full), error("ENOSPC"));
  assert.equal(guest.ask(T.WRITE, "a\0", full), OK);
  assert.equal(guest.ask(T.WRITE, "c\0", full), OK);
  assert.equal(guest.ask(T.WRITE, "d\0", full), error("ENOSPC"));
  assert.equal(guest.ask(T.WRITE, "b\0"), OK);
  assert.equal(guest.ask(T.TRANSACTION_END, "T\0", full), error("ENOSPC"), "counted again at its end");
  assert.equal(store.owned(1), 2);
  assert.equal(guest.ask(T.RM, "b\0"), OK);
  assert.equal(store.owned(1), 1);
});

Deno.test("a transaction that is written and never ended fills no memory", () => {
  const { guest } = guestStore();
  const value = "x".repeat(1900);
  let writes = 0;
  for (let transactions = 0; transactions < 10; transactions++) {
    const id = begin(guest);
    while (guest.ask(T.WRITE, `data\0${value}`, id) === OK) writes++;
  }
  assert.ok(writes > 1000 && writes < 1400, `${writes} writes were kept`);
});

Deno.test("privileged operations are EACCES to a guest", () => {
  const { guest, dom0 } = guestStore();
  for (
    const [type, text] of [
      [T.CONTROL, "help\0"],
      [T.INTRODUCE, "2\0" + "1\0" + "1\0"],
      [T.RELEASE, "2\0"],
      [T.RESUME, "2\0"],
      [T.IS_DOMAIN_INTRODUCED, "2\0"],
      [T.SET_TARGET, "1\0" + "2\0"],
      [T.SET_FEATURE, "1\0" + "2\0"],
      [T.GET_FEATURE, "1\0"],
      [T.GET_QUOTA, ""],
      [T.SET_QUOTA, "nodes\0" + "5\0"],
      [T.GET_PERMS, "@releaseDomain\0"],
      [T.SET_PERMS, "@releaseDomain\0n0\0"],
    ] as const
  ) assert.equal(guest.ask(type, text), error("EACCES"), `${type}`);
  assert.equal(guest.ask(T.GET_FEATURE, ""), "7\0");
  assert.equal(dom0.ask(T.GET_FEATURE, ""), "7\0");
  assert.equal(dom0.ask(T.GET_FEATURE, "9\0"), error("ENOENT"));
  assert.equal(dom0.ask(T.SET_FEATURE, "9\0" + "2\0"), error("ENOENT"));
});

Deno.test("CONTROL answers help, log, print, check, memreport and quota", () => {
  const lines: string[] = [];
  const { store, guest } = guestStore();
  const client = new Client(store, 0);
  const control = { log: (line: string) => void lines.push(line) };
  Object.assign((client.connection as unknown as { control: object }).control, control);
  assert.match(client.ask(T.CONTROL, "help\0"), /^check .*\n(.*\n)*help *\n\0$/);
  assert.equal(client.ask(T.CONTROL, "print\0hello there\0"), OK);
  assert.equal(client.ask(T.CONTROL, "log\0on\0"), OK);
  assert.match(client.ask(T.CONTROL, "log\0"), /io +: on\n/);
  guest.ask(T.READ, "data\0");
  assert.equal(client.ask(T.CONTROL, "log\0off\0"), OK);
  assert.equal(client.ask(T.CONTROL, "check\0"), OK);
  assert.equal(client.ask(T.CONTROL, "memreport\0"), OK);
  assert.match(client.ask(T.CONTROL, "quota\0"), /^Quota settings:\nnodes +: 1000\n/);
  assert.match(client.ask(T.CONTROL, "quota\0" + "1\0"), /^Domain 1:\nnodes +: 1\n/);
  assert.equal(client.ask(T.CONTROL, "quota\0set\0watches\0" + "2\0"), OK);
  assert.equal(client.ask(T.GET_QUOTA, "watches\0"), "2\0");
  for (const bad of ["", "\0", "none\0", "help\0x\0", "log\0x\0", "print\0", "quota\0set\0x\0" + "1\0"]) {
    assert.equal(client.ask(T.CONTROL, bad), error("EINVAL"), JSON.stringify(bad));
  }
  assert.deepEqual(lines.slice(0, 2), ["control: hello there", "IN d0 CONTROL (0) log"]);
  assert.ok(lines.includes("IN d1 READ (0) data"), lines.join("\n"));
  assert.match(lines.at(-1) ?? "", /^memreport: 6 nodes, /);
});

Deno.test("a guest that does not read loses events and has its requests wait; it holds no more than its quota", () => {
  const { dom0, store, guest } = guestStore();
  guest.ask(T.WATCH, "\0t\0");
  guest.ask(T.WATCH, "/local/domain/1\0t\0");
  guest.takeLate();
  dom0.ask(T.SET_QUOTA, "memory\0" + "10000\0");
  for (let i = 0; i < 2000; i++) dom0.ask(T.WRITE, `/local/domain/1/n${i % 800}\0`);
  assert.ok(guest.connection.pendingBytes <= 10_100, `${guest.connection.pendingBytes} bytes`);
  assert.ok(guest.takeLate().length > 100);
  const slow = new Client(store, 1);
  const read = { type: T.READ, requestId: 1, transactionId: 0, payload: new Uint8Array(0) };
  for (let i = 0; i < 19; i++) slow.connection.request(read);
  assert.equal(slow.connection.stalled, false);
  slow.connection.request(read);
  assert.equal(slow.connection.stalled, true);
  slow.events();
  assert.equal(slow.connection.stalled, false);
});

Deno.test("a client of Domain-0's that never reads is given up at 16 MiB of events", () => {
  const store = new Store();
  const dom0 = new Client(store, 0), deaf = new Client(store, 0);
  deaf.ask(T.WATCH, `/\0${"t".repeat(3000)}\0`);
  for (let i = 0; i < 7000 && !deaf.connection.overflowed; i++) dom0.ask(T.WRITE, `/x/${i}\0`);
  assert.ok(deaf.connection.overflowed);
  assert.equal(deaf.connection.pendingBytes, 0);
  assert.equal(store.watches.size, 0);
});
