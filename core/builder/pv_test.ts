import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type ElfFile, makeElf } from "./elf_writer.ts";
import { ImageError } from "./errors.ts";
import { parseKernel } from "./kernel.ts";
import { XEN_ELFNOTE } from "./notes.ts";
import { buildPv, buildPvWithBreaks, type PvStart } from "./pv.ts";
import { start_info } from "../hypervisor/abi/xen.ts";
import type { StartInfo } from "./start_info.ts";

const MFN_BASE = 0x12200;
const code = Uint8Array.from({ length: 5000 }, (_, i) => i * 7);
const named = [
  { type: XEN_ELFNOTE.LOADER, desc: "generic" },
  { type: XEN_ELFNOTE.XEN_VERSION, desc: "xen-3.0" },
  { type: XEN_ELFNOTE.PAE_MODE, desc: "yes" },
];

interface Built {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly start: PvStart;
}

function build(fixture: ElfFile, mib: number, ramdisk?: Uint8Array): Built {
  const bytes = new Uint8Array(mib << 20);
  const start = buildPv({
    frames: { bytes, nrPages: mib * 256, pfnToMfn: (pfn) => MFN_BASE + pfn },
    sharedInfoMfn: 0x77,
    storeEvtchn: 1,
    consoleEvtchn: 2,
  }, { kernel: parseKernel(makeElf(fixture)), ramdisk, cmdline: "console=hvc0 größe" });
  return { bytes, view: new DataView(bytes.buffer), start };
}

/** Translates as the processor does; undefined when not present. */
function walk({ view, start }: Built, address: bigint): { pfn: number; entry: bigint } | undefined {
  const levels = start.width === 64 ? 4 : 3;
  let pfn = start.cr3Mfn - MFN_BASE;
  let entry = 0n;
  for (let level = levels; level >= 1; level--) {
    const slot = Number(address >> BigInt(12 + 9 * (level - 1)) & (levels === 3 && level === 3 ? 3n : 511n));
    entry = view.getBigUint64(pfn * 4096 + slot * 8, true);
    if ((entry & 1n) === 0n) return undefined;
    pfn = Number(entry >> 12n & 0xff_ffff_ffffn) - MFN_BASE;
  }
  return { pfn, entry };
}

function startInfo({ view, start }: Built, name: keyof StartInfo): bigint {
  const field = start_info.layout(start.width).fields.get(name);
  assert.ok(field);
  const { offset, size } = field;
  const at = start.startInfoPfn * 4096 + offset;
  return size === 8 ? view.getBigUint64(at, true) : BigInt(view.getUint32(at, true));
}

/** Every page of the bootstrap area maps one to one, page tables read-only, and nothing else is mapped around it. */
function checkBootstrapArea(built: Built, virtBase: bigint): void {
  const { start } = built;
  const { bootstrapPages } = start.layout;
  const tables = new Set(start.pageTables.map(({ pfn }) => pfn));
  for (let pfn = 0; pfn < bootstrapPages; pfn++) {
    const found = walk(built, virtBase + BigInt(pfn) * 4096n);
    assert.equal(found?.pfn, pfn);
    assert.equal((found?.entry ?? 0n) & 2n, tables.has(pfn) ? 0n : 2n, `pfn ${pfn}`);
  }
  assert.equal(walk(built, virtBase + BigInt(bootstrapPages) * 4096n), undefined);
  assert.equal((virtBase + BigInt(bootstrapPages) * 4096n) % (4n << 20n), 0n);
  assert.ok(bootstrapPages - (start.layout.bootStack + 1) >= 128, "512 KiB of padding");
  assert.equal(start.pageTables[0].mfn, start.cr3Mfn);
}

