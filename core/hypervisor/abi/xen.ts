/**
 * Structures of public/xen.h and public/arch-x86/xen*.h.
 * @module
 */
import { array, struct, union } from "./cstruct.ts";

export const mmu_update = struct("mmu_update", { ptr: "u64", val: "u64" });

export const mmuext_op = struct("mmuext_op", {
  cmd: "u32",
  arg1: union("mmuext_op.arg1", { mfn: "ulong", linear_addr: "ulong" }),
  arg2: union("mmuext_op.arg2", { nr_ents: "u32", vcpumask: "ptr", src_mfn: "ulong" }),
});

export const multicall_entry = struct("multicall_entry", {
  op: "ulong",
  result: "ulong",
  args: array("ulong", 6),
});

export const trap_info = struct("trap_info", { vector: "u8", flags: "u8", cs: "u16", address: "ulong" });
/** trap_info.flags: DPL in bits 0-1, bit 2 masks events on entry. */
export const TI_DPL_MASK = 3;
export const TI_IF = 4;

export const vcpu_time_info = struct("vcpu_time_info", {
  version: "u32",
  pad0: "u32",
  tsc_timestamp: "u64",
  system_time: "u64",
  tsc_to_system_mul: "u32",
  tsc_shift: "i8",
  flags: "u8",
  pad1: array("u8", 2),
});
export const XEN_PVCLOCK_TSC_STABLE_BIT = 1;
export const XEN_PVCLOCK_GUEST_STOPPED = 2;

export const arch_vcpu_info = struct("arch_vcpu_info", { cr2: "ulong", pad: "ulong" });

export const vcpu_info = struct("vcpu_info", {
  evtchn_upcall_pending: "u8",
  evtchn_upcall_mask: "u8",
  evtchn_pending_sel: "ulong",
  arch: arch_vcpu_info,
  time: vcpu_time_info,
});

export const arch_shared_info = struct("arch_shared_info", {
  max_pfn: "ulong",
  pfn_to_mfn_frame_list_list: "ulong",
  nmi_reason: "ulong",
  p2m_cr3: "ulong",
  p2m_vaddr: "ulong",
  p2m_generation: "ulong",
});

export const XEN_LEGACY_MAX_VCPUS = 32;

/** The 64-bit form; a 32-bit guest's has 32 words in evtchn_pending and evtchn_mask and wc_sec_hi at its end. */
export const shared_info = struct("shared_info", {
  vcpu_info: array(vcpu_info, XEN_LEGACY_MAX_VCPUS),
  evtchn_pending: array("ulong", 64),
  evtchn_mask: array("ulong", 64),
  wc_version: "u32",
  wc_sec: "u32",
  wc_nsec: "u32",
  wc_sec_hi: "u32",
  arch: arch_shared_info,
});

export const start_info = struct("start_info", {
  magic: array("u8", 32),
  nr_pages: "ulong",
  shared_info: "ulong",
  flags: "u32",
  store_mfn: "ulong",
  store_evtchn: "u32",
  console: union("start_info.console", {
    domU: struct("start_info.console.domU", { mfn: "ulong", evtchn: "u32" }),
    dom0: struct("start_info.console.dom0", { info_off: "u32", info_size: "u32" }),
  }),
  pt_base: "ulong",
  nr_pt_frames: "ulong",
  mfn_list: "ulong",
  mod_start: "ulong",
  mod_len: "ulong",
  cmd_line: array("u8", 1024),
  first_p2m_pfn: "ulong",
  nr_p2m_frames: "ulong",
});
export const MAX_GUEST_CMDLINE = 1024;
export const SIF_PRIVILEGED = 1;
export const SIF_INITDOMAIN = 2;
export const SIF_MULTIBOOT_MOD = 4;
export const SIF_MOD_START_PFN = 8;
export const SIF_VIRT_P2M_4TOOLS = 16;

