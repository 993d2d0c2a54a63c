/** What a PV guest's exits mean: Xen's exception, SYSCALL and interrupt entries. */
import { Flag } from "../../cpu/context.ts";
import { exitName, ExitReason, Vector } from "../../cpu/exit.ts";
import { TI_DPL_MASK } from "../abi/xen.ts";
import { VMASST_TYPE } from "../abi/hypercall_numbers.ts";
import type { HypercallContext } from "../context.ts";
import { copyFrom } from "../hypercalls/guest.ts";
import { hypercall } from "../hypercalls/dispatch.ts";
import { setTaskSwitched } from "../hypercalls/processor.ts";
import { crashDomain } from "../shutdown.ts";
import { traceTrap } from "../trace/points.ts";
import { TraceTrap } from "../trace/ring.ts";
import { bounce, R11, RCX, registerIndex } from "./bounce.ts";
import { guestCpuid } from "./cpuid.ts";
import {
  injectDebug,
  injectException,
  injectPageFault,
  injectSoftwareInterrupt,
  PFEC_FETCH,
  PFEC_PRESENT,
  PFEC_RESERVED,
  PFEC_WRITE,
} from "./exception.ts";
import { isKernelMode } from "./mode.ts";
import { finish, generalProtection } from "./privileged.ts";
import { loadFlatSegments } from "./segments.ts";
import { trapEntry } from "./trap_table.ts";
import { emulateTableWrite } from "./write_emulation.ts";

const RAX = 0, RBX = 3, RDX = 2;
const FLAT_USER_CS32 = 0xe023;
/** ud2; .ascii "xen": XEN_EMULATE_PREFIX of public/arch-x86/xen.h. */
const EMULATE_PREFIX = [0x0f, 0x0b, 0x78, 0x65, 0x6e];
const CPUID_OPCODE = [0x0f, 0xa2];

/** Handles any exit but BUDGET and KICK. On return the vCPU's context is where the guest goes on. */
export function handleExit(cx: HypercallContext, reason: number): void {
  const { view, vcpu, engine } = cx;
  const { ctx } = vcpu;
  const info = view.get(ctx, "exitInfo");
  switch (reason) {
    case ExitReason.SYSCALL:
      return syscall(cx);
    case ExitReason.FAULT:
      return fault(cx);
    case ExitReason.TRAP_STEP:
      return injectDebug(cx, info);
    case ExitReason.INT:
      return softwareInterrupt(cx, info & 0xff);
    case ExitReason.INT3:
      engine.complete(ctx);
      return injectException(cx, Vector.BP);
    case ExitReason.INTO:
      engine.complete(ctx);
      return injectException(cx, Vector.OF);
    case ExitReason.INT1:
      engine.complete(ctx);
      return injectDebug(cx, 0);
    case ExitReason.CPUID: {
      if (cx.domain.header.traceKinds !== 0) traceCpuid(cx);
      const at = (register: number) => registerIndex(ctx, register);
      const result = guestCpuid(cx, view.i32[at(RAX)], view.i32[at(RCX)]);
      put32(cx, RAX, result.eax);
      put32(cx, RBX, result.ebx);
      put32(cx, RCX, result.ecx);
      put32(cx, RDX, result.edx);
      return engine.complete(ctx);
    }
    case ExitReason.RDTSC:
    case ExitReason.RDTSCP: {
      const now = cx.machine.now();
      put32(cx, RAX, now % 4294967296 | 0);
      put32(cx, RDX, Math.floor(now / 4294967296) | 0);
      if (reason === ExitReason.RDTSCP) put32(cx, RCX, vcpu.state.tscAux | 0);
      return engine.complete(ctx);
    }
    // The engine does these where they stay at ring 3; what is left are gates and tasks.
    case ExitReason.FARJMP:
    case ExitReason.FARCALL:
      return injectException(cx, Vector.GP, view.get(ctx, "exitValue") & 0xfffc);
    case ExitReason.IRET:
    case ExitReason.RETF:
      return injectException(cx, Vector.GP, 0);
    case ExitReason.VMCALL:
    case ExitReason.VMMCALL:
    case ExitReason.SYSENTER:
    case ExitReason.SYSRET:
    case ExitReason.SYSEXIT:
    case ExitReason.XGETBV:
    case ExitReason.MONITOR:
    case ExitReason.MWAIT:
    case ExitReason.RSM:
      return injectException(cx, Vector.UD);
    case ExitReason.RDPMC:
      return injectException(cx, Vector.GP, 0);
    default:
      // Everything else needs CPL 0 and so comes as #GP.
      return crashDomain(vcpu, `Xenolith: exit ${exitName(reason)} at ring 3`);
  }
}

function traceCpuid(cx: HypercallContext): void {
  const at = (register: number) => cx.view.i32[registerIndex(cx.vcpu.ctx, register)];
  traceTrap(cx, TraceTrap.CPUID, [at(RAX), 0, at(RCX), 0]);
}

function put32(cx: HypercallContext, register: number, value: number): void {
  const index = registerIndex(cx.vcpu.ctx, register);
  cx.view.i32[index] = value;
  cx.view.i32[index + 1] = 0;
}

