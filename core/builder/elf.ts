import { describeFile, isElf } from "./identify.ts";
import { ImageError } from "./errors.ts";

/** Section and segment types that the builder looks at (System V ABI, chapters 4 and 5). */
export const PT_LOAD = 1;
export const PT_NOTE = 4;
export const SHT_SYMTAB = 2;
export const SHT_STRTAB = 3;
export const SHT_NOTE = 7;

/** Machines that Xen runs on x86. */
export const EM_386 = 3;
export const EM_X86_64 = 62;

const MACHINES: Readonly<Record<number, string>> = {
  2: "SPARC",
  8: "MIPS",
  20: "PowerPC",
  21: "PowerPC64",
  22: "S/390",
  40: "32-bit ARM",
  50: "Itanium",
  183: "64-bit ARM",
  243: "RISC-V",
  258: "LoongArch",
};

/** A program header; addresses are bigint, file offsets and sizes are bytes. */
export interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly vaddr: bigint;
  readonly paddr: bigint;
  readonly fileSize: number;
  readonly memSize: bigint;
  readonly align: bigint;
}

/** A section header with its name. */
export interface Section {
  readonly name: string;
  readonly type: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  /** Where this header itself lies in the file, and how long it is. */
  readonly headerOffset: number;
  readonly headerSize: number;
}

/** One entry of a PT_NOTE segment or SHT_NOTE section. */
export interface Note {
  readonly owner: string;
  readonly type: number;
  readonly desc: Uint8Array;
}

/** A parsed ELF file for x86, either class, little endian. */
export interface ElfImage {
  readonly bytes: Uint8Array;
  /** ELF class: 32 or 64. */
  readonly width: 32 | 64;
  readonly machine: typeof EM_386 | typeof EM_X86_64;
  readonly entry: bigint;
  readonly segments: readonly Segment[];
  readonly sections: readonly Section[];
  readonly notes: readonly Note[];
}

/** A file may claim as many notes and names as it likes: reading it must end soon. */
const MOST_NOTES = 1 << 14;
const LONGEST_NAME = 256;

/** Offsets of the fields read, by ELF class (System V ABI, figures 4-3, 4-8 and 5-1). */
const LAYOUT = {
  32: { ehdr: 52, phdr: 32, shdr: 40, word: 4 },
  64: { ehdr: 64, phdr: 56, shdr: 64, word: 8 },
} as const;

class Reader {
  readonly view: DataView;

  constructor(readonly bytes: Uint8Array, readonly word: 4 | 8) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u16(offset: number): number {
    return this.view.getUint16(offset, true);
  }

  u32(offset: number): number {
    return this.view.getUint32(offset, true);
  }

  /** A word of the file's class. */
  addr(offset: number): bigint {
    return this.word === 8 ? this.view.getBigUint64(offset, true) : BigInt(this.u32(offset));
  }

  /** A word that must be a file offset or size: clamped, since anything above 2^53 lies outside every file. */
  size(offset: number): number {
    return Number(this.addr(offset));
  }
}

function truncated(bytes: Uint8Array, what: string, end: number): ImageError {
  return new ImageError(
    "truncated",
    `the ELF file is truncated: ${what} ends at byte ${end}, but the file has only ${bytes.length} bytes`,
  );
}

/**
 * Parses an ELF file for x86.
 * @throws ImageError not-a-kernel (no ELF, or for another machine), truncated, corrupt
 */
export function parseElf(bytes: Uint8Array): ElfImage {
  if (!isElf(bytes)) {
    throw new ImageError("not-a-kernel", `this is ${describeFile(bytes)}, not a kernel image`);
  }
  if (bytes.length < 20) throw truncated(bytes, "its header", 52);
  const elfClass = bytes[4];
  if (elfClass !== 1 && elfClass !== 2) {
    throw new ImageError(
      "corrupt",
      `the ELF header has class ${elfClass}, which is neither 32-bit nor 64-bit`,
    );
  }
  const width = elfClass === 1 ? 32 : 64;
  const layout = LAYOUT[width];
  if (bytes[5] !== 1) {
    throw new ImageError("not-a-kernel", "the ELF file is big-endian: it is not for x86");
  }
  if (bytes.length < layout.ehdr) throw truncated(bytes, "its header", layout.ehdr);
  const reader = new Reader(bytes, layout.word);
  const machine = reader.u16(18);
  if (machine !== EM_386 && machine !== EM_X86_64) {
    const name = MACHINES[machine] ?? `machine number ${machine}`;
    throw new ImageError("not-a-kernel", `the ELF file is for ${name}, not for x86`);
  }
  const elf = {
    bytes,
    width,
    machine,
    entry: reader.addr(24),
    segments: parseSegments(reader, width),
    sections: parseSections(reader, width),
  } as const;
  return { ...elf, notes: collectNotes(elf.bytes, elf.segments, elf.sections) };
}

