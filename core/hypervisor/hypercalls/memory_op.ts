/** memory_op: public/memory.h, as an unprivileged PV domain may use it. */
import { EACCES, EDOM, EFAULT, EINVAL, ENOSYS, EOPNOTSUPP, EPERM, ESRCH } from "../abi/errno.ts";
import { StructView } from "../abi/cstruct.ts";
import { DOMID_SELF } from "../abi/hypercall_numbers.ts";
import {
  E820_ENTRY_BYTES,
  E820_RAM,
  MEMOP_CMD_MASK,
  MEMOP_EXTENT_SHIFT,
  xen_add_to_physmap,
  xen_add_to_physmap_batch,
  xen_foreign_memory_map,
  xen_machphys_mapping,
  xen_machphys_mfn_list,
  xen_mem_acquire_resource,
  xen_memory_domain,
  xen_memory_map,
  xen_memory_reservation,
  xen_pod_target,
  xen_remove_from_physmap,
  xen_vnuma_topology_info,
  XENMEM,
  XENMEMF_exact_node_request,
  XENMEMF_populate_on_demand,
} from "../abi/memory.ts";
import { MACH2PHYS_VIRT_END_HI, MACH2PHYS_VIRT_START_HI } from "../abi/xen.ts";
import type { HypercallContext } from "../context.ts";
import { allocateFrames } from "../mm/allocator.ts";
import { setM2p } from "../mm/m2p.ts";
import { type PageTypes, pageTypesOf } from "../mm/page_types.ts";
import type { Call } from "./call.ts";
import {
  copyTo,
  type GuestPointer,
  readStruct,
  readUlong,
  widthOf,
  writeField,
  writeStruct,
  writeUlong,
} from "./guest.ts";
import { memoryExchange } from "./memory_exchange.ts";

/** CONFIG_DOMU_MAX_ORDER: extents of up to 2 MiB. */
export const MAX_ORDER = 9;
const XENMAPSPACE_gmfn_range = 3;
const XENMAPSPACE_gmfn_foreign = 4;
const E820_MAX = 1024;

/** rcu_lock_domain_by_any_id and the permission of an unprivileged caller. @returns 0, -ESRCH or -EPERM */
export function permitDomain(cx: HypercallContext, domid: number): number {
  if (domid === DOMID_SELF || domid === cx.domain.domid) return 0;
  return domid === 0 || cx.machine.domain(domid) !== undefined ? -EPERM : -ESRCH;
}

