/** Names for what a file looks like when it is not the ELF image that was expected. */

interface Signature {
  readonly offset: number;
  readonly bytes: readonly number[] | string;
  readonly what: string;
}

const SIGNATURES: readonly Signature[] = [
  { offset: 0, bytes: "#!", what: "a script" },
  { offset: 0, bytes: "QFI\xfb", what: "a qcow2 disk image" },
  { offset: 0, bytes: "conectix", what: "a VHD disk image" },
  { offset: 0, bytes: "vhdxfile", what: "a VHDX disk image" },
  { offset: 0, bytes: "KDMV", what: "a VMDK disk image" },
  { offset: 64, bytes: [0x7f, 0x10, 0xda, 0xbe], what: "a VDI disk image" },
  { offset: 32769, bytes: "CD001", what: "an ISO 9660 image" },
  { offset: 257, bytes: "ustar", what: "a tar archive" },
  { offset: 0, bytes: "!<arch>\n", what: "an ar archive (a .deb package or a static library)" },
  { offset: 0, bytes: "070701", what: "a cpio archive (an initramfs: name it as ramdisk)" },
  { offset: 0, bytes: "070702", what: "a cpio archive (an initramfs: name it as ramdisk)" },
  { offset: 0, bytes: "PK\x03\x04", what: "a zip archive" },
  { offset: 0, bytes: [0xed, 0xab, 0xee, 0xdb], what: "an RPM package" },
  { offset: 0, bytes: "hsqs", what: "a squashfs file system" },
  { offset: 0, bytes: [0xfe, 0xed, 0xfa, 0xcf], what: "a Mach-O executable" },
  { offset: 0, bytes: [0xcf, 0xfa, 0xed, 0xfe], what: "a Mach-O executable" },
  { offset: 0, bytes: "\xfd7zXZ\x00", what: "an XZ-compressed file" },
  { offset: 0, bytes: [0x28, 0xb5, 0x2f, 0xfd], what: "a zstd-compressed file" },
  { offset: 0, bytes: [0x02, 0x21, 0x4c, 0x18], what: "an LZ4-compressed file (legacy frames)" },
  { offset: 0, bytes: [0x04, 0x22, 0x4d, 0x18], what: "an LZ4-compressed file" },
  { offset: 0, bytes: "BZh", what: "a bzip2-compressed file" },
  { offset: 0, bytes: [0x89, 0x4c, 0x5a, 0x4f], what: "an LZO-compressed file" },
  { offset: 0, bytes: [0x5d, 0x00, 0x00], what: "an LZMA-compressed file" },
  { offset: 0, bytes: "<?xml", what: "an XML document" },
  { offset: 0, bytes: "LinuxGuestRecord", what: "a saved domain of an old Xen" },
];

function matches(bytes: Uint8Array, { offset, bytes: signature }: Signature): boolean {
  if (bytes.length < offset + signature.length) return false;
  for (let i = 0; i < signature.length; i++) {
    const wanted = typeof signature === "string" ? signature.charCodeAt(i) : signature[i];
    if (bytes[offset + i] !== wanted) return false;
  }
  return true;
}

function ascii(bytes: Uint8Array, offset: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(offset, offset + length));
}

/** A Linux boot protocol image ("HdrS" at 0x202, Documentation/arch/x86/boot.rst). */
export function isBzImage(bytes: Uint8Array): boolean {
  return bytes.length > 0x206 && ascii(bytes, 0x202, 4) === "HdrS";
}

/** A gzip member with the deflate method (RFC 1952). */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length >= 3 && bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8;
}

/** An ELF file of any class. */
export function isElf(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && bytes[0] === 0x7f && ascii(bytes, 1, 3) === "ELF";
}

function isText(bytes: Uint8Array): boolean {
  const head = bytes.subarray(0, 4096);
  for (const byte of head) {
    if (byte < 9 || (byte > 13 && byte < 32 && byte !== 27) || byte === 127) return false;
  }
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(head, { stream: true });
    return true;
  } catch {
    return false;
  }
}

/** Says what a file looks like, as a noun phrase with its article: "a script", "an empty file". */
export function describeFile(bytes: Uint8Array): string {
  if (bytes.length === 0) return "an empty file";
  if (isElf(bytes)) return "an ELF file";
  if (isBzImage(bytes)) return "a Linux bzImage";
  for (const signature of SIGNATURES) if (matches(bytes, signature)) return signature.what;
  if (isGzip(bytes)) return "a gzip-compressed file";
  if (bytes[0] === 0x4d && bytes[1] === 0x5a) return "a PE or DOS executable";
  if (bytes.length >= 1082 && bytes[1080] === 0x53 && bytes[1081] === 0xef) {
    return "an ext2/3/4 file system image";
  }
  if (bytes.length >= 512 && bytes[510] === 0x55 && bytes[511] === 0xaa) {
    return "a disk image (it has a boot sector)";
  }
  if (isText(bytes)) return "a text file";
  if (bytes.subarray(0, 4096).every((byte) => byte === 0)) return "a file of zeros (an empty disk image?)";
  return "a binary file of an unknown format";
}
