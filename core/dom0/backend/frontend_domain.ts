/** What a backend in Domain-0 may do to the domain of its frontend: its grants and event channels, nothing else of it. The hypervisor's HostDomain is one. */
import type { GuestPage } from "../byte_ring.ts";

export { GrantError } from "../../hypervisor/grants/error.ts";

/** A granted frame that Domain-0 has mapped. */
export interface GrantedPage extends GuestPage {
  /** Unmaps it; `bytes` may be another domain's afterwards. May be called again. */
  release(): void;
}

/** Domain-0's end of an event channel. */
export interface BackendChannel {
  /** EVTCHNOP_send. */
  notify(): void;
  /** EVTCHNOP_close; may be called again. */
  close(): void;
}

export interface FrontendDomain {
  readonly domid: number;
  /** GNTTABOP_map_grant_ref. @throws GrantError: not granted to Domain-0, read-only, or the domain is gone */
  mapGrant(ref: number, readonly: boolean): GrantedPage;
  /** GNTTABOP_copy out of a granted frame; `offset` and the length lie in the frame. @throws GrantError */
  copyFromGrant(ref: number, offset: number, into: Uint8Array): void;
  /** GNTTABOP_copy into a granted frame. @throws GrantError */
  copyToGrant(ref: number, offset: number, from: Uint8Array): void;
  /** EVTCHNOP_bind_interdomain with a port that the domain left unbound for Domain-0. `handler` is called in this thread after the domain sent. @throws GrantError */
  bindChannel(port: number, handler: () => void): BackendChannel;
}
