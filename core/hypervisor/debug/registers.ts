/** A stopped vCPU's registers by gdb's names (org.gnu.gdb.i386.core, .sse, .segments), as little-endian bytes. */
import { type ContextField, CTX, Flag, SEGMENT_BASE, SEGMENT_SELECTOR } from "../../cpu/context.ts";
import type { Vcpu } from "../vcpu.ts";

export interface DebugRegister {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  read(vcpu: Vcpu): Uint8Array;
  /** `bytes` has the register's size. @returns false: this value is refused */
  write(vcpu: Vcpu, bytes: Uint8Array): boolean;
}

/** What a debugger may change of RFLAGS: CF PF AF ZF SF TF DF OF AC ID. The rest is Xen's for a PV guest. */
const CHANGEABLE = 0xd5 | Flag.TF | Flag.DF | Flag.OF | Flag.AC | Flag.ID;

function bytesOf(value: bigint, size: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, value), true);
  return bytes.subarray(0, size);
}

function valueOf(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => value << 8n | BigInt(byte), 0n);
}

function isCanonical(value: bigint): boolean {
  return BigInt.asUintN(64, BigInt.asIntN(48, value)) === value;
}

/** `size` bytes of the context. */
function memory(
  name: string,
  size: number,
  offset: (vcpu: Vcpu) => number,
  accepts: (value: bigint) => boolean = () => true,
): DebugRegister {
  return {
    name,
    size,
    read: (vcpu) => vcpu.domain.views.u8.slice(vcpu.ctx + offset(vcpu), vcpu.ctx + offset(vcpu) + size),
    write(vcpu, bytes) {
      if (!accepts(valueOf(bytes))) return false;
      vcpu.domain.views.u8.set(bytes, vcpu.ctx + offset(vcpu));
      return true;
    },
  };
}

/** Can be read; writing succeeds when it changes nothing. */
function fixed(name: string, size: number, value: (vcpu: Vcpu) => bigint): DebugRegister {
  return {
    name,
    size,
    read: (vcpu) => bytesOf(value(vcpu), size),
    write: (vcpu, bytes) => valueOf(bytes) === value(vcpu),
  };
}

const field = (name: string, from: ContextField, mask: bigint) =>
  memory(name, 4, () => CTX[from], (value) => (value & ~mask) === 0n);

const general = (name: string, number: number) => memory(name, 8, () => CTX.gpr + number * 8);

const rflags: DebugRegister = {
  name: "eflags",
  size: 4,
  read: ({ domain, ctx }) => bytesOf(BigInt(domain.context.flags(ctx)), 4),
  write({ domain, ctx }, bytes) {
    const flags = Number(valueOf(bytes)) & CHANGEABLE;
    domain.context.setFlags(ctx, (domain.context.flags(ctx) & ~CHANGEABLE) | flags);
    return true;
  },
};

const selector = (name: "cs" | "ss" | "ds" | "es" | "fs" | "gs") =>
  fixed(
    name,
    4,
    ({ domain, ctx }) => BigInt(domain.context.i32[(ctx + CTX[name] + SEGMENT_SELECTOR) >>> 2] & 0xffff),
  );

const top = ({ domain, ctx }: Vcpu) => (domain.context.get(ctx, "fsw") >>> 11) & 7;
const st = (number: number) => memory(`st${number}`, 10, (vcpu) => CTX.x87 + ((top(vcpu) + number) & 7) * 16);

/** The tag word in full: 0 valid, 1 zero, 2 special, 3 empty for each physical register; the context has one bit. */
function fullTags({ domain, ctx }: Vcpu): bigint {
  const present = domain.context.get(ctx, "ftw");
  let tags = 0;
  for (let i = 0; i < 8; i++) {
    let tag = 3;
    if (present & (1 << i)) {
      const at = ctx + CTX.x87 + i * 16;
      const mantissa = domain.context.data.getBigUint64(at, true);
      const exponent = domain.context.data.getUint16(at + 8, true) & 0x7fff;
      if (exponent === 0 && mantissa === 0n) tag = 1;
      else tag = exponent === 0 || exponent === 0x7fff || mantissa >> 63n === 0n ? 2 : 0;
    }
    tags |= tag << (i * 2);
  }
  return BigInt(tags);
}

const ftag: DebugRegister = {
  name: "ftag",
  size: 4,
  read: (vcpu) => bytesOf(fullTags(vcpu), 4),
  write({ domain, ctx }, bytes) {
    const tags = Number(valueOf(bytes));
    let present = 0;
    for (let i = 0; i < 8; i++) if (((tags >>> (i * 2)) & 3) !== 3) present |= 1 << i;
    domain.context.set(ctx, "ftw", present);
    return true;
  },
};

const MXCSR_BITS = 0xffffn;
const none = (name: string) => fixed(name, 4, () => 0n);
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

/** In the order of gdb's own numbers for x86-64: rax rbx rcx rdx rsi rdi rbp rsp r8-r15 rip eflags, segments, x87, SSE, bases. */
export const DEBUG_REGISTERS: readonly DebugRegister[] = [
  general("rax", 0),
  general("rbx", 3),
  general("rcx", 1),
  general("rdx", 2),
  general("rsi", 6),
  general("rdi", 7),
  general("rbp", 5),
  general("rsp", 4),
  ...numbers(8).map((i) => general(`r${i + 8}`, i + 8)),
  memory("rip", 8, () => CTX.rip, isCanonical),
  rflags,
  selector("cs"),
  selector("ss"),
  selector("ds"),
  selector("es"),
  selector("fs"),
  selector("gs"),
  ...numbers(8).map(st),
  field("fctrl", "fcw", 0x1f7fn),
  field("fstat", "fsw", 0xffffn),
  ftag,
  none("fiseg"),
  fixed("fioff", 4, ({ domain, ctx }) => domain.context.big(ctx, "fip") & 0xffffffffn),
  none("foseg"),
  fixed("fooff", 4, ({ domain, ctx }) => domain.context.big(ctx, "fdp") & 0xffffffffn),
  field("fop", "fop", 0x7ffn),
  ...numbers(16).map((i) => memory(`xmm${i}`, 16, () => CTX.xmm + i * 16)),
  field("mxcsr", "mxcsr", MXCSR_BITS),
  memory("fs_base", 8, () => CTX.fs + SEGMENT_BASE, isCanonical),
  memory("gs_base", 8, () => CTX.gs + SEGMENT_BASE, isCanonical),
];
