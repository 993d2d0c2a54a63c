/** set_gdt and update_descriptor. */
import { EFAULT, EINVAL } from "../abi/errno.ts";
import { FIRST_RESERVED_GDT_ENTRY } from "../abi/xen.ts";
import type { HypercallContext } from "../context.ts";
import { checkDescriptor } from "../mm/descriptor.ts";
import { PageType } from "../mm/frame_info.ts";
import { pageTypesOf } from "../mm/page_types.ts";
import type { Call } from "./call.ts";
import { readUlong } from "./guest.ts";

const DESCRIPTORS_A_FRAME = 512;

/** set_gdt(frame list, entries). */
export function setGdt(call: Call): number {
  const { cx } = call;
  const entries = call.u32(1);
  if (entries > FIRST_RESERVED_GDT_ENTRY) return -EINVAL;
  const frames: number[] = [];
  for (let i = 0; i < Math.ceil(entries / DESCRIPTORS_A_FRAME); i++) {
    const mfn = readUlong(cx, { lo: call.lo(0), hi: call.hi(0) }, i);
    if (mfn === undefined) return -EFAULT;
    frames.push(mfn);
  }
  return cx.domain.lock.with(() => installGdt(cx, frames, entries));
}

/** pv_set_gdt: takes references to the new frames, drops those of the old ones. Under the domain's lock. */
export function installGdt(cx: HypercallContext, frames: readonly number[], entries: number): number {
  const { domain, vcpu } = cx;
  const { state } = vcpu;
  const types = pageTypesOf(domain);
  for (let i = 0; i < frames.length; i++) {
    if (types.getPageAndType(frames[i], PageType.seg_desc) === 0) continue;
    for (let j = i - 1; j >= 0; j--) types.putPageAndType(frames[j] - domain.mfnBase);
    return -EINVAL;
  }
  for (let i = 0; i < 16; i++) {
    const old = state.gdtFrames(i);
    state.setGdtFrames(i, frames[i] ?? 0);
    if (old !== 0) types.putPageAndType(old - domain.mfnBase);
  }
  state.gdtEntries = entries;
  return 0;
}

/** update_descriptor(machine address, descriptor). */
export function updateDescriptor(call: Call): number {
  const addressLo = call.lo(0), addressHi = call.hi(0);
  const checked = checkDescriptor(call.lo(1), call.hi(1));
  if (addressLo & 7 || checked === undefined) return -EINVAL;
  return call.cx.domain.lock.with(() => {
    const types = pageTypesOf(call.cx.domain);
    const frame = types.ownFrame((addressHi >>> 0) * 0x100000 + (addressLo >>> 12));
    if (frame < 0) return -EINVAL;
    const isTable = types.type(frame) === PageType.seg_desc;
    if (types.getType(frame, isTable ? PageType.seg_desc : PageType.writable) !== 0) return -EINVAL;
    types.writeEntry(frame, (addressLo & 0xfff) >>> 3, checked[0] | 0, checked[1] | 0);
    types.putType(frame);
    return 0;
  });
}
