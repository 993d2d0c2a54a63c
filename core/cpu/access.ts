/**
 * Guest memory accesses that miss the TLB, cross a page or reach foreign frames, emitted as wasm functions.
 *
 * All give a byte address in memory, or FAULTED with `pending` telling how to leave. An access that lies in no single page of this
 * memory is bounced: the address given is the context's bounce area, and `commit` carries what was written there to its place.
 */
import {
  f64,
  type FuncRef,
  type FunctionBuilder,
  type I32,
  i32,
  type I64,
  i64,
  type ModuleBuilder,
} from "../wasm/mod.ts";
import { CTX } from "./context.ts";
import { emitMetBreakpoints } from "./debug_registers.ts";
import { ExitReason, Internal, Vector } from "./exit.ts";
import { FRAME_CODE_MAP, FRAME_CPU_FLAGS, FrameFlag } from "./layout.ts";
import { count, FAULTED, FOREIGN, isCanonical, READ, type Translate, WRITE } from "./paging.ts";
import { MAP_COVERED, MAP_NEXT } from "./record.ts";

/** `size` parameter: bytes, and these. */
export const STACK_ACCESS = 0x100;
/** The bounce area is filled with what is there now. */
export const READ_FIRST = 0x200;

export interface AccessFunctions {
  readonly slowRead: FuncRef<readonly ["i32", "i64", "i32"], readonly ["i32"]>;
  readonly slowWrite: FuncRef<readonly ["i32", "i64", "i32"], readonly ["i32"]>;
  /** 0, or FAULTED */
  readonly commit: FuncRef<readonly ["i32"], readonly ["i32"]>;
  /** Sets the fault fields and pending. (ctx, vector, errorCode, hasError): FAULTED */
  readonly fault: FuncRef<readonly ["i32", "i32", "i32", "i32"], readonly ["i32"]>;
}

/** `foreign(ctx, mfn, offset, size, write, data)`: 0, FOREIGN_FAULT, or what `run` is to return in exitInfo. */
export type ForeignImport = FuncRef<
  readonly ["i32", "f64", "i32", "i32", "i32", "i32"],
  readonly ["i32"]
>;

const PAGE_FAULT_RESERVED = 9;

type Builder = FunctionBuilder<readonly ["i32", "i64", "i32"], readonly ["i32"]>;

