/** Every hypercall, once: its number, its name, who may call it, how many arguments it takes, what does it. */
import { ENOSYS } from "../abi/errno.ts";
import { HYPERVISOR } from "../abi/hypercall_numbers.ts";
import { iret } from "../traps/iret.ts";
import { callbackOp, nmiOp, setCallbacks, setTrapTable } from "./callbacks.ts";
import type { Handler } from "./call.ts";
import { consoleIo, vmAssist } from "./console_io.ts";
import { setGdt, updateDescriptor } from "./descriptor_tables.ts";
import { eventChannelOp, eventChannelOpCompat } from "./event_channel_op.ts";
import { grantTableOp } from "./grant_table_op.ts";
import { memoryOp } from "./memory_op.ts";
import { mmuUpdate, updateVaMapping, updateVaMappingOtherdomain } from "./mmu_update.ts";
import { mmuextOp } from "./mmuext_op.ts";
import { multicall } from "./multicall.ts";
import { physdevOp, physdevOpCompat } from "./physdev_op.ts";
import { absent, denied, dmOp, domctl, hvmOp, platformOp, sysctl, xenpmuOp } from "./privileged_ops.ts";
import { fpuTaskswitch, getDebugreg, setDebugreg, setSegmentBase, stackSwitch } from "./processor.ts";
import { schedOp, schedOpCompat, setTimerOp } from "./sched_op.ts";
import { vcpuOp } from "./vcpu_op.ts";
import { xenVersion } from "./xen_version.ts";

/** Kinds of callers, as in Xen's hypercall-defs: PV at 64 and 32 bits, HVM. */
export type Caller = "pv64" | "pv32" | "hvm";

export interface HypercallEntry {
  readonly number: number;
  readonly name: string;
  readonly args: number;
  readonly callers: readonly Caller[];
  readonly handler: Handler;
}

const PV: readonly Caller[] = ["pv64", "pv32"];
const ALL: readonly Caller[] = ["pv64", "pv32", "hvm"];
/** Structures or argument lists of the compat form are not read yet. */
const PV64: readonly Caller[] = ["pv64"];

function entry(
  name: keyof typeof HYPERVISOR,
  args: number,
  callers: readonly Caller[],
  handler: Handler,
): HypercallEntry {
  return { number: HYPERVISOR[name], name, args, callers, handler };
}

export const HYPERCALLS: readonly HypercallEntry[] = [
  entry("set_trap_table", 1, PV64, setTrapTable),
  entry("mmu_update", 4, PV64, mmuUpdate),
  entry("set_gdt", 2, PV, setGdt),
  entry("stack_switch", 2, PV, stackSwitch),
  entry("set_callbacks", 3, PV64, setCallbacks),
  entry("fpu_taskswitch", 1, PV, fpuTaskswitch),
  entry("sched_op_compat", 2, PV, schedOpCompat),
  entry("platform_op", 1, ALL, platformOp),
  entry("set_debugreg", 2, PV, setDebugreg),
  entry("get_debugreg", 1, PV, getDebugreg),
  entry("update_descriptor", 2, PV64, updateDescriptor),
  entry("memory_op", 2, ALL, memoryOp),
  entry("multicall", 2, ALL, multicall),
  entry("update_va_mapping", 3, PV64, updateVaMapping),
  entry("set_timer_op", 1, PV64, setTimerOp),
  entry("event_channel_op_compat", 1, PV, eventChannelOpCompat),
  entry("xen_version", 2, ALL, xenVersion),
  entry("console_io", 3, ALL, consoleIo),
  entry("physdev_op_compat", 1, PV, physdevOpCompat),
  entry("grant_table_op", 3, PV64, grantTableOp),
  entry("vm_assist", 2, ALL, vmAssist),
  entry("update_va_mapping_otherdomain", 4, PV64, updateVaMappingOtherdomain),
  entry("iret", 0, PV64, iret),
  entry("vcpu_op", 3, PV64, vcpuOp),
  entry("set_segment_base", 2, PV64, setSegmentBase),
  entry("mmuext_op", 4, PV64, mmuextOp),
  entry("xsm_op", 1, ALL, absent),
  entry("nmi_op", 2, PV64, nmiOp),
  entry("sched_op", 2, ALL, schedOp),
  entry("callback_op", 2, PV64, callbackOp),
  entry("event_channel_op", 2, ALL, eventChannelOp),
  entry("physdev_op", 2, ALL, physdevOp),
  entry("hvm_op", 2, ALL, hvmOp),
  entry("sysctl", 1, ALL, sysctl),
  entry("domctl", 1, ALL, domctl),
  entry("kexec_op", 2, PV, denied),
  entry("tmem_op", 1, ALL, absent),
  entry("argo_op", 5, ALL, absent),
  entry("xenpmu_op", 2, ALL, xenpmuOp),
  entry("dm_op", 3, ALL, dmOp),
  entry("hypfs_op", 5, ALL, denied),
  entry("arch_0", 1, PV, denied),
];

const unknown: Handler = () => -ENOSYS;

function handlers(caller: Caller): Handler[] {
  const table: Handler[] = [];
  for (const { number, callers, handler } of HYPERCALLS) {
    if (callers.includes(caller)) table[number] = handler;
  }
  return table;
}

// Made at first use: multicall.ts and this file name each other.
let tables: { pv64: Handler[]; pv32: Handler[] } | undefined;

/** The handler of a PV guest's hypercall; one that answers -ENOSYS for numbers that are none. */
export function handlerOf(number: number, width: number): Handler {
  tables ??= { pv64: handlers("pv64"), pv32: handlers("pv32") };
  return (width === 32 ? tables.pv32 : tables.pv64)[number] ?? unknown;
}
