/** A PV domain's start of day on the hypervisor's side: what Xen's domain creation and the toolstack's hypercalls do around the builder. */
import { StructView } from "./abi/cstruct.ts";
import { GNTTAB_RESERVED_CONSOLE, GNTTAB_RESERVED_XENSTORE, GTF_permit_access } from "./abi/grant_table.ts";
import {
  FLAT_RING3_CS64,
  FLAT_RING3_SS64,
  vcpu_guest_context,
  vcpu_info,
  VGCF_in_kernel,
  VGCF_online,
  XEN_LEGACY_MAX_VCPUS,
} from "./abi/xen.ts";
import type { Domain } from "./domain.ts";
import { DOM0, initChannels } from "./events/mod.ts";
import { initGrants, setEntry, shareFrame } from "./grants/mod.ts";
import type { GuestStart } from "./guest.ts";
import { PAGE } from "./layout.ts";
import { FRAMES_AT_ONCE, initialiseFrames } from "./mm/allocator.ts";
import { PageType, PINNED } from "./mm/frame_info.ts";
import { buildM2pTables, setM2p } from "./mm/m2p.ts";
import { NO_TLB, PageTypes } from "./mm/page_types.ts";
import type { Steps } from "./steps.ts";
import { setGuestContext } from "./traps/guest_context.ts";

const UPCALL_MASK = vcpu_info.offset("evtchn_upcall_mask");

/** Frames, machine-to-phys table, shared info and event channels of a fresh domain. */
export function* initPvDomain(domain: Domain): Steps<void> {
  const { header, layout } = domain;
  const types = new PageTypes(domain, NO_TLB);
  yield* initialiseFrames(types, header.totPages);
  buildM2pTables(domain);
  for (let pfn = 0; pfn < header.totPages; pfn++) {
    setM2p(domain, pfn, pfn, 0);
    if (pfn % FRAMES_AT_ONCE === 0) yield;
  }
  shareFrame(types, layout.reserve.sharedInfo / PAGE);
  // All vCPUs begin with events masked (xc_dom_x86.c, shared_info_x86_64).
  for (let id = 0; id < XEN_LEGACY_MAX_VCPUS; id++) {
    domain.views.u8[header.sharedInfo + id * vcpu_info.size() + UPCALL_MASK] = 1;
  }
  initChannels(domain);
  initGrants(domain);
}

/**
 * Pins the builder's page tables and gives vCPU 0 its registers.
 * @throws Error when the tables are not what a guest may have
 */
export function startPvDomain(domain: Domain, start: GuestStart): void {
  if (start.width !== 64) throw new Error("32-bit PV domains cannot be run");
  const types = new PageTypes(domain, NO_TLB);
  domain.lock.with(() => {
    const pinned = types.getPageAndType(start.cr3Mfn, PageType.l4);
    if (pinned !== 0) throw new Error(`the builder's page tables are not valid (error ${-pinned})`);
    const frame = types.ownFrame(start.cr3Mfn);
    types.setTypeInfo(frame, types.typeInfo(frame) | PINNED);
    const [vcpu] = domain.vcpus;
    const result = setGuestContext(vcpu, startContext(start));
    if (result !== 0) throw new Error(`the builder's start of day is not valid (error ${-result})`);
    // Domain-0 writes to both rings as long as the domain lives: as frames that it has mapped, they can become nothing else.
    for (const mfn of [start.consoleMfn, start.storeMfn]) {
      const held = types.getPageAndType(mfn, PageType.writable);
      if (held !== 0) throw new Error(`the builder's ring in frame ${mfn} is not writable (error ${-held})`);
    }
    domain.header.consoleMfn = start.consoleMfn;
    domain.header.storeMfn = start.storeMfn;
    // xc_dom_gnttab_seed: Domain-0 may use the console's and XenStore's rings as grants too.
    setEntry(domain, GNTTAB_RESERVED_CONSOLE, GTF_permit_access, DOM0, start.consoleMfn);
    setEntry(domain, GNTTAB_RESERVED_XENSTORE, GTF_permit_access, DOM0, start.storeMfn);
  });
}

/** What libxenguest gives vCPU 0 of a 64-bit PV domain (xc_dom_x86.c, vcpu_x86_64). */
function startContext({ rip, rsp, rsi, rflags, cr3Mfn }: GuestStart) {
  const context = StructView.create(vcpu_guest_context);
  const put = (offset: number, value: bigint) => context.view.setBigUint64(offset, value, true);
  put(vcpu_guest_context.offset("user_regs.rip"), rip);
  put(vcpu_guest_context.offset("user_regs.rsp"), rsp);
  put(vcpu_guest_context.offset("user_regs.rsi"), rsi);
  put(vcpu_guest_context.offset("user_regs.rflags"), rflags);
  context.set("user_regs.cs", FLAT_RING3_CS64);
  context.set("user_regs.ss", FLAT_RING3_SS64);
  context.set("kernel_ss", FLAT_RING3_SS64);
  put(vcpu_guest_context.offset("kernel_sp"), rsp);
  put(vcpu_guest_context.offset("ctrlreg") + 3 * 8, BigInt(cr3Mfn) << 12n);
  context.set("flags", VGCF_in_kernel | VGCF_online);
  return context;
}
