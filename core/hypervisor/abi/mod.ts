/** Xen's public ABI as data: structures, numbers, error codes. The specification is libxen-dev's headers (Xen 4.17). @module */
export * from "./callback.ts";
export * from "./cstruct.ts";
export * as errno from "./errno.ts";
export * from "./event_channel.ts";
export * from "./grant_table.ts";
export * from "./hypercall_numbers.ts";
export * from "./memory.ts";
export * from "./physdev.ts";
export * from "./sched.ts";
export * from "./vcpu.ts";
export * from "./version.ts";
export * from "./xen.ts";
