/** Hypercalls of control domains: what an unprivileged one is told. */
import { E2BIG, EACCES, EFAULT, EINVAL, ENOSYS, EOPNOTSUPP, EPERM, ESRCH } from "../abi/errno.ts";
import { DOMID_SELF } from "../abi/hypercall_numbers.ts";
import { struct } from "../abi/cstruct.ts";
import type { HypercallContext } from "../context.ts";
import type { Call } from "./call.ts";
import { copyFrom, readStruct } from "./guest.ts";
import { permitDomain } from "./memory_op.ts";

/** XENPF_INTERFACE_VERSION, XEN_SYSCTL_INTERFACE_VERSION, XEN_DOMCTL_INTERFACE_VERSION of Xen 4.17. */
const PLATFORM_VERSION = 0x03000001, SYSCTL_VERSION = 0x15, DOMCTL_VERSION = 0x15;

const header = struct("op header", { cmd: "u32", interface_version: "u32" });
const domctlHeader = struct("domctl header", { cmd: "u32", interface_version: "u32", domain: "u16" });

function versioned(call: Call, version: number): number {
  const op = readStruct(call.cx, header, call.lo(0), call.hi(0));
  if (op === undefined) return -EFAULT;
  return op.get("interface_version") === version ? -EPERM : -EACCES;
}

export function platformOp(call: Call): number {
  return versioned(call, PLATFORM_VERSION);
}

export function sysctl(call: Call): number {
  return versioned(call, SYSCTL_VERSION);
}

export function domctl(call: Call): number {
  const { cx } = call;
  const op = readStruct(cx, domctlHeader, call.lo(0), call.hi(0));
  if (op === undefined) return -EFAULT;
  if (op.get("interface_version") !== DOMCTL_VERSION) return -EACCES;
  const domid = op.get("domain");
  return domid !== DOMID_SELF && permitDomain(cx, domid) === -ESRCH ? -ESRCH : -EPERM;
}

const HVMOP_set_param = 0, HVMOP_get_param = 1, HVMOP_flush_tlbs = 5, HVMOP_pagetable_dying = 9;
const HVMOP_get_time = 10, HVMOP_get_mem_type = 15, HVMOP_guest_request_vm_event = 24, HVMOP_altp2m = 25;
const hvmParam = struct("xen_hvm_param", { domid: "u16", pad: "u16", index: "u32", value: "u64" });

/** hvm_op(op, arg): a PV domain has no HVM parameters. */
export function hvmOp(call: Call): number {
  const { cx } = call;
  switch (call.lo(0)) {
    case HVMOP_set_param:
    case HVMOP_get_param: {
      const a = readStruct(cx, hvmParam, call.lo(1), call.hi(1));
      if (a === undefined) return -EFAULT;
      return permitDomain(cx, a.get("domid")) === -ESRCH ? -ESRCH : -EINVAL;
    }
    case HVMOP_flush_tlbs:
      return call.isNull(1) ? -ENOSYS : -EINVAL;
    case HVMOP_pagetable_dying:
    case HVMOP_get_mem_type:
      return domidArgument(cx, call);
    case HVMOP_get_time:
      return -ENOSYS;
    case HVMOP_guest_request_vm_event:
      return call.isNull(1) ? -EOPNOTSUPP : -EINVAL;
    case HVMOP_altp2m:
      return -EOPNOTSUPP;
    default:
      return -ENOSYS;
  }
}

function domidArgument(cx: HypercallContext, call: Call): number {
  const bytes = new Uint8Array(2);
  if (!copyFrom(cx, call.lo(1), call.hi(1), bytes)) return -EFAULT;
  return permitDomain(cx, bytes[0] | (bytes[1] << 8)) === -ESRCH ? -ESRCH : -EINVAL;
}

/** dm_op(domid, nr_bufs, bufs). */
export function dmOp(call: Call): number {
  const count = call.u32(1);
  if (count > 3) return -E2BIG;
  const bytes = new Uint8Array(count * 16);
  if (!copyFrom(call.cx, call.lo(2), call.hi(2), bytes)) return -EFAULT;
  const domid = call.lo(0) & 0xffff;
  return domid === DOMID_SELF ? -ESRCH : permitDomain(call.cx, domid) || -EPERM;
}

/** vPMU is off. */
export function xenpmuOp(): number {
  return -EOPNOTSUPP;
}

/** kexec_op, hypfs_op, mca: Domain-0's alone. */
export function denied(): number {
  return -EPERM;
}

/** Built without: xsm_op (no FLASK), tmem_op, argo_op. */
export function absent(): number {
  return -ENOSYS;
}
