/** Every decoder against files that the real tools wrote of `sample()`: xz, lzma, bzip2, lz4 -l, zstd, gzip, lzop. */
import assert from "node:assert/strict";
import { ImageError } from "../errors.ts";
import { Buffer } from "node:buffer";
import { type Compression, compressionOf } from "./mod.ts";
import { generator, sample, SAMPLE_BYTES } from "./sample.ts";

/** Whether every unpacked byte is covered by a checksum, by fixture. */
const FIXTURES: Readonly<Record<string, boolean>> = {
  "crc32-x86.xz": true,
  "crc64-blocks.xz": true,
  "sha256-x86-start.xz": true,
  "no-check.xz": false,
  "unknown-size.lzma": false,
  "lp3-small-dictionary.lzma": false,
  "known-size.lzma": false,
  "level9.bz2": true,
  "two-streams.bz2": true,
  "legacy.lz4": false,
  "two-frames.lz4": false,
  "check.zst": true,
  "named.gz": true,
  "adler.lzo": true,
  "crc32.lzo": true,
  "no-check.lzo": false,
};

const FLIPS = 150;
const CUTS = 60;

function fixture(name: string): { packed: Uint8Array; compression: Compression } {
  const packed = Deno.readFileSync(new URL(`fixtures/${name}`, import.meta.url));
  // The kernel build always uses these properties; other ones have other first bytes.
  const named = name.endsWith(".lzma") ? Uint8Array.of(0x5d, 0, 0) : packed;
  const compression = compressionOf(named);
  assert.ok(compression !== undefined, name);
  return { packed, compression };
}

/** The unpacked bytes, or undefined when the decoder refuses; any error but an ImageError fails the test. */
function attempt(
  { unpack }: Compression,
  packed: Uint8Array,
  size: number,
  what: string,
): Uint8Array | undefined {
  try {
    return unpack(packed, size);
  } catch (error) {
    assert.ok(error instanceof ImageError, `${what}: ${error instanceof Error ? error.stack : error}`);
    assert.ok(error.kind === "truncated" || error.kind === "corrupt", what);
    return undefined;
  }
}

for (const [name, isChecked] of Object.entries(FIXTURES)) {
  Deno.test(`${name} unpacks to what was packed, and only when all of it is there`, () => {
    const { packed, compression } = fixture(name);
    const expected = Buffer.from(sample());
    assert.ok(expected.equals(compression.unpack(packed, SAMPLE_BYTES)));
    for (const size of [0, 1, SAMPLE_BYTES - 1, SAMPLE_BYTES + 1]) {
      assert.ok(attempt(compression, packed, size, `size ${size}`) === undefined, `size ${size}`);
    }
    for (let i = 0; i < CUTS; i++) {
      const length = i < 20 ? i : packed.length - 1 - Math.floor((i - 20) ** 2 / 1600 * (packed.length - 21));
      const got = attempt(compression, packed.subarray(0, length), SAMPLE_BYTES, `cut to ${length}`);
      assert.ok(got === undefined, `cut to ${length} of ${packed.length}`);
    }
  });

  Deno.test(`${name} with a flipped bit is refused${isChecked ? "" : ", or at least ends"}`, () => {
    const { packed, compression } = fixture(name);
    const expected = Buffer.from(sample());
    const random = generator(7);
    let refused = 0;
    for (let i = 0; i < FLIPS; i++) {
      const broken = packed.slice();
      // The first bytes, which hold headers, get a larger share.
      const at = i % 3 === 0 ? random(Math.min(64, packed.length)) : random(packed.length);
      broken[at] ^= 1 << random(8);
      const got = attempt(compression, broken, SAMPLE_BYTES, `flip in byte ${at}`);
      if (got === undefined) refused++;
      else if (isChecked) assert.ok(expected.equals(got), `flip in byte ${at} went unnoticed`);
      else assert.equal(got.length, SAMPLE_BYTES);
    }
    assert.ok(refused > FLIPS / 10, `${refused} of ${FLIPS} refused`);
  });
}

Deno.test("formats are told by their first bytes", () => {
  const names = ["crc32-x86.xz", "level9.bz2", "legacy.lz4", "check.zst", "named.gz", "adler.lzo"].map((
    name,
  ) => compressionOf(Deno.readFileSync(new URL(`fixtures/${name}`, import.meta.url)))?.name);
  assert.deepEqual(names, ["XZ", "bzip2", "LZ4", "zstd", "gzip", "LZO"]);
  assert.equal(compressionOf(new Uint8Array(16)), undefined);
});
