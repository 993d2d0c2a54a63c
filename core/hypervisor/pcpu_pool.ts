/** The pCPU workers of a host, as the main thread sees them. */
import { CTX } from "../cpu/context.ts";
import { EngineWord } from "../cpu/world.ts";
import { serveOffset } from "./calibration.ts";
import type { HostParts } from "./host.ts";
import { Lock } from "./lock.ts";
import { MAX_PCPUS, NONE, PcpuMode, PcpuState } from "./layout.ts";
import type { Machine } from "./machine.ts";
import { canReturnPages } from "./memory_return.ts";
import type { Order, PcpuStart, Report } from "./report.ts";
import { crashDomainFrom } from "./shutdown.ts";
import type { Domain } from "./domain.ts";

/** On a busy machine, `deno test` may check a worker's types for half a minute before it runs. */
const START_TIMEOUT_MS = 90_000;
/** So long no thread that lives holds a lock, on a busy machine either. */
const LOCK_PATIENCE_MS = 3000;

interface PcpuWorker {
  readonly worker: Worker;
  readonly port: MessagePort;
}

export interface PcpuTimes {
  readonly state: "offline" | "idle" | "busy";
  /** The vCPU that runs there. */
  readonly runs?: { readonly domid: number; readonly vcpu: number };
  readonly idleNs: number;
  /** Context switches. */
  readonly switches: number;
}

/** By PcpuMode. */
const PCPU_STATES = ["offline", "idle", "busy"] as const;

export class PcpuPool {
  readonly #workers: (PcpuWorker | undefined)[] = [];
  /** For each domain that is let go: the pCPUs that have not said so yet, and what to do then. */
  readonly #detaching = new Map<number, { waiting: Set<number>; done: () => void }>();
  readonly #stopped = new Map<number, () => void>();
  #stopping = false;

  constructor(
    private readonly machine: Machine,
    private readonly parts: HostParts,
    private readonly take: (report: Report) => void,
  ) {}

  async start(count: number): Promise<void> {
    if (!Number.isInteger(count) || count < 1 || count > MAX_PCPUS) throw new RangeError(`pcpus: ${count}`);
    // All of them load their scripts while this thread may have to generate the interpreter.
    const workers = Array.from({ length: count }, (_, pcpu) => this.#newWorker(pcpu));
    await Promise.all(workers.map((worker, pcpu) => this.#startWorker(pcpu, worker)));
    this.machine.header.pcpus = count;
  }

  #newWorker(pcpu: number): Worker {
    // Guest code that found a fault in the translator could still not open a file.
    return new Worker(this.parts.workerUrl, {
      type: "module",
      name: `pcpu${pcpu}`,
      deno: { permissions: "none" },
    });
  }

  async #startWorker(pcpu: number, worker: Worker): Promise<void> {
    const { machine } = this;
    const { port1, port2 } = new MessageChannel();
    const ready = Promise.withResolvers<void>();
    worker.onerror = (event) => {
      event.preventDefault();
      ready.reject(new Error(`pCPU ${pcpu}: ${event.message}`));
      this.#lost(pcpu, event.message);
    };
    port1.onmessage = (event: MessageEvent<Report>) => {
      const report = event.data;
      if (report.kind === "ready") ready.resolve();
      else if (report.kind === "detached") this.#detached(report.pcpu, report.domid);
      else if (report.kind === "stopped") this.#stopped.get(report.pcpu)?.();
      else this.take(report);
    };
    this.#workers[pcpu] = { worker, port: port1 };
    Atomics.store(machine.views.i32, this.#mailWord(pcpu), 0);
    const start: PcpuStart = { buffer: machine.buffer, pcpu, port: port2, image: this.parts.image };
    worker.postMessage(start, [port2]);
    await Promise.race([
      ready.promise,
      serveOffset(machine.buffer, pcpu, () => machine.clock.peek(), START_TIMEOUT_MS).then(() =>
        ready.promise
      ),
    ]);
  }

  #mailWord(pcpu: number): number {
    return (this.machine.pcpus[pcpu].base + PcpuState.offsets.mail) >>> 2;
  }

  /** Sends an order to all pCPUs. */
  order(order: Order): void {
    this.#workers.forEach((worker, pcpu) => {
      if (worker === undefined) return;
      worker.port.postMessage(order);
      Atomics.add(this.machine.views.i32, this.#mailWord(pcpu), 1);
      this.machine.prodPcpu(pcpu);
    });
  }

