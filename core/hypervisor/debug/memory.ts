/** A stopped domain's memory by virtual address, through the guest's own page tables, without touching accessed bits or TLBs. Main thread. */
import { FRAME_CPU_FLAGS, FRAME_INFO_BYTES, FrameFlag } from "../../cpu/layout.ts";
import type { Domain } from "../domain.ts";
import { entryMfn, PTE } from "../mm/entry.ts";
import { PageType, TYPE_COUNT_MASK, typeOf } from "../mm/frame_info.ts";
import { domainOfMfn } from "../mm/owner.ts";
import { isCanonical, slotOf } from "../mm/walk.ts";
import type { Vcpu } from "../vcpu.ts";

interface Place {
  readonly domain: Domain;
  readonly frame: number;
}

/** The frame that holds a page under a top-level table, whatever its permissions. */
function walk(domain: Domain, rootMfn: number, lo: number, hi: number): Place | undefined {
  const { i32 } = domain.views;
  let mfn = rootMfn;
  for (let level = 4; level > 0; level--) {
    const frame = domain.frameOf(mfn);
    if (frame < 0) return undefined;
    const at = frame * 1024 + slotOf(level, lo, hi) * 2;
    const entry = i32[at];
    if ((entry & PTE.PRESENT) === 0) return undefined;
    mfn = entryMfn(entry, i32[at + 1]);
    if (level > 1 && level < 4 && (entry & PTE.PSE) !== 0) {
      const pages = level === 3 ? 0x40000 : 0x200;
      mfn = mfn - mfn % pages + (((lo >>> 12) | (hi << 20)) & (pages - 1));
      break;
    }
  }
  const owner = domainOfMfn(domain.machine, mfn);
  return owner && { domain: owner, frame: owner.frameOf(mfn) };
}

/** As the vCPU would find it now; a PV kernel's half is looked for in its kernel table while user code runs, and the other way round. */
function find(vcpu: Vcpu, address: bigint): Place | undefined {
  const { domain, ctx, state } = vcpu;
  const lo = Number(BigInt.asIntN(32, address)), hi = Number(BigInt.asIntN(32, address >> 32n));
  if (!isCanonical(hi)) return undefined;
  const roots = new Set([domain.context.number(ctx, "rootMfn"), state.kernelCr3, state.userCr3]);
  for (const root of roots) {
    const place = root === 0 ? undefined : walk(domain, root, lo, hi);
    if (place !== undefined) return place;
  }
  return undefined;
}

const offsetOf = (address: bigint) => Number(address & 0xfffn);
const wrap = (address: bigint) => BigInt.asUintN(64, address);

/** @returns the bytes up to the first page that is not there */
export function readVirtual(vcpu: Vcpu, address: bigint, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const at = wrap(address + BigInt(done));
    const place = find(vcpu, at);
    if (place === undefined) break;
    const offset = offsetOf(at);
    const size = Math.min(4096 - offset, length - done);
    const start = place.frame * 4096 + offset;
    bytes.set(place.domain.views.u8.subarray(start, start + size), done);
    done += size;
  }
  return bytes.subarray(0, done);
}

/** Memory that no one but the guest relies on: not its page tables and descriptors, which Xen has checked, not others' frames. */
function isPlain({ domain, frame }: Place, owner: Domain): boolean {
  if (domain !== owner || !domain.isGuestFrame(frame)) return false;
  const info = domain.views.u32[domain.typeIndex(frame)];
  const type = typeOf(info);
  return (info & TYPE_COUNT_MASK) === 0 || type === PageType.none || type === PageType.writable;
}

/** Writes all of it or nothing; write protection does not count. @returns false: not there, or not a debugger's to change */
export function writeVirtual(vcpu: Vcpu, address: bigint, bytes: Uint8Array): boolean {
  const { domain } = vcpu;
  const parts: { place: Place; offset: number; from: number; size: number }[] = [];
  for (let from = 0; from < bytes.length;) {
    const at = wrap(address + BigInt(from));
    const place = find(vcpu, at);
    if (place === undefined || !isPlain(place, domain)) return false;
    const offset = offsetOf(at);
    const size = Math.min(4096 - offset, bytes.length - from);
    parts.push({ place, offset, from, size });
    from += size;
  }
  for (const { place: { frame }, offset, from, size } of parts) {
    domain.views.u8.set(bytes.subarray(from, from + size), frame * 4096 + offset);
    const flags = (domain.layout.frameInfo + frame * FRAME_INFO_BYTES + FRAME_CPU_FLAGS) >>> 2;
    if (Atomics.or(domain.views.i32, flags, 0) & FrameFlag.HAS_CODE) {
      domain.engine.frameWritten(frame, offset, size);
    }
  }
  return true;
}
