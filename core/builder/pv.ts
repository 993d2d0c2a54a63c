import { writeBsdSymtab } from "./bsd_symtab.ts";
import { PT_LOAD } from "./elf.ts";
import { ImageError } from "./errors.ts";
import { hypercallPage } from "./hypercall_page.ts";
import { type KernelImage, type PvPlacement, pvPlacement } from "./kernel.ts";
import { PAGING, writePageTables } from "./page_tables.ts";
import { imagePages, layoutPv, memoryNeeded, type PvLayout } from "./pv_layout.ts";
import { MAX_GUEST_CMDLINE, SIF_MOD_START_PFN } from "../hypervisor/abi/xen.ts";
import { runSteps, runStepsWithBreaks, type Steps } from "../hypervisor/steps.ts";
import { writeStartInfo } from "./start_info.ts";

/** A domain's memory as its builder sees it. */
export interface DomainFrames {
  /** The frames, pfn i at byte i * 4096; scrubbed (all zero). May lie in shared memory. */
  readonly bytes: Uint8Array;
  /** Number of the domain's frames; at most bytes.length / 4096. */
  readonly nrPages: number;
  pfnToMfn(pfn: number): number;
}

/** What the hypervisor and Domain-0 decided before the domain is built. */
export interface PvDomain {
  readonly frames: DomainFrames;
  /** Machine frame of the shared info page. */
  readonly sharedInfoMfn: number;
  readonly storeEvtchn: number;
  readonly consoleEvtchn: number;
}

export interface PvImages {
  readonly kernel: KernelImage;
  readonly ramdisk?: Uint8Array;
  /** The kernel's command line; UTF-8, at most 1023 bytes reach the guest. */
  readonly cmdline: string;
}

/** A page-table frame and its level (1 to 4). */
export interface PageTableFrame {
  readonly pfn: number;
  readonly mfn: number;
  readonly level: number;
}

/** The first vCPU's state and the frames that the hypervisor must know, once a PV domain's memory is built. */
export interface PvStart {
  readonly width: 32 | 64;
  readonly rip: bigint;
  readonly rsp: bigint;
  /** Virtual address of start_info. */
  readonly rsi: bigint;
  /** Only IF is set. */
  readonly rflags: bigint;
  /** Machine frame of the top-level page table, to be pinned. */
  readonly cr3Mfn: number;
  /** All page-table frames, top level first. */
  readonly pageTables: readonly PageTableFrame[];
  readonly startInfoPfn: number;
  readonly storePfn: number;
  readonly storeMfn: number;
  readonly consolePfn: number;
  readonly consoleMfn: number;
  readonly hypercallPagePfn?: number;
  readonly layout: PvLayout;
}

const EFLAGS_IF = 1n << 9n;

/** Copied, zeroed or listed in one step: a millisecond or so. */
const STEP_BYTES = 1 << 20;
const STEP_PAGES = 1 << 15;

function* copy(target: Uint8Array, source: Uint8Array, at: number): Steps<void> {
  for (let done = 0; done < source.length; done += STEP_BYTES) {
    target.set(source.subarray(done, done + STEP_BYTES), at + done);
    yield;
  }
}

function* zero(target: Uint8Array, from: number, to: number): Steps<void> {
  for (let at = from; at < to; at += STEP_BYTES) {
    target.fill(0, at, Math.min(to, at + STEP_BYTES));
    yield;
  }
}

function* loadKernel(
  bytes: Uint8Array,
  { kernel }: PvImages,
  layout: PvLayout,
  symtabOffset?: number,
): Steps<void> {
  const { elf } = kernel;
  const base = layout.kernel.pfn * 4096;
  const area = bytes.subarray(base, base + layout.kernel.pages * 4096);
  for (const segment of elf.segments) {
    if (segment.type !== PT_LOAD) continue;
    const at = Number(segment.paddr - kernel.physicalStart);
    yield* copy(area, elf.bytes.subarray(segment.offset, segment.offset + segment.fileSize), at);
    yield* zero(area, at + segment.fileSize, at + Number(segment.memSize));
  }
  if (symtabOffset !== undefined) writeBsdSymtab(elf, area.subarray(symtabOffset));
}

function* writeP2m(frames: DomainFrames, width: 32 | 64, { p2m }: PvLayout): Steps<void> {
  const { bytes, nrPages } = frames;
  const view = new DataView(bytes.buffer, bytes.byteOffset + p2m.pfn * 4096, p2m.pages * 4096);
  for (let pfn = 0; pfn < nrPages; pfn++) {
    const mfn = frames.pfnToMfn(pfn);
    if (width === 64) {
      view.setUint32(pfn * 8, mfn >>> 0, true);
      view.setUint32(pfn * 8 + 4, Math.floor(mfn / 2 ** 32), true);
    } else view.setUint32(pfn * 4, mfn, true);
    if ((pfn + 1) % STEP_PAGES === 0) yield;
  }
}

/** A kernel and its ramdisk laid out for a domain's size, before there is a domain. */
export interface PvPlan {
  readonly placement: PvPlacement;
  readonly layout: PvLayout;
}

/**
 * Finds where everything will lie, or says why it cannot.
 * @param nrPages frames that the domain is going to have
 * @throws ImageError wrong-mode, unsupported-feature, corrupt, out-of-memory
 */
