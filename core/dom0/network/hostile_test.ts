import assert from "node:assert/strict";
import { randomNumbers } from "../testing.ts";
import { FakeFrontendDomain } from "../backend/testing.ts";
import type { Frame } from "./frame.ts";
import { TxFlag } from "./netif.ts";
import { Switch } from "./switch.ts";
import { FakeGuest, frameOf, macOf, nodesOf, turn } from "./testing.ts";
import { tcpPacket } from "./testing_packets.ts";

const { MORE_DATA, EXTRA_INFO } = TxFlag;

function lonely(domain?: FakeFrontendDomain) {
  const bridge = new Switch(), seen: Frame[] = [];
  const peer = bridge.connect((frame) => seen.push(frame));
  return { guest: new FakeGuest(bridge, 1, {}, domain).connect(), seen, peer };
}

Deno.test("bad packets are answered with errors, each of their slots", () => {
  const { guest, seen } = lonely();
  const page = guest.page(frameOf(2, 1, 4096));
  const bad = (...entries: { gref?: number; offset?: number; flags?: number; size: number }[]) => {
    guest.transmit(...entries.map((entry, id) => ({ gref: page, id, ...entry })));
    guest.pushAndKick();
    assert.deepEqual(guest.answers(), entries.map((_, id) => [id, -1]));
  };
  bad({ size: 60, gref: 99999 });
  bad({ size: 13 });
  bad({ size: 0 });
  bad({ size: 60, offset: 4037 });
  bad({ size: 4097 });
  bad({ size: 60, offset: 65535 });
  bad({ size: 65535, flags: MORE_DATA }, { size: 65535 });
  bad({ size: 100, flags: MORE_DATA }, { size: 101 });
  bad({ size: 100, flags: MORE_DATA }, { size: 50, gref: 99999 });
  bad({ size: 100, flags: MORE_DATA }, { size: 50, offset: 4090 });
  bad({ size: 8000, flags: MORE_DATA }, { size: 50 });
  bad(...Array.from({ length: 19 }, (_, i) => ({ size: i ? 1 : 100, flags: i < 18 ? MORE_DATA : 0 })));
  bad(...Array.from({ length: 256 }, (_, i) => ({ size: i ? 1 : 1000, flags: i < 255 ? MORE_DATA : 0 })));
  assert.equal(guest.backend.figures().txErrors, 13);
  assert.equal(guest.log.length, 1);
  assert.equal(seen.length, 0);
  guest.send(frameOf(2, 1));
  assert.equal(seen.length, 1);
  assert.deepEqual(guest.lost, []);
  guest.backend.close();
});

Deno.test("extra info is consumed and answered with NETIF_RSP_NULL", () => {
  const { guest, seen } = lonely();
  for (const types of [[1], [2], [3], [0], [200], [4, 1, 2]]) {
    const page = guest.page(frameOf(2, 1, 2000));
    guest.transmit({ gref: page, id: 1, size: 200, flags: EXTRA_INFO | MORE_DATA });
    for (const [i, type] of types.entries()) guest.extra(type, i < types.length - 1 ? 1 : 0);
    guest.transmit({ gref: page, id: 2, size: 100 });
    guest.transmit({ gref: page, id: 3, size: 60 });
    guest.pushAndKick();
    const answers = guest.answers();
    assert.deepEqual(answers.map(([, status]) => status), [-1, ...types.map(() => 1), -1, 0]);
    assert.deepEqual(answers.filter(([, status]) => status !== 1).map(([id]) => id), [1, 2, 3]);
  }
  assert.equal(seen.length, 6);
  guest.backend.close();
});

