import assert from "node:assert/strict";
import { collectGarbage, IdleCollector } from "./collector.ts";

const MIB = 1 << 20;

/** A collector over a heap that keeps 8 MiB whatever is collected. */
function fakeHeap() {
  const heap = { held: 20 * MIB, now: 0, collections: 0 };
  const collect = () => {
    heap.collections++;
    heap.held = 8 * MIB;
    return true;
  };
  return { heap, collector: new IdleCollector(() => heap.held, collect, () => heap.now) };
}

Deno.test("an idle thread collects what it left behind while it worked, and not again before it worked more", () => {
  const { heap, collector } = fakeHeap();
  assert.equal(collector.idle(), false, "a thread that has just started is on its way to its first work");
  heap.now = 5000;
  assert.equal(collector.idle(), true);
  for (let look = 0; look < 10; look++) {
    heap.now += 5000;
    heap.held += MIB / 4;
    assert.equal(collector.idle(), false);
  }
  heap.held += 10 * MIB;
  heap.now += 5000;
  assert.equal(collector.idle(), true);
  assert.equal(heap.collections, 2);
});

Deno.test("the little garbage of an idle thread is collected once a minute", () => {
  const { heap, collector } = fakeHeap();
  for (let second = 0; second < 600; second++) {
    heap.now += 1000;
    heap.held += MIB / 10;
    collector.idle();
  }
  assert.ok(
    heap.collections >= 9 && heap.collections <= 11,
    `${heap.collections} collections in ten minutes`,
  );
});

Deno.test("while what lives grows, as when domains are created, collections stay few", () => {
  const heap = { held: 12 * MIB, now: 0, collections: 0 };
  const collect = () => ++heap.collections > 0;
  const collector = new IdleCollector(() => heap.held, collect, () => heap.now);
  for (let second = 0; second < 100; second++) {
    heap.now += 1000;
    heap.held += MIB;
    collector.idle();
  }
  // By 8 MiB each time it would be 14.
  assert.ok(heap.collections >= 3 && heap.collections <= 7, `${heap.collections} collections`);
});

Deno.test("a thread that is idle a thousand times a second looks seldom", () => {
  const { heap, collector } = fakeHeap();
  for (let look = 0; look < 10_000; look++) {
    heap.now++;
    heap.held += 10 * MIB;
    collector.idle();
  }
  assert.ok(heap.collections > 1 && heap.collections <= 5, `${heap.collections} collections in ten seconds`);
});

Deno.test("an idle collection takes what nothing holds any more, on this heap and outside of it", () => {
  let now = 0;
  const collector = new IdleCollector(undefined, undefined, () => now);
  collectGarbage();
  now += 1e6;
  collector.idle();
  let image: Uint8Array | undefined = new Uint8Array(64 * MIB).fill(1);
  const freed = new WeakRef(image);
  image = undefined;
  now += 1e6;
  assert.equal(collector.idle(), true);
  return new Promise<void>((resolve) => setTimeout(resolve)).then(() => {
    collectGarbage();
    assert.equal(freed.deref(), undefined);
  });
});
