/** struct start_info of xen.h: what rSI points to when a PV guest starts. */
import { start_info } from "../hypervisor/abi/xen.ts";

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
  const { fields } = start_info.layout(width);
  for (const [name, value] of Object.entries(info) as [string, StartInfo[keyof StartInfo]][]) {
    const field = fields.get(name);
    if (field === undefined) throw new RangeError(`start_info has no field ${name}`);
    const { offset, size } = field;
    if (typeof value === "string") page.set(new TextEncoder().encode(value).subarray(0, size - 1), offset);
    else if (value instanceof Uint8Array) page.set(value.subarray(0, size - 1), offset);
    else if (size === 8) view.setBigUint64(offset, BigInt(value), true);
    else view.setUint32(offset, Number(value), true);
  }
}
