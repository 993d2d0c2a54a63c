/** Writes small ELF files: built-in guests and tests. */

export interface FileSegment {
  readonly type?: number;
  readonly vaddr?: bigint;
  readonly paddr: bigint;
  readonly data: Uint8Array;
  readonly memSize?: bigint;
}

export interface FileSection {
  readonly name: string;
  readonly type: number;
  readonly data: Uint8Array;
  readonly link?: number;
}

export interface ElfFile {
  readonly width?: 32 | 64;
  readonly machine?: number;
  readonly entry?: bigint;
  readonly segments: readonly FileSegment[];
  /** A PT_NOTE segment is added for these. */
  readonly notes?: readonly {
    readonly type: number;
    readonly desc: string | bigint | Uint8Array;
    owner?: string;
  }[];
  readonly sections?: readonly FileSection[];
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Little-endian bytes of a number. */
export function word(value: bigint, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

function padded(bytes: Uint8Array): Uint8Array {
  return concat([bytes, new Uint8Array(-bytes.length & 3)]);
}

/** Bytes of one note; numbers are 8 bytes (4 in 32-bit files), strings get their NUL. */
export function noteBytes(
  type: number,
  desc: string | bigint | Uint8Array,
  owner = "Xen",
  wordSize = 8,
): Uint8Array {
  const data = typeof desc === "string"
    ? new TextEncoder().encode(`${desc}\0`)
    : typeof desc === "bigint"
    ? word(desc, wordSize)
    : desc;
  const name = new TextEncoder().encode(`${owner}\0`);
  return concat([
    word(BigInt(name.length), 4),
    word(BigInt(data.length), 4),
    word(BigInt(type), 4),
    padded(name),
    padded(data),
  ]);
}

/** The file: ELF header, program headers, segment data, section data, section headers. */
export function makeElf(file: ElfFile): Uint8Array {
  const { width = 64, entry = 0n, notes = [], sections = [] } = file;
  const size = width / 8;
  const machine = file.machine ?? (width === 64 ? 62 : 3);
  const segments: FileSegment[] = [...file.segments];
  if (notes.length > 0) {
    const data = concat(notes.map(({ type, desc, owner }) => noteBytes(type, desc, owner, size)));
    segments.push({ type: 4, paddr: 0n, data });
  }
  const ehdr = width === 64 ? 64 : 52;
  const phdr = width === 64 ? 56 : 32;
  const shdr = width === 64 ? 64 : 40;
  const parts: Uint8Array[] = [];
  let offset = ehdr + phdr * segments.length;
  const place = (data: Uint8Array) => {
    const at = offset;
    parts.push(padded(data));
    offset += padded(data).length;
    return at;
  };
  const programHeaders = segments.map(({ type = 1, paddr, vaddr = paddr, data, memSize }) => {
    const at = BigInt(place(data));
    const fileSize = BigInt(data.length);
    const fields = [at, vaddr, paddr, fileSize, memSize ?? fileSize].map((value) => word(value, size));
    const flags = word(7n, 4);
    const align = word(4096n, size);
    return width === 64
      ? concat([word(BigInt(type), 4), flags, ...fields, align])
      : concat([word(BigInt(type), 4), ...fields, flags, align]);
  });
  const names = concat([
    new Uint8Array(1),
    ...[...sections.map(({ name }) => name), ".shstrtab"].map((name) =>
      new TextEncoder().encode(`${name}\0`)
    ),
  ]);
  const allSections = sections.length === 0 ? [] : [
    { name: "", type: 0, data: new Uint8Array() },
    ...sections,
    { name: ".shstrtab", type: 3, data: names },
  ];
  let nameOffset = 0;
  const sectionHeaders = allSections.map(({ name, type, data, link = 0 }: FileSection) => {
    const at = place(data);
    const header = concat([
      word(BigInt(name === "" ? 0 : (nameOffset || 1)), 4),
      word(BigInt(type), 4),
      word(0n, size),
      word(0n, size),
      word(BigInt(at), size),
      word(BigInt(data.length), size),
      word(BigInt(link), 4),
      word(0n, 4),
      word(0n, size),
      word(0n, size),
    ]);
    if (name !== "") nameOffset = (nameOffset || 1) + name.length + 1;
    return header;
  });
  const half = (value: number) => word(BigInt(value), 2);
  const header = concat([
    Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, width === 64 ? 2 : 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    half(2),
    half(machine),
    word(1n, 4),
    word(entry, size),
    word(BigInt(ehdr), size),
    word(allSections.length === 0 ? 0n : BigInt(offset), size),
    word(0n, 4),
    half(ehdr),
    half(phdr),
    half(segments.length),
    half(allSections.length === 0 ? 0 : shdr),
    half(allSections.length),
    half(allSections.length === 0 ? 0 : allSections.length - 1),
  ]);
  return concat([header, ...programHeaders, ...parts, ...sectionHeaders]);
}
