/** Where everything lies in one domain's memory (WebAssembly memory 0 of its code). A plain object: it can be posted to workers. */
import { CONTEXT_BYTES, TLB_ENTRIES, TLB_ENTRY_BYTES, TLB_SPACES } from "./context.ts";

export const PAGE = 4096;
/** frameInfo: {typeInfo u32, countInfo u32, codeMap u32, cpuFlags u32} */
export const FRAME_INFO_BYTES = 16;
export const FRAME_TYPE = 0;
export const FRAME_COUNT = 4;
export const FRAME_CODE_MAP = 8;
export const FRAME_CPU_FLAGS = 12;

/** Bits of a frame's cpuFlags; set with atomics. */
export const FrameFlag = {
  /** Some TLB of the domain may hold a write tag for it. */
  WRITE_TAGGED: 1,
  /** Some TLB of the domain may hold any tag for it. */
  TAGGED: 2,
  /** Instructions were decoded from it: no write tag may be made. */
  HAS_CODE: 4,
  /** A vCPU has stored, or is about to, beside decoded code: whoever decodes from it makes sure that the store is done. */
  SLOW_WRITTEN: 8,
} as const;

/** Engine words shared by all workers of a domain, at `layout.engine`. */
export const ENGINE_BYTES = 4096;

export interface LayoutOptions {
  /** Guest frames of 4 KiB. */
  frames: number;
  vcpus: number;
  /** Machine frame number of frame 0; a multiple of 512, not 0. Default 512. */
  mfnBase?: number;
  /** Room for decoded code. Default 16 MiB. */
  codeBytes?: number;
  /** Named rooms of the hypervisor, each page aligned; page tables may name their frames. */
  reserve?: Readonly<Record<string, number>>;
}

export interface DomainLayout {
  readonly frames: number;
  readonly vcpus: number;
  readonly mfnBase: number;
  /** Guest frames and reserved frames: what a machine frame number may name. */
  readonly totalFrames: number;
  /** Byte address of each reservation. Its first frame's mfn is mfnBase + address / 4096. */
  readonly reserve: Readonly<Record<string, number>>;
  /** totalFrames entries of FRAME_INFO_BYTES. */
  readonly frameInfo: number;
  /** Context of vCPU n is at contexts + n * CONTEXT_BYTES. */
  readonly contexts: number;
  readonly tlbs: number;
  readonly engine: number;
  readonly code: number;
  readonly codeBytes: number;
  /** Bytes in all. */
  readonly bytes: number;
  /** The same in WebAssembly pages of 64 KiB: initial and maximum of the memory. */
  readonly pages: number;
}

/** @throws RangeError when it does not fit below 4 GiB or an option makes no sense */
export function layoutDomain(options: LayoutOptions): DomainLayout {
  const { frames, vcpus, mfnBase = 512, codeBytes = 16 << 20, reserve = {} } = options;
  if (!Number.isInteger(frames) || frames < 1) throw new RangeError(`frames: ${frames}`);
  if (!Number.isInteger(vcpus) || vcpus < 1) throw new RangeError(`vcpus: ${vcpus}`);
  if (!Number.isInteger(mfnBase) || mfnBase < 512 || mfnBase % 512 !== 0) {
    throw new RangeError(`mfnBase: ${mfnBase}`);
  }
  let at = frames * PAGE;
  const room = (bytes: number) => {
    const start = at;
    at += Math.ceil(bytes / PAGE) * PAGE;
    return start;
  };
  const reserved: Record<string, number> = {};
  for (const [name, bytes] of Object.entries(reserve)) reserved[name] = room(bytes);
  const totalFrames = at / PAGE;
  const frameInfo = room(totalFrames * FRAME_INFO_BYTES);
  const contexts = room(vcpus * CONTEXT_BYTES);
  const tlbs = room(vcpus * TLB_SPACES * TLB_ENTRIES * TLB_ENTRY_BYTES);
  const engine = room(ENGINE_BYTES);
  const code = room(codeBytes);
  const pages = Math.ceil(at / 65536);
  // The last page stays out: an access may run up to 15 bytes past an address, and addresses are compared with -1.
  if (pages > 65535) throw new RangeError(`a domain of ${frames} frames needs ${at} bytes, more than 4 GiB`);
  return {
    frames,
    vcpus,
    mfnBase,
    totalFrames,
    reserve: reserved,
    frameInfo,
    contexts,
    tlbs,
    engine,
    code,
    codeBytes,
    bytes: pages * 65536,
    pages,
  };
}

export function contextAddress(layout: DomainLayout, vcpu: number): number {
  return layout.contexts + vcpu * CONTEXT_BYTES;
}

/** A shared memory that never grows; the maximum it declares makes V8 set 4 GiB of address space aside for it, none of which others get. */
export function reserveMemory(pages: number): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: pages, maximum: 65536, shared: true });
}

/** The shared memory a layout wants. */
export function createDomainMemory(layout: DomainLayout): WebAssembly.Memory {
  return reserveMemory(layout.pages);
}
