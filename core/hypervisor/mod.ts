/**
 * The hypervisor. The machinery of domains: struct, layout (what lies in shared memory), machine, domain, vcpu, lock, scheduler, heap, time, calibration,
 * pcpu (the loop of a pCPU worker), pcpu_service, pcpu_worker, pcpu_pool, worker_script, steps, host, host_domain, dom0_events, shutdown, register_dump, memory_pool,
 * memory_return, collector, frame_ranges. PV guests: pv_start, pv_support, parts; abi/, hypercalls/, mm/, traps/, events/, grants/.
 */
export { type BuildTarget, type DomainSpec, Host, type HostOptions, type HostParts } from "./host.ts";
export { type DomainEnd, type DomainInfo, HostDomain, type VcpuInfo } from "./host_domain.ts";
export type { Inspection } from "./inspection.ts";
export type { GuestStart, GuestSupport } from "./guest.ts";
export { Shutdown, type ShutdownName } from "./report.ts";
