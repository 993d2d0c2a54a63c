/**
 * What the machinery of domains (host, pCPU loop) asks of the code that knows a guest's ABI. The hypercall, trap and event code implements it;
 * tests of the machinery put a small one of their own in its place.
 */
import type { HypercallContext } from "./context.ts";
import type { Domain } from "./domain.ts";
import type { Steps } from "./steps.ts";
import type { Vcpu } from "./vcpu.ts";

/** The state a builder leaves: what vCPU 0 starts with and what the hypervisor must type. `PvStart` of core/builder is one. */
export interface GuestStart {
  readonly width: 32 | 64;
  readonly rip: bigint;
  readonly rsp: bigint;
  readonly rsi: bigint;
  readonly rflags: bigint;
  readonly cr3Mfn: number;
  readonly consoleMfn: number;
  readonly storeMfn: number;
}

export interface GuestSupport {
  /** Main thread: a fresh domain's tables (shared info, m2p, Xen's page tables, frame accounting, event channels, grants); nobody else knows it yet. */
  initDomain(domain: Domain): Steps<void>;
  /** Main thread: an unbound channel of the domain whose other end is Domain-0's. @returns the guest's port */
  allocateDom0Channel(domain: Domain): number;
  /** Main thread: after the builder ran. Types and pins its page tables, sets vCPU 0's context. @throws Error when the tables are bad */
  startDomain(domain: Domain, start: GuestStart): void;
  /**
   * Main thread: the domain is dying and none of its vCPUs runs. Gives back what it holds of others.
   * @returns whether its machine frame numbers may be another domain's from now on: nobody maps them any more
   */
  destroyDomain(domain: Domain): boolean;
  /** Main thread: Domain-0 sends on its end of the channel `port` of the domain. @returns 0 or a negative errno */
  notifyGuest(domain: Domain, port: number): number;
  /** Main thread: Domain-0 binds a channel that the domain left unbound for it, or lets go of it. @returns whether it is bound */
  bindDom0Channel(domain: Domain, port: number): boolean;
  closeDom0Channel(domain: Domain, port: number): void;
  /** Main thread: Domain-0 maps a frame that the domain grants it. @returns the local frame, or below 0 */
  mapGrant(domain: Domain, ref: number, readonly: boolean): number;
  unmapGrant(domain: Domain, ref: number, frame: number, readonly: boolean): void;
  /** pCPU: `vcpu`'s VIRQ_TIMER. */
  sendTimer(vcpu: Vcpu): void;
  /** pCPU: before each entry into the guest. Delivers a pending NMI or event upcall when it is not masked. */
  beforeEntry(context: HypercallContext): void;
  /** pCPU: anything but BUDGET and KICK. */
  handleExit(context: HypercallContext, reason: number): void;
  /** pCPU: the vCPU was put on this pCPU, or taken off it (runstate and time areas of the guest). */
  scheduledIn(context: HypercallContext): void;
  scheduledOut(context: HypercallContext): void;
}
