import assert from "node:assert/strict";
import type { Frame } from "./frame.ts";
import { Switch } from "./switch.ts";
import { frameOf } from "./testing.ts";

function network(count: number) {
  const clock = { now: 0 };
  const bridge = new Switch(() => clock.now);
  const ports = Array.from({ length: count }, () => {
    const seen: Frame[] = [];
    return { seen, port: bridge.connect((frame) => seen.push(frame)) };
  });
  const send = (port: number, to: number, from: number) =>
    ports[port].port.send({ bytes: frameOf(to, from), checksum: "complete" });
  /** How many frames each port has got since. */
  const counts = () => ports.map(({ seen }) => seen.splice(0).length);
  return { clock, bridge, ports, send, counts };
}

const BROADCAST = [255, 255, 255, 255, 255, 255];

Deno.test("a switch floods what it does not know and never back to the sender", () => {
  const { send, counts, ports } = network(3);
  send(0, 2, 1);
  assert.deepEqual(counts(), [0, 1, 1]);
  send(1, 1, 2);
  assert.deepEqual(counts(), [1, 0, 0]);
  send(0, 2, 1);
  assert.deepEqual(counts(), [0, 1, 0]);
  // To the sender's own port.
  send(0, 1, 7);
  assert.deepEqual(counts(), [0, 0, 0]);
  const bytes = frameOf(2, 1);
  bytes.set(BROADCAST);
  ports[0].port.send({ bytes, checksum: "blank" });
  assert.deepEqual(ports.map(({ seen }) => seen.map(({ checksum }) => checksum)), [[], ["blank"], ["blank"]]);
});

Deno.test("a switch does not learn group addresses and zero", () => {
  const { bridge, ports, send, counts } = network(3);
  for (const source of [BROADCAST, [1, 0, 0x5e, 0, 0, 1], [0, 0, 0, 0, 0, 0]]) {
    const bytes = frameOf(9, 1);
    bytes.set(source, 6);
    ports[0].port.send({ bytes, checksum: "complete" });
    assert.equal(bridge.addresses, 0);
  }
  ports[0].port.send({ bytes: new Uint8Array(13), checksum: "complete" });
  assert.deepEqual(counts(), [0, 3, 3]);
  send(1, 0, 5);
  assert.equal(bridge.addresses, 1);
});

Deno.test("an address that moves, ages or goes away", () => {
  const { clock, bridge, send, counts, ports } = network(3);
  send(0, 9, 1);
  send(1, 9, 1);
  counts();
  send(2, 1, 3);
  assert.deepEqual(counts(), [0, 1, 0]);
  clock.now = 299_000;
  send(2, 1, 3);
  assert.deepEqual(counts(), [0, 1, 0]);
  clock.now = 300_000;
  send(2, 1, 3);
  assert.deepEqual(counts(), [1, 1, 0]);
  assert.equal(bridge.addresses, 1);
  send(0, 3, 1);
  assert.deepEqual(counts(), [0, 0, 1]);
  ports[2].port.disconnect();
  ports[2].port.disconnect();
  assert.equal(bridge.addresses, 1);
  send(0, 3, 1);
  send(2, 1, 3);
  assert.deepEqual(counts(), [0, 1, 0]);
});

Deno.test("a port that invents addresses loses its own, not the others'", () => {
  const { bridge, send, counts } = network(3);
  send(0, 9, 1);
  send(1, 9, 2);
  for (let i = 0; i < 5000; i++) send(2, 9, 1000 + i);
  assert.equal(bridge.addresses, 1024);
  counts();
  send(0, 2, 1);
  assert.deepEqual(counts(), [0, 1, 0]);
  send(1, 1000 + 4999, 2);
  assert.deepEqual(counts(), [0, 0, 1]);
  send(1, 1000, 2);
  assert.deepEqual(counts(), [1, 0, 1]);
});

Deno.test("a newcomer has an address learned in a full switch", () => {
  const { bridge, send, counts } = network(3);
  for (let i = 0; i < 1024; i++) send(2, 9, 1000 + i);
  send(0, 9, 1);
  counts();
  assert.equal(bridge.addresses, 1024);
  send(1, 1, 2);
  assert.deepEqual(counts(), [1, 0, 0]);
});
