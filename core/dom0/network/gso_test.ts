/** TCP segmentation offload between guests: what goes through whole, and what is segmented for whom. */
import assert from "node:assert/strict";
import { completeChecksum, findChecksum } from "./checksum.ts";
import type { Frame } from "./frame.ts";
import { RxFlag, TxFlag } from "./netif.ts";
import { Switch } from "./switch.ts";
import { FakeGuest, frameOf, macOf, withPair } from "./testing.ts";
import { hasRightChecksums, TCP_HEADER, tcpPacket } from "./testing_packets.ts";
import { noTraffic } from "./traffic.ts";

const TAKES_GSO = { "feature-gso-tcpv4": 1, "feature-gso-tcpv6": 1 };
const BLANK = TxFlag.CSUM_BLANK | TxFlag.DATA_VALIDATED;
const RX_BLANK = RxFlag.CSUM_BLANK | RxFlag.DATA_VALIDATED;

function slotsOf(size: number, each = 4000): number[] {
  return Array.from({ length: Math.ceil(size / each) }, (_, i) => Math.min(each, size - i * each));
}

function sendWhole(guest: FakeGuest, bytes: Uint8Array, version: 4 | 6, mss = 1448, flags = BLANK): void {
  guest.send(bytes, { flags, sizes: slotsOf(bytes.length), gso: { size: mss, type: version === 4 ? 1 : 2 } });
}

Deno.test("the backend offers GSO", () => {
  const { features } = new FakeGuest(new Switch(), 1).backend;
  assert.deepEqual([features["feature-gso-tcpv4"], features["feature-gso-tcpv6"]], ["1", "1"]);
});

Deno.test("GSO goes through whole, as one packet, with an extra info in its second slot", () =>
  withPair((one, two) => {
    two.post(200);
    let sent = 0, packets = 0;
    const flags = RX_BLANK | RxFlag.EXTRA_INFO;
    for (const version of [4, 6] as const) {
      for (const size of [1449, 4096 - 14 - 40 - TCP_HEADER, 30_000, 64_000]) {
        const bytes = tcpPacket({ version, size });
        sendWhole(one, bytes, version);
        const statuses = one.answers().map(([, status]) => status);
        assert.deepEqual(statuses, [0, 1, ...Array(Math.ceil(bytes.length / 4000) - 1).fill(0)]);
        const gso = { size: 1448, type: version === 4 ? 1 : 2 }, slots = Math.ceil(bytes.length / 4096);
        assert.deepEqual(two.received(), [{ bytes, flags, slots, gso }]);
        two.post(slots + 1);
        sent += bytes.length;
        packets++;
      }
    }
    assert.deepEqual(one.backend.figures(), { ...noTraffic(), txBytes: sent, txPackets: packets });
    const rxBytes = sent - packets * 14;
    assert.deepEqual(two.backend.figures(), { ...noTraffic(), rxBytes, rxPackets: packets });
  }, TAKES_GSO));

Deno.test("a frame that is not blank, or of one segment, goes through as Linux's netfront expects it", () =>
  withPair((one, two) => {
    two.post(20);
    const bytes = tcpPacket({ size: 3000 }), gso = { size: 1448, type: 1 };
    const complete = completeChecksum(bytes, findChecksum(bytes)!);
    sendWhole(one, complete, 4, 1448, 0);
    assert.deepEqual(two.received(), [{ bytes, flags: RX_BLANK | RxFlag.EXTRA_INFO, slots: 1, gso }]);
    sendWhole(one, bytes, 4, 3000);
    assert.deepEqual(two.received(), [{ bytes, flags: RX_BLANK, slots: 1 }]);
  }, TAKES_GSO));

