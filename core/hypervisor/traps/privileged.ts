/**
 * A general protection fault with error code 0 in a PV guest: Xen emulates some privileged instructions (emul-priv-op.c); every other fault is the
 * guest's.
 */
import { DR6_SINGLE_STEP } from "../../cpu/debug_registers.ts";
import { CTX, Flag, SEGMENT_BASE } from "../../cpu/context.ts";
import { Vector } from "../../cpu/exit.ts";
import type { HypercallContext } from "../context.ts";
import { copyFrom, copyTo } from "../hypercalls/guest.ts";
import { CR0_TS, debugRegister, setTaskSwitched, writeDebugRegister } from "../hypercalls/processor.ts";
import { pageTypesOf } from "../mm/page_types.ts";
import { traceTrap } from "../trace/points.ts";
import { TraceTrap } from "../trace/ring.ts";
import { registerIndex } from "./bounce.ts";
import { CR0_VISIBLE, CR4, fixupCr4, setCr4 } from "./control_registers.ts";
import { guestCpuid } from "./cpuid.ts";
import { injectDebug, injectException, injectPageFault, setCr2 } from "./exception.ts";
import { decodePrivileged, type PrivilegedInstruction } from "./instruction.ts";
import { isKernelMode, newGuestCr3 } from "./mode.ts";
import { readMsr, writeMsr } from "./msr.ts";
import { isIoplGood, mayUsePort, readPort } from "./port_io.ts";
import { trapEntry } from "./trap_table.ts";

const RAX = 0, RCX = 1, RDX = 2, RBX = 3, RSI = 6, RDI = 7;
/** Iterations of a repeated INS or OUTS emulated at once. */
const MAX_REPEAT = 1024;

/** How an emulation ended. "unhandled": the fault is the guest's; "faulted": another exception was delivered instead. */
type Outcome = "done" | "unhandled" | "faulted" | "again";

const bytes = new Uint8Array(15);

/** Called with rip at the faulting instruction. */
export function generalProtection(cx: HypercallContext, errorCode: number): void {
  if (errorCode === 0) {
    const available = cx.engine.fetch(cx.vcpu.ctx, bytes);
    const instruction = decodePrivileged(bytes, available, cx.view.get(cx.vcpu.ctx, "mode"));
    if (instruction !== undefined) {
      if (cx.domain.header.traceKinds !== 0) {
        traceTrap(cx, TraceTrap.EMULATION, [], bytes.subarray(0, instruction.length));
      }
      const outcome = emulate(cx, instruction);
      if (outcome !== "unhandled") {
        cx.domain.header.emulations++;
        if (outcome === "done") finish(cx, instruction.length);
        return;
      }
    }
  }
  injectException(cx, Vector.GP, errorCode);
}

/** pv_emul_instruction_done: rip behind the instruction; a trap when TF was set. */
export function finish(cx: HypercallContext, length: number): void {
  const { view, vcpu, engine } = cx;
  const { ctx } = vcpu;
  const low = (view.get(ctx, "rip") >>> 0) + length;
  view.set64(ctx, "nextRip", low | 0, (view.high(ctx, "rip") + (low >= 4294967296 ? 1 : 0)) | 0);
  engine.complete(ctx);
  const flags = view.get(ctx, "eflags");
  if (flags & Flag.RF) view.set(ctx, "eflags", flags & ~Flag.RF);
  if (flags & Flag.TF) injectDebug(cx, DR6_SINGLE_STEP);
}

