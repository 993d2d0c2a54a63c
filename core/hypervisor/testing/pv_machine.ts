/**
 * A Xen machine in one thread, for tests of the PV ABI: domains with page tables made by hand, a real engine, no workers. Hypercalls are made
 * through the guest's own SYSCALL instruction.
 */
import { assemble } from "../../isa/mod.ts";
import { CTX } from "../../cpu/context.ts";
import { buildInterpreter, type InterpreterImage } from "../../cpu/engine.ts";
import { ExitReason } from "../../cpu/exit.ts";
import { createDomainMemory } from "../../cpu/layout.ts";
import { vcpu_info } from "../abi/xen.ts";
import type { HypercallContext } from "../context.ts";
import type { Domain } from "../domain.ts";
import { DomainHeader, layoutHypervisor, MACHINE, PAGE, PauseFlag, VcpuState } from "../layout.ts";
import { Machine } from "../machine.ts";
import { makeXenEngine } from "../parts.ts";
import { pvSupport } from "../pv_support.ts";
import type { Report } from "../report.ts";
import { runSteps } from "../steps.ts";
import { Views } from "../struct.ts";
import type { Vcpu } from "../vcpu.ts";

const images = new Map<boolean, InterpreterImage>();

/** Guest frames by use. The rest is free for tests. */
const CODE = 0, STACK = 4, DATA = 8, L4 = 16, L3 = 17, L2 = 18, L1 = 19;
/** Everything below this frame is mapped one to one at BASE, tables read-only. */
const MAPPED = 128;

/** Linear address of frame 0. */
export const BASE = 0x100000n;
export const DATA_ADDRESS = BASE + BigInt(DATA * PAGE);
export const STACK_TOP = BASE + BigInt((STACK + 1) * PAGE);
export const TABLES = { l4: L4, l3: L3, l2: L2, l1: L1 } as const;
/** First of the frames that are mapped writable and used by nothing. */
export const SPARE = 32;

export interface TestDomainOptions {
  frames?: number;
  vcpus?: number;
  /** Frames the domain owns at its start; default all. */
  owned?: number;
}

export class PvMachine {
  readonly machine: Machine;
  readonly reports: Report[] = [];
  #nextDomid = 1;
  #nextMfn = 1024;

  /** @param checkTlb the engines compare TLB entries with the page tables at every use */
  constructor({ checkTlb = false } = {}) {
    const image = images.get(checkTlb) ?? buildInterpreter({ checkTlb });
    images.set(checkTlb, image);
    this.machine = new Machine({
      buffer: new SharedArrayBuffer(MACHINE.bytes),
      pcpu: 0,
      clockOffset: 0,
      makeEngine: (domain) => makeXenEngine(image, domain),
      report: (report) => this.reports.push(report),
    });
  }

