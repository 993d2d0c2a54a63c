import assert from "node:assert/strict";
import { completeChecksum, findChecksum } from "./checksum.ts";
import { blank, TCP_SYN, UDP_V4, UDP_V6 } from "./testing_packets.ts";

Deno.test("a checksum is completed to what a known packet has", () => {
  for (const packet of [TCP_SYN, UDP_V4, UDP_V6]) {
    const found = findChecksum(packet)!;
    const incomplete = blank(packet);
    assert.notDeepEqual(incomplete, packet);
    const before = incomplete.slice();
    assert.deepEqual(completeChecksum(incomplete, found), packet);
    // Of a frame that others hold too.
    assert.deepEqual(incomplete, before);
  }
});

Deno.test("padding is not in the checksum", () => {
  const padded = new Uint8Array(TCP_SYN.length + 7).fill(0xaa);
  padded.set(blank(TCP_SYN));
  const complete = completeChecksum(padded, findChecksum(padded)!);
  assert.deepEqual(complete.subarray(0, TCP_SYN.length), TCP_SYN);
});

Deno.test("a checksum of 0 is written as 0xffff", () => {
  const packet = blank(UDP_V6), found = findChecksum(packet)!;
  const view = new DataView(packet.buffer);
  // Makes the sum 0xffff: the payload's last word is what is missing.
  view.setUint16(found.end - 2, 0);
  const partial = new DataView(completeChecksum(packet, found).buffer).getUint16(found.field);
  view.setUint16(found.end - 2, partial);
  assert.equal(new DataView(completeChecksum(packet, found).buffer).getUint16(found.field), 0xffff);
});

Deno.test("only whole TCP and UDP packets have a checksum", () => {
  const changed = (packet: Uint8Array, at: number, ...bytes: number[]) => {
    const copy = packet.slice();
    copy.set(bytes, at);
    return findChecksum(copy);
  };
  assert.equal(findChecksum(new Uint8Array(13)), undefined);
  assert.equal(changed(TCP_SYN, 12, 0x08, 0x06), undefined, "ARP");
  assert.equal(changed(TCP_SYN, 14, 0x65), undefined, "version");
  assert.equal(changed(TCP_SYN, 14, 0x44), undefined, "header length");
  assert.equal(changed(TCP_SYN, 16, 0xff, 0xff), undefined, "total length");
  assert.equal(changed(TCP_SYN, 16, 0, 30), undefined, "no room for TCP");
  assert.equal(changed(TCP_SYN, 20, 0x20, 0), undefined, "more fragments");
  assert.equal(changed(TCP_SYN, 20, 0, 1), undefined, "a later fragment");
  assert.equal(changed(TCP_SYN, 23, 1), undefined, "ICMP");
  assert.equal(changed(UDP_V6, 20, 58), undefined, "ICMPv6");
  assert.equal(changed(UDP_V6, 20, 44), undefined, "fragment header");
  for (let length = 0; length < TCP_SYN.length; length++) {
    assert.equal(findChecksum(TCP_SYN.subarray(0, length)), undefined);
  }
});

Deno.test("IPv6's extension headers are looked through", () => {
  const packet = new Uint8Array(UDP_V6.length + 16);
  packet.set(UDP_V6.subarray(0, 54));
  packet.set([60, 0, 1, 4, 0, 0, 0, 0], 54);
  packet.set([17, 0, 1, 4, 0, 0, 0, 0], 62);
  packet.set(UDP_V6.subarray(54), 70);
  packet[20] = 0;
  new DataView(packet.buffer).setUint16(18, UDP_V6.length - 54 + 16);
  assert.equal(findChecksum(packet)!.field, 76);
  // One of 264 bytes: more than Linux looks at.
  const long = new Uint8Array(UDP_V6.length + 264);
  long.set(UDP_V6.subarray(0, 54));
  long.set([17, 32], 54);
  long.set(UDP_V6.subarray(54), 54 + 264);
  long[20] = 0;
  new DataView(long.buffer).setUint16(18, UDP_V6.length - 54 + 264);
  assert.equal(findChecksum(long), undefined);
  // A chain that goes on for ever.
  const endless = new Uint8Array(2000);
  endless.set(UDP_V6.subarray(0, 54));
  endless[20] = 0;
  assert.equal(findChecksum(endless), undefined);
});
