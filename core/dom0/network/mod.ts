/**
 * The network of the guests: their vifs' backends, and the switches between them.
 *
 * netif (the ABI), frame, switch, checksum, segment (GSO), credit (`rate=`), tx_packet and transmitter (what a guest sends), receiver
 * (what it gets), traffic (the figures), vif_backend (one vif).
 *
 * @module
 */
export { Switch } from "./switch.ts";
export { noTraffic, type VifTraffic } from "./traffic.ts";
export { VifBackend } from "./vif_backend.ts";
