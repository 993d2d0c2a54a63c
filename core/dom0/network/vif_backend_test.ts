import assert from "node:assert/strict";
import { FrontendError } from "../backend/driver.ts";
import { GrantError } from "../backend/frontend_domain.ts";
import { RingError } from "../byte_ring.ts";
import type { Frame } from "./frame.ts";
import { RxFlag, TxFlag } from "./netif.ts";
import { Switch } from "./switch.ts";
import { FakeGuest, frameOf, nodesOf, turn, withPair } from "./testing.ts";
import { blank, TCP_SYN, UDP_V6 } from "./testing_packets.ts";
import { noTraffic } from "./traffic.ts";

Deno.test("two guests exchange frames, and the figures are what their Linux counts", () =>
  withPair((one, two) => {
    one.post(10);
    two.post(10);
    for (const size of [14, 60, 1514, 4096]) {
      one.send(frameOf(2, 1, size));
      assert.deepEqual(one.answers(), [[1000, 0]]);
      assert.deepEqual(two.received(), [{ bytes: frameOf(2, 1, size), flags: 0, slots: 1 }]);
    }
    two.send(frameOf(1, 2, 99));
    assert.deepEqual(one.received(), [{ bytes: frameOf(1, 2, 99), flags: 0, slots: 1 }]);
    const sent = 14 + 60 + 1514 + 4096;
    assert.deepEqual(one.backend.figures(), {
      ...noTraffic(),
      txBytes: sent,
      txPackets: 4,
      rxBytes: 99 - 14,
      rxPackets: 1,
    });
    assert.deepEqual(two.backend.figures(), {
      ...noTraffic(),
      txBytes: 99,
      txPackets: 1,
      rxBytes: sent - 4 * 14,
      rxPackets: 4,
    });
    assert(one.events > 0 && two.events > 0);
  }));

Deno.test("chains of slots on both sides", () =>
  withPair((one, two) => {
    two.post(100);
    for (const sizes of [[100, 200, 300], [20, 4096, 1, 0, 4000], Array(18).fill(3000), [4096, 4096]]) {
      const frame = frameOf(2, 1, sizes.reduce((sum, size) => sum + size));
      one.send(frame, { sizes });
      assert.deepEqual(one.answers(), sizes.map((_, i) => [1000 + i, 0]));
      const slots = Math.ceil(frame.length / 4096);
      assert.deepEqual(two.received(), [{ bytes: frame, flags: 0, slots }]);
    }
    const largest = frameOf(2, 1, 65535);
    one.send(largest, { sizes: [...Array(15).fill(4096), 4095] });
    assert.deepEqual(two.received(), [{ bytes: largest, flags: 0, slots: 16 }]);
  }));

Deno.test("a chain waits until there are pages for all of it", () =>
  withPair((one, two) => {
    two.post(2);
    const large = frameOf(2, 1, 9000), small = frameOf(2, 1, 60);
    one.send(large, { sizes: [4000, 4000, 1000] });
    one.send(small);
    assert.deepEqual(two.received(), []);
    two.post(1);
    assert.deepEqual(two.received(), [{ bytes: large, flags: 0, slots: 3 }]);
    two.post(1);
    assert.deepEqual(two.received(), [{ bytes: small, flags: 0, slots: 1 }]);
  }));

Deno.test("a guest without feature-sg gets no frame of more than a page", () =>
  withPair((one, two) => {
    two.post(5);
    one.send(frameOf(2, 1, 4097), { sizes: [4000, 97] });
    one.send(frameOf(2, 1, 4096));
    assert.deepEqual(two.received().map((frame) => frame?.bytes.length), [4096]);
    assert.equal(two.backend.figures().rxDrops, 1);
  }, { "feature-sg": 0 }));

