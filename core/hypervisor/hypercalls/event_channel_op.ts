/** event_channel_op: public/event_channel.h, the 2-level operations. */
import { EFAULT, EINVAL, ENOENT, ENOSYS, EOPNOTSUPP, EPERM, ESRCH } from "../abi/errno.ts";
import type { CStruct, Fields, StructView, ViewOf } from "../abi/cstruct.ts";
import {
  evtchn_alloc_unbound,
  evtchn_bind_interdomain,
  evtchn_bind_ipi,
  evtchn_bind_pirq,
  evtchn_bind_vcpu,
  evtchn_bind_virq,
  evtchn_close,
  evtchn_init_control,
  evtchn_op,
  evtchn_reset,
  evtchn_set_priority,
  evtchn_status,
  evtchn_unmask,
  EVTCHNOP,
} from "../abi/event_channel.ts";
import { DOMID_SELF } from "../abi/hypercall_numbers.ts";
import type { HypercallContext } from "../context.ts";
import { PageType } from "../mm/frame_info.ts";
import { pageTypesOf } from "../mm/page_types.ts";
import * as channels from "../events/channels.ts";
import type { Call } from "./call.ts";
import { type GuestPointer, offset, readStruct, readU32, writeStruct } from "./guest.ts";

/** The domain an operation names: only the caller's own is permitted. @returns 0, -EPERM or -ESRCH */
function permit(cx: HypercallContext, domid: number): number {
  if (domid === DOMID_SELF || domid === cx.domain.domid) return 0;
  return domid === channels.DOM0 || cx.machine.domain(domid) !== undefined ? -EPERM : -ESRCH;
}

/** Copies the argument in, runs `action`, and copies it out again when the result is a new port or a status. */
function withArgument<F extends Fields>(
  cx: HypercallContext,
  type: CStruct<F>,
  at: GuestPointer,
  action: (argument: StructView<F>) => number,
  copyBack = false,
): number {
  const argument = readStruct(cx, type, at.lo, at.hi);
  if (argument === undefined) return -EFAULT;
  const result = action(argument);
  if (result < 0 || !copyBack) return Math.min(result, 0);
  return writeStruct(cx, argument, at.lo, at.hi) ? 0 : -EFAULT;
}

function perform(cx: HypercallContext, command: number, at: GuestPointer): number {
  const { domain } = cx;
  switch (command) {
    case EVTCHNOP.alloc_unbound:
      return withArgument(cx, evtchn_alloc_unbound, at, (a) => {
        const denied = permit(cx, a.get("dom"));
        if (denied !== 0) return denied;
        const port = channels.allocUnbound(domain, a.get("remote_dom"));
        a.set("port", port);
        return port;
      }, true);
    case EVTCHNOP.bind_interdomain:
      return withArgument(cx, evtchn_bind_interdomain, at, (a) => {
        const port = channels.bindInterdomain(domain, a.get("remote_dom"), a.get("remote_port"));
        a.set("local_port", port);
        return port;
      }, true);
    case EVTCHNOP.bind_virq:
      return withArgument(cx, evtchn_bind_virq, at, (a) => {
        const port = channels.bindVirq(domain, a.get("virq"), a.get("vcpu"));
        a.set("port", port);
        return port;
      }, true);
    case EVTCHNOP.bind_ipi:
      return withArgument(cx, evtchn_bind_ipi, at, (a) => {
        const port = channels.bindIpi(domain, a.get("vcpu"));
        a.set("port", port);
        return port;
      }, true);
    case EVTCHNOP.bind_pirq:
      return withArgument(cx, evtchn_bind_pirq, at, (a) => channels.bindPirq(a.get("pirq")));
    case EVTCHNOP.close:
      return withArgument(cx, evtchn_close, at, (a) => channels.close(domain, a.get("port")));
    case EVTCHNOP.send: {
      const port = readU32(cx, at.lo, at.hi);
      return port === undefined ? -EFAULT : channels.send(domain, port, cx.vcpu);
    }
    case EVTCHNOP.status:
      return withArgument(cx, evtchn_status, at, (a) => reportStatus(cx, a), true);
    case EVTCHNOP.bind_vcpu:
      return withArgument(
        cx,
        evtchn_bind_vcpu,
        at,
        (a) => channels.bindVcpu(domain, a.get("port"), a.get("vcpu")),
      );
    case EVTCHNOP.unmask:
      return withArgument(cx, evtchn_unmask, at, (a) => channels.unmaskPort(domain, a.get("port")));
    case EVTCHNOP.reset:
      return withArgument(cx, evtchn_reset, at, (a) => {
        const denied = permit(cx, a.get("dom"));
        if (denied === 0) channels.reset(domain);
        return denied;
      });
    case EVTCHNOP.init_control:
      return withArgument(cx, evtchn_init_control, at, (a) => initControl(cx, a));
    case EVTCHNOP.expand_array:
      return -EOPNOTSUPP;
    case EVTCHNOP.set_priority:
      return withArgument(
        cx,
        evtchn_set_priority,
        at,
        (a) => channels.isValidPort(domain, a.get("port")) ? -ENOSYS : -EINVAL,
      );
    default:
      return -ENOSYS;
  }
}

