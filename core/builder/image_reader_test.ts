import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { generator } from "./compression/sample.ts";
import { makeElf } from "./elf_writer.ts";
import { ImageError } from "./errors.ts";
import { readKernel } from "./image_reader.ts";
import { parseKernel } from "./kernel.ts";
import { XEN_ELFNOTE } from "./notes.ts";

const notes = [
  { type: XEN_ELFNOTE.LOADER, desc: "generic" },
  { type: XEN_ELFNOTE.XEN_VERSION, desc: "xen-3.0" },
];

function kernel(bytes: number): Uint8Array<ArrayBuffer> {
  const random = generator(7);
  const data = Uint8Array.from({ length: bytes }, (_, i) => i % 4096 < 64 ? random(256) : i >> 8);
  return Uint8Array.from(makeElf({ segments: [{ paddr: 0x1000000n, data }], notes }));
}

/** Turns of this thread's event loop while something goes on. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  try {
    await work;
    return turns;
  } finally {
    clearInterval(timer);
  }
}

Deno.test("an image read beside this thread is what it would be read here", async () => {
  const elf = kernel(5000);
  for (const file of [elf, gzipSync(elf), new Uint8Array(gzipSync(elf))]) {
    const expected = parseKernel(file.slice());
    const image = await readKernel(file);
    assert.deepEqual({ ...image, elf: { ...image.elf, bytes: undefined } }, {
      ...expected,
      elf: { ...expected.elf, bytes: undefined },
    });
    assert.deepEqual(new Uint8Array(image.elf.bytes), new Uint8Array(expected.elf.bytes));
  }
});

Deno.test("an image that cannot be read is refused in the same words, and the next one is read", async () => {
  const packed = new Uint8Array(gzipSync(kernel(5000)));
  const flipped = packed.map((byte, i) => i === packed.length >> 1 ? byte ^ 0x55 : byte);
  const bad = [
    packed.subarray(0, 300),
    flipped,
    new TextEncoder().encode("#!/bin/sh\n"),
    new Uint8Array(gzipSync("hello")),
    new Uint8Array(),
  ];
  const refusals = bad.map(async (file) => {
    let expected: unknown;
    try {
      parseKernel(file.slice());
    } catch (error) {
      expected = error;
    }
    assert.ok(expected instanceof ImageError);
    const { kind, message } = expected;
    await assert.rejects(readKernel(file), (error) => {
      assert.ok(error instanceof ImageError);
      assert.deepEqual([error.kind, error.message], [kind, message]);
      return true;
    });
  });
  const good = readKernel(packed.slice());
  await Promise.all(refusals);
  assert.deepEqual((await good).modes, ["64-bit PV"]);
});

Deno.test("this thread goes on while tens of megabytes are unpacked", async () => {
  const turns = await turnsDuring(readKernel(new Uint8Array(gzipSync(kernel(48 << 20), { level: 1 }))));
  assert.ok(turns >= 10, `the event loop turned ${turns} times`);
});
