/** A domain that a program created or found. */
import { type XendClient, XendFailure } from "../api/client.ts";
import type { DomainDetail, ShutdownReason } from "../api/types.ts";
import type { DomainConsole } from "./console.ts";

/** How a domain ended: as the guest said, or because somebody destroyed it. */
export interface DomainEnd {
  readonly reason: ShutdownReason | "destroyed";
  /** Of the vCPU that crashed, as text. */
  readonly registers?: string;
}

/** Reasons for which something that is to be gone is gone already. */
function isGone(error: unknown): boolean {
  return error instanceof XendFailure &&
    ["no-such-domain", "wrong-state", "not-running"].includes(error.code);
}

/** What `Domains.create` gives. `await using` destroys it at the end of its block. */
export class Domain implements AsyncDisposable {
  constructor(
    private readonly client: XendClient,
    readonly name: string,
    readonly domid: number,
    readonly uuid: string,
    readonly console: DomainConsole,
    /**
     * Settles when the guest has ended, or somebody destroyed it. One that its configuration restarts is the same domain with another domid; this is
     * its first end. Rejects when xend ends first.
     */
    readonly ended: Promise<DomainEnd>,
    readonly warnings: readonly string[],
  ) {}

  /** Everything that xend knows of it. */
  info(): Promise<DomainDetail> {
    return this.client.domain(this.uuid);
  }

  pause(): Promise<void> {
    return this.client.pause(this.uuid);
  }

  unpause(): Promise<void> {
    return this.client.unpause(this.uuid);
  }

  /** Asks the guest to power off; with `wait` it returns when that has happened. */
  shutdown(options: { readonly wait?: boolean; readonly timeoutMs?: number } = {}): Promise<void> {
    return this.client.shutdown(this.uuid, options);
  }

  reboot(options: { readonly wait?: boolean; readonly timeoutMs?: number } = {}): Promise<void> {
    return this.client.reboot(this.uuid, options);
  }

  /** Ends it at once. */
  async destroy(): Promise<void> {
    await this.client.destroy(this.uuid);
  }

  /** Destroys it where it is still there. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.client.destroy(this.uuid);
    } catch (error) {
      if (!isGone(error)) throw error;
    }
    await this.console.close();
  }
}