Deno.test("a broken transmit ring ends the vif", () => {
  const broken: ((guest: FakeGuest) => void)[] = [
    (guest) => guest.tx.setIndex(0, 257),
    (guest) => guest.tx.setIndex(0, -1),
    (guest) => guest.tx.setIndex(0, 0x80000000 | 0),
    (guest) => {
      guest.transmit({ gref: 8, id: 1, size: 100, flags: MORE_DATA });
      guest.tx.push();
    },
    (guest) => {
      guest.transmit({ gref: 8, id: 1, size: 100, flags: EXTRA_INFO });
      guest.extra(1, 1);
      guest.tx.push();
    },
  ];
  for (const breakIt of broken) {
    const { guest, seen, peer } = lonely();
    breakIt(guest);
    guest.kick();
    assert.equal(guest.lost.length, 1);
    assert.equal(guest.domain.mappings, 0);
    assert.equal(guest.domain.handlers.size, 0);
    peer.send({ bytes: frameOf(1, 2), checksum: "complete" });
    assert.equal(guest.backend.figures().rxDrops, 1);
    assert.equal(seen.length, 0);
    guest.backend.close();
  }
});

Deno.test("a broken receive ring ends its vif and not the sender's", () => {
  const bridge = new Switch();
  const one = new FakeGuest(bridge, 1).connect(), two = new FakeGuest(bridge, 2).connect();
  two.rx.setIndex(0, 1000);
  one.send(frameOf(2, 1));
  assert.deepEqual(one.answers(), [[1000, 0]]);
  assert.deepEqual([one.lost.length, two.lost.length], [0, 1]);
  assert.equal(two.domain.mappings, 0);
  one.backend.close();
  two.backend.close();
});

Deno.test("a bad page to receive into costs the frame, and nothing else", () => {
  const { guest, peer } = lonely();
  guest.post(1, 99999);
  guest.post(1, guest.domain.grant(299, true));
  guest.post(1);
  guest.post(1, 99999);
  guest.post(2);
  for (const size of [60, 60, 9000, 60]) peer.send({ bytes: frameOf(1, 2, size), checksum: "complete" });
  assert.deepEqual(guest.received().map((frame) => frame?.bytes.length), [
    undefined,
    undefined,
    undefined,
    60,
  ]);
  const { rxErrors, rxPackets, rxBytes } = guest.backend.figures();
  assert.deepEqual({ rxErrors, rxPackets, rxBytes }, { rxErrors: 3, rxPackets: 1, rxBytes: 46 });
  guest.backend.close();
});

Deno.test("a vif that is ended by what it sends touches nothing more", () => {
  const bridge = new Switch();
  const guest = new FakeGuest(bridge, 1);
  bridge.connect(() => guest.backend.close());
  guest.connect();
  for (let id = 0; id < 3; id++) guest.transmit({ gref: guest.page(frameOf(2, 1)), id, size: 60 });
  guest.pushAndKick();
  assert.equal(guest.backend.figures().txPackets, 1);
  assert.deepEqual(guest.answers(), []);
  assert.equal(guest.domain.mappings, 0);
});

/** Refuses what no hypervisor would do. */
class StrictDomain extends FakeFrontendDomain {
  copies = 0;
  /** Pages that begin with an IPv4 packet and are full: of one that was not segmented. */
  wholeTcp = 0;

  override copyFromGrant(ref: number, offset: number, into: Uint8Array): void {
    this.#check(offset, into.length);
    super.copyFromGrant(ref, offset, into);
  }

  override copyToGrant(ref: number, offset: number, from: Uint8Array): void {
    this.#check(offset, from.length);
    super.copyToGrant(ref, offset, from);
    if (from.length === 4096 && from[12] === 0x08 && from[13] === 0x00) this.wholeTcp++;
  }

  #check(offset: number, length: number): void {
    assert(offset >= 0 && length > 0 && offset + length <= 4096);
    this.copies++;
  }
}

/** A TCP packet in four pages, to send often: something like GSO, where it is not quite it. */
function gsoSender(guest: FakeGuest, version: 4 | 6, random: (below: number) => number) {
  const bytes = tcpPacket({ version, size: 14_000 });
  const parts = [0, 4000, 8000, 12_000].map((at) => bytes.subarray(at, at + 4000));
  const grefs = parts.map((part) => guest.page(part));
  const typical = { size: 1448, type: version === 4 ? 1 : 2 };
  return () => {
    const entries = parts.map(({ length }, i) => ({
      gref: random(40) ? grefs[i] : random(0x7fffffff),
      flags: i < 3 ? MORE_DATA : 0,
      id: random(65536),
      size: i === 0 ? (random(8) ? bytes.length : random(65536)) : length,
    }));
    entries[0].flags |= EXTRA_INFO | random(4);
    guest.transmit(entries[0]);
    guest.extra(random(8) ? 1 : random(256), random(20) ? 0 : 1, {
      size: random(3) ? typical.size : random(2) ? random(200) : random(65536),
      type: random(8) ? typical.type : random(256),
    });
    guest.transmit(...entries.slice(1));
    return entries.length + 1;
  };
}

