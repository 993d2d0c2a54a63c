/**
 * What hypercalls' arguments are called and point to, as data: for whoever shows them. Names and orders are those of Xen's public headers and of
 * xen/include/hypercall-defs.c.
 */
import type { CStruct, Fields } from "../abi/cstruct.ts";
import * as callback from "../abi/callback.ts";
import * as event from "../abi/event_channel.ts";
import * as grant from "../abi/grant_table.ts";
import {
  CONSOLEIO_read,
  CONSOLEIO_write,
  HYPERVISOR,
  MMUEXT,
  VMASST_TYPE,
} from "../abi/hypercall_numbers.ts";
import * as memory from "../abi/memory.ts";
import * as physdev from "../abi/physdev.ts";
import * as sched from "../abi/sched.ts";
import * as vcpu from "../abi/vcpu.ts";
import * as version from "../abi/version.ts";
import * as xen from "../abi/xen.ts";

/** `int` and `uint` are 32 bits wide, `count` may carry MMU_UPDATE_PREEMPTED, `name` is one of an operation's or of `names`. */
export type ArgumentType =
  | "int"
  | "uint"
  | "hex"
  | "pointer"
  | "count"
  | "domid"
  | "time"
  | "operation"
  | Names;
export type Names = Readonly<Record<string, number>>;

export interface Signature {
  readonly args: readonly (readonly [name: string, type: ArgumentType])[];
  /** Numbers of the operation that the argument of type `operation` holds, in its low bits where there is a mask. */
  readonly operations?: Names;
  readonly operationMask?: number;
  /** What the payload (see trace/payloads.ts) is, by operation. */
  readonly structures?: Readonly<Record<string, CStruct<Fields>>>;
  /** What it is whatever the operation. */
  readonly structure?: CStruct<Fields>;
  /** The payload is an array of structures; a text. */
  readonly payload?: "array" | "text";
}

type AnyStruct = CStruct<Fields>;
const structs = (table: Record<string, unknown>) => table as Record<string, AnyStruct>;
const one = (structure: unknown) => structure as AnyStruct;

const XEN_VERSION_TEXT = new Set(["extraversion", "capabilities", "changeset", "commandline"]);
/** Operations of xen_version whose argument is a text. */
export const isVersionText = (operation: string): boolean => XEN_VERSION_TEXT.has(operation);

