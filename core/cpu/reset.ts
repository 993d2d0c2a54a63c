/** A context's start, and what its segments say about the code it runs. */
import {
  Attribute,
  CodeMode,
  CONTEXT_BYTES,
  type ContextView,
  CTX,
  SEGMENT_ATTRIBUTES,
  SEGMENT_BASE,
  SEGMENT_LIMIT,
  SEGMENT_SELECTOR,
  TWO_PAGES,
} from "./context.ts";
import type { DomainLayout } from "./layout.ts";
import { profileArea } from "./profile.ts";

export type SegmentField = "es" | "cs" | "ss" | "ds" | "fs" | "gs" | "flat" | "flatStack" | "ldtr" | "tr";

export interface SegmentValue {
  selector: number;
  attributes: number;
  limit: number;
  base?: bigint;
}

export function setSegment(view: ContextView, ctx: number, name: SegmentField, value: SegmentValue): void {
  const at = ctx + CTX[name];
  view.data.setInt32(at + SEGMENT_SELECTOR, value.selector, true);
  view.data.setInt32(at + SEGMENT_ATTRIBUTES, value.attributes, true);
  view.data.setInt32(at + SEGMENT_LIMIT, value.limit | 0, true);
  view.data.setBigUint64(at + SEGMENT_BASE, BigInt.asUintN(64, value.base ?? 0n), true);
}

const EVERYTHING = 0xffffffff;
const USER_DATA = 0xc0f3;
const USER_CODE = 0xa0fb;

const CR0 = 0x80050033n;
const CR4 = 0x620n;
const EFER = 0xd01n;
const PAT = 0x0007040600070406n;

export function resetContext(view: ContextView, ctx: number, layout: DomainLayout, emptyMap: number): void {
  view.u8.fill(0, ctx, ctx + CONTEXT_BYTES);
  view.set(ctx, "eflags", 2);
  view.set64(ctx, "flagResult", 1, 0);
  // Odd result, so that PF is clear.
  view.set(ctx, "flagAux", 0);
  view.set(ctx, "mode", 64);
  view.set(ctx, "cpl", 3);
  view.set(ctx, "mxcsr", 0x1f80);
  view.set(ctx, "fcw", 0x37f);
  view.set(ctx, "codeMode", -1);
  view.setBig(ctx, "cr0", CR0);
  view.setBig(ctx, "cr4", CR4);
  view.setBig(ctx, "efer", EFER);
  view.setBig(ctx, "xcr0", 3n);
  view.setBig(ctx, "pat", PAT);
  view.setBig(ctx, "dr", 0xffff0ff0n, 6);
  view.setBig(ctx, "dr", 0x400n, 7);
  view.setBig(ctx, "twoPages", BigInt(TWO_PAGES));
  view.setBig(ctx, "mfnBase", BigInt(layout.mfnBase));
  view.set(ctx, "totalFrames", layout.totalFrames);
  view.set(ctx, "frameInfo", layout.frameInfo);
  view.set(ctx, "emptyMap", emptyMap);
  view.set(ctx, "pagingLevels", 4);
  const { counters, snapshots, end } = profileArea(layout);
  view.set(ctx, "profile", counters - (layout.code >>> 3));
  view.set(ctx, "snapshots", snapshots);
  view.set(ctx, "snapshotsEnd", end);
  for (const name of ["es", "ss", "ds", "fs", "gs", "flat", "flatStack"] as const) {
    setSegment(view, ctx, name, { selector: 0, attributes: USER_DATA, limit: EVERYTHING });
  }
  setSegment(view, ctx, "cs", { selector: 0, attributes: USER_CODE, limit: EVERYTHING });
}

/** See CodeMode. The width is the context's `mode`. */
export function codeModeOf(view: ContextView, ctx: number): number {
  const mode = view.get(ctx, "mode");
  const attributes = (name: SegmentField) => view.data.getInt32(ctx + CTX[name] + SEGMENT_ATTRIBUTES, true);
  if (mode === 64) return CodeMode.WIDTH_64 | CodeMode.FLAT | CodeMode.BIG_STACK;
  const isFlat = (name: SegmentField, right: number, code: number) => {
    const at = ctx + CTX[name];
    const bits = attributes(name);
    return view.data.getBigUint64(at + SEGMENT_BASE, true) === 0n &&
      view.data.getUint32(at + SEGMENT_LIMIT, true) === EVERYTHING &&
      (bits & Attribute.UNUSABLE) === 0 && (bits & (right | 8)) === (right | code) &&
      // Not expand-down.
      (code !== 0 || (bits & 4) === 0);
  };
  const flat = isFlat("cs", 2, 8) && isFlat("ss", 2, 0) && isFlat("ds", 2, 0) && isFlat("es", 2, 0);
  return (mode === 32 ? CodeMode.WIDTH_32 : CodeMode.WIDTH_16) | (flat ? CodeMode.FLAT : 0) |
    (attributes("ss") & Attribute.BIG ? CodeMode.BIG_STACK : 0);
}
