import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { unpackBzImage } from "./bzimage.ts";
import { makeElf } from "./elf_writer.ts";
import { ImageError, type ImageErrorKind } from "./errors.ts";
import { parseKernel } from "./kernel.ts";
import { XEN_ELFNOTE } from "./notes.ts";

const vmlinux = makeElf({
  segments: [{ paddr: 0x1000000n, data: Uint8Array.from({ length: 9000 }, (_, i) => i * i) }],
  notes: [{ type: XEN_ELFNOTE.LOADER, desc: "generic" }, { type: XEN_ELFNOTE.XEN_VERSION, desc: "xen-3.0" }],
});

interface Header {
  readonly version?: number;
  readonly setupSects?: number;
  readonly offset?: number;
  readonly length?: number;
  readonly bootFlag?: number;
}

/** A bzImage with a payload 64 bytes into its protected-mode part. */
function bzImage(payload: Uint8Array, header: Header = {}): Uint8Array {
  const { version = 0x20f, setupSects = 3, offset = 64, length = payload.length, bootFlag = 0xaa55 } = header;
  const start = ((setupSects || 4) + 1) * 512;
  const file = new Uint8Array(start + 64 + payload.length + 100);
  const view = new DataView(file.buffer);
  file[0x1f1] = setupSects;
  view.setUint16(0x1fe, bootFlag, true);
  file.set(new TextEncoder().encode("HdrS"), 0x202);
  view.setUint16(0x206, version, true);
  view.setUint32(0x248, offset, true);
  view.setUint32(0x24c, length, true);
  file.set(payload, start + 64);
  return file;
}

/** What the kernel build makes of every format but gzip: the size follows. */
function withSize(packed: Uint8Array, size = vmlinux.length): Uint8Array {
  const all = new Uint8Array(packed.length + 4);
  all.set(packed);
  new DataView(all.buffer).setUint32(packed.length, size, true);
  return all;
}

function refuses(kind: ImageErrorKind, message: RegExp, file: Uint8Array): void {
  assert.throws(() => parseKernel(file), (error) => {
    assert.ok(error instanceof ImageError, String(error));
    assert.equal(error.kind, kind);
    assert.match(error.message, message);
    return true;
  });
}

Deno.test("the payload of a bzImage is found and unpacked", () => {
  for (const payload of [vmlinux, gzipSync(vmlinux), withSize(zstdCompressSync(vmlinux))]) {
    assert.ok(Buffer.from(vmlinux).equals(unpackBzImage(bzImage(payload))));
    assert.ok(Buffer.from(vmlinux).equals(unpackBzImage(bzImage(payload, { setupSects: 0 }))));
    assert.deepEqual(parseKernel(bzImage(payload)).modes, ["64-bit PV"]);
  }
  assert.deepEqual(parseKernel(gzipSync(bzImage(gzipSync(vmlinux)))).modes, ["64-bit PV"]);
});

Deno.test("headers that cannot be used are refused with the reason", () => {
  const payload = gzipSync(vmlinux);
  refuses("unsupported-format", /boot protocol 2\.07.*2\.08/, bzImage(payload, { version: 0x207 }));
  refuses("corrupt", /0xaa55/, bzImage(payload, { bootFlag: 0 }));
  refuses("corrupt", /payload of no bytes/, bzImage(payload, { length: 0 }));
  refuses("truncated", /payload ends at byte/, bzImage(payload, { length: 1 << 24 }));
  refuses("truncated", /payload ends at byte/, bzImage(payload, { offset: 0x7fffffff }));
  refuses("truncated", /setup header/, bzImage(payload).subarray(0, 0x24c));
  refuses("truncated", /payload ends at byte/, bzImage(payload).subarray(0, 2200));
  refuses(
    "unsupported-format",
    /payload is a text file.*gzip, bzip2, LZMA, XZ/,
    bzImage(new TextEncoder().encode("hello")),
  );
});

Deno.test("payloads that do not unpack to an ELF file of the announced size are refused", () => {
  const zstd = zstdCompressSync(vmlinux);
  refuses("corrupt", /announces .* more than 1 GiB/, bzImage(withSize(zstd, 0xfffffff0)));
  refuses("corrupt", /were announced/, bzImage(withSize(zstd, vmlinux.length + 1)));
  refuses("corrupt", /longer than announced/, bzImage(withSize(zstd, vmlinux.length - 1)));
  refuses(
    "truncated",
    /zstd-compressed kernel is truncated/,
    bzImage(withSize(zstd.subarray(0, zstd.length - 9))),
  );
  const script = new TextEncoder().encode("#!/bin/sh\n");
  refuses("not-a-kernel", /inside this bzImage is a script/, bzImage(gzipSync(script)));
  refuses("truncated", /gzip-compressed kernel is truncated/, bzImage(gzipSync(vmlinux), { length: 7 }));
});
