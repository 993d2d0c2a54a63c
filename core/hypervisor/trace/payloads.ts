/** Which argument of a hypercall points to what is worth keeping in its trace record, and how much of it. */
import { HYPERVISOR } from "../abi/hypercall_numbers.ts";
import { TRACE_PAYLOAD } from "./ring.ts";

export interface Payload {
  /** Number of the pointer argument, from 0. */
  readonly argument: number;
  /** Bytes. */
  readonly size: number;
}

/** `count`: argument with the number of elements, `size` bytes each. */
type Rule = { readonly argument: number; readonly size: number; readonly count?: number };

const RULES = new Map<number, Rule>([
  [HYPERVISOR.set_trap_table, { argument: 0, size: TRACE_PAYLOAD }],
  [HYPERVISOR.mmu_update, { argument: 0, size: 16, count: 1 }],
  [HYPERVISOR.set_gdt, { argument: 0, size: 32 }],
  [HYPERVISOR.sched_op, { argument: 1, size: 24 }],
  [HYPERVISOR.memory_op, { argument: 1, size: 40 }],
  [HYPERVISOR.event_channel_op, { argument: 1, size: 24 }],
  [HYPERVISOR.xen_version, { argument: 1, size: TRACE_PAYLOAD }],
  [HYPERVISOR.console_io, { argument: 2, size: 1, count: 1 }],
  [HYPERVISOR.grant_table_op, { argument: 1, size: TRACE_PAYLOAD }],
  [HYPERVISOR.vcpu_op, { argument: 2, size: 48 }],
  [HYPERVISOR.mmuext_op, { argument: 0, size: 24, count: 1 }],
  [HYPERVISOR.callback_op, { argument: 1, size: 16 }],
  [HYPERVISOR.physdev_op, { argument: 1, size: 24 }],
  [HYPERVISOR.hvm_op, { argument: 1, size: 16 }],
  [HYPERVISOR.xenpmu_op, { argument: 1, size: 40 }],
]);

/** MMU_UPDATE_PREEMPTED is no part of a count. */
const COUNT_MASK = 0x7fffffff;

/** @param args low and high halves. @returns undefined: nothing, or a null pointer */
export function payloadOf(number: number, args: ArrayLike<number>): Payload | undefined {
  const rule = RULES.get(number);
  if (rule === undefined) return undefined;
  const { argument, count } = rule;
  if (args[argument * 2] === 0 && args[argument * 2 + 1] === 0) return undefined;
  const size = count === undefined ? rule.size : rule.size * (args[count * 2] & COUNT_MASK);
  return { argument, size: Math.min(size, TRACE_PAYLOAD) };
}
