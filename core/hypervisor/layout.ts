/**
 * What the hypervisor keeps in shared memory, as data: the machine's buffer, and each domain's reservations behind its guest frames.
 * Any pCPU worker and the main thread may read it; comments say under which lock a field is written.
 */
import { type DomainLayout, layoutDomain, PAGE } from "../cpu/layout.ts";
import { array, struct } from "./struct.ts";

export { PAGE };

export const MAX_PCPUS = 64;
/** Domains alive at once. */
export const MAX_DOMAINS = 2048;
/** vCPUs of all domains alive at once. */
export const MAX_VCPUS = 8192;
/** vCPUs of one PV domain: Xen's HVM_MAX_VCPUS-like limit for what the legacy shared info and vcpu_info registration carry here. */
export const MAX_DOMAIN_VCPUS = 32;
/** EVTCHN_2L_NR_CHANNELS of a 64-bit guest. A 32-bit guest uses the first 1024. */
export const EVTCHN_PORTS = 4096;
/** Xen's default gnttab_max_frames and gnttab_max_maptrack_frames (in entries of MaptrackEntry). */
export const GRANT_FRAMES = 64;
export const GRANT_STATUS_FRAMES = 16;
export const MAPTRACK_ENTRIES = 8192;
export const FIRST_GUEST_DOMID = 1;
/** DOMID_FIRST_RESERVED: domids stay below it. */
export const DOMID_FIRST_RESERVED = 0x7ff0;
export const NONE = -1;

// ---- the machine's buffer -------------------------------------------------------------------------------------------

/** One physical CPU (a worker). Under the scheduler's lock, but for `wake` and `mail`, which are touched with atomics. */
export const PcpuState = struct("pcpu", {
  /** PcpuMode */
  mode: "i32",
  /** Futex word: counts up for each reason to look again. */
  wake: "i32",
  /** Messages posted and not yet taken. */
  mail: "i32",
  /** Index in the vCPU table of the one that runs here, or NONE. */
  vcpu: "i32",
  /** Another vCPU should run instead. */
  reschedule: "i32",
  /** System time until which an idle pCPU sleeps (Infinity: no deadline). */
  sleepsUntil: "f64",
  /** Nanoseconds; system time since which it sleeps, which is not booked yet, 0: it does not. */
  idleTime: "f64",
  idleSince: "f64",
  /** What part of its time the host gave the thread lately; 0: not known. */
  share: "f64",
  switches: "f64",
  pad: array("u8", 8),
});

export const PcpuMode = { OFFLINE: 0, IDLE: 1, BUSY: 2 } as const;

/** A vCPU as the scheduler sees it. Under the scheduler's lock. */
export const SchedVcpu = struct("sched_vcpu", {
  /** DOMID + 1; 0: the slot is free. */
  owner: "i32",
  vcpuId: "i32",
  /** PauseFlag bits; runnable when 0. */
  flags: "i32",
  /** Where it runs now, or NONE. */
  pcpu: "i32",
  lastPcpu: "i32",
  /** Its place in the run queue (in no order), or NONE. */
  queued: "i32",
  /** Its place in the timer heap, or NONE. */
  timerSlot: "i32",
  /** Why it was unblocked from SCHEDOP_poll: 1 when by the timeout. */
  pollTimedOut: "i32",
  /** Of its domain: weight, and cap in per cent of a pCPU for all vCPUs together (0: none). */
  weight: "i32",
  cap: "i32",
  /** Priority of credit.ts. */
  priority: "i32",
  /** Its place in the list of active vCPUs, which earn credits, or NONE. */
  activeSlot: "i32",
  /** Accountings until it is taken for one that never waits for a pCPU. */
  waited: "i32",
  /** SCHEDOP_yield: whoever waits goes first, once. */
  yielded: "i32",
  /** Hard and soft affinity: masks of pCPUs. */
  hardLo: "i32",
  hardHi: "i32",
  softLo: "i32",
  softHi: "i32",
  credit: "f64",
  /** System time when it came into the run queue. */
  queuedSince: "f64",
  /** Nanoseconds: time on a pCPU; since when it is not booked; how much of it the host did not give to the pCPU's thread, and for how much of it that is not known yet (CpuMeter). */
  cpuTime: "f64",
  ranSince: "f64",
  withheld: "f64",
  unsettled: "f64",
  /** Counters: times it was put on a pCPU, on another than before, woken, parked. */
  switches: "f64",
  migrations: "f64",
  wakes: "f64",
  parks: "f64",
  /** System times in nanoseconds; Infinity: off. */
  singleshot: "f64",
  pollDeadline: "f64",
  /** The earlier of the two: the heap's key. */
  deadline: "f64",
  /** Nanoseconds; 0: off. Ticks come only while the vCPU runs, as in Xen. */
  periodicPeriod: "f64",
  periodicLast: "f64",
});

