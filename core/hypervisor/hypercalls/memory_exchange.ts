/** XENMEM_exchange: pages given back for others, usually in longer extents. */
import { EBUSY, EFAULT, EINVAL, ENOMEM, EPERM } from "../abi/errno.ts";
import { xen_memory_exchange } from "../abi/memory.ts";
import type { HypercallContext } from "../context.ts";
import { findRun, isFree, takeFrames } from "../mm/allocator.ts";
import { ALLOCATED, PINNED, REF_COUNT_MASK, TYPE_COUNT_MASK } from "../mm/frame_info.ts";
import { setM2p } from "../mm/m2p.ts";
import { type PageTypes, pageTypesOf } from "../mm/page_types.ts";
import type { Call } from "./call.ts";
import { type GuestPointer, readStruct, readUlong, writeField, writeUlong } from "./guest.ts";
import { MAX_ORDER, permitDomain } from "./memory_op.ts";

/** memory_exchange. A chunk is the longer of an input and an output extent. */
export function memoryExchange(call: Call, at: GuestPointer): number {
  const { cx } = call;
  const e = readStruct(cx, xen_memory_exchange, at.lo, at.hi);
  if (e === undefined) return -EFAULT;
  const inOrder = e.get("in.extent_order"), outOrder = e.get("out.extent_order");
  const inCount = e.get("in.nr_extents"), outCount = e.get("out.nr_extents");
  const exchanged = e.get("nr_exchanged");
  const finish = (result: number, count: number) => {
    e.set("nr_exchanged", count);
    return writeField(cx, e, "nr_exchanged", at.lo, at.hi) ? result : -EFAULT;
  };
  if (Math.max(inOrder, outOrder) > MAX_ORDER) return finish(-EPERM, exchanged);
  if (
    exchanged > inCount || e.get("in.domid") !== e.get("out.domid") ||
    inCount * 2 ** inOrder !== outCount * 2 ** outOrder || inCount * 2 ** inOrder >= 2 ** 53
  ) return finish(-EINVAL, exchanged);
  if (exchanged === inCount) return 0;
  const denied = permitDomain(cx, e.get("in.domid"));
  if (denied !== 0) return finish(denied, exchanged);

  const order = Math.max(inOrder, outOrder);
  const inChunk = 2 ** (order - inOrder), outChunk = 2 ** (order - outOrder);
  const inputs = { lo: e.lo("in.extent_start"), hi: e.hi("in.extent_start") };
  const outputs = { lo: e.lo("out.extent_start"), hi: e.hi("out.extent_start") };
  const first = Math.floor(exchanged / inChunk), chunks = Math.floor(inCount / inChunk);
  for (let chunk = first; chunk < chunks; chunk++) {
    if (chunk !== first && call.shouldYield) {
      const result = finish(0, chunk * inChunk);
      return result === 0 ? call.again() : result;
    }
    const result = exchangeChunk(cx, { chunk, inChunk, outChunk, inOrder, outOrder, inputs, outputs });
    if (result !== 0) return finish(result, chunk * inChunk);
  }
  return finish(0, inCount);
}

interface Chunk {
  chunk: number;
  inChunk: number;
  outChunk: number;
  inOrder: number;
  outOrder: number;
  inputs: GuestPointer;
  outputs: GuestPointer;
}

function exchangeChunk(cx: HypercallContext, c: Chunk): number {
  const { domain } = cx;
  const types = pageTypesOf(domain);
  const taken: number[] = [];
  for (let j = 0; j < c.inChunk; j++) {
    const mfn = readUlong(cx, c.inputs, c.chunk * c.inChunk + j);
    if (mfn === undefined) return -EFAULT;
    for (let k = 0; k < 2 ** c.inOrder; k++) taken.push(mfn + k);
  }
  const pfns: number[] = [];
  for (let j = 0; j < c.outChunk; j++) {
    const pfn = readUlong(cx, c.outputs, c.chunk * c.outChunk + j);
    if (pfn === undefined) return -EFAULT;
    pfns.push(pfn);
  }
  const given: number[] = [];
  const result = domain.lock.with(() => {
    const frames = taken.map((mfn) => types.ownFrame(mfn));
    if (new Set(frames).size !== frames.length) return -EINVAL;
    for (const frame of frames) {
      const stolen = frame < 0 ? -EINVAL : canSteal(types, frame);
      if (stolen !== 0) return stolen;
    }
    // What is given back may be what the longer extents are made of, so places are found before anything is freed.
    const usable = new Set(frames);
    const used = new Set<number>();
    for (let j = 0; j < c.outChunk; j++) {
      const suits = (frame: number) => !used.has(frame) && (usable.has(frame) || isFree(types, frame));
      const frame = findRun(types, c.outOrder, suits);
      if (frame < 0) return -ENOMEM;
      given.push(frame);
      for (let i = 0; i < 2 ** c.outOrder; i++) used.add(frame + i);
    }
    for (const frame of frames) types.putAllocation(frame);
    for (const frame of given) takeFrames(types, frame, 2 ** c.outOrder);
    for (let j = 0; j < c.outChunk; j++) {
      for (let i = 0; i < 2 ** c.outOrder; i++) {
        const pfn = pfns[j] + i;
        setM2p(domain, given[j] + i, pfn | 0, Math.floor(pfn / 4294967296));
      }
    }
    return 0;
  });
  if (result !== 0) return result;
  for (let j = 0; j < c.outChunk; j++) {
    if (!writeUlong(cx, c.outputs, c.chunk * c.outChunk + j, domain.mfnOf(given[j]))) return -EFAULT;
  }
  return 0;
}

/** steal_page's conditions: allocated to the domain, referenced by nothing else. */
function canSteal(types: PageTypes, frame: number): number {
  const count = types.countInfo(frame);
  if (types.isXenHeap(frame) || !(count & ALLOCATED)) return -EINVAL;
  if ((count & REF_COUNT_MASK) !== 1 || types.typeInfo(frame) & (TYPE_COUNT_MASK | PINNED)) return -EBUSY;
  return 0;
}
