/** xen_version: public/version.h. */
import { EFAULT, EINVAL, ENOBUFS, ENOSYS } from "../abi/errno.ts";
import { StructView } from "../abi/cstruct.ts";
import { VMASST_TYPE } from "../abi/hypercall_numbers.ts";
import {
  XEN_CAPABILITIES_INFO_LEN,
  XEN_CHANGESET_INFO_LEN,
  XEN_COMMANDLINE_LEN,
  xen_compile_info,
  XEN_EXTRAVERSION_LEN,
  xen_feature_info,
  xen_platform_parameters,
  XENFEAT,
  XENVER,
} from "../abi/version.ts";
import { HYPERVISOR_VIRT_START_HI } from "../abi/xen.ts";
import type { Call } from "./call.ts";
import { copyTo, offset, readStruct, readU32, widthOf, writeStruct } from "./guest.ts";

/** The ABI is Xen 4.17's. */
export const XEN_MAJOR = 4;
export const XEN_MINOR = 17;
export const EXTRAVERSION = ".0-xenolith";
/** What kinds of guests start here (xen_caps). */
export const CAPABILITIES = "xen-3.0-x86_64 ";
const COMPILER = "deno";
/** 20 bytes, as a linker's SHA-1 build id has. */
const BUILD_ID = new TextEncoder().encode("xenolith-4.17-build1");

/** A string in a field of fixed size, with at least one zero at its end. */
export function padded(text: string, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  new TextEncoder().encodeInto(text, bytes.subarray(0, size - 1));
  return bytes;
}

/** XENVER_compile_info's bytes. */
export function compileInfo(): Uint8Array {
  const info = StructView.create(xen_compile_info);
  info.bytes.set(padded(COMPILER, 64), xen_compile_info.offset("compiler"));
  info.bytes.set(padded("xenolith", 16), xen_compile_info.offset("compile_by"));
  return info.bytes;
}

/** xen_version(cmd, arg). */
export function xenVersion(call: Call): number {
  const { cx } = call;
  const { domain } = cx;
  const lo = call.lo(1), hi = call.hi(1);
  const put = (bytes: Uint8Array) => copyTo(cx, lo, hi, bytes) ? 0 : -EFAULT;
  switch (call.lo(0)) {
    case XENVER.version:
      return (XEN_MAJOR << 16) | XEN_MINOR;
    case XENVER.extraversion:
      return put(padded(EXTRAVERSION, XEN_EXTRAVERSION_LEN));
    case XENVER.compile_info:
      return put(compileInfo());
    case XENVER.capabilities:
      return put(padded(CAPABILITIES, XEN_CAPABILITIES_INFO_LEN));
    case XENVER.changeset:
      return put(new Uint8Array(XEN_CHANGESET_INFO_LEN));
    case XENVER.platform_parameters: {
      const parameters = StructView.create(xen_platform_parameters, widthOf(cx));
      if (widthOf(cx) === 64) parameters.set64("virt_start", 0, HYPERVISOR_VIRT_START_HI | 0);
      else parameters.set64("virt_start", 0xf5800000 | 0, 0);
      return writeStruct(cx, parameters, lo, hi) ? 0 : -EFAULT;
    }
    case XENVER.get_features: {
      const info = readStruct(cx, xen_feature_info, lo, hi);
      if (info === undefined) return -EFAULT;
      if (info.get("submap_idx") !== 0) return -EINVAL;
      let features = (1 << XENFEAT.memory_op_vnode_supported) | (1 << XENFEAT.mmu_pt_update_preserve_ad) |
        (1 << XENFEAT.highmem_assist) | (1 << XENFEAT.gnttab_map_avail_bits) | (1 << XENFEAT.direct_mapped);
      if (domain.header.vmAssistLo & (1 << VMASST_TYPE.pae_extended_cr3)) {
        features |= 1 << XENFEAT.pae_pgdir_above_4gb;
      }
      info.set("submap", features);
      return writeStruct(cx, info, lo, hi) ? 0 : -EFAULT;
    }
    case XENVER.pagesize:
      return lo | hi ? -EINVAL : 4096;
    case XENVER.guest_handle:
      return put(Uint8Array.from({ length: 16 }, (_, i) => domain.header.handle(i)));
    case XENVER.commandline:
      // An unprivileged domain is denied it: "<denied>" is what Xen copies then.
      return put(padded("<denied>", XEN_COMMANDLINE_LEN).subarray(0, 9));
    case XENVER.build_id: {
      if ((lo | hi) === 0) return BUILD_ID.length;
      const length = readU32(cx, lo, hi);
      if (length === undefined) return -EFAULT;
      if (length === 0) return -EINVAL;
      if (BUILD_ID.length > length) return -ENOBUFS;
      const at = offset({ lo, hi }, 4);
      return copyTo(cx, at.lo, at.hi, BUILD_ID) ? BUILD_ID.length : -EFAULT;
    }
    default:
      return -ENOSYS;
  }
}