  /** Makes every pCPU let go of a domain: its memory, engine and instances. Resolves when all have. */
  async detach(domid: number): Promise<void> {
    const waiting = new Set(this.#workers.keys().filter((pcpu) => this.#workers[pcpu] !== undefined));
    if (waiting.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#detaching.set(domid, { waiting, done: resolve });
    this.order({ kind: "detach", domid, collect: !canReturnPages() });
    await promise;
    this.#detaching.delete(domid);
  }

  #detached(pcpu: number, domid: number): void {
    const detaching = this.#detaching.get(domid);
    if (detaching === undefined) return;
    detaching.waiting.delete(pcpu);
    if (detaching.waiting.size === 0) detaching.done();
  }

  /** A worker died of an error that its loop did not catch: its domain ends, another worker takes its place. */
  #lost(pcpu: number, message: string): void {
    const { machine } = this;
    const lost = this.#workers[pcpu];
    if (lost === undefined) return;
    this.#workers[pcpu] = undefined;
    lost.worker.terminate();
    lost.port.close();
    machine.header.internalErrors++;
    this.take({ kind: "log", text: `cpu#${pcpu} lost: ${message}` });
    this.#reclaim(pcpu);
    // One that died before it ran: so would the next one.
    const again = machine.pcpus[pcpu].mode !== PcpuMode.OFFLINE;
    const index = machine.pcpus[pcpu].vcpu;
    const domain = index === NONE ? undefined : machine.attached(machine.scheduler.entry(index).owner - 1);
    // Ended first: no other pCPU may go on with a vCPU that was left in the middle of an instruction.
    if (domain !== undefined) {
      crashDomainFrom(domain, `Xenolith: internal error: cpu#${pcpu} was lost: ${message}`);
      this.#leaveCode(domain, index);
    }
    machine.scheduler.abandon(pcpu);
    for (const domid of this.#detaching.keys()) this.#detached(pcpu, domid);
    if (this.#stopping || machine.header.pcpus === 0) return;
    if (!again) return this.take({ kind: "log", text: `cpu#${pcpu} does not come back` });
    const started = this.#startWorker(pcpu, this.#newWorker(pcpu));
    // They wait in its port until it is ready, before whatever is ordered from now on.
    for (const known of machine.domains()) this.#orderOne(pcpu, { kind: "attach", share: known.share });
    started.catch((error) => this.take({ kind: "log", text: `cpu#${pcpu} does not come back: ${error}` }));
  }

  /** Locks that the lost pCPU holds become free: the machine's and those of all domains, by its own and others' hypercalls. */
  #reclaim(pcpu: number): void {
    const { machine } = this;
    const locks = [machine.lock, machine.scheduler.lock, ...[...machine.domains()].map(({ lock }) => lock)];
    for (const lock of locks) {
      if (lock.reclaim(LOCK_PATIENCE_MS)) {
        this.take({ kind: "log", text: `cpu#${pcpu} held the lock of ${lock.name}` });
      }
    }
  }

  /** The domain's other vCPUs, on their way out, may wait for this one to leave its code, or for the lock of the code that it held. */
  #leaveCode(domain: Domain, index: number): void {
    const { i32 } = domain.views;
    const vcpu = domain.vcpus.find((one) => one.index === index);
    if (vcpu === undefined) return;
    const epoch = (vcpu.ctx + CTX.epoch) >>> 2;
    if (Atomics.load(i32, epoch) & 1) Atomics.add(i32, epoch, 1);
    const lock = new Lock(
      i32,
      (domain.layout.engine >>> 2) + EngineWord.LOCK,
      `the code of domain ${domain.domid}`,
    );
    if (lock.reclaim(LOCK_PATIENCE_MS)) this.take({ kind: "log", text: `it held the lock of ${lock.name}` });
  }

  #orderOne(pcpu: number, order: Order): void {
    const worker = this.#workers[pcpu];
    if (worker === undefined) return;
    worker.port.postMessage(order);
    Atomics.add(this.machine.views.i32, this.#mailWord(pcpu), 1);
    this.machine.prodPcpu(pcpu);
  }

  times(): PcpuTimes[] {
    const { machine } = this;
    const now = machine.clock.peek();
    return machine.pcpus.slice(0, machine.header.pcpus).map(
      ({ mode, vcpu, idleTime, idleSince, switches }): PcpuTimes => ({
        state: PCPU_STATES[mode],
        runs: this.#running(vcpu),
        idleNs: idleTime + (idleSince > 0 ? Math.max(0, now - idleSince) : 0),
        switches,
      }),
    );
  }

  #running(index: number): PcpuTimes["runs"] {
    const { owner, vcpuId } = index === NONE ? { owner: 0, vcpuId: 0 } : this.machine.scheduler.entry(index);
    return owner === 0 ? undefined : { domid: owner - 1, vcpu: vcpuId };
  }

  /** Ends the workers; resolves when they are gone. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const { machine } = this;
    machine.header.stopping = 1;
    const ends = this.#workers.map((worker, pcpu) => {
      if (worker === undefined || machine.pcpus[pcpu].mode === PcpuMode.OFFLINE) return undefined;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#stopped.set(pcpu, resolve);
      machine.prodPcpu(pcpu);
      return promise;
    });
    await Promise.all(ends);
    for (const worker of this.#workers) {
      worker?.port.close();
      worker?.worker.terminate();
    }
  }
}