Deno.test("blank and validated checksums are passed on", () =>
  withPair((one, two) => {
    two.post(5);
    const both = RxFlag.CSUM_BLANK | RxFlag.DATA_VALIDATED;
    for (const packet of [TCP_SYN, UDP_V6]) {
      one.send(blank(packet), { flags: TxFlag.CSUM_BLANK | TxFlag.DATA_VALIDATED });
      assert.deepEqual(two.received(), [{ bytes: blank(packet), flags: both, slots: 1 }]);
    }
    one.send(TCP_SYN, { flags: TxFlag.DATA_VALIDATED });
    assert.deepEqual(two.received(), [{ bytes: TCP_SYN, flags: RxFlag.DATA_VALIDATED, slots: 1 }]);
    // Nobody could complete it.
    one.send(frameOf(2, 1), { flags: TxFlag.CSUM_BLANK });
    assert.equal(one.answers().at(-1)![1], -1);
    assert.equal(one.backend.figures().txErrors, 1);
    assert.deepEqual(two.received(), []);
  }));

Deno.test("a blank checksum is completed for a guest that does not", () =>
  withPair((one, two) => {
    two.post(5);
    for (const packet of [TCP_SYN, UDP_V6]) {
      one.send(blank(packet), { flags: TxFlag.CSUM_BLANK });
      assert.deepEqual(two.received(), [{ bytes: packet, flags: 0, slots: 1 }]);
    }
  }, { "feature-no-csum-offload": 1, "feature-ipv6-csum-offload": 0 }));

Deno.test("a ring that is never refilled drops what its queue does not hold", () =>
  withPair((one, two) => {
    two.post(3);
    for (let i = 0; i < 1000; i++) one.send(frameOf(2, 1, 60, i));
    assert.equal(one.answers().length, 1000);
    assert.deepEqual(two.received().length, 3);
    assert.equal(two.backend.figures().rxDrops, 1000 - 3 - 256);
    two.post(200);
    assert.deepEqual(two.received()[199]!.bytes, frameOf(2, 1, 60, 202));
    two.backend.disconnect();
    assert.equal(two.domain.mappings, 0);
    one.send(frameOf(2, 1));
    assert.equal(two.backend.figures().rxDrops, 1000 - 3 - 256 + 1);
  }));

Deno.test("pages of a guest that does not tell of them are looked for", () =>
  withPair(async (one, two) => {
    await turn();
    one.send(frameOf(2, 1));
    two.domain.handlers.clear();
    two.post(1);
    assert.deepEqual(two.received(), []);
    await turn(80);
    assert.equal(two.received().length, 1);
  }, { "feature-rx-notify": 0 }));

Deno.test("what a guest sent before it was connected goes out then, but not after disconnect", async () => {
  const bridge = new Switch(), seen: Frame[] = [];
  bridge.connect((frame) => seen.push(frame));
  const guest = new FakeGuest(bridge, 1);
  const nodes = guest.nodes();
  const send = () => {
    guest.transmit({ gref: guest.page(frameOf(2, 1)), id: 7, size: 60 });
    guest.tx.push();
  };
  send();
  guest.backend.connect(nodesOf(nodes), () => {});
  assert.equal(seen.length, 0);
  await turn();
  assert.equal(seen.length, 1);
  assert.deepEqual(guest.answers(), [[7, 0]]);
  guest.backend.disconnect();
  const again = guest.nodes();
  send();
  guest.backend.connect(nodesOf(again), () => {});
  guest.backend.disconnect();
  await turn();
  assert.equal(seen.length, 1);
  assert.equal(guest.domain.mappings, 0);
  guest.connect();
  guest.send(frameOf(2, 1));
  assert.equal(seen.length, 2);
  guest.backend.close();
  const peer = bridge.connect(() => {});
  peer.send({ bytes: frameOf(1, 3), checksum: "complete" });
  assert.equal(guest.backend.figures().rxDrops, 0);
});

