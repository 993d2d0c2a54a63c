import assert from "node:assert/strict";
import { randomNumbers } from "../testing.ts";
import { walk } from "./node.ts";
import { type Permissions } from "./permissions.ts";
import { encodeMessage, MessageType as T, toBytes } from "./protocol.ts";
import { XenStoreService } from "./service.ts";
import { Client, description, RingGuest } from "./testing.ts";

const PATHS = [
  "/",
  "/local/domain/1",
  "/local/domain/2/data",
  "data",
  "data/a",
  "data/a/b",
  "/tool",
  "/tool/x",
  "/tool/x/y",
];
const STRANGE = [
  "",
  "//",
  "@releaseDomain",
  "@introduceDomain/1",
  "a//b",
  "a/",
  "é",
  "x".repeat(2100),
  "\x01",
];

/** A message that is often right and sometimes anything at all. */
function message(random: (below: number) => number, requestId: number) {
  const pick = <V>(from: readonly V[]): V => from[random(from.length)];
  const argument = () => {
    switch (random(8)) {
      case 0:
        return pick(STRANGE);
      case 1:
        return `${pick(["n", "r", "w", "b"])}${random(4)}`;
      case 2:
        return `${random(40)}`;
      case 3:
        return pick(["T", "F", "t", "log", "on", "help", "check", "quota", "nodes"]);
      default:
        return pick(PATHS);
    }
  };
  const types = [...Object.values(T), random(64), random(0xffffffff)];
  const count = random(4);
  let text = Array.from({ length: count }, () => `${argument()}\0`).join("");
  if (random(10) === 0) text = text.slice(0, random(text.length + 1));
  if (random(20) === 0) text += String.fromCharCode(...Array.from({ length: random(40) }, () => random(256)));
  return {
    type: pick(types),
    requestId,
    transactionId: random(3) === 0 ? random(12) : 0,
    payload: toBytes(text),
  };
}

/** What the store counts for each domain, counted again. */
function counted(service: XenStoreService): Map<number, number> {
  const owned = new Map<number, number>();
  walk(service.store.root, "/", (node, path) => {
    const [{ domid }]: Permissions = node.permissions;
    if (path !== "/") owned.set(domid, (owned.get(domid) ?? 0) + 1);
  });
  return owned;
}

Deno.test("20,000 random messages of guests and Domain-0's clients: each is answered once, and the counts hold", () => {
  const random = randomNumbers(20261121);
  const service = new XenStoreService();
  for (const domid of [1, 2]) service.introduce(description(domid), new RingGuest().page, () => {});
  const clients = [0, 0, 1, 1, 2].map((domid) =>
    domid === 0 ? new Client(service.store, 0, service.connect(() => {})) : new Client(service.store, domid)
  );
  const answers = { ok: 0, errors: 0 };
  for (let i = 1; i <= 20_000; i++) {
    const client = clients[random(clients.length)];
    client.connection.request(message(random, i));
    const replies = client.events().filter(({ requestId, type }) =>
      requestId === i && type !== T.WATCH_EVENT
    );
    assert.equal(replies.length, 1);
    if (replies[0].type === T.ERROR) {
      assert.match(replies[0].text, /^E[A-Z2]+\0$/);
      answers.errors++;
    } else answers.ok++;
    if (i % 500 === 0) {
      const owned = counted(service);
      for (const domid of [0, 1, 2, 3]) {
        assert.equal(service.store.owned(domid), owned.get(domid) ?? 0, `${i}`);
      }
    }
  }
  assert.ok(answers.ok > 1000 && answers.errors > 2000, JSON.stringify(answers));
  for (const { connection } of clients) connection.close();
  for (const domid of [1, 2]) service.release(domid);
  assert.equal(service.store.watches.size, 0);
});

Deno.test("10,000 random messages, and random bytes and indexes, on a guest's ring end at worst its own connection", () => {
  const random = randomNumbers(42);
  const service = new XenStoreService();
  const other = new RingGuest();
  const bystander = service.introduce(description(2), other.page, () => {});
  let broken = 0;
  for (let round = 0; round < 100; round++) {
    const ring = new RingGuest();
    const guest = service.introduce(description(1), ring.page, () => {});
    for (let i = 0; i < 100; i++) {
      let bytes: Uint8Array = encodeMessage(message(random, i));
      if (random(200) === 0) bytes = bytes.map((byte) => random(5) === 0 ? random(256) : byte);
      while (bytes.length > 0) {
        const sent = ring.put(bytes);
        guest.service();
        ring.take();
        if (sent === 0) break;
        bytes = bytes.subarray(sent);
      }
      if (random(400) === 0) ring.words[512 + random(6)] = random(0x7fffffff);
    }
    guest.service();
    if (guest.ring.broken) {
      broken++;
      assert.ok([2, 3].includes(ring.words[518]), "it is told why");
    }
    bystander.service();
    assert.equal(bystander.ring.broken, false);
    service.release(1);
  }
  assert.ok(broken > 0 && broken < 100, `${broken} of 100`);
  assert.equal(service.store.owned(1), 0);
});
