import assert from "node:assert/strict";
import { ConsoleLog } from "./console_log.ts";
import { Feed } from "./feed.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

async function all(feed: Feed<Uint8Array>): Promise<string> {
  let text = "";
  for await (const bytes of feed) text += decode(bytes);
  return text;
}

Deno.test("the latest output is kept, whatever the sizes of its pieces", () => {
  for (const size of [1, 3, 7, 64, 100, 101, 250, 1000]) {
    const log = new ConsoleLog(100);
    let whole = "";
    for (let i = 0; i < 60; i++) {
      const piece = String.fromCharCode(97 + i % 26).repeat(i % 5 === 0 ? size : 3);
      whole += piece;
      log.write(encode(piece));
      assert.equal(decode(log.history()), whole.slice(-100), `${size} ${i}`);
    }
    assert.equal(log.written, whole.length);
  }
});

Deno.test("a domain that says little takes little", () => {
  const log = new ConsoleLog();
  log.write(encode("hello"));
  assert.equal(log.history().buffer.byteLength, 5);
  log.write(new Uint8Array(300_000).fill(65));
  assert.equal(log.history().length, log.kept);
});

Deno.test("a follower gets what is kept and what comes, without a gap; the end ends it", async () => {
  const log = new ConsoleLog(10);
  log.write(encode("0123456789abcdef"));
  const old = log.follow(true), young = log.follow(false);
  log.write(encode("XYZ"));
  log.end();
  assert.equal(await all(old), "6789abcdefXYZ");
  assert.equal(await all(young), "XYZ");
  assert.equal(log.followers, 0);
  assert.equal(await all(log.follow(true)), "9abcdefXYZ".slice(-10));
});

Deno.test("a follower that does not read loses the oldest and is told how much", async () => {
  const log = new ConsoleLog(10);
  const follower = log.follow(false);
  for (let i = 0; i < 3; i++) log.write(new Uint8Array(1024 * 1024 / 2).fill(65 + i));
  log.end();
  const text = await all(follower);
  assert.match(
    text,
    /^\r\n\[524288 bytes of output are left out: this client did not read\]\r\nB{524288}C{524288}$/,
  );
});

Deno.test("a feed wakes a waiting reader, and closing it wakes it for good", async () => {
  let closed = 0;
  const feed = new Feed<number>({
    limit: 2,
    sizeOf: () => 1,
    lost: (count) => -count,
    onClose: () => closed++,
  });
  const next = feed.next();
  feed.push(1);
  assert.deepEqual(await next, { value: 1, done: false });
  const last = feed.next();
  feed.close();
  feed.close();
  assert.equal((await last).done, true);
  feed.push(2);
  assert.equal((await feed.next()).done, true);
  assert.equal(closed, 1);
});
