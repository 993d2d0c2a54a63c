/** What a kind of backend (block, network) implements; device_backend.ts carries it through XenbusState. */

/** The frontend's nodes in XenStore, which the guest writes as it likes. */
export interface FrontendNodes {
  /** undefined: there is no such node. */
  text(name: string): string | undefined;
  /** undefined: no such node. @throws FrontendError where it is no number from 0 to 2^32 - 1 */
  number(name: string): number | undefined;
  /** @throws FrontendError where it is missing or no such number */
  requiredNumber(name: string): number;
}

/** The frontend asks for what cannot be; its text goes to the backend's `error` node and the log. */
export class FrontendError extends Error {
  override name = "FrontendError";
}

export interface BackendDriver {
  /** Nodes of the backend's directory that tell the frontend what there is (`feature-...`), before state InitWait. */
  readonly features: Readonly<Record<string, string>>;
  /**
   * The frontend has published its rings and channel.
   * @param lost to be called when the frontend breaks the protocol: the device is taken down
   * @returns nodes for the backend's directory before state Connected @throws FrontendError, GrantError
   */
  connect(frontend: FrontendNodes, lost: (why: string) => void): Readonly<Record<string, string>>;
  /** Lets go of rings, grants and channel, of which nothing is touched afterwards, by requests in flight neither. May be called again, and before `connect`. */
  disconnect(): void;
  /** The device is gone: disconnects, lets go of its image or its port of the switch. */
  close(): void;
}
