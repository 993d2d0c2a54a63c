/** public/grant_table.h, version 1 tables. @module */
import { struct, union } from "./cstruct.ts";

export const grant_entry_v1 = struct("grant_entry_v1", { flags: "u16", domid: "u16", frame: "u32" });

export const GTF_invalid = 0;
export const GTF_permit_access = 1;
export const GTF_accept_transfer = 2;
export const GTF_transitive = 3;
export const GTF_type_mask = 3;
export const GTF_readonly = 1 << 2;
export const GTF_reading = 1 << 3;
export const GTF_writing = 1 << 4;
export const GTF_PWT = 1 << 5;
export const GTF_PCD = 1 << 6;
export const GTF_PAT = 1 << 7;
export const GTF_sub_page = 1 << 8;

export const GNTTAB_NR_RESERVED_ENTRIES = 8;
export const GNTTAB_RESERVED_CONSOLE = 0;
export const GNTTAB_RESERVED_XENSTORE = 1;

export const GNTTABOP = {
  map_grant_ref: 0,
  unmap_grant_ref: 1,
  setup_table: 2,
  dump_table: 3,
  transfer: 4,
  copy: 5,
  query_size: 6,
  unmap_and_replace: 7,
  set_version: 8,
  get_status_frames: 9,
  get_version: 10,
  swap_grant_ref: 11,
  cache_flush: 12,
} as const;

export const gnttab_map_grant_ref = struct("gnttab_map_grant_ref", {
  host_addr: "u64",
  flags: "u32",
  ref: "u32",
  dom: "u16",
  status: "i16",
  handle: "u32",
  dev_bus_addr: "u64",
});
export const gnttab_unmap_grant_ref = struct("gnttab_unmap_grant_ref", {
  host_addr: "u64",
  dev_bus_addr: "u64",
  handle: "u32",
  status: "i16",
});
export const gnttab_setup_table = struct("gnttab_setup_table", {
  dom: "u16",
  nr_frames: "u32",
  status: "i16",
  frame_list: "ptr",
});
export const gnttab_dump_table = struct("gnttab_dump_table", { dom: "u16", status: "i16" });
export const gnttab_transfer = struct("gnttab_transfer", {
  mfn: "ulong",
  domid: "u16",
  ref: "u32",
  status: "i16",
});

const copyPtr = struct("gnttab_copy_ptr", {
  u: union("gnttab_copy_ptr.u", { ref: "u32", gmfn: "ulong" }),
  domid: "u16",
  offset: "u16",
});
export const gnttab_copy = struct("gnttab_copy", {
  source: copyPtr,
  dest: copyPtr,
  len: "u16",
  flags: "u16",
  status: "i16",
});
export const GNTCOPY_source_gref = 1;
export const GNTCOPY_dest_gref = 2;

export const gnttab_query_size = struct("gnttab_query_size", {
  dom: "u16",
  nr_frames: "u32",
  max_nr_frames: "u32",
  status: "i16",
});
export const gnttab_unmap_and_replace = struct("gnttab_unmap_and_replace", {
  host_addr: "u64",
  new_addr: "u64",
  handle: "u32",
  status: "i16",
});
export const gnttab_set_version = struct("gnttab_set_version", { version: "u32" });
export const gnttab_get_version = struct("gnttab_get_version", { dom: "u16", pad: "u16", version: "u32" });
export const gnttab_get_status_frames = struct("gnttab_get_status_frames", {
  nr_frames: "u32",
  dom: "u16",
  status: "i16",
  frame_list: "ptr",
});
export const gnttab_swap_grant_ref = struct("gnttab_swap_grant_ref", {
  ref_a: "u32",
  ref_b: "u32",
  status: "i16",
});

export const GNTMAP_device_map = 1;
export const GNTMAP_host_map = 2;
export const GNTMAP_readonly = 4;
export const GNTMAP_application_map = 8;
export const GNTMAP_contains_pte = 16;
/** First of the flag bits that go into the available bits of the PTE. */
export const GNTMAP_guest_avail0 = 16;

export const GNTST = {
  okay: 0,
  general_error: -1,
  bad_domain: -2,
  bad_gntref: -3,
  bad_handle: -4,
  bad_virt_addr: -5,
  bad_dev_addr: -6,
  no_device_space: -7,
  permission_denied: -8,
  bad_page: -9,
  bad_copy_arg: -10,
  address_too_big: -11,
  eagain: -12,
  no_space: -13,
} as const;