export function emitAccess(m: ModuleBuilder, translate: Translate, foreign: ForeignImport): AccessFunctions {
  const fault = m.func({ name: "fault", params: ["i32", "i32", "i32", "i32"], results: ["i32"] }, (
    f,
    ctx,
    vector,
    code,
    hasError,
  ) => {
    f.do(i32.store(ctx, vector, CTX.faultVector));
    f.do(i32.store(ctx, code, CTX.faultErrorCode));
    f.do(i32.store(ctx, hasError, CTX.faultHasError));
    f.do(i32.store(ctx, ExitReason.FAULT, CTX.pending));
    f.return(i32.const(FAULTED));
  });

  /** (ctx, mfn index 0 or 1, offset, size, write, data) */
  const reach = m.func({
    name: "reachForeign",
    params: ["i32", "i64", "i32", "i32", "i32", "i32"],
    results: ["i32"],
  }, (f, ctx, mfn, offset, size, write, data) => {
    f.do(count(ctx, CTX.foreignAccesses));
    const result = f.let(f.call(foreign, [ctx, f64OfMfn(mfn), offset, size, write, data]));
    f.if(i32.eqz(result), () => f.return(i32.const(0)));
    f.if(i32.eq(result, -1), () => {
      const user = i32.shl(i32.eq(i32.load(ctx, CTX.cpl), 3), 2);
      const bits = i32.or(i32.or(i32.shl(write, 1), user), PAGE_FAULT_RESERVED);
      f.returnCall(fault, [ctx, i32.const(Vector.PF), bits, i32.const(1)]);
    });
    f.do(i32.store(ctx, ExitReason.FOREIGN, CTX.pending));
    f.do(i32.store(ctx, result, CTX.exitInfo));
    f.return(i32.const(FAULTED));
  });

  /** Whether bytes of a frame hold decoded code: then CODE_WRITE is pending. (ctx, address, size): 0 or FAULTED */
  const codeHit = m.func({ name: "codeHit", params: ["i32", "i32", "i32"], results: ["i32"] }, (
    f,
    ctx,
    address,
    size,
  ) => {
    const info = f.let(i32.add(i32.load(ctx, CTX.frameInfo), i32.shl(i32.shr_u(address, 12), 4)));
    const flags = f.let(i32.load(info, FRAME_CPU_FLAGS));
    f.if(i32.eqz(i32.and(flags, FrameFlag.HAS_CODE)), () => f.return(i32.const(0)));
    f.if(
      i32.eqz(i32.and(flags, FrameFlag.SLOW_WRITTEN)),
      () => f.drop(i32.atomic_rmw_or(info, FrameFlag.SLOW_WRITTEN, FRAME_CPU_FLAGS)),
    );
    const map = f.local("i32");
    const first = f.let(i64.extend_i32_u(i32.and(i32.shr_u(address, 6), 63)));
    const last = f.let(i64.extend_i32_u(i32.and(i32.shr_u(i32.sub(i32.add(address, size), 1), 6), 63)));
    const touched = f.let(i64.or(i64.shl(i64.const(1), first), i64.shl(i64.const(1), last)));
    f.set(map, i32.load(info, FRAME_CODE_MAP));
    f.loop((again) => {
      f.if(i32.eqz(map.get()), () => f.return(i32.const(0)));
      f.if(i64.ne(i64.and(i64.load(map.get(), MAP_COVERED), touched), 0n), () => {
        f.do(i32.store(ctx, address, CTX.bounceFirst));
        f.do(i32.store(ctx, size, CTX.bounceSize));
        f.do(i32.store(ctx, Internal.CODE_WRITE, CTX.pending));
        f.return(i32.const(FAULTED));
      });
      f.set(map, i32.load(map.get(), MAP_NEXT));
      f.br(again);
    });
  });

  const met = emitMetBreakpoints(m);

  const raiseCanonical = (f: Builder, ctx: I32, size: I32) => {
    const vector = i32.select(i32.and(size, STACK_ACCESS), i32.const(Vector.SS), i32.const(Vector.GP));
    f.returnCall(fault, [ctx, vector, i32.const(0), i32.const(1)]);
  };

  /** What reads and writes have in common: both parts translated. */
  const access = (name: string, kind: number) =>
    m.func({ name, params: ["i32", "i64", "i32"], results: ["i32"] }, (f, ctx, va, info) => {
      const size = f.let(i32.and(info, 0xff));
      const offset = f.let(i32.and(i32.wrap_i64(va), 0xfff));
      const isLong = f.let(i32.eq(i32.load(ctx, CTX.mode), 64));
      const bounce = f.let(i32.add(ctx, CTX.bounce));
      const split = f.let(i32.sub(4096, offset));
      const first = f.local("i32");
      f.do(count(ctx, CTX.slowAccesses));
      f.if(i32.load(ctx, CTX.watching), () => f.call(met, [ctx, va, size, i32.const(kind)]));
      f.if(i32.and(isLong, i32.eqz(isCanonical(va))), () => raiseCanonical(f, ctx, info));
      f.if(i32.le_u(size, split), () => {
        f.set(first, f.call(translate, [ctx, va, i32.const(kind)]));
        f.if(i32.eqz(i32.and(first.get(), 0xfff)), () => {
          const address = f.let(i32.or(first.get(), offset));
          if (kind === WRITE) {
            f.if(f.call(codeHit, [ctx, address, size]), () => f.return(i32.const(FAULTED)));
          }
          f.return(address);
        });
        f.if(i32.eq(first.get(), FAULTED), () => f.return(i32.const(FAULTED)));
        const mfn = i64.load(ctx, CTX.foreignMfn);
        const read = () =>
          f.if(
            f.call(reach, [ctx, mfn, offset, size, i32.const(0), bounce]),
            () => f.return(i32.const(FAULTED)),
          );
        if (kind === READ) read();
        else {
          f.if(i32.and(info, READ_FIRST), read);
          f.do(i64.store(ctx, mfn, CTX.bounceMfns));
          f.do(i32.store(ctx, offset, CTX.bounceFirst));
          f.do(i32.store(ctx, size, CTX.bounceSize));
          f.do(i32.store(ctx, size, CTX.bounceSplit));
          f.do(i32.store(ctx, 1, CTX.bounceForeign));
        }
        f.return(bounce);
      });
      // Two pages: both are translated before anything moves.
      const next = f.let(i64.add(i64.and(va, -4096n), 4096n));
      const second = f.local("i32");
      const nextVa = f.let(i64.select(isLong, next, i64.and(next, 0xffffffffn)));
      f.if(i32.and(isLong, i32.eqz(isCanonical(nextVa))), () => raiseCanonical(f, ctx, info));
      const isForeign = f.local("i32");
      f.set(first, f.call(translate, [ctx, va, i32.const(kind)]));
      f.if(i32.eq(first.get(), FAULTED), () => f.return(i32.const(FAULTED)));
      f.if(i32.eq(first.get(), FOREIGN), () => {
        f.do(i64.store(ctx, i64.load(ctx, CTX.foreignMfn), CTX.bounceMfns));
        f.set(first, 0);
        f.set(isForeign, 1);
      });
      f.set(first, i32.or(first.get(), offset));
      f.set(second, f.call(translate, [ctx, nextVa, i32.const(kind)]));
      f.if(i32.eq(second.get(), FAULTED), () => f.return(i32.const(FAULTED)));
      f.if(i32.eq(second.get(), FOREIGN), () => {
        f.do(i64.store(ctx, i64.load(ctx, CTX.foreignMfn), CTX.bounceMfns + 8));
        f.set(second, 0);
        f.set(isForeign, i32.or(isForeign.get(), 2));
      });
      const rest = f.let(i32.sub(size, split));
      const parts = [
        { bit: 1, at: first.get(), length: split, data: bounce, mfn: i64.load(ctx, CTX.bounceMfns) },
        {
          bit: 2,
          at: second.get(),
          length: rest,
          data: f.let(i32.add(bounce, split)),
          mfn: i64.load(ctx, CTX.bounceMfns + 8),
        },
      ];
      const read = () => {
        for (const { bit, at, length, data, mfn } of parts) {
          f.if(i32.and(isForeign.get(), bit), () => {
            f.if(
              f.call(reach, [ctx, mfn, at, length, i32.const(0), data]),
              () => f.return(i32.const(FAULTED)),
            );
          }, () => f.memoryCopy(data, at, length));
        }
      };
      if (kind === READ) read();
      else {
        for (const { bit, at, length } of parts) {
          f.if(i32.eqz(i32.and(isForeign.get(), bit)), () => {
            f.if(f.call(codeHit, [ctx, at, length]), () => f.return(i32.const(FAULTED)));
          });
        }
        f.if(i32.and(info, READ_FIRST), read);
        f.do(i32.store(ctx, first.get(), CTX.bounceFirst));
        f.do(i32.store(ctx, second.get(), CTX.bounceSecond));
        f.do(i32.store(ctx, size, CTX.bounceSize));
        f.do(i32.store(ctx, split, CTX.bounceSplit));
        f.do(i32.store(ctx, isForeign.get(), CTX.bounceForeign));
      }
      f.return(bounce);
    });

  const commit = m.func({ name: "commit", params: ["i32"], results: ["i32"] }, (f, ctx) => {
    const bounce = f.let(i32.add(ctx, CTX.bounce));
    const split = f.let(i32.load(ctx, CTX.bounceSplit));
    const rest = f.let(i32.sub(i32.load(ctx, CTX.bounceSize), split));
    const parts = [
      { bit: 1, field: CTX.bounceFirst, length: split, data: bounce, mfn: CTX.bounceMfns },
      {
        bit: 2,
        field: CTX.bounceSecond,
        length: rest,
        data: f.let(i32.add(bounce, split)),
        mfn: CTX.bounceMfns + 8,
      },
    ];
    const write = ({ bit, field, length, data, mfn }: typeof parts[number]) => {
      f.if(i32.and(i32.load(ctx, CTX.bounceForeign), bit), () => {
        f.if(
          f.call(reach, [ctx, i64.load(ctx, mfn), i32.load(ctx, field), length, i32.const(1), data]),
          () => f.return(i32.const(FAULTED)),
        );
      }, () => f.memoryCopy(i32.load(ctx, field), data, length));
    };
    write(parts[0]);
    f.if(rest, () => write(parts[1]));
    f.return(i32.const(0));
  });

  return { slowRead: access("slowRead", READ), slowWrite: access("slowWrite", WRITE), commit, fault };
}

function f64OfMfn(mfn: I64) {
  return f64.convert_i64_u(mfn);
}
