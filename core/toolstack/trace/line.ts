/** A line of a domain's trace as it goes over the API: plain types, which the command sees without the hypervisor. */

export const TRACE_KINDS = ["hypercall", "trap", "event", "grant"] as const;
export type TraceKindName = typeof TRACE_KINDS[number];

/** Numbers are numbers where they are counts and ids, text in hexadecimal where they are addresses and bits. */
export type TraceValue =
  | number
  | string
  | boolean
  | readonly TraceValue[]
  | { readonly [name: string]: TraceValue };

export interface TraceCall {
  readonly type: TraceKindName;
  /** Milliseconds since the epoch, with its fractions. */
  readonly at: number;
  readonly domid: number;
  readonly vcpu: number;
  /** `sched_op`, `#PF`, `syscall`, `send`, `map_grant_ref`... */
  readonly name: string;
  /** The sub-operation of a hypercall. */
  readonly op?: string;
  readonly args: { readonly [name: string]: TraceValue };
  /** Address of the instruction, `0x` and 16 digits; of hypercalls and traps. */
  readonly rip?: string;
  /** rax: a number where it is small, of hypercalls that give one; a grant operation's status. */
  readonly result?: number | string;
  /** Name of the error that the result is. */
  readonly errno?: string;
  /** Microseconds that Xen took. */
  readonly us?: number;
  /** Inside a multicall, whose own line follows. */
  readonly inner?: true;
  /** It was preempted and goes on in another hypercall. */
  readonly continues?: true;
}

/** So many records or lines were lost: the guest was faster than the trace, or the reader slower. */
export interface TraceLost {
  readonly type: "lost";
  readonly at: number;
  readonly count: number;
}

export type TraceLine = TraceCall | TraceLost;

/** Body of POST /domains/X/trace. */
export interface TraceRequest {
  /** Each of them must hold: see filter.ts. */
  readonly expressions?: readonly string[];
  /** Seconds; by default until the domain ends or the reader goes. */
  readonly seconds?: number;
}
