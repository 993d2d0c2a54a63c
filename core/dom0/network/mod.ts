/**
 * The network of the guests: their vifs' backends, and the switches between them.
 *
 * netif (the ABI), frame, switch, checksum, segment (GSO), credit (`rate=`), tx_packet and transmitter (what a guest sends), receiver
 * (what it gets), traffic (the figures), vif_backend (one vif).
 *
 * @module
 */
export { completeChecksum, findChecksum, type TransportChecksum } from "./checksum.ts";
export type { Rate } from "./credit.ts";
export type { Bridge, Frame, Segmentation, SwitchPort } from "./frame.ts";
export { segment } from "./segment.ts";
export { Switch } from "./switch.ts";
export { noTraffic, type VifTraffic } from "./traffic.ts";
export { VifBackend, type VifOptions } from "./vif_backend.ts";
