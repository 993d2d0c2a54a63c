/** What pCPU workers and the main thread tell each other. */
import type { InterpreterImage } from "../cpu/interpreter.ts";
import type { DomainShare } from "./domain.ts";
import type { DebugStop } from "./debug/stop.ts";

/** public/sched.h SHUTDOWN_* */
export const Shutdown = {
  poweroff: 0,
  reboot: 1,
  suspend: 2,
  crash: 3,
  watchdog: 4,
  soft_reset: 5,
} as const;

export type ShutdownName = keyof typeof Shutdown;

const NAMES = Object.keys(Shutdown) as ShutdownName[];

export function shutdownName(code: number): ShutdownName {
  return NAMES[code] ?? "crash";
}

/** From a pCPU worker, or from the main thread's own hypervisor code, to the host. */
export type Report =
  | { kind: "ready"; pcpu: number }
  /** A domain shut down; a crash comes with a register dump. */
  | { kind: "shutdown"; domid: number; reason: number; dump?: string }
  | { kind: "detached"; pcpu: number; domid: number }
  /** HYPERVISOR_console_io: what a guest wrote to Xen's own console. */
  | { kind: "console"; domid: number; bytes: Uint8Array }
  /** A vCPU met a debugger's breakpoint or has done its single step; its domain's vCPUs are on their way to a stop. */
  | { kind: "debug"; stop: DebugStop }
  /** Xen's log. */
  | { kind: "log"; text: string }
  | { kind: "stopped"; pcpu: number };

/** From the host to a pCPU worker. */
export type Order =
  | { kind: "attach"; share: DomainShare }
  /** Let go of it; `collect`: and of its memory at once, for it can only be given back by collecting it. */
  | { kind: "detach"; domid: number; collect: boolean }
  | { kind: "stop" };

/** A pCPU worker's first message. */
export interface PcpuStart {
  readonly buffer: SharedArrayBuffer;
  readonly pcpu: number;
  readonly port: MessagePort;
  /** Absent when the engine is not used (tests of the machinery). */
  readonly image?: InterpreterImage;
}
