/** public/memory.h, what a guest may call. @module */
import { struct, union } from "./cstruct.ts";

export const XENMEM = {
  increase_reservation: 0,
  decrease_reservation: 1,
  maximum_ram_page: 2,
  current_reservation: 3,
  maximum_reservation: 4,
  machphys_mfn_list: 5,
  populate_physmap: 6,
  add_to_physmap: 7,
  memory_map: 9,
  machine_memory_map: 10,
  exchange: 11,
  machphys_mapping: 12,
  set_memory_map: 13,
  maximum_gpfn: 14,
  remove_from_physmap: 15,
  set_pod_target: 16,
  get_pod_target: 17,
  get_sharing_freed_pages: 18,
  get_sharing_shared_pages: 19,
  paging_op: 20,
  access_op: 21,
  sharing_op: 22,
  add_to_physmap_batch: 23,
  claim_pages: 24,
  machphys_compat_mfn_list: 25,
  get_vnumainfo: 26,
  reserved_device_memory_map: 27,
  acquire_resource: 28,
} as const;

/** memory_op's command in the low bits; a preempted call carries how many extents are done above. */
export const MEMOP_EXTENT_SHIFT = 6;
export const MEMOP_CMD_MASK = 63;

export const XENMEMF_populate_on_demand = 1 << 16;
export const XENMEMF_exact_node_request = 1 << 17;
export const XENMEMF_vnode = 1 << 18;

export const xen_memory_reservation = struct("xen_memory_reservation", {
  extent_start: "ptr",
  nr_extents: "ulong",
  extent_order: "u32",
  mem_flags: "u32",
  domid: "u16",
});
export const xen_memory_exchange = struct("xen_memory_exchange", {
  in: xen_memory_reservation,
  out: xen_memory_reservation,
  nr_exchanged: "ulong",
});
export const xen_memory_domain = struct("xen_memory_domain", { domid: "u16" });
export const xen_machphys_mfn_list = struct("xen_machphys_mfn_list", {
  max_extents: "u32",
  extent_start: "ptr",
  nr_extents: "u32",
});
export const xen_machphys_mapping = struct("xen_machphys_mapping", {
  v_start: "ulong",
  v_end: "ulong",
  max_mfn: "ulong",
});
export const xen_add_to_physmap = struct("xen_add_to_physmap", {
  domid: "u16",
  size: "u16",
  space: "u32",
  idx: "ulong",
  gpfn: "ulong",
});
export const xen_add_to_physmap_batch = struct("xen_add_to_physmap_batch", {
  domid: "u16",
  space: "u16",
  size: "u16",
  u: union("xen_add_to_physmap_batch.u", { foreign_domid: "u16", res0: "u16" }),
  idxs: "ptr",
  gpfns: "ptr",
  errs: "ptr",
});
export const xen_remove_from_physmap = struct("xen_remove_from_physmap", { domid: "u16", gpfn: "ulong" });
export const xen_memory_map = struct("xen_memory_map", { nr_entries: "u32", buffer: "ptr" });
export const xen_foreign_memory_map = struct("xen_foreign_memory_map", { domid: "u16", map: xen_memory_map });
export const xen_pod_target = struct("xen_pod_target", {
  target_pages: "u64",
  tot_pages: "u64",
  pod_cache_pages: "u64",
  pod_entries: "u64",
  domid: "u16",
});
export const xen_mem_acquire_resource = struct("xen_mem_acquire_resource", {
  domid: "u16",
  type: "u16",
  id: "u32",
  nr_frames: "u32",
  pad: "u32",
  frame: "u64",
  frame_list: "ptr",
});
export const xen_vnuma_topology_info = struct("xen_vnuma_topology_info", {
  domid: "u16",
  pad: "u16",
  nr_vnodes: "u32",
  nr_vcpus: "u32",
  nr_vmemranges: "u32",
  vdistance: "u64",
  vcpu_to_vnode: "u64",
  vmemrange: "u64",
});

/** One entry of XENMEM_memory_map's buffer: the BIOS's packed E820 form, 20 bytes. */
export const E820_ENTRY_BYTES = 20;
export const E820_RAM = 1;
