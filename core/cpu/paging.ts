/**
 * Page walks and TLB fills, emitted as wasm functions. Four-level long-mode paging with 4 KiB, 2 MiB and 1 GiB pages
 * (AMD64 APM volume 2, chapter 5; Intel SDM volume 3, chapter 4).
 */
import { type FuncRef, type I32, i32, type I64, i64, type ModuleBuilder } from "../wasm/mod.ts";
import { CTX, Flag, TLB_ADDEND, TLB_CODE, TLB_ENTRIES, TLB_EXECUTE, TLB_READ, TLB_WRITE } from "./context.ts";
import { ExitReason, Vector } from "./exit.ts";
import { FRAME_CODE_MAP, FRAME_CPU_FLAGS, FrameFlag } from "./layout.ts";
import { MAP_FRAME, MAP_MODE, MAP_NEXT } from "./record.ts";

/** Physical address width that CPUID tells; higher bits of an entry are reserved. */
export const PHYSICAL_BITS = 46;

/** Kinds of access, as parameters of `translate`. */
export const READ = 0;
export const WRITE = 1;
export const EXECUTE = 2;
/** Added to a kind: leave the TLB alone. */
export const NO_FILL = 4;

/** Results of `translate` that are no page address. */
export const FAULTED = -1;
export const FOREIGN = -2;

const P = 1n, W = 2n, U = 4n, A = 0x20n, D = 0x40n, PS = 0x80n;
const FRAME_MASK = ((1n << BigInt(PHYSICAL_BITS)) - 1n) & ~0xfffn;
const HIGH_RESERVED = ((1n << 52n) - 1n) & ~((1n << BigInt(PHYSICAL_BITS)) - 1n);
const CR0_WP = 1n << 16n, CR4_SMEP = 1n << 20n, CR4_SMAP = 1n << 21n, EFER_NXE = 1n << 11n;

/** Adds one to a 64-bit counter of the context. */
export function count(ctx: I32, offset: number) {
  return i64.store(ctx, i64.add(i64.load(ctx, offset), 1n), offset);
}

/** Address of the TLB entry for a linear address. */
export function tlbEntry(ctx: I32, va: I64): I32 {
  const index = i32.and(i32.wrap_i64(i64.shr_u(va, 7n)), (TLB_ENTRIES - 1) << 5);
  return i32.add(i32.load(ctx, CTX.tlb), index);
}

/** Whether a 64-bit address is canonical (48 bits, sign-extended). */
export function isCanonical(va: I64): I32 {
  return i64.eq(i64.shr_s(i64.shl(va, 16n), 16n), va);
}

export type Translate = FuncRef<readonly ["i32", "i64", "i32"], readonly ["i32"]>;

/**
 * `translate(ctx, va, access)`: byte address of the page that holds the canonical linear address `va`, FAULTED (a page fault's fields are
 * set, pending = FAULT), or FOREIGN (its number in foreignMfn). Sets accessed and dirty bits and fills the TLB entry.
 */