/** memory_op(cmd, arg). */
export function memoryOp(call: Call): number {
  const { cx } = call;
  const command = call.lo(0) & MEMOP_CMD_MASK;
  const startExtent = Math.floor(call.number(0) / (1 << MEMOP_EXTENT_SHIFT));
  const at: GuestPointer = { lo: call.lo(1), hi: call.hi(1) };
  switch (command) {
    case XENMEM.increase_reservation:
    case XENMEM.decrease_reservation:
    case XENMEM.populate_physmap:
      return adjustReservation(call, command, startExtent, at);
    case XENMEM.exchange:
      return startExtent !== 0 ? -EINVAL : memoryExchange(call, at);
    case XENMEM.maximum_ram_page:
      return startExtent !== 0 ? -EINVAL : cx.domain.mfnBase + cx.domain.layout.totalFrames;
    case XENMEM.current_reservation:
    case XENMEM.maximum_reservation:
    case XENMEM.maximum_gpfn:
      return startExtent !== 0 ? -EINVAL : reservation(cx, command, at);
    case XENMEM.add_to_physmap: {
      if (startExtent > 0xffff) return -EDOM;
      const a = readStruct(cx, xen_add_to_physmap, at.lo, at.hi);
      if (a === undefined) return -EFAULT;
      if (a.get("space") === XENMAPSPACE_gmfn_foreign) return -ENOSYS;
      return permitDomain(cx, a.get("domid")) === -ESRCH ? -ESRCH : -EACCES;
    }
    case XENMEM.add_to_physmap_batch: {
      if (startExtent > 0xffff) return -EDOM;
      const a = readStruct(cx, xen_add_to_physmap_batch, at.lo, at.hi);
      if (a === undefined) return -EFAULT;
      if (a.get("space") === XENMAPSPACE_gmfn_range) return -EOPNOTSUPP;
      return permitDomain(cx, a.get("domid")) === -ESRCH ? -ESRCH : -EACCES;
    }
    case XENMEM.remove_from_physmap: {
      if (startExtent !== 0) return -EINVAL;
      const a = readStruct(cx, xen_remove_from_physmap, at.lo, at.hi);
      if (a === undefined) return -EFAULT;
      return permitDomain(cx, a.get("domid")) === -ESRCH ? -ESRCH : -EACCES;
    }
    case XENMEM.memory_map:
      return memoryMap(cx, at);
    case XENMEM.set_memory_map: {
      const a = readStruct(cx, xen_foreign_memory_map, at.lo, at.hi);
      if (a === undefined) return -EFAULT;
      if (a.get("map.nr_entries") > E820_MAX) return -EINVAL;
      // A domain may in principle set its own; the map that libxl gave it stays here.
      return permitDomain(cx, a.get("domid")) || -EPERM;
    }
    case XENMEM.machine_memory_map:
    case XENMEM.paging_op:
    case XENMEM.access_op:
      return -EPERM;
    case XENMEM.machphys_mapping:
      return machphysMapping(cx, at);
    case XENMEM.machphys_mfn_list:
      return machphysMfnList(cx, at);
    case XENMEM.set_pod_target:
    case XENMEM.get_pod_target: {
      const a = readStruct(cx, xen_pod_target, at.lo, at.hi);
      if (a === undefined) return -EFAULT;
      return permitDomain(cx, a.get("domid")) === -ESRCH ? -ESRCH : -EINVAL;
    }
    case XENMEM.get_sharing_freed_pages:
    case XENMEM.get_sharing_shared_pages:
      return 0;
    case XENMEM.claim_pages: {
      if (startExtent !== 0) return -EINVAL;
      const a = readStruct(cx, xen_memory_reservation, at.lo, at.hi);
      if (a === undefined) return -EFAULT;
      if (a.lo("extent_start") | a.hi("extent_start") | a.get("extent_order") | a.get("mem_flags")) {
        return -EINVAL;
      }
      const domid = a.get("domid");
      return domid === DOMID_SELF || permitDomain(cx, domid) === -ESRCH ? -EINVAL : -EPERM;
    }
    case XENMEM.get_vnumainfo: {
      if (startExtent !== 0) return -EINVAL;
      const a = readStruct(cx, xen_vnuma_topology_info, at.lo, at.hi);
      if (a === undefined) return -EFAULT;
      if (a.get("pad") !== 0) return -EINVAL;
      return permitDomain(cx, a.get("domid")) || -EOPNOTSUPP;
    }
    case XENMEM.acquire_resource:
      return acquireResource(cx, at);
    default:
      return -ENOSYS;
  }
}

/** increase_reservation, decrease_reservation, populate_physmap. @returns extents done */
function adjustReservation(call: Call, command: number, start: number, at: GuestPointer): number {
  const { cx } = call;
  const r = readStruct(cx, xen_memory_reservation, at.lo, at.hi);
  if (r === undefined) return start;
  const count = r.get("nr_extents"), order = r.get("extent_order"), flags = r.get("mem_flags");
  if (count > 0xffffffff >>> MEMOP_EXTENT_SHIFT || start >= count) return start;
  if (permitDomain(cx, r.get("domid")) !== 0 || order > MAX_ORDER) return start;
  if (flags & XENMEMF_exact_node_request && (flags >>> 8 & 0xff) !== 0) return start;
  if (command === XENMEM.populate_physmap && flags & XENMEMF_populate_on_demand) return start;
  const list = { lo: r.lo("extent_start"), hi: r.hi("extent_start") };
  const types = pageTypesOf(cx.domain);
  let done = start;
  for (; done < count; done++) {
    if (done !== start && call.shouldYield) {
      const next = done * (1 << MEMOP_EXTENT_SHIFT) + command;
      call.set(0, next | 0, Math.floor(next / 4294967296));
      return call.again();
    }
    const ok = command === XENMEM.decrease_reservation
      ? decrease(cx, types, list, done, order)
      : increase(cx, types, list, done, order, command === XENMEM.populate_physmap);
    if (!ok) break;
  }
  return done;
}

function increase(
  cx: HypercallContext,
  types: PageTypes,
  list: GuestPointer,
  index: number,
  order: number,
  populate: boolean,
): boolean {
  const { domain } = cx;
  const gpfn = populate ? readUlong(cx, list, index) : 0;
  if (gpfn === undefined) return false;
  const first = domain.lock.with(() => {
    const frame = allocateFrames(types, order);
    for (let i = 0; populate && frame >= 0 && i < 1 << order; i++) {
      const pfn = gpfn + i;
      setM2p(domain, frame + i, pfn | 0, Math.floor(pfn / 4294967296));
    }
    return frame;
  });
  if (first < 0) return false;
  const isListed = populate || (list.lo | list.hi) !== 0;
  return !isListed || writeUlong(cx, list, index, domain.mfnOf(first));
}