/** Why a vCPU may not run (Xen's _VPF_* and pause counts). */
export const PauseFlag = {
  /** Not (yet) brought up: _VPF_down. */
  DOWN: 1,
  /** SCHEDOP_block. */
  BLOCKED: 2,
  /** SCHEDOP_poll; blocked too. */
  POLL: 4,
  /** The domain is paused (its pause count is not 0). */
  DOMAIN_PAUSED: 8,
  /** vcpu_pause by the hypervisor itself. */
  VCPU_PAUSED: 16,
  /** The domain has shut down or is dying. */
  SHUTDOWN: 32,
  /** Its domain's cap is used up: until it has earned credits again. */
  PARKED: 64,
  /** A debugger has stopped it. */
  DEBUGGED: 128,
} as const;

export const MachineHeader = struct("machine", {
  /** The three locks: see lock.ts. */
  machineLock: "i32",
  schedulerLock: "i32",
  clockLock: "i32",
  pcpus: "i32",
  /** Nonzero: pCPU workers end. */
  stopping: "i32",
  /** Domain-0's futex word, counted up by notifyDom0. */
  dom0Wake: "i32",
  /** vCPUs in the run queue, in the timer heap, in the list of those that earn credits, and those that are parked. */
  queueLength: "i32",
  heapLength: "i32",
  activeLength: "i32",
  parked: "i32",
  /** Slots of the vCPU table ever used: how far a scan must go. */
  vcpuSlots: "i32",
  /** Latest time (ns of system time) any thread has told a guest. Under clockLock. */
  clockMaximum: "f64",
  /** System times of the last and the next accounting of credits. */
  accountedAt: "f64",
  nextAccounting: "f64",
  accountings: "f64",
  /** What all active vCPUs had together after the last one. */
  creditBalance: "f64",
  /** Wall-clock nanoseconds since 1970 at system time 0. */
  wallClockEpoch: "f64",
  /** Counters. */
  preemptions: "f64",
  timersFired: "f64",
  domainsCreated: "f64",
  domainsDestroyed: "f64",
  /** CPU time of the vCPUs that there were, nanoseconds (scheduler's lock). */
  departedTime: "f64",
  /** Errors of our own: exceptions that passed the hypercall boundary or hit a pCPU between domains, workers that were lost. */
  internalErrors: "f64",
  /** Garbage collections of idle pCPU workers (atomics): the main thread then gives back what they freed. */
  collections: "i32",
});

const machineParts = {
  header: MachineHeader.size,
  pcpus: PcpuState.size * MAX_PCPUS,
  vcpus: SchedVcpu.size * MAX_VCPUS,
  queue: 4 * MAX_VCPUS,
  heap: 4 * MAX_VCPUS,
  active: 4 * MAX_VCPUS,
  /** A bit for each domid with notifications for Domain-0. */
  dom0Pending: 4096,
  /** Atomic clock cells of the calibration of a worker's clock: one f64 pair each pCPU. */
  clocks: 64 * MAX_PCPUS,
} as const;

/** Byte offsets in the machine's SharedArrayBuffer. */
export const MACHINE = (() => {
  const offsets: Record<string, number> = {};
  let end = 0;
  for (const [name, bytes] of Object.entries(machineParts)) {
    offsets[name] = end;
    end = (end + bytes + 63) & ~63;
  }
  return { ...offsets, bytes: end } as { readonly [K in keyof typeof machineParts | "bytes"]: number };
})();

// ---- a domain's reservations ----------------------------------------------------------------------------------------

/** How many losses of rights are remembered one by one; a power of two. */
export const WEAK_SLOTS = 64;

