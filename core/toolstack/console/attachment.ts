import type { DomainEnd, RunningDomain } from "../host.ts";
import type { Terminal } from "./terminal.ts";

/** ^], the key that leaves a console. */
export const ESCAPE_KEY = 0x1d;

/** How an attached console came to its end. */
export type AttachmentEnd =
  | { readonly kind: "ended"; readonly end: DomainEnd }
  /** The user pressed ^]; the domain still runs. */
  | { readonly kind: "left" };

/** So much input may wait for the guest before more is read: a guest that reads nothing must not fill the memory. */
const BACKLOG_LIMIT = 64 * 1024;
const BACKLOG_POLL_MS = 20;

/** Input of one process, shared by the consoles that are attached one after another (a domain that restarts). */
export class InputPump {
  #target: { readonly domain: RunningDomain; readonly leave: () => void } | undefined;
  #early: Uint8Array[] = [];
  #left = false;

  constructor(private readonly terminal: Terminal) {}

  /** Reads until the input ends; never throws past a closed input. Keys before the first attachment wait for it. */
  async run(): Promise<void> {
    for await (const bytes of this.terminal.input()) {
      if (this.#left) return;
      this.#take(bytes);
      while (this.#target !== undefined && this.#target.domain.consoleBacklog > BACKLOG_LIMIT) {
        await new Promise((resolve) => setTimeout(resolve, BACKLOG_POLL_MS));
      }
    }
  }

  #take(bytes: Uint8Array): void {
    const escape = this.terminal.interactive ? bytes.indexOf(ESCAPE_KEY) : -1;
    const forGuest = escape < 0 ? bytes : bytes.subarray(0, escape);
    if (forGuest.length > 0) {
      if (this.#target === undefined) this.#early.push(forGuest.slice());
      else this.#target.domain.consoleInput(forGuest);
    }
    if (escape >= 0) {
      this.#left = true;
      this.#target?.leave();
    }
  }

  /** Sends the input to a domain until it ends or the user leaves. */
  async attach(domain: RunningDomain): Promise<AttachmentEnd> {
    const { promise: left, resolve: leave } = Promise.withResolvers<AttachmentEnd>();
    this.#target = { domain, leave: () => leave({ kind: "left" }) };
    if (this.#left) leave({ kind: "left" });
    for (const bytes of this.#early.splice(0)) domain.consoleInput(bytes);
    try {
      return await Promise.race([left, domain.ended.then((end): AttachmentEnd => ({ kind: "ended", end }))]);
    } finally {
      this.#target = undefined;
    }
  }
}