function decrease(
  cx: HypercallContext,
  types: PageTypes,
  list: GuestPointer,
  index: number,
  order: number,
): boolean {
  const mfn = readUlong(cx, list, index);
  if (mfn === undefined) return false;
  return cx.domain.lock.with(() => {
    for (let i = 0; i < 1 << order; i++) {
      const frame = types.ownFrame(mfn + i);
      // Xen's own pages stay; a page that is given back a second time fails.
      if (frame < 0 || types.isXenHeap(frame) || !types.putAllocation(frame)) return false;
    }
    return true;
  });
}

function reservation(cx: HypercallContext, command: number, at: GuestPointer): number {
  const a = readStruct(cx, xen_memory_domain, at.lo, at.hi);
  if (a === undefined) return -EFAULT;
  const denied = permitDomain(cx, a.get("domid"));
  if (denied !== 0) return denied;
  const { header } = cx.domain;
  if (command === XENMEM.current_reservation) return header.totPages;
  return command === XENMEM.maximum_reservation ? header.maxPages : Math.max(0, header.maxPfn - 1);
}

/** The pseudo-physical map that libxl gives a PV domain: one range of RAM up to its maximum memory. */
function memoryMap(cx: HypercallContext, at: GuestPointer): number {
  const map = readStruct(cx, xen_memory_map, at.lo, at.hi);
  if (map === undefined) return -EFAULT;
  const entry = new Uint8Array(E820_ENTRY_BYTES);
  const view = new DataView(entry.buffer);
  view.setBigUint64(8, BigInt(cx.domain.header.memoryMapPages) * 4096n, true);
  view.setUint32(16, E820_RAM, true);
  const count = Math.min(map.get("nr_entries"), 1);
  if (!copyTo(cx, map.lo("buffer"), map.hi("buffer"), entry.subarray(0, count * E820_ENTRY_BYTES))) {
    return -EFAULT;
  }
  map.set("nr_entries", count);
  return writeStruct(cx, map, at.lo, at.hi) ? 0 : -EFAULT;
}

function machphysMapping(cx: HypercallContext, at: GuestPointer): number {
  const mapping = StructView.create(xen_machphys_mapping, widthOf(cx));
  mapping.set64("v_start", 0, MACH2PHYS_VIRT_START_HI | 0);
  mapping.set64("v_end", 0, MACH2PHYS_VIRT_END_HI | 0);
  // (v_end - v_start) / 8 entries.
  mapping.set("max_mfn", (MACH2PHYS_VIRT_END_HI - MACH2PHYS_VIRT_START_HI) * 4294967296 / 8 - 1);
  return writeStruct(cx, mapping, at.lo, at.hi) ? 0 : -EFAULT;
}

/** The frames of the machine-to-phys table in extents of 2 MiB; this domain's slice stands for each. */
function machphysMfnList(cx: HypercallContext, at: GuestPointer): number {
  const a = readStruct(cx, xen_machphys_mfn_list, at.lo, at.hi);
  if (a === undefined) return -EFAULT;
  const { domain } = cx;
  const extents = Math.ceil((domain.mfnBase + domain.layout.totalFrames) * 8 / 2 ** 21);
  const count = Math.min(a.get("max_extents"), extents);
  const list = { lo: a.lo("extent_start"), hi: a.hi("extent_start") };
  const mfn = domain.mfnOfAddress(domain.layout.reserve.m2p);
  for (let i = 0; i < count; i++) if (!writeUlong(cx, list, i, mfn)) return -EFAULT;
  a.set("nr_extents", count);
  return writeField(cx, a, "nr_extents", at.lo, at.hi) ? 0 : -EFAULT;
}

function acquireResource(cx: HypercallContext, at: GuestPointer): number {
  const a = readStruct(cx, xen_mem_acquire_resource, at.lo, at.hi);
  if (a === undefined) return -EFAULT;
  if (a.get("pad") !== 0 || a.get("frame") + a.get("nr_frames") >= 2 ** 32) return -EINVAL;
  const domid = a.get("domid");
  if (domid === DOMID_SELF) return -ESRCH;
  return permitDomain(cx, domid) || -EPERM;
}