/** What HYPERVISOR_iret finds on a 64-bit guest's stack. */
export const iret_context = struct("iret_context", {
  rax: "u64",
  r11: "u64",
  rcx: "u64",
  flags: "u64",
  rip: "u64",
  cs: "u64",
  rflags: "u64",
  rsp: "u64",
  ss: "u64",
});
export const VGCF_in_syscall = 1 << 8;
export const VGCF_i387_valid = 1 << 0;
export const VGCF_in_kernel = 1 << 2;
export const VGCF_failsafe_disables_events = 1 << 3;
export const VGCF_syscall_disables_events = 1 << 4;
export const VGCF_online = 1 << 5;

export const cpu_user_regs = struct("cpu_user_regs", {
  r15: "u64",
  r14: "u64",
  r13: "u64",
  r12: "u64",
  rbp: "u64",
  rbx: "u64",
  r11: "u64",
  r10: "u64",
  r9: "u64",
  r8: "u64",
  rax: "u64",
  rcx: "u64",
  rdx: "u64",
  rsi: "u64",
  rdi: "u64",
  error_code: "u32",
  entry_vector: "u32",
  rip: "u64",
  cs: "u16",
  _pad0: array("u16", 1),
  saved_upcall_mask: "u8",
  _pad1: array("u8", 3),
  rflags: "u64",
  rsp: "u64",
  ss: "u16",
  _pad2: array("u16", 3),
  es: "u16",
  _pad3: array("u16", 3),
  ds: "u16",
  _pad4: array("u16", 3),
  fs: "u16",
  _pad5: array("u16", 3),
  gs: "u16",
  _pad6: array("u16", 3),
});

/** VCPUOP_initialise's argument, 64-bit form. */
export const vcpu_guest_context = struct("vcpu_guest_context", {
  fpu_ctxt: array("u8", 512),
  flags: "ulong",
  user_regs: cpu_user_regs,
  trap_ctxt: array(trap_info, 256),
  ldt_base: "ulong",
  ldt_ents: "ulong",
  gdt_frames: array("ulong", 16),
  gdt_ents: "ulong",
  kernel_ss: "ulong",
  kernel_sp: "ulong",
  ctrlreg: array("ulong", 8),
  debugreg: array("ulong", 8),
  event_callback_eip: "ulong",
  failsafe_callback_eip: "ulong",
  syscall_callback_eip: "ulong",
  vm_assist: "ulong",
  fs_base: "u64",
  gs_base_kernel: "u64",
  gs_base_user: "u64",
});

/** Segment selectors in Xen's reserved part of the GDT (frame 14, entries 7168 up). */
export const FIRST_RESERVED_GDT_PAGE = 14;
export const FIRST_RESERVED_GDT_ENTRY = 7168;
export const FLAT_RING3_CS32 = 0xe023;
export const FLAT_RING3_CS64 = 0xe033;
export const FLAT_RING3_DS32 = 0xe02b;
export const FLAT_RING3_DS64 = 0;
export const FLAT_RING3_SS32 = 0xe02b;
export const FLAT_RING3_SS64 = 0xe02b;
export const FLAT_KERNEL_CS = FLAT_RING3_CS64;
export const FLAT_KERNEL_SS = FLAT_RING3_SS64;

export const SEGBASE_FS = 0;
export const SEGBASE_GS_USER = 1;
export const SEGBASE_GS_KERNEL = 2;
export const SEGBASE_GS_USER_SEL = 3;

/** High words of the addresses that belong to Xen: 0xffff8000_00000000 up to (not with) 0xffff8800_00000000. */
export const HYPERVISOR_VIRT_START_HI = 0xffff8000;
export const HYPERVISOR_VIRT_END_HI = 0xffff8800;
/** First page-table slots of an L4 that are Xen's: 256 to 271. */
export const ROOT_PAGETABLE_FIRST_XEN_SLOT = 256;
export const ROOT_PAGETABLE_LAST_XEN_SLOT = 271;
/** The machine-to-phys table's bounds, high words. */
export const MACH2PHYS_VIRT_START_HI = 0xffff8000;
export const MACH2PHYS_VIRT_END_HI = 0xffff8040;
