/** Domain-0's services: XenStore and the console backend. */
export { ByteRing, type GuestPage, RingError } from "./byte_ring.ts";
export { ConsoleRing } from "./console/ring.ts";
export * from "./xenstore/mod.ts";
