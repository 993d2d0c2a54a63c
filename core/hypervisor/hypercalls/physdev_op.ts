/** physdev_op: what a domain without devices is told (public/physdev.h). */
import { EFAULT, EINVAL, ENOSPC, ENOSYS, EPERM } from "../abi/errno.ts";
import {
  physdev_eoi,
  physdev_get_free_pirq,
  physdev_irq_status_query,
  physdev_op,
  physdev_set_iobitmap,
  physdev_set_iopl,
  PHYSDEVOP,
} from "../abi/physdev.ts";
import type { HypercallContext } from "../context.ts";
import { PageType } from "../mm/frame_info.ts";
import { pageTypesOf } from "../mm/page_types.ts";
import { isGuestAddress } from "../mm/walk.ts";
import type { Call } from "./call.ts";
import { type GuestPointer, offset, readStruct, readU32, readUlong, writeStruct } from "./guest.ts";

const MAX_PORTS = 65536;
/** What is answered after the argument could be read, by command. */
const DENIED: ReadonlyMap<number, number> = new Map([
  [PHYSDEVOP.apic_read, -EPERM],
  [PHYSDEVOP.apic_write, -EPERM],
  [PHYSDEVOP.alloc_irq_vector, -EPERM],
  [PHYSDEVOP.map_pirq, -EPERM],
  [PHYSDEVOP.unmap_pirq, -EINVAL],
  [PHYSDEVOP.manage_pci_add, -EPERM],
  [PHYSDEVOP.manage_pci_remove, -EPERM],
  [PHYSDEVOP.manage_pci_add_ext, -EPERM],
  [PHYSDEVOP.restore_msi, -EPERM],
  [PHYSDEVOP.restore_msi_ext, -EPERM],
  [PHYSDEVOP.setup_gsi, -EPERM],
  [PHYSDEVOP.pci_mmcfg_reserved, -EPERM],
  [PHYSDEVOP.pci_device_add, -EPERM],
  [PHYSDEVOP.pci_device_remove, -EPERM],
  [PHYSDEVOP.prepare_msix, -EPERM],
  [PHYSDEVOP.release_msix, -EPERM],
  [PHYSDEVOP.dbgp_op, -EPERM],
]);

function perform(cx: HypercallContext, command: number, at: GuestPointer): number {
  const { state } = cx.vcpu;
  switch (command) {
    case PHYSDEVOP.set_iopl: {
      const a = readStruct(cx, physdev_set_iopl, at.lo, at.hi);
      if (a === undefined) return -EFAULT;
      const iopl = a.get("iopl");
      if (iopl > 3) return -EINVAL;
      state.iopl = iopl << 12;
      return 0;
    }
    case PHYSDEVOP.set_iobitmap: {
      const a = readStruct(cx, physdev_set_iobitmap, at.lo, at.hi);
      if (a === undefined) return -EFAULT;
      const ports = a.get("nr_ports");
      if (!isGuestAddress(a.hi("bitmap")) || ports > MAX_PORTS) return -EINVAL;
      state.ioBitmapLo = a.lo("bitmap");
      state.ioBitmapHi = a.hi("bitmap");
      state.ioBitmapPorts = ports;
      return 0;
    }
    case PHYSDEVOP.eoi:
      return readStruct(cx, physdev_eoi, at.lo, at.hi) === undefined ? -EFAULT : -EINVAL;
    case PHYSDEVOP.irq_status_query: {
      const a = readStruct(cx, physdev_irq_status_query, at.lo, at.hi);
      if (a === undefined) return -EFAULT;
      if (a.get("irq") >= NR_PIRQS) return -EINVAL;
      a.set("flags", 0);
      return writeStruct(cx, a, at.lo, at.hi) ? 0 : -EFAULT;
    }
    case PHYSDEVOP.get_free_pirq:
      return readStruct(cx, physdev_get_free_pirq, at.lo, at.hi) === undefined ? -EFAULT : -ENOSPC;
    case PHYSDEVOP.pirq_eoi_gmfn_v1:
    case PHYSDEVOP.pirq_eoi_gmfn_v2: {
      // The page of the guest's in which Xen would mark interrupts that need an EOI: there are none.
      const mfn = readUlong(cx, at);
      if (mfn === undefined) return -EFAULT;
      return cx.domain.lock.with(() => {
        const types = pageTypesOf(cx.domain);
        if (types.getPageAndType(mfn, PageType.writable) !== 0) return -EINVAL;
        types.putPageAndType(types.ownFrame(mfn));
        return 0;
      });
    }
    case PHYSDEVOP.IRQ_UNMASK_NOTIFY:
      return 0;
    default: {
      const denied = DENIED.get(command);
      if (denied === undefined) return -ENOSYS;
      return readU32(cx, at.lo, at.hi) === undefined ? -EFAULT : denied;
    }
  }
}

const NR_PIRQS = 48;

/** physdev_op(cmd, arg). */
export function physdevOp(call: Call): number {
  return perform(call.cx, call.lo(0), { lo: call.lo(1), hi: call.hi(1) });
}

/** physdev_op_compat(struct physdev_op *). */
export function physdevOpCompat(call: Call): number {
  const at = { lo: call.lo(0), hi: call.hi(0) };
  const command = readU32(call.cx, at.lo, at.hi);
  if (command === undefined) return -EFAULT;
  switch (command) {
    case PHYSDEVOP.IRQ_UNMASK_NOTIFY:
    case PHYSDEVOP.irq_status_query:
    case PHYSDEVOP.set_iopl:
    case PHYSDEVOP.set_iobitmap:
    case PHYSDEVOP.apic_read:
    case PHYSDEVOP.apic_write:
    case PHYSDEVOP.alloc_irq_vector:
    case PHYSDEVOP.free_irq_vector:
      return perform(call.cx, command, offset(at, physdev_op.offset("u")));
    default:
      return -ENOSYS;
  }
}