/** lstar_enter: a hypercall from the kernel, a system call of the guest's own from user mode. */
function syscall(cx: HypercallContext): void {
  const { view, vcpu, engine } = cx;
  const { ctx, state } = vcpu;
  const isLong = view.get(ctx, "mode") === 64;
  if (isLong && isKernelMode(cx)) return hypercall(cx);
  // SYSCALL leaves rip in rcx and rflags in r11; Xen shows its flat segments.
  const flags = view.flags(ctx) & ~Flag.RF;
  const nextLo = view.get(ctx, "nextRip"), nextHi = view.high(ctx, "nextRip");
  const ripLo = view.get(ctx, "rip"), ripHi = view.high(ctx, "rip");
  if (cx.domain.header.traceKinds !== 0) {
    const rax = registerIndex(ctx, RAX);
    traceTrap(cx, TraceTrap.SYSCALL, [view.i32[rax], view.i32[rax + 1]]);
  }
  const words = view.i32;
  words[registerIndex(ctx, RCX)] = nextLo;
  words[registerIndex(ctx, RCX) + 1] = nextHi;
  words[registerIndex(ctx, R11)] = flags;
  words[registerIndex(ctx, R11) + 1] = 0;
  engine.complete(ctx);
  const [lo, hi, masksEvents] = isLong
    ? [state.syscallCallbackLo, state.syscallCallbackHi, state.syscallDisablesEvents !== 0]
    : [state.syscall32CallbackLo, state.syscall32CallbackHi, state.syscall32DisablesEvents !== 0];
  loadFlatSegments(cx, isLong ? 0xe033 : FLAT_USER_CS32, 0xe02b);
  if ((lo | hi) === 0) {
    view.set64(ctx, "rip", ripLo, ripHi);
    return injectException(cx, Vector.UD);
  }
  bounce(cx, { lo, hi, masksEvents });
}

function fault(cx: HypercallContext): void {
  const { view, vcpu } = cx;
  const { ctx } = vcpu;
  const vector = view.get(ctx, "faultVector"), errorCode = view.get(ctx, "faultErrorCode");
  switch (vector) {
    case Vector.PF:
      return pageFault(cx, errorCode, view.get(ctx, "faultAddress"), view.high(ctx, "faultAddress"));
    case Vector.GP:
      return generalProtection(cx, errorCode);
    case Vector.UD:
      return invalidOpcode(cx);
    case Vector.NM:
      // An #NM always clears TS for a PV guest.
      setTaskSwitched(cx, false);
      return injectException(cx, Vector.NM);
    default:
      return injectException(cx, vector, errorCode);
  }
}

function pageFault(cx: HypercallContext, errorCode: number, lo: number, hi: number): void {
  const isTableWrite = (errorCode & (PFEC_PRESENT | PFEC_WRITE | PFEC_RESERVED | PFEC_FETCH)) ===
    (PFEC_PRESENT | PFEC_WRITE);
  const assist = cx.domain.header.vmAssistLo & (1 << VMASST_TYPE.writable_pagetables);
  if (isTableWrite && assist && isKernelMode(cx) && emulateTableWrite(cx, lo, hi)) return;
  injectPageFault(cx, errorCode, lo, hi);
}

const code = new Uint8Array(15);

/** do_invalid_op: the forced emulation prefix, of which PV knows CPUID only. */
function invalidOpcode(cx: HypercallContext): void {
  const { view, vcpu } = cx;
  const { ctx } = vcpu;
  const lo = view.get(ctx, "rip"), hi = view.high(ctx, "rip");
  const matches = (offset: number, wanted: readonly number[]) => {
    const at = (lo >>> 0) + offset;
    const bytes = code.subarray(0, wanted.length);
    const ok = copyFrom(cx, at | 0, (hi + (at >= 4294967296 ? 1 : 0)) | 0, bytes);
    return ok && wanted.every((byte, i) => byte === bytes[i]);
  };
  if (!matches(0, EMULATE_PREFIX) || !matches(EMULATE_PREFIX.length, CPUID_OPCODE)) {
    return injectException(cx, Vector.UD);
  }
  const result = guestCpuid(cx, view.i32[registerIndex(ctx, RAX)], view.i32[registerIndex(ctx, RCX)], true);
  put32(cx, RAX, result.eax);
  put32(cx, RBX, result.ebx);
  put32(cx, RCX, result.ecx);
  put32(cx, RDX, result.edx);
  finish(cx, EMULATE_PREFIX.length + CPUID_OPCODE.length);
}

/** INT n: delivered when the guest's trap table permits it to the mode that executes it (permit_softint), else #GP. */
function softwareInterrupt(cx: HypercallContext, vector: number): void {
  const { vcpu, engine } = cx;
  const dpl = trapEntry(vcpu, vector).flags & TI_DPL_MASK;
  // permit_softint: the kernel counts as ring 1.
  if (dpl < (isKernelMode(cx) ? 1 : 3)) return injectException(cx, Vector.GP, (vector << 3) | 2);
  engine.complete(vcpu.ctx);
  injectSoftwareInterrupt(cx, vector);
}
