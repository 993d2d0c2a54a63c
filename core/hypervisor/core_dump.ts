/**
 * A domain's core as Xen's tools write it (docs/misc/dump-core-format.txt, libxenguest's xg_core.c): an ELF file of sections only, which crash(8) reads with
 * the kernel's vmlinux. Pages are in the order of their pfns; .xen_p2m says which machine frame each is, for page tables name those.
 * Xen's have no program headers. Here some lie behind everything else, where crash does not look, so that gdb reads the file too.
 */
import { XEN_CAPABILITIES_INFO_LEN, XEN_CHANGESET_INFO_LEN, XEN_EXTRAVERSION_LEN } from "./abi/version.ts";
import { HYPERVISOR_VIRT_START_HI, vcpu_guest_context } from "./abi/xen.ts";
import type { Domain } from "./domain.ts";
import {
  CAPABILITIES,
  compileInfo,
  EXTRAVERSION,
  padded,
  XEN_MAJOR,
  XEN_MINOR,
} from "./hypercalls/xen_version.ts";
import { PAGE } from "./layout.ts";
import { PHDR_BYTES, programHeaders, registerNotes, segments } from "./core_segments.ts";
import { ALLOCATED } from "./mm/frame_info.ts";
import { getM2p } from "./mm/m2p.ts";
import { readGuestContext } from "./traps/read_context.ts";

/** XEN_ELFNOTE_DUMPCORE_* */
const Note = {
  NONE: 0x2000000,
  HEADER: 0x2000001,
  XEN_VERSION: 0x2000002,
  FORMAT_VERSION: 0x2000003,
} as const;
/** XC_CORE_MAGIC of PV domains. */
const MAGIC = 0xf00febedn;
/** Major version in the upper half, minor in the lower: 0.1. */
const FORMAT_VERSION = 1n;
const SHT = { PROGBITS: 1, STRTAB: 3, NOTE: 7 } as const;
const EHDR_BYTES = 64, SHDR_BYTES = 64;
const ET_CORE = 4, EM_X86_64 = 62;
const P2M_ENTRY = 16;
/** Pages in one chunk, where they lie side by side. */
const CHUNK_PAGES = 1024;

interface Section {
  readonly name: string;
  readonly type: number;
  readonly size: number;
  readonly alignment: number;
  readonly entry: number;
  contents(): Iterable<Uint8Array>;
}

export class CoreDump {
  /** The domain's frames in the order of their pfns. */
  readonly #pages: { readonly pfn: number; readonly frame: number }[];

  readonly #contexts: ReturnType<typeof readGuestContext>[];

  constructor(private readonly domain: Domain) {
    const { layout, views } = domain;
    this.#contexts = domain.vcpus.filter(({ state }) => state.initialised !== 0).map(readGuestContext);
    this.#pages = [];
    for (let frame = 0; frame < layout.frames; frame++) {
      if ((views.u32[domain.countIndex(frame)] & ALLOCATED) === 0) continue;
      const { lo, hi } = getM2p(domain, frame);
      // A frame that the guest has given no pfn cannot be found by it either.
      if (hi === 0) this.#pages.push({ pfn: lo >>> 0, frame });
    }
    this.#pages.sort((a, b) => a.pfn - b.pfn || a.frame - b.frame);
  }

