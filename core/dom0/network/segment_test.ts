import assert from "node:assert/strict";
import { completeChecksum, findChecksum } from "./checksum.ts";
import type { Segmentation } from "./frame.ts";
import { offload, segment } from "./segment.ts";
import { hasRightChecksums, TCP_HEADER, TCP_SYN, tcpPacket, UDP_V4 } from "./testing_packets.ts";

/** Hop-by-hop, with TCP next. */
const EXTENSION = [6, 0, 1, 4, 0, 0, 0, 0];
/** IPv4's record route, with padding. */
const IP_OPTIONS = [7, 7, 4, 0, 0, 0, 0, 0];

/** The segments with their checksums completed. */
function segmentsOf(bytes: Uint8Array, gso: Segmentation): Uint8Array[] {
  return [...segment(bytes, gso)].map((frame) => {
    assert.equal(frame.checksum, "blank");
    assert.equal(frame.gso, undefined);
    return completeChecksum(frame.bytes, findChecksum(frame.bytes)!);
  });
}

for (const version of [4, 6] as const) {
  for (const between of [[], version === 4 ? IP_OPTIONS : EXTENSION]) {
    Deno.test(`TCP over IPv${version} with ${between.length} bytes of options is segmented`, () => {
      const headers = 14 + (version === 4 ? 20 : 40) + between.length + TCP_HEADER;
      for (const [size, mss] of [[5000, 1448], [2896, 1448], [1449, 1448], [60_000, 1448], [701, 233]]) {
        const sequence = 0xffff_fff0, id = 0xfffe;
        const whole = tcpPacket({ version, size, between, sequence, id, flags: 0x99 });
        const segments = segmentsOf(whole, { size: mss, type: version });
        assert.equal(segments.length, Math.ceil(size / mss));
        const data = segments.flatMap((bytes) => [...bytes.subarray(headers)]);
        assert.deepEqual(Uint8Array.from(data), whole.subarray(headers));
        const tcp = headers - TCP_HEADER;
        for (const [i, bytes] of segments.entries()) {
          assert(hasRightChecksums(bytes, version === 4 ? 0 : between.length));
          const view = new DataView(bytes.buffer);
          assert.equal(bytes.length - headers, i < segments.length - 1 ? mss : size - i * mss);
          assert.equal(view.getUint32(tcp + 4), (sequence + i * mss) % 2 ** 32);
          // CWR (0x80) in the first, PSH and FIN in the last.
          const flags = (i === 0 ? 0x80 : 0) | 0x10 | (i === segments.length - 1 ? 0x09 : 0);
          assert.equal(bytes[tcp + 13], flags);
          if (version === 4) assert.equal(view.getUint16(18), (id + i) % 65536);
          assert.equal(view.getUint16(version === 4 ? 16 : 18), bytes.length - (version === 4 ? 14 : 54));
          // All else is the same.
          const varying = new Set(version === 4 ? [16, 17, 18, 19, 24, 25] : [18, 19]);
          for (const at of [4, 5, 6, 7, 13, 16, 17]) varying.add(tcp + at);
          for (let at = 0; at < headers; at++) if (!varying.has(at)) assert.equal(bytes[at], whole[at]);
        }
      }
    });
  }
}

Deno.test("what follows the IP packet is in no segment", () => {
  const whole = tcpPacket({ size: 3000 }), padded = new Uint8Array(whole.length + 9).fill(0xee);
  padded.set(whole);
  const gso: Segmentation = { size: 1000, type: 4 };
  assert.deepEqual(segmentsOf(padded, gso), segmentsOf(whole, gso));
});

Deno.test("the checksum of a frame to be segmented is made blank, as Linux does it", () => {
  for (const version of [4, 6] as const) {
    const blank = tcpPacket({ version, size: 3001 });
    const complete = completeChecksum(blank, findChecksum(blank)!);
    const gso: Segmentation = { size: 1000, type: version };
    assert.deepEqual(offload(complete, false, gso), { bytes: blank, checksum: "blank", gso });
  }
});

Deno.test("a frame of one segment is an ordinary one", () => {
  for (const [size, mss] of [[0, 8], [1, 8], [1448, 1448], [100, 65535]]) {
    const bytes = tcpPacket({ size });
    assert.deepEqual(offload(bytes, true, { size: mss, type: 4 }), { bytes, checksum: "blank" });
  }
});

Deno.test("what cannot be segmented, or not with reasonable work", () => {
  const whole = tcpPacket({ size: 20_000 });
  const refused = (bytes: Uint8Array, size = 1448, type: 4 | 6 = 4) => {
    const why = offload(bytes, true, { size, type });
    assert.equal(typeof why, "string");
    return why;
  };
  const changed = (at: number, ...to: number[]) => {
    const copy = whole.slice();
    copy.set(to, at);
    return copy;
  };
  assert.equal(refused(whole, 1), "segments of 1 bytes");
  assert.equal(refused(whole, 0), "segments of 0 bytes");
  assert.equal(refused(tcpPacket({ size: 20 }), 7), "segments of 7 bytes");
  assert.equal(refused(whole, 78), "257 segments");
  assert.equal(typeof offload(whole, true, { size: 79, type: 4 }), "object");
  assert.equal(refused(whole, 1448, 6), "no TCP over IPv6 to segment");
  assert.equal(refused(tcpPacket({ version: 6, size: 3000 })), "no TCP over IPv4 to segment");
  refused(UDP_V4, 8);
  refused(changed(12, 0x08, 0x06));
  refused(changed(12, 0x81, 0x00));
  refused(changed(20, 0x20, 0));
  // Lengths that lie: IP's header and its packet, TCP's header.
  refused(changed(14, 0x44));
  refused(changed(16, 0xff, 0xff));
  refused(changed(16, 0, 52 - TCP_HEADER + 19));
  refused(changed(46, 0x40));
  refused(changed(16, 0, 52 - 1));
  assert.equal(typeof offload(changed(16, 0, 52), true, { size: 8, type: 4 }), "object");
  const syn = TCP_SYN.slice();
  syn[46] = 0xf0;
  refused(syn, 8);
  for (let length = 0; length < 70; length++) refused(whole.subarray(0, length));
});
