/** Filling of the hypercall page: 128 entries of 32 bytes, entry n makes hypercall n. */
import { HYPERVISOR } from "../hypervisor/abi/hypercall_numbers.ts";

const ENTRIES = 128;
const ENTRY_SIZE = 32;

/** Jumped to rather than called, and it does not return. */
const HYPERVISOR_IRET = HYPERVISOR.iret;

/** push %rcx; push %r11; mov $n,%eax; syscall; pop %r11; pop %rcx; ret */
function entry64(n: number): number[] {
  return [0x51, 0x41, 0x53, 0xb8, n, 0, 0, 0, 0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3];
}

/** push %rcx; push %r11; push %rax; mov $23,%eax; syscall: the frame that HYPERVISOR_iret expects. */
const IRET64 = [0x51, 0x41, 0x53, 0x50, 0xb8, HYPERVISOR_IRET, 0, 0, 0, 0x0f, 0x05];

/** mov $n,%eax; int $0x82; ret */
function entry32(n: number): number[] {
  return [0xb8, n, 0, 0, 0, 0xcd, 0x82, 0xc3];
}

/** push %eax; mov $23,%eax; int $0x82 */
const IRET32 = [0x50, 0xb8, HYPERVISOR_IRET, 0, 0, 0, 0xcd, 0x82];

/** The 4096 bytes of a PV domain's hypercall page; what no entry uses is int3. */
export function hypercallPage(width: 32 | 64): Uint8Array {
  const page = new Uint8Array(ENTRIES * ENTRY_SIZE).fill(0xcc);
  for (let n = 0; n < ENTRIES; n++) {
    const isIret = n === HYPERVISOR_IRET;
    const code = width === 64 ? (isIret ? IRET64 : entry64(n)) : (isIret ? IRET32 : entry32(n));
    page.set(code, n * ENTRY_SIZE);
  }
  return page;
}
