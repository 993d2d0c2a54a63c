/** The hypercall page: one 32-byte stub a hypercall. */
import { HYPERCALL_STUB_BYTES, HYPERVISOR } from "../abi/hypercall_numbers.ts";

const INT3 = 0xcc;
const numberAt = (number: number) => [number & 0xff, (number >> 8) & 0xff, 0, 0];

/** PV at 64 bits: push rcx; push r11; mov eax, n; syscall; pop r11; pop rcx; ret. iret does not come back: it pushes rax too. */
function stub64(number: number): number[] {
  return number === HYPERVISOR.iret
    ? [0x51, 0x41, 0x53, 0x50, 0xb8, ...numberAt(number), 0x0f, 0x05]
    : [0x51, 0x41, 0x53, 0xb8, ...numberAt(number), 0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3];
}

/** PV at 32 bits: mov eax, n; int 0x82; ret. */
function stub32(number: number): number[] {
  return number === HYPERVISOR.iret
    ? [0x50, 0xb8, ...numberAt(number), 0xcd, 0x82]
    : [0xb8, ...numberAt(number), 0xcd, 0x82, 0xc3];
}

/** Fills a page for a PV guest of `width` bits. */
export function fillHypercallPage(page: Uint8Array, width: number): void {
  page.fill(INT3);
  for (let number = 0; number < page.length / HYPERCALL_STUB_BYTES; number++) {
    page.set(width === 32 ? stub32(number) : stub64(number), number * HYPERCALL_STUB_BYTES);
  }
}