Deno.test("a guest that sends forever does not hold the thread", async () => {
  const bridge = new Switch();
  let frames = 0;
  const guest = new FakeGuest(bridge, 1);
  const send = () => {
    guest.transmit({ gref: guest.page(frameOf(2, 1)), id: 7, size: 60 });
    guest.tx.push();
  };
  bridge.connect(() => {
    if (++frames < 1000) send();
  });
  guest.connect();
  send();
  guest.kick();
  assert.equal(frames, 256);
  while (frames < 1000) await turn();
  assert.equal(guest.backend.figures().txPackets, 1000);
  guest.backend.close();
});

Deno.test("frontends that ask for what was not offered", () => {
  const guest = new FakeGuest(new Switch(), 1);
  const fails = (changes: Record<string, number | undefined>, kind: new () => Error) => {
    const nodes = Object.fromEntries(
      Object.entries({ ...guest.nodes(), ...changes }).filter(([, value]) => value !== undefined),
    ) as Record<string, number>;
    assert.throws(() => guest.backend.connect(nodesOf(nodes), () => {}), kind);
    assert.equal(guest.domain.mappings, 0);
    assert.equal(guest.domain.handlers.size, 0);
  };
  fails({ "request-rx-copy": 0 }, FrontendError);
  fails({ "request-rx-copy": undefined }, FrontendError);
  fails({ "event-channel": undefined, "event-channel-tx": 5, "event-channel-rx": 6 }, FrontendError);
  fails({ "event-channel": undefined }, FrontendError);
  fails({ "multi-queue-num-queues": 2 }, FrontendError);
  fails({ "rx-ring-ref": undefined }, FrontendError);
  fails({ "rx-ring-ref": 99999 }, GrantError);
  fails({ "tx-ring-ref": guest.domain.grant(0, true) }, GrantError);
  fails({ "event-channel": 77 }, GrantError);
  const nodes = guest.nodes();
  guest.rx.setIndex(0, 1000);
  assert.throws(() => guest.backend.connect(nodesOf(nodes), () => {}), RingError);
  assert.equal(guest.domain.mappings, 0);
  guest.backend.close();
});

Deno.test("rate= holds a guest's frames back until there is credit", async () => {
  const bridge = new Switch(), seen: number[] = [];
  bridge.connect(() => seen.push(performance.now()));
  const guest = new FakeGuest(bridge, 1, { rate: { bytes: 3000, usecs: 40_000 } }).connect();
  const start = performance.now();
  for (let i = 0; i < 7; i++) guest.transmit({ gref: guest.page(frameOf(2, 1, 1000)), id: i, size: 1000 });
  guest.pushAndKick();
  assert.equal(seen.length, 3);
  assert.equal(guest.answers().length, 3);
  guest.kick();
  assert.equal(seen.length, 3);
  while (seen.length < 7) await turn();
  // Two intervals, of which the first began with the backend.
  assert(seen[3] - start >= 30, `${seen[3] - start} ms`);
  assert(seen[6] - start >= 70, `${seen[6] - start} ms`);
  guest.transmit(
    ...Array.from({ length: 9 }, (_, id) => ({ gref: guest.page(frameOf(2, 1)), id, size: 1500 })),
  );
  guest.pushAndKick();
  guest.backend.disconnect();
  const { length } = seen;
  await turn(100);
  assert.equal(seen.length, length);
  assert.equal(guest.domain.mappings, 0);
  guest.connect();
  const cleared: unknown[] = [], { clearTimeout } = globalThis;
  globalThis.clearTimeout = (timer) => {
    cleared.push(timer);
    clearTimeout(timer);
  };
  try {
    // Out of credit when it ends.
    for (let id = 0; id < 200; id++) guest.send(frameOf(2, 1, 1500));
    cleared.length = 0;
    guest.backend.disconnect();
    assert(cleared.some((timer) => timer !== undefined));
  } finally {
    globalThis.clearTimeout = clearTimeout;
  }
  guest.backend.close();
});
