/**
 * What CPUID says of the implemented instruction set: the processor's own leaves (0, 1, 7, D, 80000000 to 80000008). Feature bits follow from
 * the descriptions: one is set only when every instruction it stands for is described. The hypervisor adds its own leaves (40000000 up) and
 * takes away what a kind of domain must not see.
 *
 * Sources: AMD64 APM volume 3 appendix E (function numbers, bits), Intel SDM volume 2, CPUID (leaf 7).
 */
import { instructions } from "./instruction.ts";

export interface CpuidResult {
  readonly eax: number;
  readonly ebx: number;
  readonly ecx: number;
  readonly edx: number;
}

/** Who the processor says it is. */
export interface CpuIdentity {
  /** 12 characters. */
  readonly vendor: string;
  readonly family: number;
  readonly model: number;
  readonly stepping: number;
  /** At most 47 characters. */
  readonly brand: string;
}

/**
 * AMD's family 12h. Guests choose mitigations of speculative execution by vendor and family, and an emulator that never speculates
 * pays for each and gains nothing. Linux counts AMD's families 0Fh to 12h as free of Meltdown, L1TF, MDS, SSB, SWAPGS and MMIO leaks, and
 * (unlike 15h to 19h) of Retbleed and SRSO; only Spectre v1 and v2 are left, as on every AMD processor. 12h is the latest of them, so
 * the fewest errata workarounds (C1E, TLB, MMCONF) are tried. It also makes SYSCALL the 32-bit entry: AMD has no SYSENTER in long mode.
 */
export const defaultIdentity: CpuIdentity = {
  vendor: "AuthenticAMD",
  family: 0x12,
  model: 1,
  stepping: 0,
  brand: "Xenolith virtual processor",
};

/** What varies with the place and the moment. */
export interface CpuidState {
  readonly identity: CpuIdentity;
  /** Of this vCPU. */
  readonly apicId: number;
  /** Processors of the package, at least 1. */
  readonly processors: number;
  /** CR4.OSXSAVE */
  readonly osxsave: boolean;
  /** Tell that there is a hypervisor (leaf 1, ECX bit 31). */
  readonly hypervisor: boolean;
  /** Physical address bits. */
  readonly physicalBits: number;
}

type Register = "ebx" | "ecx" | "edx";
/** "d1": leaf D, subleaf 1. */
type Word = "d1 eax" | `${"1" | "7" | "80000001" | "80000007" | "80000008"} ${Register}`;

/** What the system part of the processor (paging, MSRs, APIC) has: the first sets are CPU work done in core/cpu. */
const PLATFORM: ReadonlySet<string> = new Set([
  "de",
  "pse",
  "pae",
  "pge",
  "pat",
  "pse36",
  "nx",
  "page1gb",
  "lm",
]);

/**
 * feature, word, bit, and the instructions it takes (default: some description naming the feature). Features without descriptions are absent until
 * there are some.
 */
const FEATURES: readonly [name: string, word: Word, bit: number, needs?: readonly string[]][] = [
  ["fpu", "1 edx", 0],
  ["de", "1 edx", 2],
  ["pse", "1 edx", 3],
  ["tsc", "1 edx", 4],
  ["msr", "1 edx", 5],
  ["pae", "1 edx", 6],
  ["mce", "1 edx", 7],
  ["cx8", "1 edx", 8],
  ["apic", "1 edx", 9],
  ["sep", "1 edx", 11, ["sysenter", "sysexit"]],
  ["pge", "1 edx", 13],
  ["mca", "1 edx", 14],
  ["cmov", "1 edx", 15, ["cmovo", "cmovg"]],
  ["pat", "1 edx", 16],
  ["pse36", "1 edx", 17],
  ["clflush", "1 edx", 19],
  ["mmx", "1 edx", 23],
  ["fxsr", "1 edx", 24, ["fxsave", "fxrstor"]],
  ["sse", "1 edx", 25],
  ["sse2", "1 edx", 26],
  ["sse3", "1 ecx", 0, [
    "addsubps",
    "addsubpd",
    "haddps",
    "haddpd",
    "hsubps",
    "hsubpd",
    "lddqu",
    "movddup",
    "movshdup",
    "movsldup",
  ]],
  ["pclmulqdq", "1 ecx", 1],
  ["ssse3", "1 ecx", 9, ["pshufb", "palignr", "phaddw", "pabsb", "pmaddubsw", "pmulhrsw", "psignb"]],
  ["cx16", "1 ecx", 13],
  ["sse4_1", "1 ecx", 19, [
    "blendps",
    "dpps",
    "insertps",
    "mpsadbw",
    "pmovzxbw",
    "ptest",
    "roundps",
    "phminposuw",
  ]],
  ["sse4_2", "1 ecx", 20, ["crc32", "pcmpestri", "pcmpestrm", "pcmpistri", "pcmpistrm", "pcmpgtq"]],
  ["movbe", "1 ecx", 22],
  ["popcnt", "1 ecx", 23],
  ["aes", "1 ecx", 25, ["aesenc", "aesenclast", "aesdec", "aesdeclast", "aesimc", "aeskeygenassist"]],
  ["xsave", "1 ecx", 26, ["xsave", "xrstor", "xgetbv", "xsetbv"]],
  ["xsaveopt", "d1 eax", 0],
  ["rdrand", "1 ecx", 30],
  ["fsgsbase", "7 ebx", 0, ["rdfsbase", "rdgsbase", "wrfsbase", "wrgsbase"]],
  ["bmi1", "7 ebx", 3, ["andn", "bextr", "blsi", "blsmsk", "blsr", "tzcnt"]],
  ["rdseed", "7 ebx", 18],
  ["syscall", "80000001 edx", 11, ["syscall", "sysret"]],
  ["nx", "80000001 edx", 20],
  ["page1gb", "80000001 edx", 26],
  ["rdtscp", "80000001 edx", 27],
  ["lm", "80000001 edx", 29],
  ["lahf_lm", "80000001 ecx", 0, ["lahf", "sahf"]],
  ["lzcnt", "80000001 ecx", 5],
  ["3dnowprefetch", "80000001 ecx", 8, ["prefetchw"]],
];