export const DomainHeader = struct("domain", {
  /** The domain's lock, see lock.ts: protects page types, event channels, grants, memory accounting. */
  lock: "i32",
  domid: "i32",
  /** Times it was paused and not unpaused (scheduler's lock). */
  pauseCount: "i32",
  /** 1 once a shutdown began (scheduler's lock). */
  isShutdown: "i32",
  /** SHUTDOWN_* of sched.h. */
  shutdownReason: "i32",
  /** SCHEDOP_shutdown_code: the reason (plus 1) that the next shutdown is given, whatever it says itself; 0: none. */
  shutdownCode: "i32",
  /** 1 from domain_kill on. */
  isDying: "i32",
  /** Width of the guest: 64 or 32 (is_pv_32bit_domain). */
  width: "i32",
  /** DomainOption bits. */
  options: "u32",
  handle: array("u8", 16),
  /** Bits of VMASST_TYPE_*. */
  vmAssist: "u64",
  /** Frames: accounting of memory_op. */
  totPages: "u32",
  maxPages: "u32",
  /** Where the map of XENMEM_memory_map ends (xc_domain_set_memmap_limit). */
  memoryMapPages: "u32",
  /** Entries on the free-frame stack: guest frames that the domain does not own now. */
  freeFrames: "u32",
  /** How many of them came since the main thread last gave their pages back to the host. */
  unreturnedFrames: "u32",
  /** Lock of that stack: another domain that drops a last reference has not this domain's lock. Taken last of all. */
  freeLock: "i32",
  /** Frames of xenpages kind shared with the guest (shared info, grant table). */
  xenheapPages: "u32",
  /** Highest pfn + 1 of the p2m that was built: for memory_op maximum_gpfn. */
  maxPfn: "u32",
  /** Byte address of the shared info page in this memory, and its mfn. */
  sharedInfo: "u32",
  sharedInfoMfn: "u32",
  /** Lowest event channel port that may be free. */
  firstFreePort: "u32",
  validPorts: "u32",
  /** Counts up when a page-table entry loses rights (atomics): see PageTypes.weaken. */
  weakened: "u32",
  /** What the last of them were, see PageTypes.weaken: 22 bits of the count, 10 bits of slot + 1 (0: anything). */
  weakSlots: array("i32", WEAK_SLOTS),
  /** Grant table. */
  grantVersion: "u32",
  grantFrames: "u32",
  grantStatusFrames: "u32",
  maxGrantFrames: "u32",
  maxMaptrackFrames: "u32",
  maptrackFree: "i32",
  maptrackUsed: "u32",
  /** TSC mode and settime offsets. */
  tscMode: "u32",
  timeOffsetSeconds: "i32",
  /** Console and store ports of Domain-0's channels, as the builder told the guest. */
  consolePort: "u32",
  storePort: "u32",
  consoleMfn: "u32",
  storeMfn: "u32",
  /** Hypercalls by number (64), events sent, page faults and the like: f64 counters. */
  hypercalls: array("f64", 64),
  eventsSent: "f64",
  upcalls: "f64",
  exceptions: "f64",
  pageFaults: "f64",
  emulations: "f64",
  mmuUpdates: "f64",
  grantMaps: "f64",
  grantCopies: "f64",
  pageTypeChanges: "f64",
  unknownHypercalls: "f64",
  /** Domain-0's ends with something pending: a bit for each port of this domain (atomics). */
  dom0Pending: array("u32", EVTCHN_PORTS / 32),
  watchdogs: array("f64", 2),
  /** Counts up each time a debugger lets the domain go on: a stop that was reported before belongs to an earlier one. */
  debugResumes: "u32",
  /** TraceKind bits of what is being traced; 0: nothing. Written by the main thread. */
  traceKinds: "u32",
});

export const DomainOption = { PRIVILEGED: 1, DEBUG: 2, SUSPEND_CANCEL: 4 } as const;

/** An entry of set_trap_table as kept. */
export const TrapEntry = struct("trap", {
  flags: "u8",
  present: "u8",
  cs: "u16",
  pad: "u32",
  address: "u64",
});

export const GuestMode = { USER: 0, KERNEL: 1 } as const;

