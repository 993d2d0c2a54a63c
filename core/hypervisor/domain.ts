/** A domain as one thread sees it: views over its shared memory, its header and vCPUs, and (lazily) this thread's engine. */
import { ContextView } from "../cpu/context.ts";
import type { Engine } from "../cpu/engine.ts";
import { FRAME_COUNT, FRAME_INFO_BYTES, FRAME_TYPE } from "../cpu/layout.ts";
import { DomainHeader, type HypervisorLayout } from "./layout.ts";
import { Lock } from "./lock.ts";
import type { Machine } from "./machine.ts";
import { type View, Views } from "./struct.ts";
import { Vcpu } from "./vcpu.ts";

/** Everything another thread needs to attach to a domain; posted at its creation. */
export interface DomainShare {
  readonly domid: number;
  readonly name: string;
  readonly memory: WebAssembly.Memory;
  readonly layout: HypervisorLayout;
}

export class Domain {
  readonly domid: number;
  readonly name: string;
  readonly memory: WebAssembly.Memory;
  readonly layout: HypervisorLayout;
  readonly views: Views;
  /** Access to the processor contexts. */
  readonly context: ContextView;
  readonly header: View<typeof DomainHeader.fields>;
  readonly lock: Lock;
  readonly vcpus: readonly Vcpu[];
  #engine: Engine | undefined;

  constructor(readonly machine: Machine, readonly share: DomainShare) {
    this.domid = share.domid;
    this.name = share.name;
    this.memory = share.memory;
    this.layout = share.layout;
    this.views = new Views(share.memory.buffer);
    this.context = new ContextView(share.memory.buffer);
    const header = share.layout.reserve.domain;
    this.header = DomainHeader.view(this.views, header);
    this.lock = new Lock(this.views.i32, (header + DomainHeader.offsets.lock) >>> 2, `domain ${this.domid}`);
    this.vcpus = Array.from({ length: share.layout.vcpus }, (_, id) => new Vcpu(this, id));
  }

  /** This thread's engine for the domain's memory, instantiated at first use. */
  get engine(): Engine {
    return this.#engine ??= this.machine.makeEngine(this);
  }

  get hasEngine(): boolean {
    return this.#engine !== undefined;
  }

  /** Lets go of the engine (its instance and table); the next use makes another. */
  dropEngine(): void {
    this.#engine = undefined;
    for (const vcpu of this.vcpus) vcpu.dropEngine();
  }

  get mfnBase(): number {
    return this.layout.mfnBase;
  }

  /** Local frame of an mfn, or -1 when it is not one of this memory. Reserved frames are included: see `isGuestFrame`. */
  frameOf(mfn: number): number {
    const frame = mfn - this.layout.mfnBase;
    return frame >= 0 && frame < this.layout.totalFrames ? frame : -1;
  }

  mfnOf(frame: number): number {
    return this.layout.mfnBase + frame;
  }

  /** A frame of guest memory, not one of the hypervisor's. */
  isGuestFrame(frame: number): boolean {
    return frame >= 0 && frame < this.layout.frames;
  }

  /** mfn of the frame in which a reservation's byte address lies. */
  mfnOfAddress(address: number): number {
    return this.layout.mfnBase + Math.floor(address / 4096);
  }

  /** Index into `views.u32`/`i32` of a frame's type word. */
  typeIndex(frame: number): number {
    return (this.layout.frameInfo + frame * FRAME_INFO_BYTES + FRAME_TYPE) >>> 2;
  }

  /** Index into `views.u32`/`i32` of a frame's count word. */
  countIndex(frame: number): number {
    return (this.layout.frameInfo + frame * FRAME_INFO_BYTES + FRAME_COUNT) >>> 2;
  }
}
