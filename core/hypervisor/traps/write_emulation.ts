/**
 * Writable page tables: a store of the guest kernel's to an L1 table that it has mapped read-only (Xen's ptwr_do_page_fault). The instruction runs
 * alone on a copy of the table; what it changed there goes through the same checks as mmu_update. So any instruction that can write memory works
 * here, with its flags and results.
 */
import { CTX, TLB_ADDEND, TLB_ENTRIES, TLB_ENTRY_BYTES, TLB_READ, TLB_WRITE } from "../../cpu/context.ts";
import { Access } from "../../cpu/engine.ts";
import { ExitReason } from "../../cpu/exit.ts";
import { EAGAIN } from "../abi/errno.ts";
import type { HypercallContext } from "../context.ts";
import { entryHi, entryLo, entryMfn, PTE } from "../mm/entry.ts";
import { PageType } from "../mm/frame_info.ts";
import { type PageTypes, pageTypesOf } from "../mm/page_types.ts";
import { modifyEntry } from "../mm/update.ts";
import { findL1, slotOf } from "../mm/walk.ts";
import { traceTrap } from "../trace/points.ts";
import { TraceTrap } from "../trace/ring.ts";

const PAGE_WORDS = 1024;
/** How often another vCPU's flushes may come in between before the mapping itself is changed for the instruction. */
const REDIRECTIONS = 8;
/** What an instruction can change of the context (general registers, flags, rip, SSE registers). */
const SAVED: readonly (readonly [number, number])[] = [
  [CTX.gpr, 16 * 8],
  [CTX.flagResult, 8],
  [CTX.flagAux, 4],
  [CTX.eflags, 4],
  [CTX.rip, 8],
  [CTX.nextRip, 8],
  [CTX.retired, 8],
  [CTX.xmm, 256],
];

/** Emulates the instruction at rip, whose write to a linear address faulted on a present page. @returns false: the fault is the guest's */
export function emulateTableWrite(cx: HypercallContext, lo: number, hi: number): boolean {
  const { domain, vcpu } = cx;
  const types = pageTypesOf(domain);
  return domain.lock.with(() => {
    const entry = mappedReadOnly(types, vcpu.state.kernelCr3, lo, hi);
    if (entry < 0) return false;
    const words = domain.views.i32;
    const frame = types.ownFrame(entryMfn(words[entry], words[entry + 1]));
    if (frame < 0 || !types.isInUse(frame) || types.type(frame) !== PageType.l1) return false;
    return runOnCopy(cx, types, frame, entry, lo, hi);
  });
}

/** Index (of its low half) of the entry by which the kernel's tables map an address read-only, or -1. */
function mappedReadOnly(types: PageTypes, l4Mfn: number, lo: number, hi: number): number {
  const table = findL1(types, l4Mfn, lo, hi);
  if (table < 0) return -1;
  const words = types.domain.views.i32;
  const index = types.entryIndex(table, slotOf(1, lo, hi));
  return (words[index] & (PTE.PRESENT | PTE.RW)) === PTE.PRESENT ? index : -1;
}

