/** public/event_channel.h. @module */
import { array, struct, union } from "./cstruct.ts";

export const EVTCHNOP = {
  bind_interdomain: 0,
  bind_virq: 1,
  bind_pirq: 2,
  close: 3,
  send: 4,
  status: 5,
  alloc_unbound: 6,
  bind_ipi: 7,
  bind_vcpu: 8,
  unmask: 9,
  reset: 10,
  init_control: 11,
  expand_array: 12,
  set_priority: 13,
} as const;

export const evtchn_alloc_unbound = struct("evtchn_alloc_unbound", {
  dom: "u16",
  remote_dom: "u16",
  port: "u32",
});
export const evtchn_bind_interdomain = struct("evtchn_bind_interdomain", {
  remote_dom: "u16",
  remote_port: "u32",
  local_port: "u32",
});
export const evtchn_bind_virq = struct("evtchn_bind_virq", { virq: "u32", vcpu: "u32", port: "u32" });
export const evtchn_bind_pirq = struct("evtchn_bind_pirq", { pirq: "u32", flags: "u32", port: "u32" });
export const evtchn_bind_ipi = struct("evtchn_bind_ipi", { vcpu: "u32", port: "u32" });
export const evtchn_close = struct("evtchn_close", { port: "u32" });
export const evtchn_send = struct("evtchn_send", { port: "u32" });
export const evtchn_status = struct("evtchn_status", {
  dom: "u16",
  port: "u32",
  status: "u32",
  vcpu: "u32",
  u: union("evtchn_status.u", {
    unbound: struct("evtchn_status.u.unbound", { dom: "u16" }),
    interdomain: struct("evtchn_status.u.interdomain", { dom: "u16", port: "u32" }),
    pirq: "u32",
    virq: "u32",
  }),
});
export const EVTCHNSTAT_closed = 0;
export const EVTCHNSTAT_unbound = 1;
export const EVTCHNSTAT_interdomain = 2;
export const EVTCHNSTAT_pirq = 3;
export const EVTCHNSTAT_virq = 4;
export const EVTCHNSTAT_ipi = 5;
export const evtchn_bind_vcpu = struct("evtchn_bind_vcpu", { port: "u32", vcpu: "u32" });
export const evtchn_unmask = struct("evtchn_unmask", { port: "u32" });
export const evtchn_reset = struct("evtchn_reset", { dom: "u16" });
export const evtchn_init_control = struct("evtchn_init_control", {
  control_gfn: "u64",
  offset: "u32",
  vcpu: "u32",
  link_bits: "u8",
  _pad: array("u8", 7),
});
export const evtchn_set_priority = struct("evtchn_set_priority", { port: "u32", priority: "u32" });

/** The argument of event_channel_op_compat. */
export const evtchn_op = struct("evtchn_op", {
  cmd: "u32",
  u: union("evtchn_op.u", {
    alloc_unbound: evtchn_alloc_unbound,
    bind_interdomain: evtchn_bind_interdomain,
    bind_virq: evtchn_bind_virq,
    bind_pirq: evtchn_bind_pirq,
    bind_ipi: evtchn_bind_ipi,
    close: evtchn_close,
    send: evtchn_send,
    status: evtchn_status,
    bind_vcpu: evtchn_bind_vcpu,
    unmask: evtchn_unmask,
  }),
});

/** Ports of the 2-level ABI for 64-bit guests (a 32-bit guest has 1024). */
export const EVTCHN_2L_NR_CHANNELS = 4096;
