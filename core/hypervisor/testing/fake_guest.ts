/**
 * A guest without a processor, for tests of the machinery of domains: what it does is chosen by the first word of its memory, what it counts is in
 * the words behind it.
 */
import type { Engine } from "../../cpu/engine.ts";
import { CTX } from "../../cpu/context.ts";
import { ExitReason } from "../../cpu/exit.ts";
import type { Domain } from "../domain.ts";
import type { GuestStart, GuestSupport } from "../guest.ts";
import { VcpuState } from "../layout.ts";
import { shutdownDomain } from "../shutdown.ts";
import type { Vcpu } from "../vcpu.ts";

export const Program = {
  SPIN: 1,
  TICK: 2,
  THROW: 3,
  ECHO: 4,
  POWEROFF: 5,
  CRASH: 6,
  SLEEP: 7,
  CLOCK: 8,
} as const;
/** Word indices in guest memory. */
export const Word = {
  PROGRAM: 0,
  COUNT: 1,
  TICKS: 2,
  PENDING: 3,
  PERIOD_MS: 4,
  SEEN: 5,
  CLOCK_ERRORS: 6,
} as const;
/** f64 index: the latest time anyone saw. */
export const LATEST_F64 = 8;

/** Runs no instruction: burns about a nanosecond for each of the budget. */
export class FakeEngine {
  constructor(private readonly domain: Domain) {}

  run(ctx: number, budget: number): number {
    const { views, context } = this.domain;
    const { i32 } = views;
    const kick = (ctx + CTX.kick) >>> 2;
    if (Atomics.exchange(i32, kick, 0) !== 0) return ExitReason.KICK;
    if (i32[Word.PROGRAM] !== Program.SPIN) {
      this.#retire(ctx, 1);
      return ExitReason.HLT;
    }
    let done = 0;
    const end = performance.now() + budget / 1e6;
    while (performance.now() < end) {
      done += 1000;
      if (Atomics.load(i32, kick) !== 0) break;
    }
    i32[Word.COUNT]++;
    this.#retire(ctx, Math.min(budget, Math.max(1, done)));
    context.set(ctx, "exitReason", 0);
    return Atomics.exchange(i32, kick, 0) !== 0 ? ExitReason.KICK : ExitReason.BUDGET;
  }

  #retire(ctx: number, count: number): void {
    const { context } = this.domain;
    context.setBig(ctx, "retired", context.big(ctx, "retired") + BigInt(count));
  }
}

function pending(vcpu: Vcpu): number {
  return (vcpu.state.base + VcpuState.offsets.eventCheck) >>> 2;
}

function send(vcpu: Vcpu): void {
  Atomics.store(vcpu.domain.views.i32, pending(vcpu), 1);
  vcpu.domain.machine.wakeVcpu(vcpu);
}

function block(vcpu: Vcpu): void {
  const { scheduler } = vcpu.domain.machine;
  scheduler.block(vcpu);
  if (Atomics.load(vcpu.domain.views.i32, pending(vcpu)) !== 0) scheduler.wake(vcpu);
}

/** What HLT means to each program. */
function act(vcpu: Vcpu): void {
  const { domain } = vcpu;
  const { machine, views } = domain;
  const { i32, f64 } = views;
  switch (i32[Word.PROGRAM]) {
    case Program.TICK:
      machine.scheduler.timers.setPeriodic(vcpu, 0);
      if (vcpu.sched.singleshot === Infinity) {
        machine.scheduler.timers.setSingleshot(vcpu, machine.now() + i32[Word.PERIOD_MS] * 1e6);
      }
      return block(vcpu);
    case Program.SLEEP:
      machine.scheduler.timers.setPeriodic(vcpu, 0);
      return block(vcpu);
    case Program.THROW:
      throw new Error("a bug of ours");
    case Program.ECHO:
      if (Atomics.exchange(i32, Word.PENDING, 0) !== 0) {
        i32[Word.COUNT]++;
        machine.notifyDom0(domain, 7);
      }
      return block(vcpu);
    case Program.POWEROFF:
      return shutdownDomain(domain, 0, vcpu);
    case Program.CRASH:
      return shutdownDomain(domain, 3, vcpu);
    case Program.CLOCK: {
      // Two vCPUs pass the time to each other: it must not go back.
      const before = f64[LATEST_F64];
      const now = machine.now();
      if (now < before) i32[Word.CLOCK_ERRORS]++;
      f64[LATEST_F64] = now;
      i32[Word.COUNT]++;
      return;
    }
    default:
      throw new Error(`no program ${i32[Word.PROGRAM]}`);
  }
}

export const fakeSupport: GuestSupport = {
  *initDomain() {},
  allocateDom0Channel: () => 7,
  startDomain(domain) {
    for (const vcpu of domain.vcpus) domain.machine.scheduler.clearFlags(vcpu, 1);
  },
  destroyDomain: () => true,
  notifyGuest(domain) {
    Atomics.store(domain.views.i32, Word.PENDING, 1);
    send(domain.vcpus[0]);
    return 0;
  },
  bindDom0Channel: () => true,
  closeDom0Channel() {},
  mapGrant: () => -1,
  unmapGrant() {},
  sendTimer(vcpu) {
    vcpu.domain.views.i32[Word.TICKS]++;
    send(vcpu);
  },
  beforeEntry({ vcpu }) {
    Atomics.store(vcpu.domain.views.i32, pending(vcpu), 0);
  },
  handleExit({ vcpu }) {
    act(vcpu);
  },
  scheduledIn() {},
  scheduledOut() {},
};

export function fakeEngine(domain: Domain): Engine {
  return new FakeEngine(domain) as unknown as Engine;
}

/** A start of day that chooses a program. */
export function fakeStart(bytes: Uint8Array, program: number, periodMs = 10): GuestStart {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, 16);
  words[Word.PROGRAM] = program;
  words[Word.PERIOD_MS] = periodMs;
  return {
    width: 64,
    rip: 0n,
    rsp: 0n,
    rsi: 0n,
    rflags: 0x200n,
    cr3Mfn: 0,
    consoleMfn: 0,
    storeMfn: 0,
  };
}