function runOnCopy(
  cx: HypercallContext,
  types: PageTypes,
  frame: number,
  mapping: number,
  lo: number,
  hi: number,
): boolean {
  const { domain, vcpu, view } = cx;
  const { ctx } = vcpu;
  const words = domain.views.i32;
  const scratch = domain.layout.reserve.scratch >>> 12;
  const saved = SAVED.map(([offset, length]) => view.u8.slice(ctx + offset, ctx + offset + length));
  const restore = () => SAVED.forEach(([offset], i) => view.u8.set(saved[i], ctx + offset));
  const before = words.slice(frame * PAGE_WORDS, (frame + 1) * PAGE_WORDS);
  words.set(before, scratch * PAGE_WORDS);

  const ripLo = view.get(ctx, "rip");
  const collides = indexOf(ripLo) === indexOf(lo) || indexOf(ripLo + 14) === indexOf(lo);
  const reason = (collides || cx.engine.checksTlb ? undefined : stepRedirected(cx, scratch, lo, hi)) ??
    stepRemapped(cx, scratch, mapping, lo, hi);

  if (reason === ExitReason.KICK) {
    // Between two rounds of a REP: what is done is done, the rest comes here again. Whoever kicked waits for an answer.
    Atomics.or(words, vcpu.kickIndex, view.get(ctx, "exitInfo"));
  } else if (reason !== ExitReason.BUDGET) {
    restore();
    return false;
  }
  for (let slot = 0; slot < 512; slot++) {
    const at = slot * 2, copy = scratch * PAGE_WORDS + at;
    if (before[at] === words[copy] && before[at + 1] === words[copy + 1]) continue;
    const result = modifyEntry(types, 1, frame, slot, words[copy], words[copy + 1], {
      expectedLo: before[at],
    });
    if (result === 0) continue;
    restore();
    // Where another vCPU's walk has set a bit that the instruction did not see, the guest comes here again.
    return result === -EAGAIN;
  }
  domain.header.emulations++;
  traceTrap(cx, TraceTrap.TABLE_WRITE, [lo, hi]);
  return true;
}

/**
 * One instruction with a TLB entry that leads from the table's address to the copy. Flushes of other vCPUs do not wait for the domain's lock:
 * where one of them empties the TLB before the instruction has run, it faults and is tried again.
 * @returns undefined: it never got through
 */
function stepRedirected(cx: HypercallContext, scratch: number, lo: number, hi: number): number | undefined {
  const { domain, vcpu, engine, view } = cx;
  const { ctx } = vcpu;
  const words = domain.views.i32;
  const pageLo = lo & ~0xfff;
  for (let attempt = 0; attempt < REDIRECTIONS; attempt++) {
    // Looks the code up first, so that a stale TLB is emptied now and not under the entry that is put in.
    engine.translate(ctx, view.get(ctx, "rip"), view.high(ctx, "rip"), Access.EXECUTE);
    const entry = view.get(ctx, "tlb") + indexOf(lo) * TLB_ENTRY_BYTES;
    for (const tag of [TLB_READ, TLB_WRITE]) {
      words[(entry + tag) >>> 2] = pageLo;
      words[(entry + tag + 4) >>> 2] = hi;
    }
    words[(entry + TLB_ADDEND) >>> 2] = (scratch * 4096 - pageLo) | 0;
    const reason = engine.step(ctx);
    const isThere = words[(entry + TLB_WRITE) >>> 2] === pageLo &&
      words[(entry + TLB_WRITE + 4) >>> 2] === hi;
    words.fill(-1, entry >>> 2, (entry + TLB_ADDEND) >>> 2);
    if (isThere || reason !== ExitReason.FAULT) return reason;
  }
  return undefined;
}

/** The same where code and table share a TLB entry: the guest's own mapping leads to the copy for one instruction. */
function stepRemapped(
  cx: HypercallContext,
  scratch: number,
  mapping: number,
  lo: number,
  hi: number,
): number {
  const { domain, vcpu, engine } = cx;
  const words = domain.views.i32;
  const [oldLo, oldHi] = [words[mapping], words[mapping + 1]];
  const mfn = domain.mfnOf(scratch);
  words[mapping] = entryLo(mfn, (oldLo & 0xfff) | PTE.RW);
  words[mapping + 1] = entryHi(mfn, oldHi & 0xfff00000);
  engine.flushPage(vcpu.ctx, lo, hi);
  const reason = engine.step(vcpu.ctx);
  words[mapping] = oldLo;
  words[mapping + 1] = oldHi;
  engine.flushPage(vcpu.ctx, lo, hi);
  if (domain.vcpus.length > 1) engine.staleAll();
  return reason;
}

const indexOf = (lo: number) => (lo >>> 12) & (TLB_ENTRIES - 1);
