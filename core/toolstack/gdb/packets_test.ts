import assert from "node:assert/strict";
import fc from "fast-check";
import { escape, frame, fromHex, PACKET_SIZE, PacketReader, toHex, unescape } from "./packets.ts";

const bytes = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

Deno.test("packets are cut out of any pieces of the stream", () => {
  const stream = bytes(`+${frame("qSupported:a;b")}--\x03${frame("")}$bad#00${frame("m0,4")}`);
  const whole = [...new PacketReader().take(stream)];
  assert.deepEqual(whole, [
    { kind: "packet", data: "qSupported:a;b" },
    { kind: "interrupt" },
    { kind: "packet", data: "" },
    { kind: "bad" },
    { kind: "packet", data: "m0,4" },
  ]);
  const reader = new PacketReader();
  assert.deepEqual([...stream].flatMap((byte) => [...reader.take(Uint8Array.of(byte))]), whole);
});

Deno.test("an interrupt byte inside a packet is data; one that is too long is bad, and the next is good", () => {
  const reader = new PacketReader();
  assert.deepEqual([...reader.take(bytes(frame("X0,1:\x03")))], [{ kind: "packet", data: "X0,1:\x03" }]);
  assert.deepEqual([...reader.take(bytes(frame("m".repeat(PACKET_SIZE + 1))))], [{ kind: "bad" }]);
  assert.deepEqual([...reader.take(bytes(frame("?")))], [{ kind: "packet", data: "?" }]);
});

Deno.test("binary data and hexadecimal survive", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (data) => {
    const text = String.fromCharCode(...data);
    assert.equal(unescape(escape(text)), text);
    assert.deepEqual(fromHex(toHex(data)), data);
    assert.deepEqual([...new PacketReader().take(bytes(frame(escape(text))))], [
      { kind: "packet", data: escape(text) },
    ]);
  }));
  assert.equal(fromHex("abc"), undefined);
  assert.equal(fromHex("zz"), undefined);
});
