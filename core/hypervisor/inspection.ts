/** What a domain holds inside the hypervisor: event channels, grants, page types. A snapshot for people, read without stopping anything; main thread. */
import { GTF_accept_transfer, GTF_permit_access, GTF_readonly, GTF_type_mask } from "./abi/grant_table.ts";
import { VIRQ } from "./abi/hypercall_numbers.ts";
import type { Domain } from "./domain.ts";
import { isMasked, isPending } from "./events/pending.ts";
import { activeGrant, GNTPIN, grantEntries, maptrack, sharedEntry } from "./grants/table.ts";
import { ChannelState, EventChannel } from "./layout.ts";
import { ON_FREE_STACK, PageType, PINNED, REF_COUNT_MASK, TYPE_COUNT_MASK, typeOf } from "./mm/frame_info.ts";

export interface ChannelInspection {
  readonly port: number;
  readonly state: "reserved" | "unbound" | "interdomain" | "pirq" | "virq" | "ipi";
  readonly vcpu: number;
  readonly pending: boolean;
  readonly masked: boolean;
  /** UNBOUND, INTERDOMAIN. */
  readonly remoteDomid?: number;
  readonly remotePort?: number;
  /** A VIRQ's name in small letters, a PIRQ's number. */
  readonly irq?: string;
}

export interface GrantInspection {
  readonly ref: number;
  readonly kind: "access" | "transfer";
  readonly domid: number;
  readonly frame: number;
  readonly readOnly: boolean;
  /** Mapped or being copied, for reading or writing. */
  readonly isReading: boolean;
  readonly isWriting: boolean;
}

export interface Inspection {
  /** Those that are not free. */
  readonly channels: readonly ChannelInspection[];
  /** Those that the guest has filled in, or that are in use though it took them back. */
  readonly grants: readonly GrantInspection[];
  readonly grantEntries: number;
  /** Of others' frames. */
  readonly mappings: number;
  /** Guest frames by type, those types that there are. */
  readonly pageTypes: Readonly<Record<string, number>>;
  /** Highest pfn + 1 of its p2m. */
  readonly maxPfn: number;
  readonly pinned: number;
}

export function inspect(domain: Domain): Inspection {
  return {
    channels: channels(domain),
    grants: grants(domain),
    grantEntries: grantEntries(domain),
    mappings: mappings(domain),
    ...pages(domain),
    maxPfn: domain.header.maxPfn,
  };
}

const STATES = Object.entries(ChannelState)
  .reduce<string[]>((names, [name, value]) => (names[value] = name.toLowerCase(), names), []);
const VIRQ_NAMES = new Map<number, string>(
  Object.entries(VIRQ).map(([name, number]) => [number, name.toLowerCase()]),
);

function channels(domain: Domain): ChannelInspection[] {
  const found: ChannelInspection[] = [];
  const channel = EventChannel.view(domain.views, domain.layout.reserve.eventChannels);
  for (let port = 0; port < domain.header.validPorts; port++, channel.base += EventChannel.size) {
    const { state, notifyVcpu, remoteDomid, remotePort, irq } = channel;
    if (state === ChannelState.FREE) continue;
    const hasRemote = state === ChannelState.INTERDOMAIN || state === ChannelState.UNBOUND;
    found.push({
      port,
      state: STATES[state] as ChannelInspection["state"],
      vcpu: notifyVcpu,
      pending: isPending(domain, port),
      masked: isMasked(domain, port),
      ...(hasRemote ? { remoteDomid } : {}),
      ...(state === ChannelState.INTERDOMAIN ? { remotePort } : {}),
      ...(state === ChannelState.VIRQ ? { irq: VIRQ_NAMES.get(irq) ?? String(irq) } : {}),
      ...(state === ChannelState.PIRQ ? { irq: String(irq) } : {}),
    });
  }
  return found;
}

const WRITING = GNTPIN.hstw_mask | GNTPIN.devw_mask;

function grants(domain: Domain): GrantInspection[] {
  const found: GrantInspection[] = [];
  const active = activeGrant(domain, 0);
  const step = activeGrant(domain, 1).base - active.base;
  for (let ref = 0; ref < grantEntries(domain); ref++, active.base += step) {
    const { flags, domid, frame } = sharedEntry(domain, ref);
    const type = flags & GTF_type_mask;
    const isInUse = active.pin !== 0;
    if (!isInUse && type !== GTF_permit_access && type !== GTF_accept_transfer) continue;
    // Who has it, where the guest has written something else there since.
    found.push({
      ref,
      kind: type === GTF_accept_transfer ? "transfer" : "access",
      domid: isInUse ? active.domid : domid,
      frame: isInUse ? active.frame : frame,
      readOnly: (flags & GTF_readonly) !== 0,
      isReading: isInUse,
      isWriting: (active.pin & WRITING) !== 0,
    });
  }
  return found;
}

function mappings(domain: Domain): number {
  let count = 0;
  for (let handle = 0; handle < domain.header.maptrackUsed; handle++) {
    if (maptrack(domain, handle).flags !== 0) count++;
  }
  return count;
}

const TYPE_NAMES: Readonly<Record<PageType, string>> = {
  [PageType.none]: "none",
  [PageType.l1]: "l1",
  [PageType.l2]: "l2",
  [PageType.l3]: "l3",
  [PageType.l4]: "l4",
  [PageType.seg_desc]: "segment descriptors",
  [PageType.writable]: "writable",
};

function pages(domain: Domain): Pick<Inspection, "pageTypes" | "pinned"> {
  const { u32 } = domain.views;
  const counts = new Array<number>(8).fill(0);
  let notOwned = 0, pinned = 0;
  for (let frame = 0; frame < domain.layout.frames; frame++) {
    const count = u32[domain.countIndex(frame)];
    if ((count & REF_COUNT_MASK) === 0 || (count & ON_FREE_STACK) !== 0) {
      notOwned++;
      continue;
    }
    const info = u32[domain.typeIndex(frame)];
    if (info & PINNED) pinned++;
    // A type without users is what the frame was last.
    counts[(info & TYPE_COUNT_MASK) === 0 ? PageType.none : typeOf(info)]++;
  }
  const pageTypes: Record<string, number> = {};
  for (const [type, name] of Object.entries(TYPE_NAMES)) {
    if (counts[Number(type)] > 0) pageTypes[name] = counts[Number(type)];
  }
  if (notOwned > 0) pageTypes["not owned"] = notOwned;
  return { pageTypes, pinned };
}
