/**
 * Instructions that straddle two pages. Decoded code belongs to one frame, but such an instruction has bytes in two, and the second page may
 * be mapped anew or written at any time: a guard record before it holds the bytes that the second page must have and compares them each time.
 *
 * The guard takes two records: {slot, .., length of the second part u8 at 8; mask and expected bytes, two i64 each, in the second record}.
 */
import { i32, i64 } from "../wasm/mod.ts";
import { CTX, TLB_CODE, TLB_EXECUTE } from "./context.ts";
import { Internal } from "./exit.ts";
import { EXECUTE, isCanonical, tlbEntry } from "./paging.ts";
import { MAP_FRAME, REC_SLOT, RECORD_BYTES } from "./record.ts";
import type { Runtime } from "./runtime.ts";

export const GUARD_RECORDS = 2;
export const GUARD_MASK = 32;
export const GUARD_EXPECTED = 48;

/** The guard shares REC_OFFSET, REC_LENGTH and REC_BACK with the instruction it guards. */
export function emitStraddle(runtime: Runtime): number {
  return runtime.handler("straddle", (f, ctx, rec, left) => {
    const next = f.let(i64.add(i64.load(ctx, CTX.codePage), 4096n));
    const long = f.let(i32.eq(i32.load(ctx, CTX.mode), 64));
    const page = f.let(i64.select(long, next, i64.and(next, 0xffffffffn)));
    const entry = f.let(tlbEntry(ctx, page));
    const address = f.local("i32");
    // The empty map belongs to no frame: -1, which is no address either.
    const frame = f.local("i32");
    f.set(frame, -1);
    f.if(
      i64.eq(i64.load(entry, TLB_EXECUTE), page),
      () => f.set(frame, i32.load(i32.load(entry, TLB_CODE), MAP_FRAME)),
    );
    f.if(
      i32.ge_s(frame.get(), 0),
      () => f.set(address, i32.shl(frame.get(), 12)),
      () => {
        f.if(i32.and(long, i32.eqz(isCanonical(page))), () => {
          f.returnCall(runtime.exit, [ctx, rec, left, i32.const(Internal.STRADDLE)]);
        });
        f.set(address, f.call(runtime.translate, [ctx, page, i32.const(EXECUTE)]));
        // A fault here is the instruction's: the address in CR2 is the second page's.
        f.if(i32.eq(address.get(), -1), () => f.returnCall(runtime.pendingExit, [ctx, rec, left]));
        f.if(i32.eq(address.get(), -2), () => {
          f.returnCall(runtime.exit, [ctx, rec, left, i32.const(Internal.STRADDLE)]);
        });
      },
    );
    const differs = (half: number) =>
      i64.xor(
        i64.and(i64.load(address.get(), half), i64.load(rec, GUARD_MASK + half)),
        i64.load(rec, GUARD_EXPECTED + half),
      );
    f.if(
      i64.ne(i64.or(differs(0), differs(8)), 0n),
      () => f.returnCall(runtime.exit, [ctx, rec, left, i32.const(Internal.STRADDLE)]),
    );
    const after = f.let(i32.add(rec, RECORD_BYTES * GUARD_RECORDS));
    f.returnCallIndirect(runtime.table, runtime.signature, [ctx, after, left], i32.load(after, REC_SLOT));
  });
}
