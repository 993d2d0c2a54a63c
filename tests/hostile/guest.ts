/** The hostile guest: the text in guest/ with its tables, as a kernel image. */
import { readFileSync } from "node:fs";
import { type KernelImage, makeElf, parseKernel, XEN_ELFNOTE } from "../../core/builder/mod.ts";
import { vcpu_guest_context, VGCF_in_kernel } from "../../core/hypervisor/abi/xen.ts";
import { assemble } from "../../core/isa/mod.ts";
import { snippetText } from "./snippets.ts";
import { TEMPLATES, templateText } from "./templates.ts";

const VIRT_BASE = 0xffffffff80000000n;
/** Vectors whose entry a user-mode INT n may use. */
const USER_VECTORS = [3, 4, 0x20, 0x80];

function trapTable(vcpu: number): string {
  const vectors = [...Array(32).keys(), 0x20, 0x80];
  const lines = vectors.map((vector) => {
    const flags = 4 | (USER_VECTORS.includes(vector) ? 3 : 0);
    return `dq ${vector | flags << 8} + 0xe0330000, trap${vcpu}`;
  });
  return [`        align 8`, `trap_table${vcpu}:`, ...lines, "dq 0, 0"].join("\n");
}

/** Where the second vCPU's context has what only the guest knows, and what is the same always. */
function contextText(): string {
  const at = (path: Parameters<typeof vcpu_guest_context.offset>[0]) => vcpu_guest_context.offset(path);
  const size = vcpu_guest_context.size(64);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(at("flags"), BigInt(VGCF_in_kernel), true);
  view.setUint16(at("user_regs.cs"), 0xe033, true);
  view.setUint16(at("user_regs.ss"), 0xe02b, true);
  view.setBigUint64(at("kernel_ss"), 0xe02bn, true);
  view.setBigUint64(at("user_regs.rflags"), 0x200n, true);
  return [
    `CTX_CR3 equ ${at("ctrlreg") + 24}`,
    `CTX_RIP equ ${at("user_regs.rip")}`,
    `CTX_RSP equ ${at("user_regs.rsp")}`,
    `CTX_KERNEL_SP equ ${at("kernel_sp")}`,
    "        align 4096",
    "context:",
    ...Array.from({ length: size / 8 }, (_, i) => `dq ${view.getBigUint64(i * 8, true)}`),
    "        align 8",
  ].join("\n");
}

export interface HostileGuest {
  readonly kernel: KernelImage;
  /** pfn and byte in the page of a label. */
  place(label: string): { readonly pfn: number; readonly offset: number };
}

export function hostileGuest(): HostileGuest {
  const read = (part: string) => readFileSync(new URL(`./guest/${part}.asm`, import.meta.url), "utf8");
  // The tables come before the data, whose pages are counted on to stay apart.
  const text = [
    ...["start", "values", "calls", "code"].map(read),
    templateText(),
    snippetText(),
    trapTable(0),
    trapTable(1),
    contextText(),
    read("data"),
  ].join("\n");
  const { bytes, labels } = assemble(text, { mode: 64, origin: VIRT_BASE });
  const address = (label: string) => {
    const found = labels.get(label);
    if (found === undefined) throw new RangeError(`no label ${label}`);
    return found;
  };
  const image = makeElf({
    entry: address("entry"),
    segments: [{ vaddr: VIRT_BASE, paddr: 0n, data: bytes, memSize: address("bss_end") - VIRT_BASE }],
    notes: [
      { type: XEN_ELFNOTE.GUEST_OS, desc: "hostile" },
      { type: XEN_ELFNOTE.XEN_VERSION, desc: "xen-3.0" },
      { type: XEN_ELFNOTE.LOADER, desc: "generic" },
      { type: XEN_ELFNOTE.VIRT_BASE, desc: VIRT_BASE },
      { type: XEN_ELFNOTE.PADDR_OFFSET, desc: 0n },
      { type: XEN_ELFNOTE.ENTRY, desc: address("entry") },
      { type: XEN_ELFNOTE.HYPERCALL_PAGE, desc: address("hypercall_page") },
    ],
  });
  return {
    kernel: parseKernel(image),
    place(label) {
      const offset = Number(address(label) - VIRT_BASE);
      return { pfn: offset >> 12, offset: offset & 4095 };
    },
  };
}

export { TEMPLATES };