function emulate(cx: HypercallContext, i: PrivilegedInstruction): Outcome {
  const { vcpu, view } = cx;
  const { ctx, state } = vcpu;
  const words = view.i32;
  const at = (register: number) => registerIndex(ctx, register);
  const put32 = (register: number, value: number) => {
    words[at(register)] = value;
    words[at(register) + 1] = 0;
  };
  // Below ring 0 of the guest's own making x86_emulate checks as a processor does.
  const isRing0 = isKernelMode(cx);
  switch (i.kind) {
    case "in":
    case "out":
      return portAccess(cx, i);
    case "ins":
    case "outs":
      return stringPortAccess(cx, i);
    case "cli":
    case "sti":
      // Allowed when the virtual IOPL is good, and without any effect on the event mask.
      return isIoplGood(cx) ? "done" : "unhandled";
    case "rdtsc":
    case "rdtscp": {
      if (!isRing0 && state.cr4Lo & CR4.TSD) return "unhandled";
      const now = cx.machine.now();
      put32(RAX, now % 4294967296 | 0);
      put32(RDX, Math.floor(now / 4294967296) | 0);
      if (i.kind === "rdtscp") put32(RCX, state.tscAux | 0);
      return "done";
    }
    case "cpuid": {
      const result = guestCpuid(cx, words[at(RAX)], words[at(RCX)]);
      put32(RAX, result.eax);
      put32(RBX, result.ebx);
      put32(RCX, result.ecx);
      put32(RDX, result.edx);
      return "done";
    }
    case "wbinvd":
      return isRing0 ? "done" : "unhandled";
    case "clts":
      if (!isRing0) return "unhandled";
      setTaskSwitched(cx, false);
      return "done";
    case "rdmsr": {
      if (!isRing0) return "unhandled";
      const value = readMsr(cx, words[at(RCX)] >>> 0) ?? fakeMsr(cx);
      if (value === undefined) return "unhandled";
      put32(RAX, value.lo);
      put32(RDX, value.hi);
      return "done";
    }
    case "wrmsr":
      if (!isRing0) return "unhandled";
      return writeMsr(cx, words[at(RCX)] >>> 0, words[at(RAX)], words[at(RDX)]) ? "done" : "unhandled";
    case "mov from cr":
      return isRing0 ? readControl(cx, i) : "unhandled";
    case "mov to cr":
      return isRing0 ? writeControl(cx, i) : "unhandled";
    case "mov from dr": {
      if (!isRing0) return "unhandled";
      const index = debugRegister(cx, i.special);
      if (index < 0) return undefinedOpcode(cx);
      words[at(i.general)] = state.debugLo(index) | (index === 7 ? state.dr7Emulated : 0);
      words[at(i.general) + 1] = state.debugHi(index);
      return "done";
    }
    case "mov to dr": {
      if (!isRing0) return "unhandled";
      const result = writeDebugRegister(cx, i.special, words[at(i.general)], words[at(i.general) + 1]);
      if (result === 0) return "done";
      return debugRegister(cx, i.special) < 0 ? undefinedOpcode(cx) : "unhandled";
    }
    case "xsetbv": {
      // XCR0 may be x87 with or without SSE: the components that CPUID leaf D shows.
      const value = words[at(RAX)];
      if (!isRing0 || !(state.cr4Lo & CR4.OSXSAVE)) return "unhandled";
      if (words[at(RCX)] !== 0 || words[at(RDX)] !== 0 || !(value & 1) || value & ~3) return "unhandled";
      view.set64(ctx, "xcr0", value, 0);
      return "done";
    }
  }
}

function undefinedOpcode(cx: HypercallContext): Outcome {
  injectException(cx, Vector.UD);
  return "faulted";
}

/** Before the guest has a handler for #GP, reads of unknown MSRs give 0: kernels probe that early. */
function fakeMsr(cx: HypercallContext): { lo: number; hi: number } | undefined {
  return trapEntry(cx.vcpu, Vector.GP).isSet ? undefined : { lo: 0, hi: 0 };
}

function readControl(cx: HypercallContext, i: PrivilegedInstruction): Outcome {
  const { vcpu, view } = cx;
  const { ctx, state } = vcpu;
  const index = registerIndex(ctx, i.general);
  const put = (lo: number, hi: number) => {
    view.i32[index] = lo;
    view.i32[index + 1] = hi;
    return "done" as const;
  };
  switch (i.special) {
    case 0:
      return put(CR0_VISIBLE | (state.cr0Lo & CR0_TS), 0);
    case 2:
      return put(view.get(ctx, "cr2"), view.high(ctx, "cr2"));
    case 3:
      return put(state.kernelCr3 << 12, Math.floor(state.kernelCr3 / 0x100000));
    case 4:
      return put(state.cr4Lo | 0, 0);
    default:
      return "unhandled";
  }
}

