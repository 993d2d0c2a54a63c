/** A hypercall from the guest kernel: registers in, handler, registers out (Xen's pv_hypercall). */
import { Flag } from "../../cpu/context.ts";
import { ENOSYS } from "../abi/errno.ts";
import type { HypercallContext } from "../context.ts";
import { R11, RCX, registerIndex } from "../traps/bounce.ts";
import { enterKernelSegments } from "../traps/segments.ts";
import { beginHypercall, endHypercall } from "../trace/points.ts";
import { Call } from "./call.ts";
import { handlerOf } from "./table.ts";

const RAX = 0;
/** rdi, rsi, rdx, r10, r8, r9 */
const ARGUMENTS = [7, 6, 2, 10, 8, 9] as const;
const COUNTERS = 64;

let call: Call | undefined;

/** The SYSCALL instruction at rip is a hypercall. */
export function hypercall(cx: HypercallContext): void {
  const { view, vcpu, domain, engine } = cx;
  const { ctx } = vcpu;
  const words = view.i32;
  // SYSCALL loads Xen's flat segments, whatever the kernel had.
  enterKernelSegments(cx);
  const rax = registerIndex(ctx, RAX);
  const number = words[rax + 1] === 0 ? words[rax] >>> 0 : COUNTERS;
  call ??= new Call(cx);
  call.begin(cx, number);
  for (let i = 0; i < ARGUMENTS.length; i++) {
    const index = registerIndex(ctx, ARGUMENTS[i]);
    call.set(i, words[index], words[index + 1]);
  }
  const { header } = domain;
  if (number < COUNTERS) header.setHypercalls(number, header.hypercalls(number) + 1);
  const traced = header.traceKinds === 0 ? undefined : beginHypercall(cx, call);
  const result = handlerOf(number, domain.header.width)(call);
  if (traced !== undefined) endHypercall(cx, traced, call, result, false);
  if (result === -ENOSYS) header.unknownHypercalls++;
  if (call.preempted) {
    // The same instruction again, with what is left to do.
    for (let i = 0; i < ARGUMENTS.length; i++) {
      const index = registerIndex(ctx, ARGUMENTS[i]);
      words[index] = call.lo(i);
      words[index + 1] = call.hi(i);
    }
    return;
  }
  words[rax] = result % 4294967296 | 0;
  words[rax + 1] = call.resultHi(result);
  if (call.replaced) {
    // rip is where the guest goes on: SYSCALL itself is what retires.
    view.set64(ctx, "nextRip", view.get(ctx, "rip"), view.high(ctx, "rip"));
    return engine.complete(ctx);
  }
  const next = { lo: view.get(ctx, "nextRip"), hi: view.high(ctx, "nextRip") };
  engine.complete(ctx);
  words[registerIndex(ctx, RCX)] = next.lo;
  words[registerIndex(ctx, RCX) + 1] = next.hi;
  words[registerIndex(ctx, R11)] = (view.flags(ctx) & ~(Flag.IOPL | Flag.RF)) | Flag.IF;
  words[registerIndex(ctx, R11) + 1] = 0;
}
