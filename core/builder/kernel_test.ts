import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { parseElf, PT_NOTE } from "./elf.ts";
import { makeElf, word } from "./elf_writer.ts";
import { ImageError, type ImageErrorKind } from "./errors.ts";
import { parseKernel, pvPlacement } from "./kernel.ts";
import { XEN_ELFNOTE } from "./notes.ts";

const code = new Uint8Array(100).fill(0x90);
const named = [
  { type: XEN_ELFNOTE.LOADER, desc: "generic" },
  { type: XEN_ELFNOTE.XEN_VERSION, desc: "xen-3.0" },
];

function refuses(kind: ImageErrorKind, message: RegExp, act: () => unknown): void {
  assert.throws(act, (error) => {
    assert.ok(error instanceof ImageError, String(error));
    assert.equal(error.kind, kind);
    assert.match(error.message, message);
    return true;
  });
}

function text(content: string): Uint8Array {
  return new TextEncoder().encode(content);
}

Deno.test("files that are no kernels are named for what they look like", () => {
  const bootSector = new Uint8Array(1024);
  bootSector[510] = 0x55;
  bootSector[511] = 0xaa;
  bootSector[0] = 0xeb;
  const cases: [Uint8Array, RegExp][] = [
    [new Uint8Array(), /an empty file/],
    [text("#!/bin/sh\n"), /a script/],
    [text("hello there\n"), /a text file/],
    [text("QFI\xfb").slice(0, 3), /text file/],
    [Uint8Array.of(0x51, 0x46, 0x49, 0xfb, 0, 0), /qcow2/],
    [bootSector, /disk image/],
    [new Uint8Array(4096), /zeros/],
    [Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0), /XZ/],
    [Uint8Array.of(1, 2, 3, 0, 255), /unknown format/],
    [gzipSync(text("nothing")), /gzip-compressed, and inside is a text file/],
  ];
  for (const [bytes, message] of cases) refuses("not-a-kernel", message, () => parseKernel(bytes));
});

Deno.test("a truncated file says so, wherever it is cut", () => {
  const whole = makeElf({ segments: [{ paddr: 0n, data: new Uint8Array(8192).fill(1) }], notes: named });
  parseKernel(whole);
  for (const length of [5, 19, 40, 63, 100, 4000, 8000, whole.length - 4]) {
    refuses("truncated", /truncated/, () => parseKernel(whole.slice(0, length)));
  }
  const packed = gzipSync(whole);
  assert.deepEqual(parseKernel(packed).modes, ["64-bit PV"]);
  refuses("truncated", /gzip.*truncated/, () => parseKernel(packed.subarray(0, packed.length - 20)));
});