Deno.test("a kernel at address 0 starts as GRUB does", () => {
  const built = build({
    entry: 0n,
    segments: [
      { paddr: 0n, data: code, memSize: 0x41e1f0n },
      { paddr: 0x41e1f0n, data: code },
    ],
    notes: [...named, { type: XEN_ELFNOTE.HYPERCALL_PAGE, desc: 0x3000n }],
  }, 16);
  const { bytes, start } = built;
  assert.equal(start.rip, 0n);
  assert.equal(start.rflags, 0x200n);
  assert.equal(start.rsi, BigInt(start.startInfoPfn) * 4096n);
  assert.equal(start.rsp, BigInt(start.layout.bootStack + 1) * 4096n);
  assert.deepEqual(bytes.subarray(0, code.length), code);
  assert.deepEqual(bytes.subarray(0x41e1f0, 0x41e1f0 + code.length), code);
  checkBootstrapArea(built, 0n);
  const { layout } = start;
  assert.equal(layout.kernel.pages, 0x420);
  assert.equal(layout.p2m.pfn, 0x420);
  assert.equal(layout.startInfo, 0x420 + 8);
  assert.equal(layout.store, layout.startInfo + 1);
  assert.equal(layout.console, layout.startInfo + 2);
  assert.equal(layout.bootstrapTables[0].pfn, layout.startInfo + 3);
  assert.deepEqual(layout.bootstrapTables.map(({ level }) => level), [4, 3, 2, 1, 1, 1, 1]);
  assert.deepEqual([...bytes.subarray(0x3000, 0x300e)], [
    0x51,
    0x41,
    0x53,
    0xb8,
    0,
    0,
    0,
    0,
    0x0f,
    5,
    0x41,
    0x5b,
    0x59,
    0xc3,
  ]);
  assert.equal(bytes[0x3000 + 23 * 32 + 3], 0x50);
  assert.equal(startInfo(built, "nr_pages"), 4096n);
  assert.equal(startInfo(built, "shared_info"), 0x77000n);
  assert.equal(startInfo(built, "mfn_list"), 0x420000n);
  assert.equal(startInfo(built, "pt_base"), BigInt(layout.bootstrapTables[0].pfn) * 4096n);
  assert.equal(startInfo(built, "nr_pt_frames"), 7n);
  assert.equal(startInfo(built, "store_mfn"), BigInt(MFN_BASE + layout.store));
  assert.equal(startInfo(built, "console.domU.mfn"), BigInt(MFN_BASE + layout.console));
  assert.equal(startInfo(built, "console.domU.evtchn"), 2n);
  assert.equal(startInfo(built, "mod_len"), 0n);
  const magic = new TextDecoder().decode(
    bytes.subarray(start.startInfoPfn * 4096, start.startInfoPfn * 4096 + 15),
  );
  assert.equal(magic, "xen-3.0-x86_64\0");
  const cmdline = start.startInfoPfn * 4096 + 128;
  assert.equal(new TextDecoder().decode(bytes.subarray(cmdline, cmdline + 21)), "console=hvc0 größe\0");
  assert.equal(built.view.getBigUint64(layout.p2m.pfn * 4096 + 8 * 100, true), BigInt(MFN_BASE + 100));
});

const linux: ElfFile = {
  segments: [{ paddr: 0x1000000n, vaddr: 0xffff_ffff_8100_0000n, data: code, memSize: 0x400000n }],
  notes: [
    ...named,
    { type: XEN_ELFNOTE.VIRT_BASE, desc: 0xffff_ffff_8000_0000n },
    { type: XEN_ELFNOTE.ENTRY, desc: 0xffff_ffff_8100_0000n },
    { type: XEN_ELFNOTE.INIT_P2M, desc: 0x80_0000_0000n },
    { type: XEN_ELFNOTE.MOD_START_PFN, desc: 1n },
  ],
};

