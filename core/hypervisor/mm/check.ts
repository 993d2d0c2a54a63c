/**
 * What must always hold of frames, counted anew and compared: reference and type counts against page tables, top-level tables in use, descriptor
 * tables, vcpu_info pages, grants; the free frames; what TLBs hold. For tests: none of the domains may run.
 */
import { CTX, TLB_ADDEND, TLB_CODE, TLB_ENTRIES, TLB_ENTRY_BYTES, TLB_SPACES } from "../../cpu/context.ts";
import { FRAME_INFO_BYTES, FrameFlag } from "../../cpu/layout.ts";
import { MAP_FRAME } from "../../cpu/record.ts";
import { GNTMAP_device_map, GNTMAP_readonly } from "../abi/grant_table.ts";
import type { Domain } from "../domain.ts";
import { mappingOf } from "../grants/table.ts";
import type { Vcpu } from "../vcpu.ts";
import { entryMfn, PTE } from "./entry.ts";
import {
  ALLOCATED,
  describeType,
  PageType,
  PINNED,
  REF_COUNT_MASK,
  TYPE_COUNT_MASK,
  typeOf,
  VALIDATED,
  XEN_HEAP,
} from "./frame_info.ts";
import { isXenSlot, pageTypesOf } from "./page_types.ts";

/** What one domain's frames should have. */
class Expected {
  readonly references: Int32Array;
  readonly types: Int32Array;
  readonly linear: Int16Array;
  constructor(readonly domain: Domain) {
    const { totalFrames } = domain.layout;
    this.references = new Int32Array(totalFrames);
    this.types = new Int32Array(totalFrames);
    this.linear = new Int16Array(totalFrames);
  }
}

/**
 * Checks domains that may have mapped each other's frames: all that have must be among them.
 * @returns a sentence for each thing that is wrong
 */
export function checkFrames(domains: readonly Domain[]): string[] {
  const faults: string[] = [];
  const expected = domains.map((domain) => new Expected(domain));
  for (const mine of expected) {
    const fault = (text: string) => faults.push(`domain ${mine.domain.domid}: ${text}`);
    countTables(mine, expected, fault);
    countHolders(mine, expected, fault);
  }
  for (const mine of expected) {
    const fault = (text: string) => faults.push(`domain ${mine.domain.domid}: ${text}`);
    compare(mine, fault);
    checkFree(mine.domain, fault);
    checkTlbs(mine.domain, fault);
  }
  return faults;
}

type Fault = (text: string) => void;

function isTable(info: number): boolean {
  const type = typeOf(info);
  return type >= PageType.l1 && type <= PageType.l4 && (info & VALIDATED) !== 0 &&
    (info & TYPE_COUNT_MASK) !== 0;
}

/** References that entries of validated tables hold. */
function countTables(mine: Expected, all: readonly Expected[], fault: Fault): void {
  const { domain } = mine;
  const types = pageTypesOf(domain);
  const words = domain.views.i32;
  for (let table = 0; table < domain.layout.totalFrames; table++) {
    const info = types.typeInfo(table);
    if (!isTable(info)) continue;
    if (!domain.isGuestFrame(table)) fault(`Xen's frame ${table} has type ${describeType(info)}`);
    const level = typeOf(info);
    for (let slot = 0; slot < 512; slot++) {
      if (level === PageType.l4 && isXenSlot(slot)) continue;
      const lo = words[table * 1024 + slot * 2], hi = words[table * 1024 + slot * 2 + 1];
      if (!(lo & PTE.PRESENT)) continue;
      const mfn = entryMfn(lo, hi);
      const frame = domain.frameOf(mfn);
      const place = `slot ${slot} of l${level} ${table}`;
      if (level === PageType.l1) {
        const owner = frame >= 0 ? mine : all.find((other) => other.domain.frameOf(mfn) >= 0);
        if (owner === undefined) {
          // A page whose granter is gone: its numbers are given to nobody.
          if (domain.machine.attached(domain.domid) === domain && domain.header.maptrackUsed > 0) continue;
          fault(`${place} maps mfn ${mfn}, which is nobody's`);
          continue;
        }
        const local = owner.domain.frameOf(mfn);
        owner.references[local]++;
        if (lo & PTE.RW) owner.types[local]++;
        const target = pageTypesOf(owner.domain).typeInfo(local);
        if (lo & PTE.RW && typeOf(target) !== PageType.writable) {
          fault(`${place} is a writable mapping of frame ${local}, ${describeType(target)}`);
        }
        continue;
      }
      if (frame < 0) {
        fault(`${place} is a table of another domain, mfn ${mfn}`);
        continue;
      }
      if (frame === table) continue;
      mine.references[frame]++;
      mine.types[frame]++;
      const target = types.typeInfo(frame);
      if (typeOf(target) === level) {
        mine.linear[table]++;
        mine.linear[frame]--;
      } else if (typeOf(target) !== level - 1) fault(`${place} is frame ${frame}, ${describeType(target)}`);
      if (!isTable(target)) fault(`${place} is frame ${frame}, not validated: ${describeType(target)}`);
    }
  }
}

