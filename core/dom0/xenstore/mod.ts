/**
 * XenStore: a tree of small values that domains and tools share (docs/misc/xenstore.txt).
 *
 * name_map and node (immutable), path, permissions, quota, view (the rules), transaction, watch, store (the live tree),
 * protocol (the wire), outbox, connection (one client), control (CONTROL), ring (a guest's transport), socket (the tools'),
 * devices and domain_tree (what a domain gets), service (all guests of a host, and Domain-0's own operations).
 */
export { Connection, type DomainControl } from "./connection.ts";
export {
  type DeviceDescription,
  type DiskDescription,
  type VifDescription,
  virtualDeviceNumber,
  XenbusState,
} from "./devices.ts";
export {
  createDomainTree,
  type DomainDescription,
  removeDomainTree,
  type XendParameters,
} from "./domain_tree.ts";
export { XenStoreError, type XenStoreErrorName } from "./errors.ts";
export { domainPath } from "./path.ts";
export {
  encodeMessage,
  type Message,
  MessageReader,
  MessageType,
  toBytes,
  toText,
  utf8,
} from "./protocol.ts";
export { DEFAULT_QUOTA, type Quota } from "./quota.ts";
export { XenStoreRing } from "./ring.ts";
export { Guest, type ShutdownRequest, type XenStoreOptions, XenStoreService } from "./service.ts";
export { startXenStoreSocket, type XenStoreSocket } from "./socket.ts";
export { Store } from "./store.ts";
