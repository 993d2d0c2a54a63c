/** Just enough decoding to emulate the privileged instructions that Xen emulates for PV guests (emul-priv-op's list). */

/** What an instruction at the guest's rip is. */
export interface PrivilegedInstruction {
  readonly kind:
    | "in"
    | "out"
    | "ins"
    | "outs"
    | "clts"
    | "wbinvd"
    | "mov from cr"
    | "mov to cr"
    | "mov from dr"
    | "mov to dr"
    | "wrmsr"
    | "rdmsr"
    | "rdtsc"
    | "rdtscp"
    | "cpuid"
    | "cli"
    | "sti"
    | "xsetbv";
  /** Bytes. */
  readonly length: number;
  /** Operand of IN, OUT, INS, OUTS: 1, 2 or 4. */
  readonly size: number;
  /** Port of the immediate forms; -1: DX. */
  readonly port: number;
  /** MOV to and from CR and DR: the special and the general register. */
  readonly special: number;
  readonly general: number;
  readonly repeated: boolean;
  /** 2, 4 or 8 */
  readonly addressSize: number;
  /** Segment override (es cs ss ds fs gs), -1: none. */
  readonly segment: number;
}

const SEGMENT_PREFIXES: Readonly<Record<number, number>> = {
  0x26: 0,
  0x2e: 1,
  0x36: 2,
  0x3e: 3,
  0x64: 4,
  0x65: 5,
};

/** @returns undefined: none of them, or not all bytes are there */
export function decodePrivileged(
  bytes: Uint8Array,
  available: number,
  mode: number,
): PrivilegedInstruction | undefined {
  let at = 0, operand16 = mode === 16, addressToggled = false, repeated = false, segment = -1, rex = 0;
  for (; at < available; at++) {
    const byte = bytes[at];
    if (byte === 0x66) operand16 = mode !== 16;
    else if (byte === 0x67) addressToggled = true;
    else if (byte === 0xf2 || byte === 0xf3) repeated = true;
    else if (byte === 0xf0) return undefined;
    else if (byte in SEGMENT_PREFIXES) segment = SEGMENT_PREFIXES[byte];
    else break;
    rex = 0;
  }
  if (mode === 64 && at < available && (bytes[at] & 0xf0) === 0x40) rex = bytes[at++];
  if (at >= available) return undefined;
  const addressSize = mode === 64 ? addressToggled ? 4 : 8 : (mode === 32) !== addressToggled ? 4 : 2;
  const wide = operand16 && !(rex & 8) ? 2 : 4;
  const make = (
    kind: PrivilegedInstruction["kind"],
    more: Partial<PrivilegedInstruction> = {},
    extra = 0,
  ): PrivilegedInstruction | undefined => {
    const length = at + extra;
    if (length > available) return undefined;
    return {
      kind,
      length,
      size: 0,
      port: -1,
      special: 0,
      general: 0,
      repeated,
      addressSize,
      segment,
      ...more,
    };
  };
  const opcode = bytes[at++];
  const size = opcode & 1 ? wide : 1;
  switch (opcode) {
    case 0x6c:
    case 0x6d:
      return make("ins", { size });
    case 0x6e:
    case 0x6f:
      return make("outs", { size });
    case 0xe4:
    case 0xe5:
      return make("in", { size, port: bytes[at] }, 1);
    case 0xe6:
    case 0xe7:
      return make("out", { size, port: bytes[at] }, 1);
    case 0xec:
    case 0xed:
      return make("in", { size });
    case 0xee:
    case 0xef:
      return make("out", { size });
    case 0xfa:
      return make("cli");
    case 0xfb:
      return make("sti");
  }
  if (opcode !== 0x0f || at >= available) return undefined;
  const second = bytes[at++];
  switch (second) {
    case 0x01:
      if (at >= available) return undefined;
      if (bytes[at] === 0xd1) return make("xsetbv", {}, 1);
      return bytes[at] === 0xf9 ? make("rdtscp", {}, 1) : undefined;
    case 0x06:
      return make("clts");
    case 0x09:
      return make("wbinvd");
    case 0x20:
    case 0x21:
    case 0x22:
    case 0x23: {
      if (at >= available) return undefined;
      const modrm = bytes[at];
      const special = ((modrm >>> 3) & 7) | (rex & 4 ? 8 : 0), general = (modrm & 7) | (rex & 1 ? 8 : 0);
      const kinds = ["mov from cr", "mov from dr", "mov to cr", "mov to dr"] as const;
      return make(kinds[second & 3], { special, general }, 1);
    }
    case 0x30:
      return make("wrmsr");
    case 0x31:
      return make("rdtsc");
    case 0x32:
      return make("rdmsr");
    case 0xa2:
      return make("cpuid");
    default:
      return undefined;
  }
}