/** References that allocation, pins, vCPUs, rings of Domain-0's and device mappings hold. */
function countHolders(mine: Expected, all: readonly Expected[], fault: Fault): void {
  const { domain } = mine;
  const types = pageTypesOf(domain);
  const hold = (mfn: number, what: string) => {
    if (mfn === 0) return;
    const frame = domain.frameOf(mfn);
    if (frame < 0) return fault(`${what} is mfn ${mfn}, not the domain's`);
    mine.references[frame]++;
    mine.types[frame]++;
  };
  for (let frame = 0; frame < domain.layout.totalFrames; frame++) {
    const count = types.countInfo(frame), info = types.typeInfo(frame);
    if (count & ALLOCATED) mine.references[frame]++;
    if (count & XEN_HEAP) mine.types[frame]++;
    if (info & PINNED) {
      mine.references[frame]++;
      mine.types[frame]++;
    }
  }
  for (const vcpu of domain.vcpus) {
    const { state } = vcpu;
    hold(state.kernelCr3, `vcpu#${vcpu.id}'s kernel table`);
    hold(state.userCr3, `vcpu#${vcpu.id}'s user table`);
    hold(state.vcpuInfoMfn, `vcpu#${vcpu.id}'s vcpu_info`);
    for (let i = 0; i < 16; i++) {
      hold(state.gdtFrames(i), `frame ${i} of vcpu#${vcpu.id}'s GDT`);
      hold(state.ldtFrames(i), `frame ${i} of vcpu#${vcpu.id}'s LDT`);
    }
  }
  hold(domain.header.consoleMfn, "the console's ring");
  hold(domain.header.storeMfn, "XenStore's ring");
  for (let handle = 0; handle < domain.header.maptrackUsed; handle++) {
    const mapping = mappingOf(domain, handle);
    if (mapping === undefined || !(mapping.flags & GNTMAP_device_map)) continue;
    const { frame: mfn, flags } = mapping;
    const owner = all.find((other) => other.domain.frameOf(mfn) >= 0);
    if (owner === undefined) continue;
    const frame = owner.domain.frameOf(mfn);
    owner.references[frame]++;
    if (!(flags & GNTMAP_readonly)) owner.types[frame]++;
  }
}

function compare({ domain, references, types: typeCounts, linear }: Expected, fault: Fault): void {
  const types = pageTypesOf(domain);
  const linearCounts = new Int16Array(
    domain.memory.buffer,
    domain.layout.reserve.linearCounts,
    domain.layout.frames,
  );
  for (let frame = 0; frame < domain.layout.totalFrames; frame++) {
    const count = types.countInfo(frame), info = types.typeInfo(frame);
    const named = `frame ${frame} (${describeType(info)})`;
    if ((count & REF_COUNT_MASK) !== references[frame]) {
      fault(`${named} has ${count & REF_COUNT_MASK} references, ${references[frame]} are known`);
    }
    if ((info & TYPE_COUNT_MASK) !== typeCounts[frame]) {
      fault(`${named} has type count ${info & TYPE_COUNT_MASK}, ${typeCounts[frame]} are known`);
    }
    if ((info & TYPE_COUNT_MASK) !== 0 && !(info & VALIDATED)) fault(`${named} is in use and not validated`);
    if (frame < domain.layout.frames && isTable(info) && linearCounts[frame] !== linear[frame]) {
      fault(`${named} has linear count ${linearCounts[frame]}, ${linear[frame]} are known`);
    }
    if (!domain.isGuestFrame(frame) && count !== 0 && !(count & XEN_HEAP)) {
      fault(`Xen's own ${named} has references`);
    }
  }
}