export function planPv({ kernel, ramdisk }: Pick<PvImages, "kernel" | "ramdisk">, nrPages: number): PvPlan {
  const placement = pvPlacement(kernel);
  const ramdiskBytes = ramdisk?.length ?? 0;
  const tooLittle = () => {
    const needed = memoryNeeded(placement, ramdiskBytes);
    const what = ramdisk === undefined ? "this kernel needs" : "this kernel and its ramdisk need";
    const has = Math.floor(nrPages / 256);
    return new ImageError(
      "out-of-memory",
      `too little memory: ${what} at least ${needed} MiB to start, the domain has ${has} MiB`,
    );
  };
  if (imagePages(placement, ramdiskBytes) > nrPages) throw tooLittle();
  const layout = layoutPv(placement, ramdiskBytes, nrPages);
  if (layout.end > nrPages) throw tooLittle();
  return { placement, layout };
}

/**
 * Writes a PV domain's start-of-day memory: kernel, ramdisk, p2m list, start_info, hypercall page, page tables.
 * The console and store rings stay zero. Nothing outside `domain.frames` is touched.
 * @throws ImageError as `planPv`
 */
export function buildPv(domain: PvDomain, images: PvImages): PvStart {
  return runSteps(pvSteps(domain, images));
}

/** The same for a thread that has others to serve meanwhile. */
export function buildPvWithBreaks(domain: PvDomain, images: PvImages): Promise<PvStart> {
  return runStepsWithBreaks(pvSteps(domain, images));
}

function* pvSteps(domain: PvDomain, images: PvImages): Steps<PvStart> {
  const { frames } = domain;
  const { bytes, nrPages } = frames;
  const pfnToMfn = (pfn: number) => frames.pfnToMfn(pfn);
  const { ramdisk } = images;
  const { placement, layout } = planPv(images, nrPages);
  const { width, virtBase } = placement;
  const page = (pfn: number) => bytes.subarray(pfn * 4096, (pfn + 1) * 4096);
  const virtual = (pfn: number) => virtBase + BigInt(pfn) * 4096n;

  const { symtabStart, hypercallPage: hypercallVa } = placement;
  yield* loadKernel(
    bytes,
    images,
    layout,
    symtabStart === undefined ? undefined : Number(symtabStart - placement.kernelStart),
  );
  if (ramdisk !== undefined && layout.ramdisk !== undefined) {
    yield* copy(bytes, ramdisk, layout.ramdisk.pfn * 4096);
  }
  yield* writeP2m(frames, width, layout);

  const tables = [...layout.bootstrapTables, ...layout.p2mTables];
  for (const { pfn } of tables) page(pfn).fill(0);
  yield* writePageTables(bytes, PAGING[width], layout.mappings, tables, pfnToMfn);

  let hypercallPagePfn: number | undefined;
  if (hypercallVa !== undefined) {
    hypercallPagePfn = Number((hypercallVa - virtBase) / 4096n);
    page(hypercallPagePfn).set(hypercallPage(width));
  }

  const separateP2m = placement.initP2m !== undefined;
  const ramdiskRange = layout.ramdisk;
  writeStartInfo(page(layout.startInfo), width, {
    magic: width === 64 ? "xen-3.0-x86_64" : "xen-3.0-x86_32p",
    nr_pages: nrPages,
    shared_info: BigInt(domain.sharedInfoMfn) << 12n,
    flags: ramdiskRange !== undefined && !ramdiskRange.mapped ? SIF_MOD_START_PFN : 0,
    store_mfn: pfnToMfn(layout.store),
    store_evtchn: domain.storeEvtchn,
    "console.domU.mfn": pfnToMfn(layout.console),
    "console.domU.evtchn": domain.consoleEvtchn,
    pt_base: virtual(layout.bootstrapTables[0].pfn),
    nr_pt_frames: layout.bootstrapTables.length,
    mfn_list: layout.p2m.virtual,
    mod_start: ramdiskRange === undefined
      ? 0n
      : ramdiskRange.mapped
      ? virtual(ramdiskRange.pfn)
      : BigInt(ramdiskRange.pfn),
    // libxenguest counts whole pages where it gives a pfn.
    mod_len: ramdiskRange === undefined
      ? 0
      : ramdiskRange.mapped
      ? ramdisk?.length ?? 0
      : ramdiskRange.pages * 4096,
    cmd_line: new TextEncoder().encode(images.cmdline).subarray(0, MAX_GUEST_CMDLINE - 1),
    first_p2m_pfn: separateP2m ? layout.p2m.pfn : 0,
    nr_p2m_frames: separateP2m ? layout.p2m.pages + layout.p2mTables.length : 0,
  });

  return {
    width,
    rip: placement.entry,
    rsp: virtual(layout.bootStack + 1),
    rsi: virtual(layout.startInfo),
    rflags: EFLAGS_IF,
    cr3Mfn: pfnToMfn(tables[0].pfn),
    pageTables: tables.map(({ pfn, level }) => ({ pfn, mfn: pfnToMfn(pfn), level })),
    startInfoPfn: layout.startInfo,
    storePfn: layout.store,
    storeMfn: pfnToMfn(layout.store),
    consolePfn: layout.console,
    consoleMfn: pfnToMfn(layout.console),
    hypercallPagePfn,
    layout,
  };
}