/** The hypervisor's part of a vCPU. Written by whoever runs it, by others only while it does not run. */
export const VcpuState = struct("vcpu", {
  vcpuId: "i32",
  /** Its index in the machine's vCPU table. */
  schedIndex: "i32",
  /** 1 once VCPUOP_initialise or the builder gave it a state. */
  initialised: "i32",
  /** TF_kernel_mode: GuestMode. */
  guestMode: "i32",
  /** An event may be pending: look before entering the guest (atomics). */
  eventCheck: "i32",
  nmiPending: "i32",
  nmiMasked: "i32",
  /** trap_bounce's nested failure: a fault while delivering. */
  failures: "i32",
  /** set_trap_table. */
  traps: array(TrapEntry, 256),
  /** set_callbacks / callback_op; flags are VGCF-like CALLBACK bits. */
  eventCallback: "u64",
  failsafeCallback: "u64",
  syscallCallback: "u64",
  syscall32Callback: "u64",
  sysenterCallback: "u64",
  nmiCallback: "u64",
  eventCallbackCs: "u32",
  failsafeCallbackCs: "u32",
  failsafeDisablesEvents: "u32",
  syscallDisablesEvents: "u32",
  syscall32DisablesEvents: "u32",
  sysenterDisablesEvents: "u32",
  syscall32Cs: "u32",
  sysenterCs: "u32",
  /** stack_switch. */
  kernelSs: "u32",
  kernelSp: "u64",
  /** set_gdt: mfns of up to 14 frames (FIRST_RESERVED_GDT_PAGE), 0 for none. */
  gdtFrames: array("u32", 16),
  gdtEntries: "u32",
  ldtEntries: "u32",
  ldtBase: "u64",
  /** LDT pages in use (mfns, 0 for none): each holds a segment-descriptor type reference. */
  ldtFrames: array("u32", 16),
  /** physdev set_iopl, set_iobitmap. */
  iopl: "u32",
  ioBitmapPorts: "u32",
  ioBitmap: "u64",
  /** DomainHeader.weakened when this vCPU last loaded a top-level table. */
  weakSeen: "u32",
  /** Top-level tables: mfns. 0 for no user table. */
  kernelCr3: "u32",
  userCr3: "u32",
  /** FS and GS bases that are not in the CPU now. Xen swaps GS at each kernel/user switch. */
  fsBase: "u64",
  gsBaseKernel: "u64",
  gsBaseUser: "u64",
  gsUserSelector: "u32",
  /** Guest's view of CR0.TS and of CR4. */
  cr0Lo: "u32",
  cr4Lo: "u32",
  debug: array("u64", 8),
  /** DR7's enable bits of I/O breakpoints, which Xen emulates. */
  dr7Emulated: "u32",
  /** async_exception_mask (bit 1: NMI) and what it was before the last NMI. */
  asyncExceptionMask: "u32",
  nmiOldMask: "u32",
  /** Byte address (in the domain's memory) of the vcpu_info in use, and the mfn when registered (0: shared info). */
  vcpuInfo: "u32",
  vcpuInfoMfn: "u32",
  /** VCPUOP_register_runstate_memory_area and _time_memory_area: guest virtual addresses, 0: none. */
  runstateArea: "u64",
  timeArea: "u64",
  /** Run state accounting: RUNSTATE_* now, since when, nanoseconds in each. */
  runstate: "u32",
  runstateSince: "f64",
  runstateTimes: array("f64", 4),
  /** SCHEDOP_poll: one port (pollPort > 0), or many (-1); 0: none. */
  pollPort: "i32",
  /** VIRQ -> port (24 virqs, 0: unbound). */
  virqPorts: array("u32", 24),
  /** Of the wall clock and pvclock protocol. */
  timeVersion: "u32",
  xcr0: "u64",
  tscAux: "u32",
  /** MSRs a PV guest sees beside. */
  miscEnable: "u64",
  /** The same instruction faulted in the same place: guards against a livelock. */
  lastFaultRip: "u64",
  lastFaultCount: "u32",
  /** Room for what multicall, emulation and continuations keep from one entry to the next. */
  multicallDepth: "u32",
  multicallIretFlags: "u32",
  continuation: array("u64", 4),
  /** A debugger wants one instruction and then a stop. Written while the vCPU does not run. */
  debugStep: "i32",
});

/** One event channel (Xen's struct evtchn). Under the domain's lock. */
export const EventChannel = struct("evtchn", {
  state: "u8",
  priority: "u8",
  /** Xen itself consumes it (no guest bit is set): XenConsumer. */
  consumer: "u8",
  pad: "u8",
  notifyVcpu: "u16",
  /** UNBOUND, INTERDOMAIN. */
  remoteDomid: "u16",
  remotePort: "u32",
  /** VIRQ, PIRQ number. */
  irq: "u32",
});