/** Frames without references are exactly those on the stack of free frames. */
function checkFree(domain: Domain, fault: Fault): void {
  const types = pageTypesOf(domain);
  const { header, layout, views } = domain;
  const stack = layout.reserve.freeFrames >>> 2;
  const free = new Set(views.u32.subarray(stack, stack + header.freeFrames));
  if (free.size !== header.freeFrames) fault(`${header.freeFrames} free frames, ${free.size} different ones`);
  let owned = 0;
  for (let frame = 0; frame < layout.frames; frame++) {
    const isFree = (types.countInfo(frame) & REF_COUNT_MASK) === 0;
    if (!isFree) owned++;
    if (isFree !== free.has(frame)) {
      fault(
        `frame ${frame} has ${isFree ? "no" : "some"} references and is ${
          isFree ? "not " : ""
        }on the free stack`,
      );
    }
  }
  if (owned !== header.totPages) fault(`${header.totPages} pages are accounted, ${owned} are owned`);
}

const TLB_SPACE_BYTES = TLB_ENTRIES * TLB_ENTRY_BYTES;

/** A space without a root: its record's second word (core/cpu/spaces.ts). */
function isFreeSpace(domain: Domain, { ctx }: Vcpu, space: number): boolean {
  return domain.views.i32[(ctx + CTX.spaces + space * 16 + 4) >>> 2] === -1;
}

/** No TLB lets code write to a table or to descriptors, reach a free frame, or write to one of Xen's own. */
function checkTlbs(domain: Domain, fault: Fault): void {
  const types = pageTypesOf(domain);
  const { layout, views } = domain;
  const words = views.i32;
  const end = layout.tlbs + layout.vcpus * TLB_SPACES * TLB_ENTRIES * TLB_ENTRY_BYTES;
  const m2p = [layout.reserve.m2p >>> 12, layout.reserve.xenTables >>> 12];
  for (let at = layout.tlbs; at < end; at += TLB_ENTRY_BYTES) {
    const nth = Math.floor((at - layout.tlbs) / TLB_SPACE_BYTES);
    const vcpu = domain.vcpus[Math.floor(nth / TLB_SPACES)];
    // TLBs of a vCPU that never ran have never been emptied; one that is free is emptied before it is used.
    if (vcpu.state.initialised === 0 || isFreeSpace(domain, vcpu, nth % TLB_SPACES)) continue;
    const addend = words[(at + TLB_ADDEND) >>> 2];
    for (const [offset, what] of [[0, "read"], [8, "write"], [16, "execute"]] as const) {
      const tag = words[(at + offset) >>> 2];
      if (tag === -1 && words[(at + offset + 4) >>> 2] === -1) continue;
      const isExecute = what === "execute";
      const frame = isExecute
        ? words[(words[(at + TLB_CODE) >>> 2] + MAP_FRAME) >>> 2]
        : ((tag + addend) >>> 0) >>> 12;
      // No code of any frame: whoever jumps there walks.
      if (isExecute && frame < 0) continue;
      const named = `a TLB's ${what} tag ${(words[(at + offset + 4) >>> 2] >>> 0).toString(16)}:${
        (tag >>> 0).toString(16)
      } of frame ${frame}`;
      if (frame >= layout.totalFrames) {
        fault(`${named} lies outside of the domain`);
        continue;
      }
      const info = types.typeInfo(frame);
      if (frame >= m2p[0] && frame < m2p[1] && what !== "write") continue;
      if ((types.countInfo(frame) & REF_COUNT_MASK) === 0) fault(`${named}, which is nobody's`);
      const inUse = (info & TYPE_COUNT_MASK) !== 0 && typeOf(info) !== PageType.writable;
      if (what === "write" && inUse) fault(`${named}, ${describeType(info)}`);
      const flags = words[(layout.frameInfo + frame * FRAME_INFO_BYTES + 12) >>> 2];
      if (what === "write" && !(flags & FrameFlag.WRITE_TAGGED)) {
        fault(`${named}, whose flags (${flags}) do not tell`);
      }
    }
  }
}
