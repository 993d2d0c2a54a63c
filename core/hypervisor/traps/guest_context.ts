/** A vCPU's first state: what VCPUOP_initialise or the domain builder gives (Xen's arch_set_info_guest for 64-bit PV). */
import { CTX, Flag, SEGMENT_BASE } from "../../cpu/context.ts";
import { EINVAL } from "../abi/errno.ts";
import type { ViewOf } from "../abi/cstruct.ts";
import { VMASST_TYPE } from "../abi/hypercall_numbers.ts";
import {
  FIRST_RESERVED_GDT_ENTRY,
  vcpu_guest_context,
  VGCF_failsafe_disables_events,
  VGCF_in_kernel,
  VGCF_online,
  VGCF_syscall_disables_events,
} from "../abi/xen.ts";
import { GuestMode, PauseFlag } from "../layout.ts";
import { PageType } from "../mm/frame_info.ts";
import { pageTypesOf } from "../mm/page_types.ts";
import { isCanonical, isGuestAddress } from "../mm/walk.ts";
import { installGdt } from "../hypercalls/descriptor_tables.ts";
import { writeDebugRegister } from "../hypercalls/processor.ts";
import type { Vcpu } from "../vcpu.ts";
import { selectTables } from "./mode.ts";
import { loadDataSegment, loadFlatSegments } from "./segments.ts";
import { trapEntry } from "./trap_table.ts";
import { CR0_VISIBLE, fixupCr4, setCr4 } from "./control_registers.ts";

type Context = ViewOf<typeof vcpu_guest_context>;

/** General registers in the CPU's order. */
export const GPRS = [
  "rax",
  "rcx",
  "rdx",
  "rbx",
  "rsp",
  "rbp",
  "rsi",
  "rdi",
  "r8",
  "r9",
  "r10",
  "r11",
  "r12",
  "r13",
  "r14",
  "r15",
] as const;

const TRAPS = 256;
const TRAP_BYTES = 16;

function areAddressesGood(c: Context): boolean {
  const canonical = [
    "user_regs.rip",
    "user_regs.rsp",
    "kernel_sp",
    "fs_base",
    "gs_base_kernel",
    "gs_base_user",
    "event_callback_eip",
    "failsafe_callback_eip",
    "syscall_callback_eip",
  ] as const;
  if (!canonical.every((field) => isCanonical(c.hi(field)))) return false;
  return c.get("ldt_ents") === 0 || isGuestAddress(c.hi("ldt_base"));
}

/**
 * Gives an uninitialised vCPU its registers, tables and callbacks. Under the domain's lock; the vCPU does not run.
 * @returns 0 or -EINVAL
 */
