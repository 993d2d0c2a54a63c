/** Which of the processor's features a PV domain may use (Xen's pv_max_cpu_policy). */
import { features } from "../../isa/cpuid.ts";

/** Supervisor features: large and global pages, SYSENTER, and protections that ring 3 cannot have. */
const HIDDEN = new Set(["pse", "pge", "pse36", "page1gb", "sep", "mtrr", "umip", "smep", "smap", "pcid"]);

let policy: ReadonlySet<string> | undefined;

/** Features a PV domain may use. */
export function pvFeatures(): ReadonlySet<string> {
  return policy ??= new Set([...features()].filter((name) => !HIDDEN.has(name)));
}