export function emitTranslate(m: ModuleBuilder): Translate {
  const fault = m.func({ name: "pageFault", params: ["i32", "i64", "i32", "i32"], results: ["i32"] }, (
    f,
    ctx,
    va,
    access,
    bits,
  ) => {
    const kind = f.let(i32.and(access, 3));
    const user = i32.shl(i32.eq(i32.load(ctx, CTX.cpl), 3), 2);
    const write = i32.shl(i32.eq(kind, WRITE), 1);
    const reportsFetch = i32.or(
      i32.wrap_i64(i64.shr_u(i64.and(i64.load(ctx, CTX.efer), EFER_NXE), 11n)),
      i32.wrap_i64(i64.shr_u(i64.and(i64.load(ctx, CTX.cr4), CR4_SMEP), 20n)),
    );
    const fetch = i32.shl(i32.and(i32.eq(kind, EXECUTE), reportsFetch), 4);
    f.do(i32.store(ctx, Vector.PF, CTX.faultVector));
    f.do(i32.store(ctx, i32.or(i32.or(bits, user), i32.or(write, fetch)), CTX.faultErrorCode));
    f.do(i32.store(ctx, 1, CTX.faultHasError));
    f.do(i64.store(ctx, va, CTX.faultAddress));
    f.do(i32.store(ctx, ExitReason.FAULT, CTX.pending));
    f.return(i32.const(FAULTED));
  });
  const fill = emitFill(m);

  return m.func({ name: "translate", params: ["i32", "i64", "i32"], results: ["i32"] }, (
    f,
    ctx,
    va,
    access,
  ) => {
    const table = f.local("i64");
    const entry = f.local("i64");
    const at = f.local("i32");
    const allowed = f.local("i64");
    const executeDisable = f.local("i64");
    const mfn = f.local("i64");
    const frame = f.local("i64");
    f.do(count(ctx, CTX.walks));
    const kind = f.let(i32.and(access, 3));
    const reserved = f.let(
      i64.select(
        i64.eqz(i64.and(i64.load(ctx, CTX.efer), EFER_NXE)),
        i64.const(HIGH_RESERVED | 1n << 63n),
        i64.const(HIGH_RESERVED),
      ),
    );
    const raise = (bits: number) => f.returnCall(fault, [ctx, va, access, i32.const(bits)]);

    f.loop((restart) => {
      f.set(table, i64.load(ctx, CTX.rootMfn));
      f.set(allowed, -1n);
      f.set(executeDisable, 0n);
      f.block((found) => {
        for (let level = 3; level >= 0; level--) {
          const shift = 12 + 9 * level;
          f.set(frame, i64.sub(table.get(), i64.load(ctx, CTX.mfnBase)));
          f.if(
            i64.ge_u(frame.get(), i64.load32_u(ctx, CTX.totalFrames)),
            () => raise(0),
          );
          const index = i32.and(i32.wrap_i64(i64.shr_u(va, BigInt(shift - 3))), 511 << 3);
          f.set(at, i32.or(i32.shl(i32.wrap_i64(frame.get()), 12), index));
          f.set(entry, i64.load(at.get()));
          f.if(i64.eqz(i64.and(entry.get(), P)), () => raise(0));
          f.set(allowed, i64.and(allowed.get(), entry.get()));
          f.set(executeDisable, i64.or(executeDisable.get(), entry.get()));
          const bad = (mask: I64) => f.if(i64.ne(i64.and(entry.get(), mask), 0n), () => raise(9));
          if (level === 3) bad(i64.or(reserved, PS));
          else bad(reserved);
          const number = i64.shr_u(i64.and(entry.get(), FRAME_MASK), 12n);
          if (level === 0) {
            f.set(mfn, number);
            break;
          }
          if (level < 3) {
            f.if(i64.ne(i64.and(entry.get(), PS), 0n), () => {
              const inner = (1n << BigInt(9 * level)) - 1n;
              bad(i64.const((inner << 12n) & ~0x1000n));
              f.set(mfn, i64.or(i64.and(number, ~inner), i64.and(i64.shr_u(va, 12n), inner)));
              f.do(i32.store(ctx, 1, CTX.largePages));
              f.br(found);
            });
          }
          f.if(i64.eqz(i64.and(entry.get(), A)), () => f.drop(i64.atomic_rmw_or(at.get(), A)));
          f.set(table, number);
        }
      });
      const user = f.let(i32.eq(i32.load(ctx, CTX.cpl), 3));
      const userPage = f.let(i64.ne(i64.and(allowed.get(), U), 0n));
      const isWrite = f.let(i32.eq(kind, WRITE));
      const isExecute = f.let(i32.eq(kind, EXECUTE));
      const writable = f.let(i32.or(
        i64.ne(i64.and(allowed.get(), W), 0n),
        i32.and(i32.eqz(user), i64.eqz(i64.and(i64.load(ctx, CTX.cr0), CR0_WP))),
      ));
      f.if(i32.and(user, i32.eqz(userPage)), () => raise(1));
      f.if(i32.and(isWrite, i32.eqz(writable)), () => raise(1));
      f.if(i32.and(isExecute, i64.lt_s(executeDisable.get(), 0n)), () => raise(1));
      f.if(i32.and(i32.eqz(user), userPage), () => {
        const cr4 = i64.load(ctx, CTX.cr4);
        const kept = i64.select(isExecute, i64.const(CR4_SMEP), i64.const(CR4_SMAP));
        f.if(i64.ne(i64.and(cr4, kept), 0n), () => {
          const permitted = i32.and(i32.load(ctx, CTX.eflags), Flag.AC);
          f.if(i32.or(isExecute, i32.eqz(permitted)), () => raise(1));
        });
      });
      const wanted = f.let(i64.select(isWrite, i64.const(A | D), i64.const(A)));
      f.if(i64.ne(i64.and(entry.get(), wanted), wanted), () => {
        const updated = f.let(i64.or(entry.get(), wanted));
        const before = f.let(i64.atomic_cmpxchg(at.get(), entry.get(), updated));
        f.brIf(restart, i64.ne(before, entry.get()));
        f.set(entry, updated);
      });
      f.set(frame, i64.sub(mfn.get(), i64.load(ctx, CTX.mfnBase)));
      f.if(i64.ge_u(frame.get(), i64.load32_u(ctx, CTX.totalFrames)), () => {
        f.do(i64.store(ctx, mfn.get(), CTX.foreignMfn));
        f.return(i32.const(FOREIGN));
      });
      const local = f.let(i32.wrap_i64(frame.get()));
      f.if(i32.and(access, NO_FILL), () => f.return(i32.shl(local, 12)));
      const mayTag = i32.and(writable, i64.ne(i64.and(entry.get(), D), 0n));
      f.returnCall(fill, [ctx, va, local, mayTag, isExecute]);
    });
  });
}

