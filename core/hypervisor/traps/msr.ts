/**
 * Model-specific registers as Xen 4.17 shows them to an unprivileged PV domain on a processor of AMD's line. What is in no list raises #GP.
 */
import { CTX, SEGMENT_BASE } from "../../cpu/context.ts";
import type { HypercallContext } from "../context.ts";
import { PageType } from "../mm/frame_info.ts";
import { pageTypesOf } from "../mm/page_types.ts";
import { isCanonical } from "../mm/walk.ts";
import { fillHypercallPage } from "../hypercalls/page.ts";
import { gsBaseIndex } from "./mode.ts";

export const MSR = {
  P5_MC_ADDR: 0,
  P5_MC_TYPE: 1,
  TSC: 0x10,
  APIC_BASE: 0x1b,
  PATCHLEVEL: 0x8b,
  PLATFORM_INFO: 0xce,
  MISC_FEATURES_ENABLES: 0x140,
  MCG_CAP: 0x179,
  MCG_STATUS: 0x17a,
  MCG_CTL: 0x17b,
  MISC_ENABLE: 0x1a0,
  CR_PAT: 0x277,
  MC0_CTL2: 0x280,
  PERF_CAPABILITIES: 0x345,
  MC0_CTL: 0x400,
  MPERF: 0xe7,
  APERF: 0xe8,
  XEN_HYPERCALL: 0x40000000,
  EFER: 0xc0000080,
  FS_BASE: 0xc0000100,
  GS_BASE: 0xc0000101,
  SHADOW_GS_BASE: 0xc0000102,
  TSC_AUX: 0xc0000103,
} as const;

/** MSRs of AMD's line that read as 0 and drop what is written: HWCR, NB_CFG, frequency and power states, MMIO_CONF_BASE; counters, as there is no PMU. */
const DROPPED: readonly (readonly [first: number, last: number])[] = [
  [0xc0010000, 0xc0010007],
  [0xc0010015, 0xc0010015],
  [0xc001001f, 0xc001001f],
  [0xc0010041, 0xc0010042],
  [0xc0010058, 0xc0010058],
  [0xc0010061, 0xc001006b],
  [0xc0010200, 0xc001020b],
];
const DE_CFG = 0xc0011029;
/** LFENCE is a dispatch-serializing instruction. */
const LFENCE_SERIALISE = 2;
/** SCE, LME, LMA, NX. */
const EFER_VALUE = 0xd01;
/** XEN_MSR_PAT. */
const PAT_LO = 0x00070406, PAT_HI = 0x00000501;
const MC_BANKS = 32;
const MISC_ENABLE_VALUE = 0x801801;

export interface MsrValue {
  readonly lo: number;
  readonly hi: number;
}

const ZERO: MsrValue = { lo: 0, hi: 0 };

function isDropped(index: number): boolean {
  return DROPPED.some(([first, last]) => index >= first && index <= last);
}