function writeControl(cx: HypercallContext, i: PrivilegedInstruction): Outcome {
  const { vcpu, view, domain } = cx;
  const { ctx } = vcpu;
  const index = registerIndex(ctx, i.general);
  const lo = view.i32[index], hi = view.i32[index + 1];
  switch (i.special) {
    case 0:
      // Only TS may change.
      if (hi !== 0 || (lo ^ CR0_VISIBLE) & ~CR0_TS) return "unhandled";
      setTaskSwitched(cx, (lo & CR0_TS) !== 0);
      return "done";
    case 2:
      view.set64(ctx, "cr2", lo, hi);
      setCr2(cx, lo, hi);
      return "done";
    case 3: {
      const mfn = (hi & 0xfffff) * 0x100000 + (lo >>> 12);
      if (pageTypesOf(domain).ownFrame(mfn) < 0) return "unhandled";
      return newGuestCr3(cx, mfn) === 0 ? "done" : "unhandled";
    }
    case 4:
      // Bits that are not the guest's to set are dropped.
      setCr4(cx, fixupCr4(lo));
      return "done";
    default:
      return "unhandled";
  }
}

function permitted(cx: HypercallContext, port: number, size: number): Outcome {
  const permission = mayUsePort(cx, port, size);
  if (permission === "yes") return "done";
  if (permission === "no") return "unhandled";
  injectPageFault(cx, 0, permission.fault.lo, permission.fault.hi);
  return "faulted";
}

function portAccess(cx: HypercallContext, i: PrivilegedInstruction): Outcome {
  const words = cx.view.i32;
  const rax = registerIndex(cx.vcpu.ctx, RAX);
  const port = i.port >= 0 ? i.port : words[registerIndex(cx.vcpu.ctx, RDX)] & 0xffff;
  const outcome = permitted(cx, port, i.size);
  if (outcome !== "done" || i.kind === "out") return outcome;
  const value = readPort(port, i.size);
  if (i.size === 4) {
    words[rax] = value;
    words[rax + 1] = 0;
  } else {
    const mask = i.size === 1 ? 0xff : 0xffff;
    words[rax] = (words[rax] & ~mask) | value;
  }
  return outcome;
}

/** INS and OUTS: data goes nowhere and comes as ones, but memory is read and written as it should be. */
function stringPortAccess(cx: HypercallContext, i: PrivilegedInstruction): Outcome {
  const { view, vcpu } = cx;
  const { ctx } = vcpu;
  const words = view.i32;
  const outcome = permitted(cx, words[registerIndex(ctx, RDX)] & 0xffff, i.size);
  if (outcome !== "done") return outcome;
  const pointer = registerIndex(ctx, i.kind === "ins" ? RDI : RSI), counter = registerIndex(ctx, RCX);
  const step = view.get(ctx, "eflags") & Flag.DF ? -i.size : i.size;
  const names = ["es", "cs", "ss", "ds", "fs", "gs"] as const;
  const segment = i.kind === "ins" ? "es" : names[i.segment < 0 ? 3 : i.segment];
  const isLong = view.get(ctx, "mode") === 64;
  const hasBase = !isLong || segment === "fs" || segment === "gs";
  const baseIndex = (ctx + CTX[segment] + SEGMENT_BASE) >>> 2;
  const mask = i.addressSize === 2 ? 0xffffn : i.addressSize === 4 ? 0xffffffffn : 0xffffffffffffffffn;
  const data = new Uint8Array(i.size);
  const register = (index: number) => view.data.getBigUint64(index * 4, true);
  const setRegister = (index: number, value: bigint) => {
    const merged = i.addressSize === 2 ? (register(index) & ~mask) | (value & mask) : value & mask;
    view.data.setBigUint64(index * 4, merged, true);
  };
  for (let done = 0; done < MAX_REPEAT; done++) {
    if (i.repeated && (register(counter) & mask) === 0n) return "done";
    const base = hasBase ? register(baseIndex) : 0n;
    const linear = (register(pointer) & mask) + base & (isLong ? 0xffffffffffffffffn : 0xffffffffn);
    const lo = Number(BigInt.asIntN(32, linear)), hi = Number(BigInt.asIntN(32, linear >> 32n));
    data.fill(0xff);
    const moved = i.kind === "ins" ? copyTo(cx, lo, hi, data) : copyFrom(cx, lo, hi, data);
    if (!moved) {
      injectPageFault(cx, i.kind === "ins" ? 2 : 0, lo, hi);
      return "faulted";
    }
    setRegister(pointer, register(pointer) + BigInt(step));
    if (!i.repeated) return "done";
    setRegister(counter, register(counter) - 1n);
  }
  return "again";
}
