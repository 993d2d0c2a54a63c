/** console_io and vm_assist: public/xen.h. */
import { EFAULT, EINVAL, ENOSYS, EPERM } from "../abi/errno.ts";
import {
  CONSOLEIO_write,
  VMASST_CMD_disable,
  VMASST_CMD_enable,
  VMASST_TYPE,
} from "../abi/hypercall_numbers.ts";
import type { Call } from "./call.ts";
import { copyFrom } from "./guest.ts";

/** Bytes taken at once; between two of them the call may be preempted. */
const CHUNK = 4096;

/** console_io(cmd, count, buffer): writes go to Xen's log, reads are Domain-0's. */
export function consoleIo(call: Call): number {
  const { cx } = call;
  if (call.lo(0) !== CONSOLEIO_write) return -EPERM;
  let left = call.u32(1);
  while (left > 0) {
    const bytes = new Uint8Array(Math.min(left, CHUNK));
    if (!copyFrom(cx, call.lo(2), call.hi(2), bytes)) return -EFAULT;
    cx.machine.report({ kind: "console", domid: cx.domain.domid, bytes });
    left -= bytes.length;
    call.advance(2, bytes.length);
    if (left > 0 && call.shouldYield) {
      call.set(1, left, 0);
      return call.again();
    }
  }
  return 0;
}

/** PV64_VM_ASSIST_MASK: all there are. */
const VALID: ReadonlySet<number> = new Set(Object.values(VMASST_TYPE));

/** vm_assist(cmd, type). */
export function vmAssist(call: Call): number {
  const { header, lock } = call.cx.domain;
  const type = call.u32(1);
  if (!VALID.has(type)) return -EINVAL;
  const bit = 1 << (type & 31);
  const change = (word: number) => call.lo(0) === VMASST_CMD_enable ? word | bit : word & ~bit;
  if (call.lo(0) !== VMASST_CMD_enable && call.lo(0) !== VMASST_CMD_disable) return -ENOSYS;
  lock.with(() => {
    if (type < 32) header.vmAssistLo = change(header.vmAssistLo);
    else header.vmAssistHi = change(header.vmAssistHi);
  });
  return 0;
}
