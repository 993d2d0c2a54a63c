/** A vCPU's state as XEN_DOMCTL_getvcpucontext gives it (Xen's arch_get_info_guest for 64-bit PV): the other half of guest_context.ts. */
import { CTX, SEGMENT_BASE, SEGMENT_SELECTOR } from "../../cpu/context.ts";
import { StructView, type ViewOf } from "../abi/cstruct.ts";
import {
  vcpu_guest_context,
  VGCF_failsafe_disables_events,
  VGCF_i387_valid,
  VGCF_in_kernel,
  VGCF_online,
  VGCF_syscall_disables_events,
} from "../abi/xen.ts";
import { GuestMode } from "../layout.ts";
import type { Vcpu } from "../vcpu.ts";
import { GPRS } from "./guest_context.ts";
import { trapEntry } from "./trap_table.ts";

/** Offsets of the FXSAVE image (AMD64 APM volume 2, section 11.4.4). */
const FXSAVE = {
  fcw: 0,
  fsw: 2,
  ftw: 4,
  fop: 6,
  fip: 8,
  fdp: 16,
  mxcsr: 24,
  mxcsrMask: 28,
  st: 32,
  xmm: 160,
};
const MXCSR_MASK = 0xffff;

/** The vCPU should not be running: its registers change under the reader otherwise. */
export function readGuestContext(vcpu: Vcpu): ViewOf<typeof vcpu_guest_context> {
  const { domain, state, ctx } = vcpu;
  const view = domain.context;
  const c = StructView.create(vcpu_guest_context);
  const put = (offset: number, value: bigint) => c.view.setBigUint64(offset, BigInt.asUintN(64, value), true);
  const isKernel = state.guestMode === GuestMode.KERNEL;
  c.set(
    "flags",
    VGCF_i387_valid | (isKernel ? VGCF_in_kernel : 0) | (vcpu.isUp ? VGCF_online : 0) |
      (state.failsafeDisablesEvents ? VGCF_failsafe_disables_events : 0) |
      (state.syscallDisablesEvents ? VGCF_syscall_disables_events : 0),
  );
  GPRS.forEach((name, i) => put(vcpu_guest_context.offset(`user_regs.${name}`), view.reg(ctx, i)));
  put(vcpu_guest_context.offset("user_regs.rip"), view.big(ctx, "rip"));
  put(vcpu_guest_context.offset("user_regs.rflags"), BigInt((view.flags(ctx) | state.iopl) >>> 0));
  for (const name of ["cs", "ss", "ds", "es", "fs", "gs"] as const) {
    c.set(`user_regs.${name}`, view.i32[(ctx + CTX[name] + SEGMENT_SELECTOR) >>> 2] & 0xffff);
  }
  if (state.vcpuInfo !== 0) c.set("user_regs.saved_upcall_mask", domain.views.u8[state.vcpuInfo + 1]);
  readFpu(vcpu, new DataView(c.bytes.buffer, c.bytes.byteOffset, 512));
  const traps = vcpu_guest_context.offset("trap_ctxt");
  for (let vector = 0; vector < 256; vector++) {
    const { flags, cs, lo, hi } = trapEntry(vcpu, vector);
    const at = traps + vector * 16;
    c.view.setUint8(at, vector);
    c.view.setUint8(at + 1, flags);
    c.view.setUint16(at + 2, cs, true);
    c.view.setInt32(at + 8, lo, true);
    c.view.setInt32(at + 12, hi, true);
  }
  c.set64("ldt_base", state.ldtBaseLo, state.ldtBaseHi);
  c.set("ldt_ents", state.ldtEntries);
  const gdt = vcpu_guest_context.offset("gdt_frames");
  for (let i = 0; i * 512 < state.gdtEntries; i++) put(gdt + i * 8, BigInt(state.gdtFrames(i)));
  c.set("gdt_ents", state.gdtEntries);
  c.set("kernel_ss", state.kernelSs);
  c.set64("kernel_sp", state.kernelSpLo, state.kernelSpHi);
  const control = vcpu_guest_context.offset("ctrlreg");
  put(control, BigInt(state.cr0Lo));
  put(control + 8, BigInt(state.userCr3) << 12n);
  put(control + 3 * 8, BigInt(state.kernelCr3) << 12n);
  put(control + 4 * 8, BigInt(state.cr4Lo));
  const debug = vcpu_guest_context.offset("debugreg");
  for (let i = 0; i < 8; i++) {
    c.view.setInt32(debug + i * 8, state.debugLo(i), true);
    c.view.setInt32(debug + i * 8 + 4, state.debugHi(i), true);
  }
  c.set64("event_callback_eip", state.eventCallbackLo, state.eventCallbackHi);
  c.set64("failsafe_callback_eip", state.failsafeCallbackLo, state.failsafeCallbackHi);
  c.set64("syscall_callback_eip", state.syscallCallbackLo, state.syscallCallbackHi);
  c.set64("vm_assist", domain.header.vmAssistLo, domain.header.vmAssistHi);
  const base = (segment: "fs" | "gs") => (ctx + CTX[segment] + SEGMENT_BASE) >>> 2;
  const { i32 } = view;
  c.set64("fs_base", i32[base("fs")], i32[base("fs") + 1]);
  // The one in use is in the CPU, the other one is kept.
  const gs = [i32[base("gs")], i32[base("gs") + 1]] as const;
  if (isKernel) {
    c.set64("gs_base_kernel", ...gs);
    c.set64("gs_base_user", state.gsBaseUserLo, state.gsBaseUserHi);
  } else {
    c.set64("gs_base_kernel", state.gsBaseKernelLo, state.gsBaseKernelHi);
    c.set64("gs_base_user", ...gs);
  }
  return c;
}

function readFpu({ domain, ctx }: Vcpu, image: DataView): void {
  const view = domain.context;
  image.setUint16(FXSAVE.fcw, view.get(ctx, "fcw"), true);
  image.setUint16(FXSAVE.fsw, view.get(ctx, "fsw"), true);
  image.setUint8(FXSAVE.ftw, view.get(ctx, "ftw"));
  image.setUint16(FXSAVE.fop, view.get(ctx, "fop"), true);
  image.setBigUint64(FXSAVE.fip, BigInt.asUintN(64, view.big(ctx, "fip")), true);
  image.setBigUint64(FXSAVE.fdp, BigInt.asUintN(64, view.big(ctx, "fdp")), true);
  image.setUint32(FXSAVE.mxcsr, view.get(ctx, "mxcsr"), true);
  image.setUint32(FXSAVE.mxcsrMask, MXCSR_MASK, true);
  const bytes = new Uint8Array(image.buffer, image.byteOffset, image.byteLength);
  bytes.set(domain.views.u8.subarray(ctx + CTX.x87, ctx + CTX.x87 + 128), FXSAVE.st);
  bytes.set(domain.views.u8.subarray(ctx + CTX.xmm, ctx + CTX.xmm + 256), FXSAVE.xmm);
}
