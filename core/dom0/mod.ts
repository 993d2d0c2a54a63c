/** Domain-0's services: XenStore, the console and the backends of disks and interfaces. */
export { DeviceError } from "./backend/device_error.ts";
export { Backends, DomainBackends, type OpenDevice } from "./backend/domain_backends.ts";
export { ByteRing, type GuestPage, RingError } from "./byte_ring.ts";
export { ConsoleRing } from "./console/ring.ts";
export { noTraffic } from "./network/mod.ts";
export * from "./xenstore/mod.ts";
