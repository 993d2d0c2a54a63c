/** Domain-0's ends of event channels: handlers in the main thread, called after guests sent. */
import { DomainHeader, EVTCHN_PORTS, MACHINE, MachineHeader } from "./layout.ts";
import type { Machine } from "./machine.ts";

const DOMID_WORDS = 1024;

export class Dom0Events {
  readonly #handlers = new Map<number, Map<number, () => void>>();
  readonly #word = (MACHINE.header + MachineHeader.offsets.dom0Wake) >>> 2;
  #stopping = false;
  readonly #loop: Promise<void>;
  /** Atomics.waitAsync does not keep the event loop alive; a host does until it is stopped. */
  readonly #alive = setInterval(() => this.serve(), 1000);

  constructor(private readonly machine: Machine) {
    this.#loop = this.#listen();
  }

  async #listen(): Promise<void> {
    const { i32 } = this.machine.views;
    while (!this.#stopping) {
      const seen = Atomics.load(i32, this.#word);
      this.serve();
      const wait = Atomics.waitAsync(i32, this.#word, seen);
      if (wait.async) await wait.value;
      // Let the rest of the main thread have its turn when notifications come in without a pause.
      else await Promise.resolve();
    }
  }

  bind(domid: number, port: number, handler: () => void): void {
    if (!(port >= 0 && port < EVTCHN_PORTS)) throw new RangeError(`port ${port}`);
    const ports = this.#handlers.get(domid) ?? new Map<number, () => void>();
    ports.set(port, handler);
    this.#handlers.set(domid, ports);
    // What was sent before the handler came is not lost.
    handler();
  }

  /** Of one port, or of all of a domain. */
  unbind(domid: number, port?: number): void {
    if (port === undefined) this.#handlers.delete(domid);
    else this.#handlers.get(domid)?.delete(port);
  }

  /** Calls the handlers of all channels that are pending now. */
  serve(): void {
    const { i32 } = this.machine.views;
    const base = MACHINE.dom0Pending >>> 2;
    for (let word = 0; word < DOMID_WORDS; word++) {
      if (i32[base + word] === 0) continue;
      for (let bits = Atomics.exchange(i32, base + word, 0); bits !== 0; bits &= bits - 1) {
        this.#serveDomain(word * 32 + 31 - Math.clz32(bits & -bits));
      }
    }
  }

  #serveDomain(domid: number): void {
    const domain = this.machine.attached(domid);
    if (domain === undefined) return;
    const { i32 } = domain.views;
    const base = (domain.header.base + DomainHeader.offsets.dom0Pending) >>> 2;
    const handlers = this.#handlers.get(domid);
    for (let word = 0; word < EVTCHN_PORTS / 32; word++) {
      if (i32[base + word] === 0) continue;
      for (let bits = Atomics.exchange(i32, base + word, 0); bits !== 0; bits &= bits - 1) {
        handlers?.get(word * 32 + 31 - Math.clz32(bits & -bits))?.();
      }
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.machine.wakeDom0();
    await this.#loop;
    clearInterval(this.#alive);
  }
}