/** Bytes of a FIFO control block. */
const CONTROL_BLOCK = 72;

/** Arguments are checked as Xen does; there is no FIFO ABI then, and guests fall back to the 2-level one. */
function initControl(cx: HypercallContext, a: ViewOf<typeof evtchn_init_control>): number {
  const { domain } = cx;
  if (domain.vcpus[a.get("vcpu")] === undefined) return -ENOENT;
  const offset = a.get("offset");
  if (offset > 4096 - CONTROL_BLOCK || offset & 7) return -EINVAL;
  return domain.lock.with(() => {
    const types = pageTypesOf(domain);
    const mfn = a.get("control_gfn");
    if (types.getPageAndType(mfn, PageType.writable) !== 0) return -EINVAL;
    types.putPageAndType(types.ownFrame(mfn));
    return -ENOSYS;
  });
}

function reportStatus(
  cx: HypercallContext,
  a: ViewOf<typeof evtchn_status>,
) {
  const denied = permit(cx, a.get("dom"));
  if (denied === -ESRCH) return denied;
  const of = denied === 0 ? cx.domain : cx.machine.domain(a.get("dom"));
  // Domain-0's ports are not kept here; asking for them is refused as asking for any other domain's.
  const found = of === undefined ? undefined : channels.status(of, a.get("port"));
  if (of !== undefined && found === undefined) return -EINVAL;
  if (denied !== 0 || found === undefined) return -EPERM;
  a.set("status", found.status);
  a.set("vcpu", found.vcpu);
  if (found.dom !== undefined) a.set("u.interdomain.dom", found.dom);
  if (found.port !== undefined) a.set("u.interdomain.port", found.port);
  if (found.irq !== undefined) a.set("u.virq", found.irq);
  return 0;
}

/** event_channel_op(cmd, arg). */
export function eventChannelOp(call: Call): number {
  return perform(call.cx, call.lo(0), { lo: call.lo(1), hi: call.hi(1) });
}

/** event_channel_op_compat(struct evtchn_op *): command and argument in one structure. */
export function eventChannelOpCompat(call: Call): number {
  const at = { lo: call.lo(0), hi: call.hi(0) };
  const command = readU32(call.cx, at.lo, at.hi);
  if (command === undefined) return -EFAULT;
  switch (command) {
    case EVTCHNOP.bind_interdomain:
    case EVTCHNOP.bind_virq:
    case EVTCHNOP.bind_pirq:
    case EVTCHNOP.close:
    case EVTCHNOP.send:
    case EVTCHNOP.status:
    case EVTCHNOP.alloc_unbound:
    case EVTCHNOP.bind_ipi:
    case EVTCHNOP.bind_vcpu:
    case EVTCHNOP.unmask:
      return perform(call.cx, command, offset(at, evtchn_op.offset("u")));
    default:
      return -ENOSYS;
  }
}