export const ChannelState = {
  FREE: 0,
  RESERVED: 1,
  UNBOUND: 2,
  INTERDOMAIN: 3,
  PIRQ: 4,
  VIRQ: 5,
  IPI: 6,
} as const;

/** An active grant (Xen's struct active_grant_entry). */
export const ActiveGrant = struct("active_grant", {
  /** GNTPIN_* counts. */
  pin: "u32",
  domid: "u16",
  flags: "u16",
  frame: "u32",
  start: "u16",
  length: "u16",
});

/** What this domain has mapped of others (Xen's struct grant_mapping). */
export const MaptrackEntry = struct("maptrack", {
  domid: "u16",
  flags: "u16",
  ref: "u32",
  /** Free list. */
  next: "i32",
  frame: "u32",
});

export interface DomainSize {
  /** Guest frames at most: maximum memory / 4 KiB. */
  frames: number;
  vcpus: number;
  mfnBase: number;
  /**
   * Room for decoded code; default: 8 MiB, from 512 MiB of guest memory on 32 MiB. A boot of Linux decodes 18 MiB and empties the smaller
   * room twice, which costs nothing measurable; it stays resident when the guest is idle.
   */
  codeBytes?: number;
}

const FRAMES_OF_LARGE_CODE = (512 << 20) / PAGE;

/** Layout of a domain's memory with all of the hypervisor's reservations. */
export function layoutHypervisor(size: DomainSize): HypervisorLayout {
  const { frames, vcpus, mfnBase, codeBytes = (frames < FRAMES_OF_LARGE_CODE ? 8 : 32) << 20 } = size;
  if (vcpus < 1 || vcpus > MAX_DOMAIN_VCPUS) throw new RangeError(`vcpus: ${vcpus}`);
  // The m2p slice covers every mfn of this domain, its own frame included: an upper bound of the reservations is enough.
  const reservedFrames = 2048 + Math.ceil(frames / 256);
  const m2pBytes = Math.ceil((frames + reservedFrames) * 8 / PAGE) * PAGE;
  const reserve = {
    domain: DomainHeader.size,
    vcpus: VcpuState.size * vcpus,
    sharedInfo: PAGE,
    /** A vcpu_info for each vCPU beyond the legacy 32 would go here: Xen's dummy_vcpu_info. */
    dummyVcpuInfo: PAGE,
    eventChannels: EventChannel.size * EVTCHN_PORTS,
    grantFrames: PAGE * GRANT_FRAMES,
    grantStatus: PAGE * GRANT_STATUS_FRAMES,
    activeGrants: ActiveGrant.size * (GRANT_FRAMES * PAGE / 8),
    maptrack: MaptrackEntry.size * MAPTRACK_ENTRIES,
    /** A stack of pfns (u32): frames of this memory that the domain does not own; DomainHeader.freeFrames entries. */
    freeFrames: 4 * frames,
    /** linear_pt_count (i16) of each guest frame. */
    linearCounts: 2 * frames,
    /** This domain's slice of the machine-to-phys table: 8 bytes for each mfn from mfnBase. */
    m2p: m2pBytes,
    /** Xen's own page tables for slot 256: one L3, two L2, and L1s. */
    xenTables: PAGE * (3 + Math.ceil(m2pBytes / (512 * PAGE)) + 1),
    /** Scratch for whoever holds the domain's lock. */
    scratch: PAGE * 4,
  };
  const layout = layoutDomain({ frames, vcpus, mfnBase, codeBytes, reserve });
  if (layout.totalFrames * 8 > m2pBytes) throw new RangeError("the m2p slice is too small");
  return layout as HypervisorLayout;
}

export type Reservation =
  | "domain"
  | "vcpus"
  | "sharedInfo"
  | "dummyVcpuInfo"
  | "eventChannels"
  | "grantFrames"
  | "grantStatus"
  | "activeGrants"
  | "maptrack"
  | "freeFrames"
  | "linearCounts"
  | "m2p"
  | "xenTables"
  | "scratch";

export interface HypervisorLayout extends DomainLayout {
  readonly reserve: Readonly<Record<Reservation, number>>;
}
