/** CPUID as a PV domain sees it: the processor's leaves without what ring 3 cannot use, and Xen's own (public/arch-x86/cpuid.h). */
import { cpuid, type CpuidResult, defaultIdentity } from "../../isa/cpuid.ts";
import type { HypercallContext } from "../context.ts";
import { XEN_MAJOR, XEN_MINOR } from "../hypercalls/xen_version.ts";
import { CR4 } from "./control_registers.ts";
import { isKernelMode } from "./mode.ts";
import { pvFeatures } from "./policy.ts";

const XEN_BASE = 0x40000000;
const XEN_LAST = 0x40000005;
const TSC_KHZ = 1_000_000;
/** XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD */
const FEAT1_PRESERVE_AD = 1;

const ABSENT: CpuidResult = { eax: 0, ebx: 0, ecx: 0, edx: 0 };

/**
 * @param isForced by the forced emulation prefix: then a kernel sees OSXSAVE before it sets CR4.OSXSAVE, as Xen itself runs with it. Linux
 * takes it as the sign that it may use XSAVE at all, and other ways to CPUID show the guest's own CR4 (cpuid.c, "non-architectural").
 */
export function guestCpuid(
  cx: HypercallContext,
  leaf: number,
  subleaf: number,
  isForced = false,
): CpuidResult {
  leaf >>>= 0;
  if (leaf >= XEN_BASE && leaf < XEN_BASE + 0x10000) return xenLeaf(leaf, subleaf);
  return cpuid(leaf, subleaf, pvFeatures(), {
    identity: defaultIdentity,
    apicId: cx.vcpu.id * 2,
    processors: 1,
    osxsave: (cx.vcpu.state.cr4Lo & CR4.OSXSAVE) !== 0 ||
      isForced && isKernelMode(cx) && pvFeatures().has("xsave"),
    hypervisor: true,
    physicalBits: 40,
  });
}

function ascii(text: string): number {
  return text.charCodeAt(0) | text.charCodeAt(1) << 8 | text.charCodeAt(2) << 16 | text.charCodeAt(3) << 24;
}

function xenLeaf(leaf: number, subleaf: number): CpuidResult {
  switch (leaf) {
    case XEN_BASE:
      return { eax: XEN_LAST, ebx: ascii("XenV"), ecx: ascii("MMXe"), edx: ascii("nVMM") };
    case XEN_BASE + 1:
      return { ...ABSENT, eax: (XEN_MAJOR << 16) | XEN_MINOR };
    case XEN_BASE + 2:
      // One hypercall page, filled by WRMSR to 40000000.
      return { eax: 1, ebx: XEN_BASE, ecx: FEAT1_PRESERVE_AD, edx: 0 };
    case XEN_BASE + 3:
      // Time: the TSC counts system time, safe to use on all vCPUs.
      if (subleaf === 0) return { eax: 2, ebx: 0, ecx: TSC_KHZ, edx: 1 };
      if (subleaf === 1) return { eax: 0, ebx: 0, ecx: 0x80000000 | 0, edx: 1 };
      return subleaf === 2 ? { ...ABSENT, eax: TSC_KHZ } : ABSENT;
    default:
      return ABSENT;
  }
}
