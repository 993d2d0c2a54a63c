import assert from "node:assert/strict";
import { ConsoleRing } from "./ring.ts";

/** Words of the page: in_cons 768, in_prod 769, out_cons 770, out_prod 771. */
function guest() {
  const bytes = new Uint8Array(new SharedArrayBuffer(4096));
  const announced: [number, number][] = [];
  const page = { bytes, written: (offset: number, length: number) => void announced.push([offset, length]) };
  const words = new Int32Array(bytes.buffer);
  const print = (text: string) => {
    let i = 0;
    for (; i < text.length && words[771] - words[770] < 2048; i++) {
      bytes[1024 + (words[771]++ & 2047)] = text.charCodeAt(i);
    }
    return i;
  };
  const read = () => {
    let text = "";
    while (words[768] !== words[769]) text += String.fromCharCode(bytes[words[768]++ & 1023]);
    return text;
  };
  return { page, words, print, read, announced };
}

Deno.test("output arrives in order across the ring's end", () => {
  const { page, print } = guest();
  let seen = "";
  const ring = new ConsoleRing(page, () => {}, (bytes) => seen += new TextDecoder().decode(bytes));
  let sent = "";
  for (let i = 0; i < 50; i++) {
    const text = `line ${i} ${"x".repeat(i * 7)}\n`;
    assert.equal(print(text), text.length);
    sent += text;
    ring.service();
  }
  assert.equal(seen, sent);
});

Deno.test("input longer than the ring waits until the guest has room", () => {
  const { page, read } = guest();
  let events = 0;
  const ring = new ConsoleRing(page, () => void events++, () => {});
  const text = "abcdefghij".repeat(500);
  ring.input(new TextEncoder().encode(text));
  assert.equal(ring.waitingBytes, 5000 - 1024);
  let got = "";
  for (let i = 0; i < 5; i++) {
    got += read();
    ring.service();
  }
  assert.equal(got, text);
  assert.equal(ring.waitingBytes, 0);
  assert.equal(events, 5);
});

Deno.test("every store into the ring's page is announced, with its place", () => {
  const { page, read, announced } = guest();
  const ring = new ConsoleRing(page, () => {}, () => {});
  ring.input(new Uint8Array(1000));
  assert.deepEqual(announced, [[0, 1000], [3076, 4]]);
  announced.length = 0;
  read();
  ring.input(new Uint8Array(30));
  assert.deepEqual(announced, [[1000, 24], [0, 6], [3076, 4]]);
});

Deno.test("indexes that no ring can have end the console, not us", () => {
  const { page, words } = guest();
  const ring = new ConsoleRing(page, () => {}, () => {});
  words[771] = 5000;
  ring.service();
  assert.ok(ring.broken);
});
