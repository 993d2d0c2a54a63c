/** Which domain's memory a machine frame lies in. */
import type { Domain } from "../domain.ts";
import type { Machine } from "../machine.ts";

/** The domain whose memory (guest frames or Xen's own behind them) holds an mfn, or undefined. */
export function domainOfMfn(machine: Machine, mfn: number): Domain | undefined {
  const found = find(machine, mfn);
  if (found !== undefined) return found;
  machine.takeMail();
  return find(machine, mfn);
}

function find(machine: Machine, mfn: number): Domain | undefined {
  for (const domain of machine.domains()) if (domain.frameOf(mfn) >= 0) return domain;
  return undefined;
}