Deno.test("Linux's layout: high addresses, p2m list at its own address, unmapped ramdisk", () => {
  const ramdisk = new Uint8Array(10000).fill(0x5a);
  const built = build(linux, 64, ramdisk);
  const { bytes, start } = built;
  const base = 0xffff_ffff_8000_0000n;
  checkBootstrapArea(built, base);
  assert.deepEqual(bytes.subarray(0x1000000, 0x1000000 + code.length), code);
  const { layout } = start;
  assert.equal(layout.startInfo, 0x1400);
  assert.equal(layout.ramdisk?.mapped, false);
  assert.equal(layout.ramdisk?.pfn, layout.bootstrapPages);
  assert.equal(startInfo(built, "flags"), 8n);
  assert.equal(startInfo(built, "mod_start"), BigInt(layout.bootstrapPages));
  assert.equal(startInfo(built, "mod_len"), 12288n);
  assert.deepEqual(
    bytes.subarray(layout.bootstrapPages * 4096, layout.bootstrapPages * 4096 + 10000),
    ramdisk,
  );
  assert.equal(startInfo(built, "mfn_list"), 0x80_0000_0000n);
  assert.equal(layout.p2m.pages, 32);
  assert.deepEqual(layout.p2mTables.map(({ level }) => level), [3, 2, 1]);
  assert.equal(startInfo(built, "first_p2m_pfn"), BigInt(layout.p2m.pfn));
  assert.equal(startInfo(built, "nr_p2m_frames"), 35n);
  for (let page = 0; page < 32; page++) {
    const found = walk(built, 0x80_0000_0000n + BigInt(page) * 4096n);
    assert.equal(found?.pfn, layout.p2m.pfn + page);
    assert.equal((found?.entry ?? 0n) & 2n, 2n);
  }
  assert.equal(walk(built, 0x80_0000_0000n + 32n * 4096n), undefined);
});

Deno.test("a ramdisk is mapped behind the kernel unless the kernel allows otherwise", () => {
  const notes = (linux.notes ?? []).filter(({ type }) => type !== XEN_ELFNOTE.MOD_START_PFN);
  const built = build({ ...linux, notes }, 64, new Uint8Array(5000).fill(0x11));
  assert.deepEqual(built.start.layout.ramdisk, { pfn: 0x1400, pages: 2, mapped: true });
  assert.equal(startInfo(built, "flags"), 0n);
  assert.equal(startInfo(built, "mod_start"), 0xffff_ffff_8140_0000n);
  assert.equal(startInfo(built, "mod_len"), 5000n);
});

Deno.test("a 32-bit PAE kernel gets three levels and its own fourth L2", () => {
  const built = build({
    width: 32,
    segments: [{ paddr: 0x100000n, data: code }],
    entry: 0x100000n,
    notes: named,
  }, 8);
  checkBootstrapArea(built, 0n);
  assert.deepEqual(built.start.layout.bootstrapTables.map(({ level }) => level), [3, 2, 2, 2, 2, 1, 1]);
  assert.equal(startInfo(built, "nr_pages"), 2048n);
  assert.equal(built.view.getUint32(built.start.layout.p2m.pfn * 4096 + 40, true), MFN_BASE + 10);
});

Deno.test("too little memory says how much is needed, and that much suffices", () => {
  for (const [fixture, ramdisk] of [[linux, new Uint8Array(3 << 20)], [linux, undefined]] as const) {
    let needed = 0;
    assert.throws(() => build(fixture, 8, ramdisk), (error) => {
      assert.ok(error instanceof ImageError);
      assert.equal(error.kind, "out-of-memory");
      needed = Number(/at least (\d+) MiB/.exec(error.message)?.[1]);
      return true;
    });
    build(fixture, needed, ramdisk);
    assert.throws(() => build(fixture, needed - 1, ramdisk), ImageError);
  }
});

Deno.test("an image that claims absurd memory is refused at once", () => {
  const huge = { segments: [{ paddr: 0n, data: code, memSize: 1n << 50n }], notes: named };
  assert.throws(() => build(huge, 8), /too little memory/);
});

