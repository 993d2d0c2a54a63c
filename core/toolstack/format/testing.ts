/** The domains of the transcripts of a real Xen 4.17 host (reference/real-xen), as xend would tell of them. */
import { type DomainFigures, type MachineFigures, UNSCHEDULED, type VcpuFigures } from "../api/figures.ts";
import type { DomainDetail, DomainState, NodeInfo } from "../api/types.ts";

export const NO_STATE: DomainState = {
  running: false,
  blocked: false,
  paused: false,
  shutdown: false,
  crashed: false,
  dying: false,
};

const SCHEDULER = { weight: 256, cap: 0 };

export const DOM0: DomainDetail = {
  name: "Domain-0",
  domid: 0,
  uuid: "00000000-0000-0000-0000-000000000000",
  memoryKiB: 1048576,
  maxMemoryKiB: 1048576,
  vcpus: 1,
  state: { ...NO_STATE, running: true },
  seconds: 9.8,
  startedAt: 1_000_000,
  managed: false,
  vcpuList: [{
    id: 0,
    online: true,
    state: "running",
    pcpu: 0,
    seconds: 10,
    hardAffinity: [0],
    softAffinity: [0],
  }],
  maxVcpus: 1,
  scheduler: SCHEDULER,
  devices: [],
  counters: {},
  config: {},
  configText: "",
};

const IDLE = {
  online: true,
  state: "runnable",
  pcpu: 0,
  seconds: 0,
  hardAffinity: [0],
  softAffinity: [0],
} as const;

export const GUEST: DomainDetail = {
  name: "lin-cloud-pv",
  domid: 1,
  uuid: "22f89fe5-8fad-4a7d-9ec1-2b026f158131",
  memoryKiB: 262144,
  maxMemoryKiB: 262144,
  vcpus: 1,
  state: { ...NO_STATE, paused: true },
  seconds: 0.04,
  startedAt: 1_006_000,
  managed: false,
  vcpuList: [
    { ...IDLE, id: 0, state: "offline" },
    { ...IDLE, id: 1, online: false, state: "offline", pcpu: -1 },
  ],
  maxVcpus: 2,
  scheduler: SCHEDULER,
  devices: [
    {
      kind: "vbd",
      devid: 51712,
      backendDomid: 0,
      state: 1,
      eventChannel: -1,
      ringRefs: [-1],
      backendPath: "/local/domain/0/backend/vbd/1/51712",
    },
    {
      kind: "vif",
      devid: 0,
      backendDomid: 0,
      state: 1,
      eventChannel: -1,
      ringRefs: [-1, -1],
      backendPath: "/local/domain/0/backend/vif/1/0",
      mac: "00:16:3e:11:22:33",
    },
    {
      kind: "console",
      devid: 0,
      backendDomid: 0,
      state: 1,
      eventChannel: 2,
      ringRefs: [1],
      backendPath: "/c",
    },
  ],
  counters: {},
  config: {
    kernel: "/g/vmlinuz-cloud",
    cmdline: "console=hvc0 earlyprintk=xen",
    ramdisk: "/g/initrd.gz",
    disk: [{ target: "/dev/loop0", format: "raw", vdev: "xvda", access: "rw", devtype: "disk" }],
    vif: [{ devid: 0, mac: "00:16:3e:11:22:33", script: "/etc/xen/scripts/vif-k" }],
  },
  configText: "",
};

export const MANAGED: DomainDetail = {
  ...GUEST,
  name: "later",
  domid: undefined,
  uuid: "11f89fe5-8fad-4a7d-9ec1-2b026f158131",
  state: NO_STATE,
  seconds: 0,
  startedAt: undefined,
  managed: true,
  vcpuList: [],
  devices: [],
};

export const NODE: NodeInfo = {
  host: "(none)",
  release: "6.1.0-56-amd64",
  version: "#1 SMP",
  machine: "x86_64",
  nrCpus: 1,
  cpuMhz: 2596.124,
  totalMemoryKiB: 3071 * 1024,
  freeMemoryKiB: 1754 * 1024,
  xenMajor: 4,
  xenMinor: 17,
  xenExtra: ".5",
  xenCaps: "xen-3.0-x86_64",
  hwCaps: "0fcbf3fd:f6f8320b:ec500800:00000177:00000005:219c43a9:0040020c:00000000",
  scheduler: "credit",
  xenolith: "0.1.0",
};

export const VCPU_FIGURES: VcpuFigures = {
  id: 0,
  online: true,
  state: "running",
  pcpu: 0,
  seconds: 11.7,
  ...UNSCHEDULED,
};

export const DOM0_FIGURES: DomainFigures = {
  name: DOM0.name,
  domid: 0,
  uuid: DOM0.uuid,
  state: DOM0.state,
  startedAt: 1_000_000,
  seconds: 11.7,
  memoryKiB: 1048576,
  vcpus: [VCPU_FIGURES],
  weight: 256,
  cap: 0,
  vifs: [],
  vbds: [],
  ssid: 0,
  counters: {},
};

export const VIF_FIGURES = {
  devid: 0,
  rxBytes: 4000,
  rxPackets: 30,
  rxErrors: 2,
  rxDrops: 1,
  txBytes: 2048,
  txPackets: 20,
  txErrors: 0,
  txDrops: 0,
};

export const VBD_FIGURES = {
  devid: 51712,
  outOfRequests: 0,
  reads: 0,
  writes: 0,
  readSectors: 0,
  writtenSectors: 0,
};

export const GUEST_FIGURES: DomainFigures = {
  ...DOM0_FIGURES,
  name: GUEST.name,
  domid: 1,
  uuid: GUEST.uuid,
  state: GUEST.state,
  startedAt: 1_006_000,
  seconds: 0.04,
  memoryKiB: 262144,
  maxMemoryKiB: 205824,
  vcpus: [
    { ...VCPU_FIGURES, seconds: 0.04, state: "offline" },
    { ...VCPU_FIGURES, id: 1, online: false, seconds: 0, state: "offline", pcpu: -1 },
  ],
  vbds: [VBD_FIGURES],
  counters: { "hypercall mmu_update": 12, "exit HLT": 3, tlbMisses: 100, interpreted: 5000 },
};

export const FIGURES: MachineFigures = {
  at: 1_010_000,
  clock: 1000,
  xendPid: 1,
  xendStartedAt: 1_000_000,
  node: { ...NODE, totalMemoryKiB: 3071 * 1024 + 600 },
  pcpus: [{ id: 0, state: "busy", runs: { domid: 1, vcpu: 0 }, idleSeconds: 1, switches: 5 }],
  waiting: 0,
  domains: [DOM0_FIGURES, GUEST_FIGURES],
};