/** @returns undefined: #GP */
export function readMsr(cx: HypercallContext, index: number): MsrValue | undefined {
  const { vcpu, view } = cx;
  const { ctx, state } = vcpu;
  const pair = (at: number): MsrValue => ({ lo: view.i32[at], hi: view.i32[at + 1] });
  if (index >= MSR.MC0_CTL && index < MSR.MC0_CTL + 4 * MC_BANKS) {
    // Two banks, all of whose errors are reported.
    return index === MSR.MC0_CTL || index === MSR.MC0_CTL + 4 ? { lo: -1, hi: -1 } : ZERO;
  }
  if (index >= MSR.MC0_CTL2 && index < MSR.MC0_CTL2 + MC_BANKS) return ZERO;
  switch (index) {
    case MSR.P5_MC_ADDR:
    case MSR.P5_MC_TYPE:
    case MSR.PLATFORM_INFO:
    case MSR.MISC_FEATURES_ENABLES:
    case MSR.MCG_STATUS:
    case MSR.MCG_CTL:
    case MSR.PERF_CAPABILITIES:
    case MSR.XEN_HYPERCALL:
    case MSR.PATCHLEVEL:
      return ZERO;
    case DE_CFG:
      return { lo: LFENCE_SERIALISE, hi: 0 };
    case MSR.TSC: {
      const now = cx.machine.now();
      return { lo: now % 4294967296 | 0, hi: Math.floor(now / 4294967296) | 0 };
    }
    case MSR.APIC_BASE:
      return { lo: 0xfee00800 | (vcpu.id === 0 ? 0x100 : 0), hi: 0 };
    case MSR.MCG_CAP:
      return { lo: 2, hi: 0 };
    case MSR.MISC_ENABLE:
      return { lo: MISC_ENABLE_VALUE, hi: 0 };
    case MSR.CR_PAT:
      return { lo: PAT_LO, hi: PAT_HI };
    case MSR.EFER:
      return { lo: EFER_VALUE, hi: 0 };
    case MSR.FS_BASE:
      return pair((ctx + CTX.fs + SEGMENT_BASE) >>> 2);
    case MSR.GS_BASE:
      return pair(gsBaseIndex(ctx));
    case MSR.SHADOW_GS_BASE:
      return { lo: state.gsBaseUserLo, hi: state.gsBaseUserHi };
    case MSR.TSC_AUX:
      return { lo: state.tscAux | 0, hi: 0 };
    default:
      return isDropped(index) ? ZERO : undefined;
  }
}

/** @returns false: #GP */
export function writeMsr(cx: HypercallContext, index: number, lo: number, hi: number): boolean {
  const { vcpu, view } = cx;
  const { ctx, state } = vcpu;
  if (index >= MSR.MC0_CTL && index < MSR.MC0_CTL + 4 * MC_BANKS) return (lo | hi) === 0;
  switch (index) {
    case MSR.FS_BASE:
    case MSR.GS_BASE: {
      if (!isCanonical(hi)) return false;
      const at = index === MSR.FS_BASE ? (ctx + CTX.fs + SEGMENT_BASE) >>> 2 : gsBaseIndex(ctx);
      view.i32[at] = lo;
      view.i32[at + 1] = hi;
      return true;
    }
    case MSR.SHADOW_GS_BASE:
      if (!isCanonical(hi)) return false;
      state.gsBaseUserLo = lo;
      state.gsBaseUserHi = hi;
      return true;
    case MSR.EFER:
      return lo === EFER_VALUE && hi === 0;
    // Writes are dropped.
    case MSR.MISC_ENABLE:
    case MSR.MPERF:
    case MSR.APERF:
    case DE_CFG:
      return true;
    case MSR.MISC_FEATURES_ENABLES:
    case MSR.MCG_STATUS:
      return (lo | hi) === 0;
    case MSR.TSC_AUX:
      if (hi !== 0) return false;
      state.tscAux = lo;
      return true;
    case MSR.XEN_HYPERCALL:
      return writeHypercallPage(cx, lo, hi);
    default:
      return isDropped(index);
  }
}

/** WRMSR of the MSR that CPUID leaf 40000002 names: fills a page of the guest with the hypercall stubs. */
function writeHypercallPage(cx: HypercallContext, lo: number, hi: number): boolean {
  if (lo & 0xfff) return false;
  const { domain } = cx;
  return domain.lock.with(() => {
    const types = pageTypesOf(domain);
    const mfn = (hi >>> 0) * 0x100000 + (lo >>> 12);
    if (types.getPageAndType(mfn, PageType.writable) !== 0) return false;
    const frame = types.ownFrame(mfn);
    fillHypercallPage(domain.views.u8.subarray(frame * 4096, (frame + 1) * 4096), domain.header.width);
    types.written(frame, 0, 4096);
    types.putPageAndType(frame);
    return true;
  });
}