  /** The file, in order. A chunk may be a view of the domain's memory. */
  *chunks(): Iterable<Uint8Array> {
    const sections = this.#sections();
    const names = new Names();
    const first = EHDR_BYTES + SHDR_BYTES * (sections.length + 2);
    const headers = new DataView(new ArrayBuffer(first));
    let offset = first;
    // The first header is the null section's.
    const header = (
      index: number,
      { name, type, size, alignment, entry }: Omit<Section, "contents">,
    ) => {
      offset = Math.ceil(offset / alignment) * alignment;
      const at = EHDR_BYTES + SHDR_BYTES * index;
      headers.setUint32(at, names.add(name), true);
      headers.setUint32(at + 4, type, true);
      headers.setBigUint64(at + 24, BigInt(offset), true);
      headers.setBigUint64(at + 32, BigInt(size), true);
      headers.setBigUint64(at + 48, BigInt(alignment), true);
      headers.setBigUint64(at + 56, BigInt(entry), true);
      offset += size;
    };
    sections.forEach((section, index) => header(index + 1, section));
    names.add(".shstrtab");
    const strings = sections.length + 1;
    header(strings, {
      name: ".shstrtab",
      type: SHT.STRTAB,
      size: names.bytes.length,
      alignment: 1,
      entry: 0,
    });
    const pagesAt = Number(headers.getBigUint64(EHDR_BYTES + SHDR_BYTES * sections.length + 24, true));
    const notesAt = Math.ceil(offset / 8) * 8;
    const notes = registerNotes(this.#contexts);
    const places = new Map(this.#pages.map(({ frame }, index) => [frame, pagesAt + index * PAGE]));
    const loads = segments(this.domain, (frame) => places.get(frame));
    elfHeader(headers, { strings, segments: loads.length + 2, segmentsAt: notesAt + notes.length });
    yield new Uint8Array(headers.buffer);
    let at = first;
    for (const { alignment, size, contents } of sections) {
      const gap = -at & (alignment - 1);
      if (gap > 0) yield new Uint8Array(gap);
      yield* contents();
      at += gap + size;
    }
    yield names.bytes;
    yield new Uint8Array(notesAt - at - names.bytes.length);
    yield notes;
    const xenNotes = { offset: first, bytes: sections[0].size };
    yield programHeaders(loads, [xenNotes, { offset: notesAt, bytes: notes.length }]);
  }

  #sections(): Section[] {
    const { domain } = this;
    const { views, header } = domain;
    const contexts = this.#contexts.map(({ bytes }) => bytes);
    const notes = this.#notes(contexts.length);
    const p2m = this.#p2m();
    const section = (name: string, bytes: Uint8Array, alignment: number, entry: number): Section => ({
      name,
      type: SHT.PROGBITS,
      size: bytes.length,
      alignment,
      entry,
      contents: () => [bytes],
    });
    return [
      { ...section(".note.Xen", notes, 4, 0), type: SHT.NOTE },
      section(".xen_prstatus", join(contexts), 16, vcpu_guest_context.size()),
      section(".xen_shared_info", views.u8.slice(header.sharedInfo, header.sharedInfo + PAGE), 8, PAGE),
      section(".xen_p2m", p2m, 8, P2M_ENTRY),
      {
        name: ".xen_pages",
        type: SHT.PROGBITS,
        size: this.#pages.length * PAGE,
        alignment: PAGE,
        entry: PAGE,
        contents: () => this.#contents(),
      },
    ];
  }

  #p2m(): Uint8Array {
    const words = new Uint32Array(this.#pages.length * 4);
    this.#pages.forEach(({ pfn, frame }, index) => {
      words[index * 4] = pfn;
      const mfn = this.domain.mfnOf(frame);
      words[index * 4 + 2] = mfn >>> 0;
      words[index * 4 + 3] = Math.floor(mfn / 2 ** 32);
    });
    return new Uint8Array(words.buffer);
  }

  *#contents(): Iterable<Uint8Array> {
    const { u8 } = this.domain.views;
    for (let index = 0; index < this.#pages.length;) {
      const { frame } = this.#pages[index];
      let count = 1;
      while (count < CHUNK_PAGES && this.#pages[index + count]?.frame === frame + count) count++;
      yield u8.subarray(frame * PAGE, (frame + count) * PAGE);
      index += count;
    }
  }

  #notes(vcpus: number): Uint8Array {
    const header = new BigUint64Array([MAGIC, BigInt(vcpus), BigInt(this.#pages.length), BigInt(PAGE)]);
    return join([
      note(Note.NONE, new Uint8Array(0)),
      note(Note.HEADER, new Uint8Array(header.buffer)),
      note(Note.XEN_VERSION, versionNote()),
      note(Note.FORMAT_VERSION, u64(FORMAT_VERSION)),
    ]);
  }
}

/** xen_dumpcore_elfnote_xen_version_desc. */
function versionNote(): Uint8Array {
  return join([
    u64(BigInt(XEN_MAJOR)),
    u64(BigInt(XEN_MINOR)),
    padded(EXTRAVERSION, XEN_EXTRAVERSION_LEN),
    compileInfo(),
    padded(CAPABILITIES, XEN_CAPABILITIES_INFO_LEN),
    new Uint8Array(XEN_CHANGESET_INFO_LEN),
    u64(BigInt(HYPERVISOR_VIRT_START_HI) << 32n),
    u64(BigInt(PAGE)),
  ]);
}

function elfHeader(
  headers: DataView,
  at: { readonly strings: number; readonly segments: number; readonly segmentsAt: number },
): void {
  const ident = [0x7f, 0x45, 0x4c, 0x46, /* 64-bit */ 2, /* little-endian */ 1, /* version */ 1];
  ident.forEach((byte, index) => headers.setUint8(index, byte));
  headers.setUint16(16, ET_CORE, true);
  headers.setUint16(18, EM_X86_64, true);
  headers.setUint32(20, 1, true);
  headers.setBigUint64(32, BigInt(at.segmentsAt), true);
  headers.setBigUint64(40, BigInt(EHDR_BYTES), true);
  headers.setUint16(52, EHDR_BYTES, true);
  headers.setUint16(54, PHDR_BYTES, true);
  headers.setUint16(56, at.segments, true);
  headers.setUint16(58, SHDR_BYTES, true);
  headers.setUint16(60, at.strings + 1, true);
  headers.setUint16(62, at.strings, true);
}

function u64(value: bigint): Uint8Array {
  return new Uint8Array(new BigUint64Array([value]).buffer);
}

function note(type: number, desc: Uint8Array): Uint8Array {
  const head = new Uint32Array([4, desc.length, type]);
  return join([new Uint8Array(head.buffer), new TextEncoder().encode("Xen\0"), desc]);
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** A section header string table. */
class Names {
  #text = "\0";
  readonly #offsets = new Map<string, number>();

  /** @returns the name's offset */
  add(name: string): number {
    let offset = this.#offsets.get(name);
    if (offset === undefined) {
      offset = this.#text.length;
      this.#offsets.set(name, offset);
      this.#text += `${name}\0`;
    }
    return offset;
  }

  get bytes(): Uint8Array {
    return new TextEncoder().encode(this.#text);
  }
}
