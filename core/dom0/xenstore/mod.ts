/**
 * XenStore: a tree of small values that domains and tools share (docs/misc/xenstore.txt).
 *
 * node (immutable), path, permissions, quota, view (the rules), transaction, watch, store (the live tree),
 * protocol (the wire), connection (one client), ring (a guest's transport), domain_tree (what a domain gets),
 * service (all guests of a host).
 */
export { Connection, type DomainControl } from "./connection.ts";
export { createDomainTree, type DomainDescription, removeDomainTree } from "./domain_tree.ts";
export { XenStoreError, type XenStoreErrorName } from "./errors.ts";
export { domainPath } from "./path.ts";
export { encodeMessage, type Message, MessageReader, MessageType, toBytes, toText } from "./protocol.ts";
export { DEFAULT_QUOTA, type Quota } from "./quota.ts";
export { XenStoreRing } from "./ring.ts";
export { Guest, XenStoreService } from "./service.ts";
export { Store } from "./store.ts";
