/** Keys for every guest type: what a domain is, what it gets, what happens when it ends. */
import { z } from "zod";
import { honoured, HVM, HVM_PVH, idle, quiet, refused } from "./definition.ts";
import {
  alias,
  choice,
  cpuLists,
  integer,
  MAX_INT,
  text,
  textLists,
  textOrTexts,
  texts,
  truth,
} from "./types.ts";

/** What happens to a domain that ended (xl.cfg(5), "Event Actions"). */
export const SHUTDOWN_ACTIONS = [
  "destroy",
  "restart",
  "rename-restart",
  "preserve",
  "coredump-destroy",
  "coredump-restart",
  "soft-reset",
] as const;

const UUID = /^(?:[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|[0-9a-fA-F]{32})$/;

const domainName = z.string().min(1).regex(/^[^/\s\p{Cc}]+$/u);

const OTHER_SCHEDULER = "only the credit scheduler is here";
const NO_NUMA = "there is one NUMA node";
const FIXED_TABLES = "the tables grow as they are needed";

export const generalKeys = {
  name: honoured(
    text(domainName, "a domain's name, without slashes, blanks and control characters"),
    "The domain's name, unlike that of any other domain of the host.",
  ),
  uuid: honoured(
    text(z.string().regex(UUID), "a UUID like c7a5fdb2-cdaf-9455-926a-d65c16db1809"),
    "The domain's UUID; without it one is made up.",
  ),
  type: honoured(choice(["pv", "pvh", "hvm"]), "How the guest is built.", {
    default: "pv",
    dialects: ["xl"],
  }),
  builder: honoured(
    alias({ generic: "pv", linux: "pv", pv: "pv", hvm: "hvm" }),
    "The old name of type.",
  ),
  kernel: honoured(text(), "The kernel: a file, or debian:FLAVOUR or builtin:NAME."),
  ramdisk: honoured(text(), "The kernel's initial RAM disk."),
  cmdline: honoured(text(), "The kernel's whole command line, in place of root and extra."),
  root: honoured(text(), "Put on the kernel's command line as root=."),
  extra: honoured(text(), "Put at the end of the kernel's command line."),
  memory: honoured(integer(1, MAX_INT, "MiB"), "Memory at the start, in MiB.", { default: 128 }),
  maxmem: honoured(
    integer(1, MAX_INT, "MiB"),
    "The most memory that the guest can balloon to, in MiB; memory's value by default.",
  ),
  vcpus: honoured(integer(1, 512, "vCPUs"), "vCPUs that are online at the start.", { default: 1 }),
  maxvcpus: honoured(
    integer(1, 512, "vCPUs"),
    "The most vCPUs that the guest can bring up; vcpus' value by default.",
  ),
  cpus: honoured(cpuLists(), "The pCPUs that the vCPUs may run on.", { default: "all" }),
  cpus_soft: honoured(cpuLists(), "The pCPUs that the vCPUs run on by preference.", { default: "all" }),
  cpu_weight: honoured(
    integer(1, 65535),
    "The domain's share of busy pCPUs, beside the other domains' weights.",
    {
      default: 256,
    },
  ),
  cap: honoured(
    integer(0, MAX_INT, "per cent"),
    "The most CPU time it gets, in per cent of one pCPU; 0: no bound.",
    {
      default: 0,
    },
  ),
  pool: idle(text(), "The CPU pool that the domain runs in.", "there is one pool, Pool-0"),
  period: idle(integer(0, MAX_INT), "A parameter of the sedf and rtds schedulers.", OTHER_SCHEDULER),
  slice: idle(integer(0, MAX_INT), "A parameter of the sedf scheduler.", OTHER_SCHEDULER),
  latency: idle(integer(0, MAX_INT), "A parameter of the sedf scheduler.", OTHER_SCHEDULER),
  extratime: idle(integer(0, MAX_INT), "A parameter of the sedf and rtds schedulers.", OTHER_SCHEDULER),
  vnuma: idle(textLists("virtual NUMA nodes"), "Virtual NUMA nodes.", NO_NUMA),
  on_poweroff: honoured(choice(SHUTDOWN_ACTIONS), "What is done when the domain powers itself off.", {
    default: "destroy",
  }),
  on_reboot: honoured(choice(SHUTDOWN_ACTIONS), "What is done when the domain reboots.", {
    default: "restart",
  }),
  on_crash: honoured(choice(SHUTDOWN_ACTIONS), "What is done when the domain crashes.", {
    default: "destroy",
  }),
  on_watchdog: honoured(choice(SHUTDOWN_ACTIONS), "What is done when the domain's watchdog fires.", {
    default: "destroy",
    dialects: ["xl"],
  }),
  on_soft_reset: honoured(choice(SHUTDOWN_ACTIONS), "What is done when the domain asks for a soft reset.", {
    default: "soft-reset",
    dialects: ["xl"],
  }),
  firmware: refused(
    text(),
    "Firmware that the guest boots from instead of a kernel.",
    "there is no firmware here: name the kernel itself with kernel= (and ramdisk=, extra=)",
  ),
  firmware_override: quiet(text(), "The old name of firmware's path.", "there is no firmware here", {
    guests: HVM,
  }),
  bootloader: refused(
    text(),
    "A program that gets the kernel out of the guest's disk.",
    "no bootloader can be run: name the kernel itself with kernel= (and ramdisk=, extra=)",
  ),
  bootloader_args: idle(textOrTexts(), "Arguments of the bootloader.", "no bootloader is run"),
  bootloader_restrict: idle(truth(), "Whether the bootloader runs without rights.", "no bootloader is run"),
  bootloader_user: idle(text(), "The user that the bootloader runs as.", "no bootloader is run"),
  seclabel: idle(text(), "The domain's XSM label.", "there is no XSM policy"),
  init_seclabel: idle(text(), "The domain's XSM label while it is built.", "there is no XSM policy"),
  max_grant_frames: idle(integer(0, MAX_INT), "The most frames of the domain's grant table.", FIXED_TABLES),
  max_maptrack_frames: idle(
    integer(0, MAX_INT),
    "The most frames of the domain's map tracking.",
    FIXED_TABLES,
  ),
  max_grant_version: idle(
    integer(0, 2),
    "The newest grant table version that the guest may use.",
    "only version 1 is here",
  ),
  max_event_channels: idle(
    integer(0, MAX_INT),
    "The most event channels that the domain may have.",
    "there is no bound but the ABI's",
  ),
  claim_mode: quiet(
    truth(),
    "Whether memory is reserved before the domain is built.",
    "memory is taken as it is touched",
  ),
  nomigrate: quiet(truth(), "Keeps the domain from being migrated.", "domains are not migrated"),
  driver_domain: idle(truth(), "The domain serves devices to others.", "driver domains are not here"),
  device_tree: quiet(text(), "A device tree for the guest.", "this is no Arm host"),
  passthrough: idle(text(), "How the IOMMU is used.", "no physical device can be passed through"),
  xend_suspend_evtchn_compat: quiet(
    truth(),
    "Leaves the suspend event channel out of XenStore.",
    "there is none",
  ),
  vmtrace_buf_kb: idle(
    integer(0, MAX_INT, "KiB"),
    "A buffer for processor traces.",
    "there is no such trace; see trace",
  ),
  vpmu: idle(truth(), "A virtual performance monitoring unit.", "there is none"),
  xenstore_feature_mask: idle(
    integer(0, 0xffffffff),
    "The XenStore features that the guest sees.",
    "it sees those that are here",
  ),
  xenstore_quota: idle(texts("QUOTA=NUMBER"), "XenStore quotas of the domain.", "the host's quotas hold"),
  e820_host: idle(truth(), "Gives the guest the host's memory map.", "there is no host memory map to give", {
    guests: ["pv"],
  }),
  tsc_mode: idle(
    choice(
      ["default", "always_emulate", "native", "native_paravirt"],
      ["default", "always_emulate", "native", "native_paravirt"],
    ),
    "How the guest's time stamp counter is made.",
    "it is always emulated at a constant rate",
    { default: "default" },
  ),
  localtime: idle(truth(), "The guest's clock starts at local time.", "it starts at UTC", { default: false }),
  rtc_timeoffset: idle(
    integer(-MAX_INT, MAX_INT, "seconds"),
    "Added to the guest's clock.",
    "it starts at UTC",
    {
      default: 0,
    },
  ),
  cpuid: idle(textOrTexts(), "CPUID bits that the guest sees.", "the guest sees the software CPU's own"),
  timer_mode: quiet(
    choice(
      [
        "delay_for_missed_ticks",
        "no_delay_for_missed_ticks",
        "no_missed_ticks_pending",
        "one_missed_tick_pending",
      ],
      [
        "delay_for_missed_ticks",
        "no_delay_for_missed_ticks",
        "no_missed_ticks_pending",
        "one_missed_tick_pending",
      ],
    ),
    "What becomes of timer ticks that the guest missed.",
    "timers belong to HVM guests",
    { guests: HVM_PVH },
  ),
  pvshim: quiet(truth(), "Runs a PV guest in a PVH one.", "there is no shim", { guests: ["pvh"] }),
  pvshim_path: quiet(text(), "The shim's image.", "there is no shim", { guests: ["pvh"] }),
  pvshim_cmdline: quiet(text(), "The shim's command line.", "there is no shim", { guests: ["pvh"] }),
  pvshim_extra: quiet(text(), "Added to the shim's command line.", "there is no shim", { guests: ["pvh"] }),
};
