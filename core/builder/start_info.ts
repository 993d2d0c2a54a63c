/** struct start_info of xen.h: what rSI points to when a PV guest starts. */

export const MAX_GUEST_CMDLINE = 1024;

/** SIF_* flags. */
export const SIF_MOD_START_PFN = 1 << 3;

/** Offset and size in bytes of each field, by guest word size; start_info_test.ts holds them against xen.h. */
export const START_INFO_LAYOUT = {
  64: {
    magic: [0, 32],
    nr_pages: [32, 8],
    shared_info: [40, 8],
    flags: [48, 4],
    store_mfn: [56, 8],
    store_evtchn: [64, 4],
    "console.domU.mfn": [72, 8],
    "console.domU.evtchn": [80, 4],
    pt_base: [88, 8],
    nr_pt_frames: [96, 8],
    mfn_list: [104, 8],
    mod_start: [112, 8],
    mod_len: [120, 8],
    cmd_line: [128, MAX_GUEST_CMDLINE],
    first_p2m_pfn: [1152, 8],
    nr_p2m_frames: [1160, 8],
  },
  32: {
    magic: [0, 32],
    nr_pages: [32, 4],
    shared_info: [36, 4],
    flags: [40, 4],
    store_mfn: [44, 4],
    store_evtchn: [48, 4],
    "console.domU.mfn": [52, 4],
    "console.domU.evtchn": [56, 4],
    pt_base: [60, 4],
    nr_pt_frames: [64, 4],
    mfn_list: [68, 4],
    mod_start: [72, 4],
    mod_len: [76, 4],
    cmd_line: [80, MAX_GUEST_CMDLINE],
    first_p2m_pfn: [1104, 4],
    nr_p2m_frames: [1108, 4],
  },
} as const;

/** Values for the fields of the same names; addresses as xen.h says (machine, virtual or pfn). */
export interface StartInfo {
  readonly magic: string;
  readonly nr_pages: number;
  readonly shared_info: bigint;
  readonly flags: number;
  readonly store_mfn: number;
  readonly store_evtchn: number;
  readonly "console.domU.mfn": number;
  readonly "console.domU.evtchn": number;
  readonly pt_base: bigint;
  readonly nr_pt_frames: number;
  readonly mfn_list: bigint;
  readonly mod_start: bigint;
  readonly mod_len: number;
  readonly cmd_line: Uint8Array;
  readonly first_p2m_pfn: number;
  readonly nr_p2m_frames: number;
}

/** Writes the structure into its page; a longer command line is cut at 1023 bytes, as Xen does. */
export function writeStartInfo(page: Uint8Array, width: 32 | 64, info: StartInfo): void {
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  page.fill(0);
  for (const [name, [offset, size]] of Object.entries(START_INFO_LAYOUT[width])) {
    const value = info[name as keyof StartInfo];
    if (typeof value === "string") page.set(new TextEncoder().encode(value).subarray(0, size - 1), offset);
    else if (value instanceof Uint8Array) page.set(value.subarray(0, size - 1), offset);
    else if (size === 8) view.setBigUint64(offset, BigInt(value), true);
    else view.setUint32(offset, Number(value), true);
  }
}