Deno.test("a second of random requests", async () => {
  const random = randomNumbers(20240607);
  const domain = new StrictDomain(1, 600);
  const { guest, seen, peer } = lonely(domain);
  const granted = new Set(
    [...domain.grants.values()].filter((grant) => !grant.readonly).map(({ frame }) => frame),
  );
  const sentinel = (frame: number) => domain.frame(frame).fill(frame ^ 0xc3);
  for (let frame = 2; frame < 600; frame++) if (!granted.has(frame)) sentinel(frame);
  const senders = [gsoSender(guest, 4, random), gsoSender(guest, 6, random)];
  const before = domain.memory.slice();
  const large = tcpPacket({ size: 9000 });
  large.set([...macOf(1), ...macOf(2)]);
  const peerGso = (): Frame => ({
    bytes: large,
    checksum: "blank",
    gso: { size: 36 + random(3000), type: 4 },
  });
  const peerFrame = () => frameOf(random(3), 2, random(8) ? 14 + random(1500) : 1 + random(70000));
  const end = performance.now() + 1000;
  let produced = 0, posted = 0, reconnects = 0, rounds = 0, gsoSeen = 0;
  for (; performance.now() < end; rounds++) {
    for (let i = random(40); i > 0; i--, produced++) {
      const size = random(4) ? 14 + random(200) : random(65536);
      guest.transmit({
        gref: random(8) ? 8 + random(600) : random(0x7fffffff),
        offset: random(4) ? random(3800) : random(65536),
        flags: random(3) ? 0 : random(16),
        id: random(65536),
        size: random(6) ? size : random(20),
      });
    }
    for (let i = random(4); i > 0; i--) produced += senders[random(2)]();
    guest.tx.push();
    for (let i = random(30); i > 0; i--, posted++) {
      guest.rx.request((entry) => {
        entry.setUint32(0, random(0x7fffffff), true);
        entry.setUint32(4, random(3) ? 8 + random(600) : random(0x7fffffff), true);
      });
    }
    guest.rx.push();
    if (random(50) === 0) guest[random(2) ? "tx" : "rx"].setIndex(random(4), random(0x7fffffff));
    if (random(3)) guest.kick();
    else if (random(2)) peer.send(peerGso());
    else peer.send({ bytes: peerFrame(), checksum: random(2) ? "complete" : "blank" });
    if (random(100) === 0) await turn(0);
    if (guest.lost.length > 0 || random(40) === 0) {
      guest.lost.length = 0;
      guest.backend.disconnect();
      assert.equal(domain.mappings, 0);
      const { copies } = domain;
      guest.kick();
      peer.send({ bytes: frameOf(1, 2), checksum: "complete" });
      assert.equal(domain.copies, copies);
      guest.backend.connect(
        nodesOf({ ...guest.nodes(), "feature-gso-tcpv4": random(2) }),
        (why) => guest.lost.push(why),
      );
      reconnects++;
    }
    gsoSeen += seen.filter(({ gso }) => gso !== undefined).length;
    seen.length = 0;
  }
  guest.backend.close();
  assert.equal(domain.mappings, 0);
  for (let frame = 2; frame < 600; frame++) {
    if (granted.has(frame)) continue;
    const at = frame * 4096;
    assert.deepEqual(domain.memory.subarray(at, at + 4096), before.subarray(at, at + 4096), `frame ${frame}`);
  }
  const { txPackets, txErrors, rxPackets, rxErrors, rxDrops } = guest.backend.figures();
  assert(Math.min(txPackets, txErrors, rxPackets, rxErrors, rxDrops, reconnects, produced, posted) > 0);
  assert(Math.min(gsoSeen, domain.wholeTcp) > 0);
  assert(rounds > 100);
});