Deno.test("a page is needed for the extra info, too", () =>
  withPair((one, two) => {
    const bytes = tcpPacket({ size: 8000 });
    assert.equal(Math.ceil(bytes.length / 4096), 2);
    two.post(2);
    sendWhole(one, bytes, 4);
    one.send(frameOf(2, 1));
    assert.deepEqual(two.received(), []);
    two.post(1);
    assert.deepEqual(two.received().map((frame) => frame?.bytes), [bytes]);
    two.post(1);
    assert.deepEqual(two.received().map((frame) => frame?.bytes), [frameOf(2, 1)]);
    // Pages that are none: the first, the extra info's (which is not touched) and one of data.
    for (const [bad, isGood] of [[0, false], [1, true], [2, false]] as const) {
      for (let i = 0; i < 3; i++) two.post(1, i === bad ? 99999 : undefined);
      sendWhole(one, bytes, 4);
      assert.deepEqual(two.received().map((frame) => frame?.bytes), [isGood ? bytes : undefined]);
    }
    const { rxErrors, rxPackets } = two.backend.figures();
    assert.deepEqual({ rxErrors, rxPackets }, { rxErrors: 2, rxPackets: 3 });
  }, TAKES_GSO));

const TAKES_NOT: [string, (4 | 6)[], Record<string, number>][] = [
  ["does not say so", [4, 6], {}],
  ["says no", [4, 6], { "feature-gso-tcpv4": 0, "feature-gso-tcpv6": 0 }],
  ["takes the other IP's", [4], { "feature-gso-tcpv6": 1 }],
  ["takes the other IP's", [6], { "feature-gso-tcpv4": 1 }],
  ["takes no chains", [4, 6], { ...TAKES_GSO, "feature-sg": 0 }],
  ["takes no blank checksums", [4, 6], {
    ...TAKES_GSO,
    "feature-no-csum-offload": 1,
    "feature-ipv6-csum-offload": 0,
  }],
];

for (const [why, versions, nodes] of TAKES_NOT) {
  Deno.test(`segments for a guest that ${why}, of IPv${versions.join(" and IPv")}`, () =>
    withPair((one, two) => {
      const takesBlank = nodes["feature-no-csum-offload"] === undefined;
      let sent = 0, packets = 0, received = 0;
      for (const version of versions) {
        const headers = (version === 4 ? 34 : 54) + TCP_HEADER, size = 60_001;
        two.post(100);
        const bytes = tcpPacket({ version, size });
        sendWhole(one, bytes, version);
        const frames = two.received().map((frame) => frame!);
        assert.equal(frames.length, Math.ceil(size / 1448));
        for (const frame of frames) {
          assert.equal(frame.flags, takesBlank ? RX_BLANK : 0);
          assert.equal(frame.gso, undefined);
          const found = findChecksum(frame.bytes)!;
          assert.equal(hasRightChecksums(frame.bytes), !takesBlank);
          assert(hasRightChecksums(takesBlank ? completeChecksum(frame.bytes, found) : frame.bytes));
          received += frame.bytes.length - 14;
        }
        const data = frames.flatMap((frame) => [...frame.bytes.subarray(headers)]);
        assert.deepEqual(Uint8Array.from(data), bytes.subarray(headers));
        sent += bytes.length;
        packets += frames.length;
      }
      const { length } = versions;
      assert.deepEqual(one.backend.figures(), { ...noTraffic(), txBytes: sent, txPackets: length });
      assert.deepEqual(two.backend.figures(), { ...noTraffic(), rxBytes: received, rxPackets: packets });
    }, nodes));
}

Deno.test("a flooded frame is whole for one guest and segmented for another", () => {
  const bridge = new Switch();
  const guests = [{}, TAKES_GSO, {}].map((nodes, i) => new FakeGuest(bridge, i + 1).connect(nodes));
  const [one, two, three] = guests;
  two.post(20);
  three.post(20);
  const bytes = tcpPacket({ size: 10_000 });
  bytes.set(macOf(77));
  sendWhole(one, bytes, 4);
  assert.deepEqual(two.received().map((frame) => frame?.bytes), [bytes]);
  assert.equal(three.received().length, 7);
  for (const { backend } of guests) backend.close();
});

