/** A vCPU's registers, stack and code as Xen prints them for a crashed PV guest (xen/arch/x86/traps.c: registers and guest stack; console lines). */
import { Reg } from "../isa/mod.ts";
import { CTX, SEGMENT_SELECTOR } from "../cpu/context.ts";
import { FRAME_INFO_BYTES } from "../cpu/layout.ts";
import { vcpu_info } from "./abi/xen.ts";
import { GuestMode, VcpuState } from "./layout.ts";
import type { Vcpu } from "./vcpu.ts";

const REGISTERS = [
  ["rax", "rbx", "rcx"],
  ["rdx", "rsi", "rdi"],
  ["rbp", "rsp", "r8"],
  ["r9", "r10", "r11"],
  ["r12", "r13", "r14"],
] as const;
const CR2 = vcpu_info.offset("arch.cr2");
const STACK_LINES = 20;
const WORDS_A_LINE = 4;

const hex = (value: bigint | number, digits = 16) =>
  BigInt.asUintN(64, BigInt(value)).toString(16).padStart(digits, "0");

/** A guest linear address to a byte address in its memory by walking the page tables, without touching anything; -1: not mapped. */
export function peekAddress(vcpu: Vcpu, linear: bigint): number {
  const { domain, ctx } = vcpu;
  const { context, views, layout } = domain;
  if (context.get(ctx, "pagingLevels") !== 4) return -1;
  let mfn = context.number(ctx, "rootMfn");
  for (let level = 3; level >= 0; level--) {
    const frame = domain.frameOf(mfn);
    if (frame < 0) return -1;
    const shift = BigInt(12 + 9 * level);
    const entry = frame * 4096 + Number((linear >> shift) & 511n) * 8;
    const lo = views.u32[entry >>> 2], hi = views.u32[(entry >>> 2) + 1];
    if ((lo & 1) === 0) return -1;
    mfn = (hi & 0xfffff) * 2 ** 20 + (lo >>> 12);
    if (level > 0 && level < 3 && (lo & 0x80) !== 0) {
      mfn += Number((linear >> 12n) & ((1n << (9n * BigInt(level))) - 1n));
      break;
    }
  }
  const frame = domain.frameOf(mfn);
  if (frame < 0 || layout.frameInfo < frame * FRAME_INFO_BYTES) return -1;
  return frame * 4096 + Number(linear & 0xfffn);
}

function stackLines(vcpu: Vcpu, rsp: bigint): string {
  const { data } = vcpu.domain.context;
  let text = `Guest stack trace from rsp=${hex(rsp)}:\n  `;
  for (let word = 0; word < STACK_LINES * WORDS_A_LINE; word++) {
    const linear = rsp + BigInt(word * 8);
    // Unaligned words that straddle a page are not looked for: the trace ends where the page does.
    if ((linear & 0xfffn) > 0xff8n) break;
    const address = peekAddress(vcpu, BigInt.asUintN(64, linear));
    if (address < 0) {
      text += word === 0
        ? " Fault while accessing guest memory."
        : "\n   Fault while accessing guest memory.";
      break;
    }
    if (word > 0 && word % WORDS_A_LINE === 0) text += "\n  ";
    text += ` ${hex(data.getBigUint64(address, true))}`;
  }
  return text;
}

function codeLine(vcpu: Vcpu, rip: bigint): string {
  const bytes: string[] = [];
  for (let offset = -8; offset < 16; offset++) {
    const address = peekAddress(vcpu, BigInt.asUintN(64, rip + BigInt(offset)));
    const byte = address < 0 ? "--" : hex(vcpu.domain.views.u8[address], 2);
    bytes.push(offset === 0 ? `<${byte}>` : byte);
  }
  return `Guest code around <${hex(rip)}>:\n ${bytes.join(" ")}`;
}

/** The dump's lines, from "RIP:" on. */
export function registerDump(vcpu: Vcpu): string {
  const { domain, ctx, state } = vcpu;
  const { context, views } = domain;
  const register = (name: keyof typeof Reg) => context.reg(ctx, Reg[name]);
  const selector = (name: "cs" | "ds" | "es" | "fs" | "gs" | "ss") =>
    hex(context.i32[(ctx + CTX[name] + SEGMENT_SELECTOR) >>> 2] & 0xffff, 4);
  const base = (name: "fs" | "gs") => context.data.getBigUint64(ctx + CTX[name] + 16, true);
  const cell = (name: keyof typeof Reg) => `${`${name}:`.padEnd(4)} ${hex(register(name))}`;
  const rip = context.big(ctx, "rip");
  const masked = state.vcpuInfo === 0 ? 0 : views.u8[state.vcpuInfo + 1];
  const cr3 = context.number(ctx, "rootMfn") * 4096;
  const cr2 = state.vcpuInfo === 0 ? 0n : context.data.getBigUint64(state.vcpuInfo + CR2, true);
  const otherGs = context.data.getBigUint64(
    state.base + VcpuState.offsets[state.guestMode === GuestMode.KERNEL ? "gsBaseUser" : "gsBaseKernel"],
    true,
  );
  return [
    `RIP:    ${selector("cs")}:[<${hex(rip)}>]`,
    `RFLAGS: ${hex(context.flags(ctx))}   EM: ${
      masked === 0 ? 0 : 1
    }   CONTEXT: pv guest (d${domain.domid}v${vcpu.id})`,
    ...REGISTERS.map((line) => line.map(cell).join("   ")),
    `${cell("r15")}   cr0: ${hex(state.cr0Lo)}   cr4: ${hex(state.cr4Lo)}`,
    `cr3: ${hex(cr3)}   cr2: ${hex(cr2)}`,
    `fsb: ${hex(base("fs"))}   gsb: ${hex(base("gs"))}   gss: ${hex(otherGs)}`,
    `ds: ${selector("ds")}   es: ${selector("es")}   fs: ${selector("fs")}   gs: ${selector("gs")}   ss: ${
      selector("ss")
    }   cs: ${selector("cs")}`,
    stackLines(vcpu, register("rsp")),
    codeLine(vcpu, rip),
  ].join("\n");
}