/** `codeMap(ctx, info)`: the code map of the frame whose info is there, for the context's code mode; the empty map when there is none. */
export function emitCodeMap(m: ModuleBuilder): FuncRef<readonly ["i32", "i32"], readonly ["i32"]> {
  return m.func({ name: "codeMap", params: ["i32", "i32"], results: ["i32"] }, (f, ctx, info) => {
    const map = f.local("i32");
    f.set(map, i32.load(info, FRAME_CODE_MAP));
    f.loop((again) => {
      f.if(i32.eqz(map.get()), () => f.return(i32.load(ctx, CTX.emptyMap)));
      f.if(
        i32.eq(i32.load(map.get(), MAP_MODE), i32.load(ctx, CTX.codeMode)),
        () => f.return(map.get()),
      );
      f.set(map, i32.load(map.get(), MAP_NEXT));
      f.br(again);
    });
  });
}

/** Writes the TLB entry of a translated page; gives its byte address. */
function emitFill(m: ModuleBuilder) {
  const codeMap = emitCodeMap(m);
  return m.func({ name: "fill", params: ["i32", "i64", "i32", "i32", "i32"], results: ["i32"] }, (
    f,
    ctx,
    va,
    frame,
    mayTag,
    isExecute,
  ) => {
    f.do(count(ctx, CTX.tlbMisses));
    const address = f.let(i32.shl(frame, 12));
    const page = f.let(i64.and(va, -4096n));
    const entry = f.let(tlbEntry(ctx, va));
    const info = f.let(i32.add(i32.load(ctx, CTX.frameInfo), i32.shl(frame, 4)));
    const flags = f.let(i32.load(info, FRAME_CPU_FLAGS));
    const setTagged = () =>
      f.if(i32.eqz(i32.and(flags, FrameFlag.TAGGED)), () => {
        f.drop(i32.atomic_rmw_or(info, FrameFlag.TAGGED, FRAME_CPU_FLAGS));
      });
    // Code and data that share an entry do not drive each other out: the execute tag belongs to the code map, the others to the addend.
    f.if(isExecute, () => {
      setTagged();
      f.do(i64.store(entry, page, TLB_EXECUTE));
      f.do(i32.store(entry, f.call(codeMap, [ctx, info]), TLB_CODE));
      f.return(address);
    });
    // Every access is to be seen.
    f.if(i32.load(ctx, CTX.watching), () => f.return(address));
    const writeTag = f.local("i64");
    f.set(writeTag, -1n);
    f.if(i32.and(mayTag, i32.eqz(i32.and(flags, FrameFlag.HAS_CODE))), () => {
      // The flag is set before HAS_CODE is looked at again: whoever sets HAS_CODE looks at the flag afterwards.
      const now = f.local("i32");
      f.set(now, flags);
      f.if(i32.eqz(i32.and(flags, FrameFlag.WRITE_TAGGED)), () => {
        const bits = FrameFlag.WRITE_TAGGED | FrameFlag.TAGGED;
        f.set(now, i32.atomic_rmw_or(info, bits, FRAME_CPU_FLAGS));
      });
      f.if(i32.eqz(i32.and(now.get(), FrameFlag.HAS_CODE)), () => f.set(writeTag, page));
    }, setTagged);
    // An execute tag of the same page is dropped when it is of an earlier translation.
    f.if(i64.eq(i64.load(entry, TLB_EXECUTE), page), () => {
      const code = i32.load(entry, TLB_CODE);
      f.if(i32.ne(i32.load(code, MAP_FRAME), frame), () => f.do(i64.store(entry, -1n, TLB_EXECUTE)));
    });
    f.do(i64.store(entry, page, TLB_READ));
    f.do(i64.store(entry, writeTag.get(), TLB_WRITE));
    f.do(i32.store(entry, i32.sub(address, i32.wrap_i64(page)), TLB_ADDEND));
    f.return(address);
  });
}
