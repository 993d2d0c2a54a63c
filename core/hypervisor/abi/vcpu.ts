/** public/vcpu.h. @module */
import { array, struct } from "./cstruct.ts";

export const VCPUOP = {
  initialise: 0,
  up: 1,
  down: 2,
  is_up: 3,
  get_runstate_info: 4,
  register_runstate_memory_area: 5,
  set_periodic_timer: 6,
  stop_periodic_timer: 7,
  set_singleshot_timer: 8,
  stop_singleshot_timer: 9,
  register_vcpu_info: 10,
  send_nmi: 11,
  get_physid: 12,
  register_vcpu_time_memory_area: 13,
} as const;

export const vcpu_runstate_info = struct("vcpu_runstate_info", {
  state: "i32",
  state_entry_time: "u64",
  time: array("u64", 4),
});
export const RUNSTATE_running = 0;
export const RUNSTATE_runnable = 1;
export const RUNSTATE_blocked = 2;
export const RUNSTATE_offline = 3;

/** Both memory-area calls take one guest address. */
export const vcpu_register_runstate_memory_area = struct("vcpu_register_runstate_memory_area", {
  addr: "u64",
});
export const vcpu_register_time_memory_area = struct("vcpu_register_time_memory_area", { addr: "u64" });
export const vcpu_set_periodic_timer = struct("vcpu_set_periodic_timer", { period_ns: "u64" });
export const vcpu_set_singleshot_timer = struct("vcpu_set_singleshot_timer", {
  timeout_abs_ns: "u64",
  flags: "u32",
});
export const VCPU_SSHOTTMR_future = 1;
export const vcpu_register_vcpu_info = struct("vcpu_register_vcpu_info", {
  mfn: "u64",
  offset: "u32",
  rsvd: "u32",
});
export const vcpu_get_physid = struct("vcpu_get_physid", { phys_id: "u64" });