function parseSegments(reader: Reader, width: 32 | 64): Segment[] {
  const { bytes, word } = reader;
  const { phdr } = LAYOUT[width];
  const offset = reader.size(24 + word);
  const entrySize = reader.u16(width === 64 ? 54 : 42);
  const count = reader.u16(width === 64 ? 56 : 44);
  if (count === 0) return [];
  if (entrySize < phdr) {
    throw new ImageError("corrupt", `the ELF program headers are ${entrySize} bytes long, not ${phdr}`);
  }
  const end = offset + count * entrySize;
  if (end > bytes.length) throw truncated(bytes, "its program header table", end);
  const segments: Segment[] = [];
  for (let i = 0; i < count; i++) {
    const at = offset + i * entrySize;
    const segment: Segment = width === 64
      ? {
        type: reader.u32(at),
        flags: reader.u32(at + 4),
        offset: reader.size(at + 8),
        vaddr: reader.addr(at + 16),
        paddr: reader.addr(at + 24),
        fileSize: reader.size(at + 32),
        memSize: reader.addr(at + 40),
        align: reader.addr(at + 48),
      }
      : {
        type: reader.u32(at),
        offset: reader.size(at + 4),
        vaddr: reader.addr(at + 8),
        paddr: reader.addr(at + 12),
        fileSize: reader.size(at + 16),
        memSize: reader.addr(at + 20),
        flags: reader.u32(at + 24),
        align: reader.addr(at + 28),
      };
    if (segment.type === PT_LOAD) {
      const segmentEnd = segment.offset + segment.fileSize;
      if (segmentEnd > bytes.length) throw truncated(bytes, `segment ${i}`, segmentEnd);
      if (BigInt(segment.fileSize) > segment.memSize) {
        throw new ImageError(
          "corrupt",
          `segment ${i} has ${segment.fileSize} bytes in the file but only ${segment.memSize} in memory`,
        );
      }
    }
    segments.push(segment);
  }
  return segments;
}

/** Sections serve only symbols and old-style notes, so a cut-off table just means there are none. */
function parseSections(reader: Reader, width: 32 | 64): Section[] {
  const { bytes, word } = reader;
  const { shdr } = LAYOUT[width];
  const offset = reader.size(24 + 2 * word);
  const entrySize = reader.u16(width === 64 ? 58 : 46);
  const count = reader.u16(width === 64 ? 60 : 48);
  const nameIndex = reader.u16(width === 64 ? 62 : 50);
  if (offset === 0 || count === 0 || entrySize < shdr || offset + count * entrySize > bytes.length) return [];
  const raw = Array.from({ length: count }, (_, i) => {
    const at = offset + i * entrySize;
    return {
      nameOffset: reader.u32(at),
      type: reader.u32(at + 4),
      offset: reader.size(at + 8 + 2 * word),
      size: reader.size(at + 8 + 3 * word),
      link: reader.u32(at + 8 + 4 * word),
      headerOffset: at,
      headerSize: shdr,
    };
  });
  const names = raw[nameIndex];
  return raw.map(({ nameOffset, ...section }) => ({
    name: names === undefined ? "" : cString(bytes, names.offset + nameOffset, LONGEST_NAME),
    ...section,
  }));
}

/** The NUL-terminated Latin-1 string at an offset; it ends with the file, or after `longest` bytes, at the latest. */
export function cString(bytes: Uint8Array, offset: number, longest = 1 << 16): string {
  if (!(offset >= 0 && offset < bytes.length)) return "";
  let text = "";
  for (const byte of bytes.subarray(offset, offset + longest)) {
    if (byte === 0) break;
    text += String.fromCharCode(byte);
  }
  return text;
}

/** Notes come from the PT_NOTE segments; the SHT_NOTE sections count only where those hold no note of Xen's. */
function collectNotes(bytes: Uint8Array, segments: readonly Segment[], sections: readonly Section[]): Note[] {
  const notes: Note[] = [];
  for (const segment of segments) {
    // Some binutils leave p_offset of note segments at 0 (libelf skips those as well).
    if (segment.type !== PT_NOTE || segment.offset === 0) continue;
    parseNotes(notes, bytes, segment.offset, segment.fileSize);
  }
  if (notes.some(({ owner }) => owner === "Xen")) return notes;
  for (const section of sections) {
    if (section.type === SHT_NOTE) parseNotes(notes, bytes, section.offset, section.size);
  }
  return notes;
}

/**
 * Adds a run of notes, 4-byte aligned as Xen writes them also in 64-bit files.
 * A last note may claim more than its segment holds (GRUB's 32-bit image has one): what the file has of it counts.
 */
function parseNotes(notes: Note[], bytes: Uint8Array, offset: number, size: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = offset + size;
  let at = offset;
  if (end > bytes.length) throw truncated(bytes, "its note segment", end);
  while (at + 12 <= end) {
    const nameSize = view.getUint32(at, true);
    const descSize = view.getUint32(at + 4, true);
    const type = view.getUint32(at + 8, true);
    const descStart = at + 12 + align4(nameSize);
    const descEnd = descStart + descSize;
    const name = bytes.subarray(at + 12, at + 12 + nameSize);
    if (notes.length === MOST_NOTES) {
      throw new ImageError("corrupt", `the ELF file has more than ${MOST_NOTES} notes`);
    }
    notes.push({ owner: cString(name, 0, LONGEST_NAME), type, desc: bytes.subarray(descStart, descEnd) });
    at = descStart + align4(descSize);
  }
}

function align4(size: number): number {
  return Math.ceil(size / 4) * 4;
}
