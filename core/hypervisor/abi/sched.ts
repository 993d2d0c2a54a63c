/** public/sched.h. @module */
import { struct } from "./cstruct.ts";

export const SCHEDOP = {
  yield: 0,
  block: 1,
  shutdown: 2,
  poll: 3,
  remote_shutdown: 4,
  shutdown_code: 5,
  watchdog: 6,
  pin_override: 7,
} as const;

export const sched_shutdown = struct("sched_shutdown", { reason: "u32" });
export const sched_poll = struct("sched_poll", { ports: "ptr", nr_ports: "u32", timeout: "u64" });
export const sched_remote_shutdown = struct("sched_remote_shutdown", { domain_id: "u16", reason: "u32" });
export const sched_watchdog = struct("sched_watchdog", { id: "u32", timeout: "u32" });
export const sched_pin_override = struct("sched_pin_override", { pcpu: "i32" });

export const SHUTDOWN = { poweroff: 0, reboot: 1, suspend: 2, crash: 3, watchdog: 4, soft_reset: 5 } as const;
export const SHUTDOWN_MAX = 5;