export const SIGNATURES: ReadonlyMap<number, Signature> = new Map<number, Signature>([
  [HYPERVISOR.set_trap_table, {
    args: [["traps", "pointer"]],
    structure: one(xen.trap_info),
    payload: "array",
  }],
  [HYPERVISOR.mmu_update, {
    args: [["ureqs", "pointer"], ["count", "count"], ["pdone", "pointer"], ["foreigndom", "domid"]],
    structure: one(xen.mmu_update),
    payload: "array",
  }],
  [HYPERVISOR.set_gdt, { args: [["frame_list", "pointer"], ["entries", "uint"]] }],
  [HYPERVISOR.stack_switch, { args: [["ss", "hex"], ["esp", "hex"]] }],
  [HYPERVISOR.set_callbacks, {
    args: [["event_address", "pointer"], ["failsafe_address", "pointer"], ["syscall_address", "pointer"]],
  }],
  [HYPERVISOR.fpu_taskswitch, { args: [["set", "int"]] }],
  [HYPERVISOR.sched_op_compat, {
    args: [["cmd", "operation"], ["arg", "hex"]],
    operations: { yield: 0, block: 1, shutdown: 2 },
  }],
  [HYPERVISOR.platform_op, { args: [["u_xenpf_op", "pointer"]] }],
  [HYPERVISOR.set_debugreg, { args: [["reg", "int"], ["value", "hex"]] }],
  [HYPERVISOR.get_debugreg, { args: [["reg", "int"]] }],
  [HYPERVISOR.update_descriptor, { args: [["pa", "hex"], ["desc", "hex"]] }],
  [HYPERVISOR.memory_op, {
    args: [["cmd", "operation"], ["arg", "pointer"]],
    operations: memory.XENMEM,
    operationMask: memory.MEMOP_CMD_MASK,
    structures: structs({
      increase_reservation: memory.xen_memory_reservation,
      decrease_reservation: memory.xen_memory_reservation,
      populate_physmap: memory.xen_memory_reservation,
      current_reservation: memory.xen_memory_domain,
      maximum_reservation: memory.xen_memory_domain,
      maximum_gpfn: memory.xen_memory_domain,
      machphys_mfn_list: memory.xen_machphys_mfn_list,
      machphys_mapping: memory.xen_machphys_mapping,
      memory_map: memory.xen_memory_map,
      machine_memory_map: memory.xen_memory_map,
      exchange: memory.xen_memory_exchange,
      add_to_physmap: memory.xen_add_to_physmap,
      remove_from_physmap: memory.xen_remove_from_physmap,
      acquire_resource: memory.xen_mem_acquire_resource,
    }),
  }],
  [HYPERVISOR.multicall, { args: [["call_list", "pointer"], ["nr_calls", "uint"]] }],
  [HYPERVISOR.update_va_mapping, { args: [["va", "pointer"], ["val", "hex"], ["flags", "hex"]] }],
  [HYPERVISOR.set_timer_op, { args: [["timeout", "time"]] }],
  [HYPERVISOR.event_channel_op_compat, { args: [["uop", "pointer"]] }],
  [HYPERVISOR.xen_version, {
    args: [["cmd", "operation"], ["arg", "pointer"]],
    operations: version.XENVER,
    structures: structs({
      platform_parameters: version.xen_platform_parameters,
      get_features: version.xen_feature_info,
    }),
  }],
  [HYPERVISOR.console_io, {
    args: [["cmd", "operation"], ["count", "uint"], ["buffer", "pointer"]],
    operations: { write: CONSOLEIO_write, read: CONSOLEIO_read },
    payload: "text",
  }],
  [HYPERVISOR.physdev_op_compat, { args: [["uop", "pointer"]] }],
  [HYPERVISOR.grant_table_op, {
    args: [["cmd", "operation"], ["uop", "pointer"], ["count", "uint"]],
    operations: grant.GNTTABOP,
    structures: structs({
      map_grant_ref: grant.gnttab_map_grant_ref,
      unmap_grant_ref: grant.gnttab_unmap_grant_ref,
      setup_table: grant.gnttab_setup_table,
      dump_table: grant.gnttab_dump_table,
      transfer: grant.gnttab_transfer,
      copy: grant.gnttab_copy,
      query_size: grant.gnttab_query_size,
      unmap_and_replace: grant.gnttab_unmap_and_replace,
      set_version: grant.gnttab_set_version,
      get_version: grant.gnttab_get_version,
      get_status_frames: grant.gnttab_get_status_frames,
      swap_grant_ref: grant.gnttab_swap_grant_ref,
    }),
  }],
  [HYPERVISOR.vm_assist, {
    args: [["cmd", { enable: 0, disable: 1 }], ["type", VMASST_TYPE]],
  }],
  [HYPERVISOR.update_va_mapping_otherdomain, {
    args: [["va", "pointer"], ["val", "hex"], ["flags", "hex"], ["domid", "domid"]],
  }],
  [HYPERVISOR.iret, { args: [] }],
  [HYPERVISOR.vcpu_op, {
    args: [["cmd", "operation"], ["vcpuid", "int"], ["arg", "pointer"]],
    operations: vcpu.VCPUOP,
    structures: structs({
      get_runstate_info: vcpu.vcpu_runstate_info,
      register_runstate_memory_area: vcpu.vcpu_register_runstate_memory_area,
      set_periodic_timer: vcpu.vcpu_set_periodic_timer,
      set_singleshot_timer: vcpu.vcpu_set_singleshot_timer,
      register_vcpu_info: vcpu.vcpu_register_vcpu_info,
      get_physid: vcpu.vcpu_get_physid,
      register_vcpu_time_memory_area: vcpu.vcpu_register_time_memory_area,
    }),
  }],
  [HYPERVISOR.set_segment_base, {
    args: [["which", { FS: 0, GS_USER: 1, GS_KERNEL: 2, GS_USER_SEL: 3 }], ["base", "hex"]],
  }],
  [HYPERVISOR.mmuext_op, {
    args: [["uops", "pointer"], ["count", "count"], ["pdone", "pointer"], ["foreigndom", "domid"]],
    structure: one(xen.mmuext_op),
    payload: "array",
  }],
  [HYPERVISOR.xsm_op, { args: [["op", "pointer"]] }],
  [HYPERVISOR.nmi_op, { args: [["cmd", "uint"], ["arg", "pointer"]] }],
  [HYPERVISOR.sched_op, {
    args: [["cmd", "operation"], ["arg", "pointer"]],
    operations: sched.SCHEDOP,
    structures: structs({
      shutdown: sched.sched_shutdown,
      shutdown_code: sched.sched_shutdown,
      poll: sched.sched_poll,
      remote_shutdown: sched.sched_remote_shutdown,
      watchdog: sched.sched_watchdog,
      pin_override: sched.sched_pin_override,
    }),
  }],
  [HYPERVISOR.callback_op, {
    args: [["cmd", "operation"], ["arg", "pointer"]],
    operations: { register: callback.CALLBACKOP_register, unregister: callback.CALLBACKOP_unregister },
    structures: structs({
      register: callback.callback_register,
      unregister: callback.callback_unregister,
    }),
  }],
  [HYPERVISOR.event_channel_op, {
    args: [["cmd", "operation"], ["arg", "pointer"]],
    operations: event.EVTCHNOP,
    structures: structs({
      bind_interdomain: event.evtchn_bind_interdomain,
      bind_virq: event.evtchn_bind_virq,
      bind_pirq: event.evtchn_bind_pirq,
      close: event.evtchn_close,
      send: event.evtchn_send,
      status: event.evtchn_status,
      alloc_unbound: event.evtchn_alloc_unbound,
      bind_ipi: event.evtchn_bind_ipi,
      bind_vcpu: event.evtchn_bind_vcpu,
      unmask: event.evtchn_unmask,
      reset: event.evtchn_reset,
      init_control: event.evtchn_init_control,
      set_priority: event.evtchn_set_priority,
    }),
  }],
  [HYPERVISOR.physdev_op, {
    args: [["cmd", "operation"], ["arg", "pointer"]],
    operations: physdev.PHYSDEVOP,
    structures: structs({
      irq_status_query: physdev.physdev_irq_status_query,
      set_iopl: physdev.physdev_set_iopl,
      set_iobitmap: physdev.physdev_set_iobitmap,
      apic_read: physdev.physdev_apic,
      apic_write: physdev.physdev_apic,
      alloc_irq_vector: physdev.physdev_irq,
      eoi: physdev.physdev_eoi,
      get_free_pirq: physdev.physdev_get_free_pirq,
    }),
  }],
  [HYPERVISOR.hvm_op, { args: [["op", "uint"], ["arg", "pointer"]] }],
  [HYPERVISOR.sysctl, { args: [["u_sysctl", "pointer"]] }],
  [HYPERVISOR.domctl, { args: [["u_domctl", "pointer"]] }],
  [HYPERVISOR.kexec_op, { args: [["op", "uint"], ["uarg", "pointer"]] }],
  [HYPERVISOR.tmem_op, { args: [["uops", "pointer"]] }],
  [HYPERVISOR.argo_op, {
    args: [["cmd", "uint"], ["arg1", "pointer"], ["arg2", "pointer"], ["arg3", "uint"], ["arg4", "uint"]],
  }],
  [HYPERVISOR.xenpmu_op, { args: [["op", "uint"], ["arg", "pointer"]] }],
  [HYPERVISOR.dm_op, { args: [["domid", "domid"], ["nr_bufs", "uint"], ["bufs", "pointer"]] }],
  [HYPERVISOR.hypfs_op, {
    args: [["cmd", "uint"], ["arg1", "pointer"], ["arg2", "uint"], ["arg3", "pointer"], ["arg4", "uint"]],
  }],
]);

/** Names of mmuext_op's commands, for its structures' field `cmd`. */
export const MMUEXT_COMMANDS: Names = MMUEXT;
