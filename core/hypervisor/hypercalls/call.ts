/** One hypercall: who makes it, its arguments, how it goes on when it was preempted. */
import { CTX } from "../../cpu/context.ts";
import type { HypercallContext } from "../context.ts";

/** Up to six arguments as 64-bit words in halves. A 32-bit guest's have high halves of 0. */
export class Call {
  /** Hypercall number. */
  op = 0;
  readonly #words = new Int32Array(12);
  /** The handler asks to be called again with the arguments as they are now (hypercall_create_continuation). */
  preempted = false;
  /** HYPERVISOR_iret replaced the registers: none is written after it. */
  replaced = false;
  /** High half of a result that is no plain number (see {@link wide}). */
  #wideHi: number | undefined;

  constructor(public cx: HypercallContext) {}

  /** Starts over for another hypercall. */
  begin(cx: HypercallContext, op: number): void {
    this.cx = cx;
    this.op = op;
    this.preempted = false;
    this.replaced = false;
    this.#wideHi = undefined;
  }

  set(index: number, lo: number, hi: number): void {
    this.#words[index * 2] = lo;
    this.#words[index * 2 + 1] = hi;
  }

  /** Low half: what C takes for an `int` argument. */
  lo(index: number): number {
    return this.#words[index * 2];
  }

  hi(index: number): number {
    return this.#words[index * 2 + 1];
  }

  /** What C takes for an `unsigned int` argument. */
  u32(index: number): number {
    return this.#words[index * 2] >>> 0;
  }

  /** Unsigned 64-bit, exact below 2^53. */
  number(index: number): number {
    return (this.#words[index * 2 + 1] >>> 0) * 4294967296 + (this.#words[index * 2] >>> 0);
  }

  isNull(index: number): boolean {
    return (this.#words[index * 2] | this.#words[index * 2 + 1]) === 0;
  }

  /** Moves a pointer argument on. */
  advance(index: number, bytes: number): void {
    const lo = (this.#words[index * 2] >>> 0) + bytes;
    this.#words[index * 2] = lo;
    if (lo >= 4294967296) this.#words[index * 2 + 1]++;
  }

  /** Return it from a handler that has set its arguments for going on later. */
  again(): number {
    this.preempted = true;
    return 0;
  }

  /** A 64-bit result in halves. */
  wide(lo: number, hi: number): number {
    this.#wideHi = hi;
    return lo;
  }

  /** The handler's result as rax halves. */
  resultHi(result: number): number {
    return this.#wideHi ?? Math.floor(result / 4294967296) | 0;
  }

  /** hypercall_preempt_check: someone wants this vCPU to leave. */
  get shouldYield(): boolean {
    const { view, vcpu } = this.cx;
    return Atomics.load(view.i32, (vcpu.ctx + CTX.kick) >>> 2) !== 0;
  }
}

/** @returns 0 or above, or a negative error number. Never throws for what a guest asked. */
export type Handler = (call: Call) => number;