Deno.test("a queue holds a megabyte, and then what is small enough to fit", () =>
  withPair((one, two) => {
    const large = tcpPacket({ size: 65_000 });
    const fits = Math.floor(2 ** 20 / large.length);
    for (let i = 0; i < fits + 3; i++) sendWhole(one, large, 4);
    assert.equal(two.backend.figures().rxDrops, 3);
    one.send(frameOf(2, 1));
    for (let i = 0; i < fits; i++) {
      two.post(17);
      assert.deepEqual(two.received().map((frame) => frame?.bytes.length), [large.length]);
    }
    two.post(1);
    assert.deepEqual(two.received().map((frame) => frame?.bytes.length), [60]);
    // There is room again.
    for (let i = 0; i < fits; i++) sendWhole(one, large, 4);
    assert.equal(two.backend.figures().rxDrops, 3);
    assert.equal(one.backend.figures().txPackets, 2 * fits + 4);
  }, TAKES_GSO));

Deno.test("GSO that is none is an error to its sender", () => {
  const bridge = new Switch(), seen: Frame[] = [];
  bridge.connect((frame) => seen.push(frame));
  const guest = new FakeGuest(bridge, 1).connect();
  const good = tcpPacket({ size: 3000 }), { length } = good;
  const changed = (at: number, ...to: number[]) => {
    const copy = good.slice();
    copy.set(to, at);
    return copy;
  };
  const cases: [string, Uint8Array, { size: number; type: number }][] = [
    ["size 0", good, { size: 0, type: 1 }],
    ["size 1", good, { size: 1, type: 1 }],
    ["too many segments", good, { size: 11, type: 1 }],
    ["no type", good, { size: 1448, type: 0 }],
    ["an unknown type", good, { size: 1448, type: 3 }],
    ["the other IP", good, { size: 1448, type: 2 }],
    ["UDP", changed(23, 17), { size: 1448, type: 1 }],
    ["ARP", changed(12, 0x08, 0x06), { size: 1448, type: 1 }],
    ["no IP at all", frameOf(2, 1, length), { size: 1448, type: 1 }],
    ["IP's length beyond the frame", changed(16, 0x40), { size: 1448, type: 1 }],
    ["TCP's header beyond the packet", changed(16, 0, 60, 0, 7, 0, 0), { size: 8, type: 1 }],
    ["TCP's header too short", changed(46, 0x40), { size: 1448, type: 1 }],
  ];
  cases[10][1][46] = 0xf0;
  for (const [what, bytes, gso] of cases) {
    guest.send(bytes, { flags: BLANK, gso });
    assert.deepEqual(guest.answers().map(([, status]) => status), [-1, 1], what);
  }
  assert.equal(guest.backend.figures().txErrors, cases.length);
  // 64 KiB in segments of one byte.
  sendWhole(guest, tcpPacket({ size: 65_000 }), 4, 1);
  assert.equal(guest.backend.figures().txErrors, cases.length + 1);
  guest.answers();
  // More than one extra info, with GSO first, last or twice.
  for (const types of [[1, 1], [1, 4], [2, 1], [1, 1, 1]]) {
    guest.transmit({ gref: guest.page(good), id: 1, size: length, flags: BLANK | TxFlag.EXTRA_INFO });
    for (const [i, type] of types.entries()) {
      guest.extra(type, i < types.length - 1 ? 1 : 0, { size: 1448, type: 1 });
    }
    guest.pushAndKick();
    assert.deepEqual(guest.answers().map(([, status]) => status), [-1, ...types.map(() => 1)]);
  }
  assert.equal(seen.length, 0);
  sendWhole(guest, good, 4);
  assert.deepEqual(seen, [{ bytes: good, checksum: "blank", gso: { size: 1448, type: 4 } }]);
  assert.deepEqual(guest.lost, []);
  guest.backend.close();
});