Deno.test("a kernel inside Xen's part of the address space is refused", () => {
  const notes = [...named, { type: XEN_ELFNOTE.VIRT_BASE, desc: 0xffff_8000_0000_0000n }, {
    type: XEN_ELFNOTE.ENTRY,
    desc: 0xffff_8000_0000_0000n,
  }];
  assert.throws(() => build({ segments: [{ paddr: 0n, data: code }], notes }, 8), /Xen's own address space/);
});

Deno.test("a BSD kernel finds its symbols behind itself", () => {
  const symbols = Uint8Array.from({ length: 72 }, (_, i) => i);
  const strings = new TextEncoder().encode("\0start\0end\0");
  for (const width of [32, 64] as const) {
    const { bytes, view } = build({
      width,
      segments: [{ paddr: 0n, data: code }],
      notes: [...named, { type: XEN_ELFNOTE.BSD_SYMTAB, desc: "yes" }],
      sections: [
        { name: ".symtab", type: 2, data: symbols, link: 2 },
        { name: ".strtab", type: 3, data: strings },
      ],
    }, 8);
    const at = Math.ceil(code.length / (width / 8)) * (width / 8);
    const elf = at + 4;
    assert.deepEqual([...bytes.subarray(elf, elf + 5)], [0x7f, 0x45, 0x4c, 0x46, width / 32]);
    const [ehdr, shdr, word] = width === 64 ? [64, 64, 8] : [52, 40, 4];
    assert.equal(view.getUint16(elf + ehdr - 6, true), shdr);
    assert.equal(view.getUint16(elf + ehdr - 4, true), 3);
    const offsetOf = (index: number) => view.getUint32(elf + ehdr + index * shdr + 8 + 2 * word, true);
    assert.deepEqual(bytes.slice(elf + offsetOf(1), elf + offsetOf(1) + symbols.length), symbols);
    assert.deepEqual(bytes.slice(elf + offsetOf(2), elf + offsetOf(2) + strings.length), strings);
    assert.equal(view.getUint32(at, true), offsetOf(2) + strings.length);
  }
});

Deno.test("no flipped byte of an image makes the builder fail with anything but an ImageError", () => {
  const whole = makeElf({
    segments: [{ paddr: 0n, data: code.subarray(0, 64), memSize: 0x2000n }, {
      paddr: 0x3000n,
      data: code.subarray(0, 64),
    }],
    notes: [...named, { type: XEN_ELFNOTE.HYPERCALL_PAGE, desc: 0x1000n }, {
      type: XEN_ELFNOTE.INIT_P2M,
      desc: 0x90_0000_0000n,
    }],
  });
  const bytes = new Uint8Array(5 << 20);
  let built = 0;
  for (let at = 0; at < whole.length; at++) {
    for (const value of [0, 1, 0x7f, 0xff]) {
      const broken = whole.slice();
      broken[at] = value;
      try {
        const kernel = parseKernel(broken);
        buildPv({
          frames: { bytes, nrPages: 5 * 256, pfnToMfn: (pfn) => MFN_BASE + pfn },
          sharedInfoMfn: 1,
          storeEvtchn: 1,
          consoleEvtchn: 2,
        }, { kernel, cmdline: "" });
        built++;
      } catch (error) {
        assert.ok(
          error instanceof ImageError,
          `byte ${at} = ${value}: ${error instanceof Error ? error.stack : error}`,
        );
      }
    }
  }
  assert.ok(built > 100, `${built} variants still start`);
});

Deno.test("built with breaks a domain's memory is the same, and this thread goes on meanwhile", async () => {
  const kernel = parseKernel(makeElf({
    segments: [{ paddr: 0n, data: code }, { paddr: 0x2000n, data: new Uint8Array(64 << 20).fill(0x5a) }],
    notes: named,
  }));
  const ramdisk = new Uint8Array(64 << 20).fill(0xa5);
  const domain = (bytes: Uint8Array) => ({
    frames: { bytes, nrPages: bytes.length / 4096, pfnToMfn: (pfn: number) => MFN_BASE + pfn },
    sharedInfoMfn: 0x77,
    storeEvtchn: 1,
    consoleEvtchn: 2,
  });
  const [atOnce, inSteps] = [new Uint8Array(160 << 20), new Uint8Array(160 << 20)];
  const images = { kernel, ramdisk, cmdline: "" };
  const start = buildPv(domain(atOnce), images);
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  assert.deepEqual(await buildPvWithBreaks(domain(inSteps), images), start);
  clearInterval(timer);
  assert.equal(Buffer.compare(atOnce, inSteps), 0);
  assert.ok(turns >= 2, `the event loop turned ${turns} times`);
});
