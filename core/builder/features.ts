import { ImageError } from "./errors.ts";

/** XENFEAT_* that kernels name in their FEATURES note, by number (features.h). */
export const XENFEAT = {
  writable_page_tables: 0,
  writable_descriptor_tables: 1,
  auto_translated_physmap: 2,
  supervisor_mode_kernel: 3,
  pae_pgdir_above_4gb: 4,
  hvm_callback_vector: 8,
  dom0: 11,
} as const;

export type FeatureName = keyof typeof XENFEAT;

/** What a kernel says about features: bit n stands for XENFEAT n (submap 0, the only one there is). */
export interface KernelFeatures {
  readonly supported: number;
  readonly required: number;
}

function isFeatureName(name: string): name is FeatureName {
  return Object.hasOwn(XENFEAT, name);
}

/**
 * Parses a FEATURES string: names separated by "|", required ones with a leading "!".
 * @throws ImageError unsupported-feature when a required name is unknown (unknown optional names are skipped)
 */
export function parseFeatures(text: string): KernelFeatures {
  let supported = 0;
  let required = 0;
  for (const item of text.split("|")) {
    const isRequired = item.startsWith("!");
    const name = isRequired ? item.slice(1) : item;
    if (isFeatureName(name)) {
      const bit = 1 << XENFEAT[name];
      supported |= bit;
      if (isRequired) required |= bit;
    } else if (isRequired) {
      throw new ImageError("unsupported-feature", `the kernel requires the unknown Xen feature "${name}"`);
    }
  }
  return { supported, required };
}

/** The names of the bits set. */
export function featureNames(bits: number): FeatureName[] {
  return Object.keys(XENFEAT).filter(isFeatureName).filter((name) => (bits & (1 << XENFEAT[name])) !== 0);
}
