/** The real host behind `XenHost`: hypervisor, builder and Domain-0's console and XenStore, wired together. */
import type { XenHost } from "./host.ts";

export function startXenHost(): Promise<XenHost> {
  return Promise.reject(new Error("the hypervisor is not wired to the toolstack yet"));
}
