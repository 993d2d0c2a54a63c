/** public/physdev.h: the operations that an unprivileged domain gets an answer to. @module */
import { struct, union } from "./cstruct.ts";

export const PHYSDEVOP = {
  IRQ_UNMASK_NOTIFY: 4,
  irq_status_query: 5,
  set_iopl: 6,
  set_iobitmap: 7,
  apic_read: 8,
  apic_write: 9,
  alloc_irq_vector: 10,
  free_irq_vector: 11,
  eoi: 12,
  map_pirq: 13,
  unmap_pirq: 14,
  manage_pci_add: 15,
  manage_pci_remove: 16,
  pirq_eoi_gmfn_v1: 17,
  restore_msi: 19,
  manage_pci_add_ext: 20,
  setup_gsi: 21,
  get_free_pirq: 23,
  pci_mmcfg_reserved: 24,
  pci_device_add: 25,
  pci_device_remove: 26,
  restore_msi_ext: 27,
  pirq_eoi_gmfn_v2: 28,
  dbgp_op: 29,
  prepare_msix: 30,
  release_msix: 31,
} as const;

export const physdev_eoi = struct("physdev_eoi", { irq: "u32" });
export const physdev_irq_status_query = struct("physdev_irq_status_query", { irq: "u32", flags: "u32" });
export const XENIRQSTAT_needs_eoi = 1;
export const physdev_set_iopl = struct("physdev_set_iopl", { iopl: "u32" });
export const physdev_set_iobitmap = struct("physdev_set_iobitmap", { bitmap: "ptr", nr_ports: "u32" });
export const physdev_apic = struct("physdev_apic", { apic_physbase: "ulong", reg: "u32", value: "u32" });
export const physdev_irq = struct("physdev_irq", { irq: "u32", vector: "u32" });
export const physdev_get_free_pirq = struct("physdev_get_free_pirq", { type: "i32", pirq: "u32" });
/** The argument of physdev_op_compat. */
export const physdev_op = struct("physdev_op", {
  cmd: "u32",
  u: union("physdev_op.u", {
    irq_status_query: physdev_irq_status_query,
    set_iopl: physdev_set_iopl,
    set_iobitmap: physdev_set_iobitmap,
    apic_op: physdev_apic,
    irq_op: physdev_irq,
  }),
});
