/** CPUID's feature words of the processor that guests see, in the order of Xen's featureset (cpufeatureset.h): what `xl info` calls hw_caps. */
import { cpuid, defaultIdentity } from "../../isa/cpuid.ts";
import { pvFeatures } from "../../hypervisor/traps/policy.ts";

type Register = "eax" | "ebx" | "ecx" | "edx";

/** leaf, subleaf, register of words 0 to 7. */
const WORDS: readonly (readonly [number, number, Register])[] = [
  [1, 0, "edx"],
  [1, 0, "ecx"],
  [0x80000001, 0, "edx"],
  [0x80000001, 0, "ecx"],
  [0xd, 1, "eax"],
  [7, 0, "ebx"],
  [7, 0, "ecx"],
  [0x80000007, 0, "edx"],
];

export function hwCaps(): string {
  const features = pvFeatures();
  const machine = {
    identity: defaultIdentity,
    apicId: 0,
    processors: 1,
    osxsave: features.has("xsave"),
    hypervisor: true,
    physicalBits: 40,
  };
  return WORDS.map(([leaf, subleaf, register]) =>
    (cpuid(leaf, subleaf, features, machine)[register] >>> 0).toString(16).padStart(8, "0")
  ).join(":");
}