  domain({ frames = 256, vcpus = 1, owned = frames }: TestDomainOptions = {}): PvDomain {
    const domid = this.#nextDomid++;
    const layout = layoutHypervisor({ frames, vcpus, mfnBase: this.#nextMfn, codeBytes: 1 << 20 });
    this.#nextMfn += Math.ceil(layout.totalFrames / 512) * 512;
    const memory = createDomainMemory(layout);
    const views = new Views(memory.buffer);
    const header = DomainHeader.view(views, layout.reserve.domain);
    header.domid = domid;
    header.width = 64;
    header.totPages = owned;
    header.maxPages = frames;
    header.memoryMapPages = frames;
    header.maxPfn = owned;
    header.sharedInfo = layout.reserve.sharedInfo;
    header.sharedInfoMfn = layout.mfnBase + layout.reserve.sharedInfo / PAGE;
    for (let id = 0; id < vcpus; id++) {
      const state = VcpuState.view(views, layout.reserve.vcpus + id * VcpuState.size);
      state.vcpuId = id;
      state.vcpuInfo = header.sharedInfo + id * vcpu_info.size();
      state.schedIndex = this.machine.scheduler.add(domid, id);
    }
    const domain = this.machine.attach({ domid, name: `test${domid}`, memory, layout });
    runSteps(pvSupport.initDomain(domain));
    const made = new PvDomain(this, domain);
    made.start();
    return made;
  }
}

const REGISTERS = {
  rax: 0,
  rcx: 1,
  rdx: 2,
  rbx: 3,
  rsp: 4,
  rbp: 5,
  rsi: 6,
  rdi: 7,
  r8: 8,
  r9: 9,
  r10: 10,
  r11: 11,
};
export type Register = keyof typeof REGISTERS;
const ARGUMENTS = ["rdi", "rsi", "rdx", "r10", "r8", "r9"] as const;

export class PvDomain {
  constructor(readonly pv: PvMachine, readonly domain: Domain) {}

  get vcpu(): Vcpu {
    return this.domain.vcpus[0];
  }

  get cx(): HypercallContext {
    return this.vcpu.hypercall;
  }

  mfn(frame: number): bigint {
    return BigInt(this.domain.mfnOf(frame));
  }

  /** A page-table entry for a frame of this domain. */
  pte(frame: number, flags: number | bigint): bigint {
    return (this.mfn(frame) << 12n) | BigInt(flags);
  }

  /** Linear address of a frame that is mapped from the start. */
  address(frame: number, offset = 0): bigint {
    return BASE + BigInt(frame * PAGE + offset);
  }

  start(): void {
    const entry = (table: number, slot: number, frame: number, flags: number) =>
      this.write64(table, slot * 8, this.pte(frame, flags));
    const first = Number(BASE) / PAGE;
    entry(L4, 0, L3, 7);
    entry(L3, 0, L2, 7);
    entry(L2, 0, L1, 7);
    for (let frame = 0; frame < MAPPED; frame++) {
      entry(L1, first + frame, frame, frame >= L4 && frame <= L1 ? 5 : 7);
    }
    pvSupport.startDomain(this.domain, {
      width: 64,
      rip: BASE,
      rsp: STACK_TOP,
      rsi: 0n,
      rflags: 0x202n,
      cr3Mfn: this.domain.mfnOf(L4),
      consoleMfn: this.domain.mfnOf(60),
      storeMfn: this.domain.mfnOf(61),
    });
    this.domain.machine.scheduler.clearFlags(this.vcpu, PauseFlag.DOMAIN_PAUSED);
  }

  read64(frame: number, offset: number): bigint {
    return this.domain.context.data.getBigUint64(frame * PAGE + offset, true);
  }

  write64(frame: number, offset: number, value: bigint): void {
    this.domain.context.data.setBigUint64(frame * PAGE + offset, value, true);
  }

  /** The data page of the guest as a view: DATA_ADDRESS for the guest. */
  get data(): DataView {
    return new DataView(this.domain.memory.buffer, DATA * PAGE, PAGE * 4);
  }

  get(register: Register): bigint {
    return this.domain.context.reg(this.vcpu.ctx, REGISTERS[register]);
  }

  set(register: Register, value: bigint): void {
    this.domain.context.setReg(this.vcpu.ctx, REGISTERS[register], value);
  }

  get rip(): bigint {
    return this.domain.context.big(this.vcpu.ctx, "rip");
  }

  set rip(value: bigint) {
    this.domain.context.setBig(this.vcpu.ctx, "rip", value);
  }

  /** Assembles text at the code page and runs it from there until `stop` (a label of it, default `end`) or the domain is down. */
  run(text: string, stop = "end", limit = 100_000): ReadonlyMap<string, bigint> {
    const { bytes, labels } = assemble(text, { origin: BASE });
    this.cx.engine.writeFrame(CODE, 0, bytes);
    this.rip = BASE;
    const end = labels.get(stop);
    for (let left = limit; this.rip !== end; left--) {
      if (left === 0) throw new Error(`no end at rip ${this.rip.toString(16)}`);
      if (this.isDown) break;
      this.turn(1);
    }
    return labels;
  }

  get isDown(): boolean {
    return this.domain.header.isShutdown !== 0;
  }

  /** Delivers what is pending and runs at most `budget` instructions to one exit. */
  turn(budget: number): number {
    const { cx } = this;
    pvSupport.beforeEntry(cx);
    const reason = cx.engine.run(this.vcpu.ctx, budget);
    if (reason !== ExitReason.BUDGET && reason !== ExitReason.KICK) pvSupport.handleExit(cx, reason);
    return reason;
  }

  /** Makes one hypercall, again where it asks for that. @returns rax, signed */
  call(number: number | bigint, ...args: (bigint | number)[]): bigint {
    this.cx.engine.writeFrame(CODE, 0xff0, Uint8Array.of(0x0f, 0x05));
    const start = BASE + 0xff0n;
    this.rip = start;
    this.set("rax", BigInt(number));
    args.forEach((value, i) => this.set(ARGUMENTS[i], BigInt.asUintN(64, BigInt(value))));
    for (let tries = 0; this.rip === start && !this.isDown; tries++) {
      if (tries > 10_000) throw new Error(`hypercall ${number} does not end`);
      const reason = this.cx.engine.run(this.vcpu.ctx, 10);
      if (reason === ExitReason.KICK || reason === ExitReason.BUDGET) continue;
      pvSupport.handleExit(this.cx, reason);
    }
    return BigInt.asIntN(64, this.get("rax"));
  }

  /** Instructions retired. */
  get retired(): number {
    return this.domain.context.number(this.vcpu.ctx, "retired");
  }

  /** Index of a context field, for what a test must see raw. */
  field(name: keyof typeof CTX): number {
    return this.domain.context.get(this.vcpu.ctx, name);
  }
}
