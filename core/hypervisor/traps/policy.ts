/** Which of the processor's features a PV domain may use (Xen's pv_max_cpu_policy). */
import { features } from "../../isa/cpuid.ts";

/** Supervisor features: large and global pages, SYSENTER, and protections that ring 3 cannot have. */
const HIDDEN = new Set(["pse", "pge", "pse36", "page1gb", "sep", "mtrr", "umip", "smep", "smap", "pcid"]);

/**
 * What Xen shows although no instruction stands for it. MCE and MCA: banks without errors (msr.ts). APIC: its base MSR; the rest are event
 * channels, but Linux sends an interrupt to its own CPU for deferred work only where there is an APIC, else such work waits for a tick.
 */
const SHOWN = ["apic", "mce", "mca"];

let policy: ReadonlySet<string> | undefined;

/** Features a PV domain may use. */
export function pvFeatures(): ReadonlySet<string> {
  return policy ??= new Set([...[...features()].filter((name) => !HIDDEN.has(name)), ...SHOWN]);
}