/** Bits of leaf 1 EDX that AMD repeats in leaf 80000001 EDX. */
const REPEATED = 0x0183f3ff;

/** Names of the features that the descriptions justify. The descriptions must have been imported (instructions/mod.ts). */
export function features(): ReadonlySet<string> {
  const described = instructions();
  const names = new Set(described.map((one) => one.name));
  const declared = new Set(described.map((one) => one.feature));
  const made = new Set<string>();
  for (const [name, , , needs] of FEATURES) {
    const there = needs ? needs.every((one) => names.has(one)) : declared.has(name);
    if (there || PLATFORM.has(name)) made.add(name);
  }
  return made;
}

/** Feature bits of a word, for a set of features. */
function word(which: Word, present: ReadonlySet<string>): number {
  let bits = 0;
  for (const [name, place, bit] of FEATURES) if (place === which && present.has(name)) bits |= 1 << bit;
  return bits;
}

const ascii = (text: string, at: number): number => {
  let value = 0;
  for (let i = 3; i >= 0; i--) value = value << 8 | (text.charCodeAt(at + i) || 0);
  return value;
};

/** Family, model and stepping as leaf 1 EAX has them. */
function signature({ family, model, stepping }: CpuIdentity): number {
  const base = Math.min(family, 15);
  return (family - base) << 20 | (model >> 4) << 16 | base << 8 | (model & 15) << 4 | stepping;
}

const LAST_STANDARD = 13;
/** XCR0 that can be: x87 and SSE; their area with its header. */
const XCR0 = 3;
const XSAVE_BYTES = 576;
const LAST_EXTENDED = 0x80000008;
const NOTHING: CpuidResult = { eax: 0, ebx: 0, ecx: 0, edx: 0 };

/**
 * One leaf; registers as signed 32-bit integers. Leaves that do not exist are all zero (AMD's way).
 * @param present which features to show: `features()`, or fewer
 */
export function cpuid(
  leaf: number,
  subleaf: number,
  present: ReadonlySet<string>,
  state: CpuidState,
): CpuidResult {
  const { identity } = state;
  const vendor = {
    ebx: ascii(identity.vendor, 0),
    edx: ascii(identity.vendor, 4),
    ecx: ascii(identity.vendor, 8),
  };
  switch (leaf >>> 0) {
    case 0:
      return { eax: LAST_STANDARD, ...vendor };
    case 1: {
      const many = state.processors > 1;
      const lineSize = present.has("clflush") ? 8 << 8 : 0;
      return {
        eax: signature(identity),
        ebx: (state.apicId & 0xff) << 24 | (many ? (state.processors & 0xff) << 16 : 0) | lineSize,
        ecx: word("1 ecx", present) | (state.hypervisor ? 1 << 31 : 0) |
          (state.osxsave && present.has("xsave") ? 1 << 27 : 0),
        edx: word("1 edx", present) | (many ? 1 << 28 : 0),
      };
    }
    case 7:
      return subleaf === 0 ? { ...NOTHING, ebx: word("7 ebx", present) } : NOTHING;
    case 13:
      if (!present.has("xsave")) return NOTHING;
      if (subleaf === 0) return { eax: XCR0, ebx: XSAVE_BYTES, ecx: XSAVE_BYTES, edx: 0 };
      return subleaf === 1 ? { ...NOTHING, eax: word("d1 eax", present) } : NOTHING;
    case 0x80000000:
      return { eax: LAST_EXTENDED | 0, ...vendor };
    case 0x80000001:
      return {
        eax: signature(identity),
        ebx: 0,
        // CmpLegacy: the processors of leaf 1 are cores.
        ecx: word("80000001 ecx", present) | (state.processors > 1 ? 1 << 1 : 0),
        edx: word("80000001 edx", present) | word("1 edx", present) & REPEATED,
      };
    case 0x80000002:
    case 0x80000003:
    case 0x80000004: {
      const at = ((leaf >>> 0) - 0x80000002) * 16;
      const [eax, ebx, ecx, edx] = [0, 4, 8, 12].map((i) => ascii(identity.brand, at + i));
      return { eax, ebx, ecx, edx };
    }
    case 0x80000007:
      // TscInvariant: the TSC is the host's clock, at one rate always.
      return { ...NOTHING, edx: present.has("tsc") ? 1 << 8 : 0 };
    case 0x80000008:
      return { ...NOTHING, eax: 48 << 8 | state.physicalBits, ecx: state.processors - 1 & 0xff };
    default:
      return NOTHING;
  }
}
