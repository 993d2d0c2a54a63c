import { type ElfImage, type Section, SHT_STRTAB, SHT_SYMTAB } from "./elf.ts";

/**
 * The symbol table that BSD kernels ask for (XEN_ELFNOTE_BSD_SYMTAB), placed right after the kernel:
 * a 32-bit length, a minimal ELF header, three section headers (undefined, symbols, strings), then both tables.
 * The arrangement is the one libelf makes (and documents) in its loader.
 */

const SECTIONS = 3;

function headerSizes(width: 32 | 64): { word: number; ehdr: number; shdr: number; shoff: number } {
  return width === 64
    ? { word: 8, ehdr: 64, shdr: 64, shoff: 40 }
    : { word: 4, ehdr: 52, shdr: 40, shoff: 32 };
}

function roundUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}

interface Tables {
  readonly symbols: Section;
  readonly strings: Section;
}

function tables({ sections, bytes }: ElfImage): Tables | undefined {
  const symbols = sections.find(({ type, size }) => type === SHT_SYMTAB && size > 0);
  if (symbols === undefined) return undefined;
  const strings = sections[symbols.link];
  if (strings === undefined || strings.type !== SHT_STRTAB) return undefined;
  const inFile = [symbols, strings].every(({ offset, size }) => offset + size <= bytes.length);
  return inFile ? { symbols, strings } : undefined;
}

/** Offsets from the start of the area. The header part has room for 64-bit headers in either class. */
function areaLayout(width: 32 | 64, { symbols, strings }: Tables) {
  const { word } = headerSizes(width);
  const headers = 4 + headerSizes(64).ehdr + SECTIONS * headerSizes(64).shdr;
  const symbolsAt = roundUp(headers, word);
  const stringsAt = roundUp(symbolsAt + symbols.size, word);
  return { symbolsAt, stringsAt, end: roundUp(stringsAt + strings.size, word) };
}

/** Bytes that the area needs, or undefined for an image that was stripped of its symbols. */
export function bsdSymtabSize(elf: ElfImage): number | undefined {
  const found = tables(elf);
  return found === undefined ? undefined : areaLayout(elf.width, found).end;
}

/** Writes the area into `target` (exactly its bytes, zeroed before). */
export function writeBsdSymtab(elf: ElfImage, target: Uint8Array): void {
  const found = tables(elf);
  if (found === undefined) return;
  const { word, ehdr, shdr, shoff } = headerSizes(elf.width);
  const { symbolsAt, stringsAt } = areaLayout(elf.width, found);
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  const putWord = (at: number, value: number) => {
    if (word === 8) view.setBigUint64(at, BigInt(value), true);
    else view.setUint32(at, value, true);
  };
  const headerAt = 4;
  const sectionAt = (index: number) => headerAt + ehdr + index * shdr;

  target.set(elf.bytes.subarray(0, ehdr), headerAt);
  view.setUint32(headerAt + 20, 1, true); // e_version: EV_CURRENT
  putWord(headerAt + 24 + word, 0); // e_phoff
  putWord(headerAt + shoff, ehdr);
  const tail = headerAt + shoff + word + 4; // e_ehsize and the five half-words after it
  [ehdr, 0, 0, shdr, SECTIONS, 0].forEach((value, i) => view.setUint16(tail + 2 * i, value, true));

  [found.symbols, found.strings].forEach((section, i) => {
    const at = sectionAt(i + 1);
    const dataAt = i === 0 ? symbolsAt : stringsAt;
    target.set(elf.bytes.subarray(section.headerOffset, section.headerOffset + shdr), at);
    putWord(at + 8 + 2 * word, dataAt - headerAt); // sh_offset counts from the ELF header
    if (i === 0) view.setUint32(at + 8 + 4 * word, 2, true); // sh_link: the string table's index
    target.set(elf.bytes.subarray(section.offset, section.offset + section.size), dataAt);
  });
  view.setUint32(0, stringsAt + found.strings.size - headerAt, true);
}