Deno.test("ELF files for other machines and without Xen notes are refused", () => {
  const segments = [{ paddr: 0x100000n, data: code }];
  refuses("not-a-kernel", /64-bit ARM/, () => parseKernel(makeElf({ machine: 183, segments })));
  refuses("no-xen-notes", /no notes and no __xen_guest/, () => parseKernel(makeElf({ segments })));
  const notes = [{ type: 1, desc: "x", owner: "GNU" }];
  refuses("no-xen-notes", /no notes of Xen's/, () => parseKernel(makeElf({ segments, notes })));
});

Deno.test("a kernel for PVH only says which mode it supports", () => {
  const kernel = parseKernel(makeElf({
    width: 32,
    entry: 0x100000n,
    segments: [{ paddr: 0x100000n, data: code }],
    notes: [{ type: XEN_ELFNOTE.PHYS32_ENTRY, desc: 0x100000n }],
  }));
  assert.deepEqual(kernel.modes, ["PVH"]);
  refuses("wrong-mode", /does not support PV: it supports PVH only/, () => pvPlacement(kernel));
});

Deno.test("a stock kernel without CONFIG_XEN_PV does not count as PV for its naming notes", () => {
  const kernel = parseKernel(makeElf({
    segments: [{ paddr: 0x1000000n, data: code }],
    notes: [
      { type: XEN_ELFNOTE.GUEST_OS, desc: "linux" },
      ...named,
      { type: XEN_ELFNOTE.SUSPEND_CANCEL, desc: word(1n, 4) },
      { type: XEN_ELFNOTE.PHYS32_ENTRY, desc: word(0x1000000n, 4) },
    ],
  }));
  assert.deepEqual(kernel.modes, ["PVH"]);
});

Deno.test("Linux's notes give its placement by physical address", () => {
  const base = 0xffff_ffff_8000_0000n;
  const kernel = parseKernel(makeElf({
    segments: [
      { paddr: 0x1000000n, vaddr: base + 0x1000000n, data: code },
      { paddr: 0x1200000n, vaddr: 0n, data: code, memSize: 0x3000n },
    ],
    notes: [
      { type: XEN_ELFNOTE.GUEST_OS, desc: "linux" },
      ...named,
      { type: XEN_ELFNOTE.VIRT_BASE, desc: base },
      { type: XEN_ELFNOTE.ENTRY, desc: base + 0x1200010n },
      { type: XEN_ELFNOTE.INIT_P2M, desc: 0x80_0000_0000n },
      { type: XEN_ELFNOTE.MOD_START_PFN, desc: word(1n, 4) },
      { type: XEN_ELFNOTE.FEATURES, desc: text("!writable_page_tables") },
      { type: XEN_ELFNOTE.PAE_MODE, desc: "yes" },
      { type: XEN_ELFNOTE.L1_MFN_VALID, desc: Uint8Array.of(...word(1n, 8), ...word(1n, 8)) },
      { type: XEN_ELFNOTE.PHYS32_ENTRY, desc: word(0x1000000n, 4) },
    ],
  }));
  assert.deepEqual(kernel.modes, ["64-bit PV", "PVH"]);
  assert.deepEqual(kernel.notes.l1MfnValid, [{ mask: 1n, value: 1n }]);
  const placement = pvPlacement(kernel);
  assert.equal(placement.kernelStart, base + 0x1000000n);
  assert.equal(placement.kernelEnd, base + 0x1203000n);
  assert.equal(placement.entry, base + 0x1200010n);
  assert.equal(placement.initP2m, 0x80_0000_0000n);
  assert.equal(placement.unmappedRamdisk, true);
});

Deno.test("the __xen_guest string of older kernels is understood", () => {
  const section = "GUEST_OS=linux,GUEST_VER=2.6,XEN_VER=xen-3.0,VIRT_BASE=0xC0000000,LOADER=generic," +
    "PAE=yes[extended-cr3],HYPERCALL_PAGE=0x2,FEATURES=writable_page_tables|!pae_pgdir_above_4gb,BSD_SYMTAB";
  const kernel = parseKernel(makeElf({
    width: 32,
    entry: 0xc0000000n,
    segments: [{ paddr: 0xc0000000n, data: new Uint8Array(0x4000) }],
    sections: [{ name: "__xen_guest", type: 1, data: text(`${section}\0`) }],
  }));
  assert.deepEqual(kernel.modes, ["32-bit PV (PAE)"]);
  assert.equal(kernel.notes.bsdSymtab, true);
  assert.deepEqual(kernel.notes.features, { supported: 0b10001, required: 0b10000 });
  const placement = pvPlacement(kernel);
  assert.equal(placement.kernelStart, 0xc0000000n);
  assert.equal(placement.hypercallPage, 0xc0002000n);
});

Deno.test("features a kernel requires are checked", () => {
  const make = (features: string) =>
    makeElf({
      segments: [{ paddr: 0n, data: code }],
      notes: [...named, { type: XEN_ELFNOTE.FEATURES, desc: features }],
    });
  refuses("unsupported-feature", /unknown Xen feature "flying"/, () => parseKernel(make("!flying|dom0")));
  refuses("unsupported-feature", /Domain-0/, () => pvPlacement(parseKernel(make("!dom0"))));
  refuses(
    "unsupported-feature",
    /auto_translated/,
    () => pvPlacement(parseKernel(make("!auto_translated_physmap"))),
  );
  pvPlacement(parseKernel(make("flying|!writable_page_tables|pae_pgdir_above_4gb")));
});

Deno.test("wrong loader, version and addresses are refused with the reason", () => {
  const place = (notes: { type: number; desc: string | bigint }[], entry = 0n) =>
    pvPlacement(parseKernel(makeElf({ entry, segments: [{ paddr: 0n, data: code }], notes })));
  refuses(
    "wrong-mode",
    /LOADER "other"/,
    () => place([{ type: XEN_ELFNOTE.LOADER, desc: "other" }, named[1]]),
  );
  refuses(
    "wrong-mode",
    /"xen-2.0"/,
    () => place([named[0], { type: XEN_ELFNOTE.XEN_VERSION, desc: "xen-2.0" }]),
  );
  refuses("corrupt", /out of bounds/, () => place(named, 0x5000n));
  refuses(
    "corrupt",
    /hypercall page/,
    () => place([...named, { type: XEN_ELFNOTE.HYPERCALL_PAGE, desc: 0x9000n }]),
  );
  refuses("corrupt", /VIRT_BASE/, () => place([...named, { type: XEN_ELFNOTE.PADDR_OFFSET, desc: 0x9000n }]));
});

Deno.test("no cut or flipped byte of an image makes anything but an ImageError", () => {
  const whole = makeElf({
    segments: [{ paddr: 0n, data: code, memSize: 0x2000n }],
    notes: [...named, { type: XEN_ELFNOTE.HYPERCALL_PAGE, desc: 0x1000n }, {
      type: XEN_ELFNOTE.BSD_SYMTAB,
      desc: "yes",
    }],
    sections: [
      { name: ".symtab", type: 2, data: new Uint8Array(48), link: 2 },
      { name: ".strtab", type: 3, data: text("\0a\0") },
    ],
  });
  pvPlacement(parseKernel(whole));
  for (let at = 0; at < whole.length; at++) {
    for (const value of [0, 0x7f, 0xff]) {
      const broken = whole.slice();
      broken[at] = value;
      try {
        pvPlacement(parseKernel(broken));
      } catch (error) {
        assert.ok(error instanceof ImageError, `byte ${at} = ${value}: ${error}`);
      }
    }
  }
});

Deno.test("a file that claims notes or names without end is refused or read soon", () => {
  const note = { type: PT_NOTE, paddr: 0n, data: new Uint8Array(1 << 20) };
  refuses("corrupt", /more than 16384 notes/, () => parseKernel(makeElf({ segments: [note] })));
  const name = "x".repeat(1 << 20);
  const { sections } = parseElf(makeElf({ segments: [], sections: [{ name, type: 1, data: code }] }));
  assert.deepEqual(sections.map(({ name }) => name.length), [0, 256, ".shstrtab".length]);
});