export function setGuestContext(vcpu: Vcpu, c: Context): number {
  const { domain, state, ctx } = vcpu;
  const cx = vcpu.hypercall;
  const view = domain.context;
  const types = pageTypesOf(domain);
  const flags = c.get("flags");
  const isKernel = (flags & VGCF_in_kernel) !== 0;
  const word = (field: "gdt_frames" | "ctrlreg" | "debugreg" | "trap_ctxt", index: number) =>
    vcpu_guest_context.offset(field) + index * 8;
  const number = (at: number) => c.view.getUint32(at, true) + c.view.getUint32(at + 4, true) * 4294967296;
  const cr3 = number(word("ctrlreg", 3)), userCr3 = number(word("ctrlreg", 1));
  if (!areAddressesGood(c) || (!isKernel && userCr3 === 0)) return -EINVAL;
  const traps = vcpu_guest_context.offset("trap_ctxt");
  for (let i = 0; i < TRAPS; i++) {
    if (!isCanonical(c.view.getInt32(traps + i * TRAP_BYTES + 12, true))) return -EINVAL;
  }
  const entries = c.get("gdt_ents"), ldtEntries = c.get("ldt_ents");
  if (entries > FIRST_RESERVED_GDT_ENTRY || ldtEntries > 8192) return -EINVAL;
  const frames = Array.from({ length: Math.ceil(entries / 512) }, (_, i) => number(word("gdt_frames", i)));
  if (installGdt(cx, frames, entries) !== 0) return -EINVAL;
  const kernelMfn = Math.floor(cr3 / 4096), userMfn = Math.floor(userCr3 / 4096);
  if (types.getPageAndType(kernelMfn, PageType.l4) !== 0) return -EINVAL;
  if (userMfn !== 0 && types.getPageAndType(userMfn, PageType.l4) !== 0) {
    types.putPageAndType(types.ownFrame(kernelMfn));
    return -EINVAL;
  }
  if (!types.m2pStrict) types.fillM2p(types.ownFrame(kernelMfn));
  state.kernelCr3 = kernelMfn;
  state.userCr3 = userMfn;

  domain.engine.initContext(ctx);
  GPRS.forEach((name, i) => view.setReg(ctx, i, c.view.getBigUint64(regOffset(name), true)));
  view.set64(ctx, "rip", c.lo("user_regs.rip"), c.hi("user_regs.rip"));
  // IOPL is virtual: Linux gives its secondary vCPUs theirs in this way.
  state.iopl = c.lo("user_regs.rflags") & Flag.IOPL;
  view.setFlags(ctx, (c.lo("user_regs.rflags") & ~(Flag.IOPL | Flag.VM)) | Flag.IF | 2);
  for (let i = 0; i < TRAPS; i++) {
    const at = traps + i * TRAP_BYTES;
    trapEntry(vcpu, i).set(
      c.view.getUint8(at + 1),
      c.view.getUint16(at + 2, true) | 3,
      c.view.getInt32(at + 8, true),
      c.view.getInt32(at + 12, true),
    );
  }
  state.ldtBaseLo = c.lo("ldt_base");
  state.ldtBaseHi = c.hi("ldt_base");
  state.ldtEntries = ldtEntries;
  state.kernelSs = c.lo("kernel_ss") | 3;
  state.kernelSpLo = c.lo("kernel_sp");
  state.kernelSpHi = c.hi("kernel_sp");
  state.eventCallbackLo = c.lo("event_callback_eip");
  state.eventCallbackHi = c.hi("event_callback_eip");
  state.failsafeCallbackLo = c.lo("failsafe_callback_eip");
  state.failsafeCallbackHi = c.hi("failsafe_callback_eip");
  state.syscallCallbackLo = c.lo("syscall_callback_eip");
  state.syscallCallbackHi = c.hi("syscall_callback_eip");
  state.failsafeDisablesEvents = flags & VGCF_failsafe_disables_events ? 1 : 0;
  state.syscallDisablesEvents = flags & VGCF_syscall_disables_events ? 1 : 0;
  if (vcpu.id === 0) {
    domain.header.vmAssistLo = c.lo("vm_assist");
    domain.header.vmAssistHi = c.hi("vm_assist") & (1 << (VMASST_TYPE.m2p_strict - 32));
  }
  state.cr0Lo = CR0_VISIBLE | (c.view.getInt32(word("ctrlreg", 0), true) & 8);
  setCr4(cx, fixupCr4(c.view.getInt32(word("ctrlreg", 4), true)));
  view.set(ctx, "fpuDisabled", state.cr0Lo & 8 ? 1 : 0);
  for (const i of [0, 1, 2, 3, 6, 7]) {
    const at = word("debugreg", i);
    writeDebugRegister(cx, i, c.view.getInt32(at, true), c.view.getInt32(at + 4, true));
  }

  state.guestMode = isKernel ? GuestMode.KERNEL : GuestMode.USER;
  loadFlatSegments(cx, c.get("user_regs.cs") | 3, c.get("user_regs.ss") | 3);
  for (const name of ["ds", "es", "fs", "gs"] as const) loadDataSegment(cx, name, c.get(`user_regs.${name}`));
  const setBase = (segment: "fs" | "gs", lo: number, hi: number) => {
    const index = (ctx + CTX[segment] + SEGMENT_BASE) >>> 2;
    view.i32[index] = lo;
    view.i32[index + 1] = hi;
  };
  state.gsBaseKernelLo = c.lo("gs_base_kernel");
  state.gsBaseKernelHi = c.hi("gs_base_kernel");
  state.gsBaseUserLo = c.lo("gs_base_user");
  state.gsBaseUserHi = c.hi("gs_base_user");
  setBase("fs", c.lo("fs_base"), c.hi("fs_base"));
  if (isKernel) setBase("gs", state.gsBaseKernelLo, state.gsBaseKernelHi);
  else setBase("gs", state.gsBaseUserLo, state.gsBaseUserHi);
  domain.engine.segmentsChanged(ctx);
  selectTables(cx);
  state.initialised = 1;
  if (flags & VGCF_online) domain.machine.scheduler.clearFlags(vcpu, PauseFlag.DOWN);
  return 0;
}

function regOffset(name: typeof GPRS[number]): number {
  return vcpu_guest_context.offset(`user_regs.${name}`);
}
