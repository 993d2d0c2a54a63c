/** The figures in Prometheus' text exposition format, version 0.0.4: one family after the other, each with its samples together. */
import type { DomainFigures, MachineFigures, VbdFigures, VcpuFigures, VifFigures } from "../api/figures.ts";
import { SECTOR_BYTES } from "./rates.ts";

export const PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

type Labels = Readonly<Record<string, string | number>>;
type Sample = readonly [labels: Labels, value: number];

interface Family {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly samples: readonly Sample[];
}

const labelValue = (value: string | number) =>
  String(value).replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n");

function labelsText(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${labelValue(value)}"`);
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}

function number(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  return Number.isFinite(value) ? String(value) : value > 0 ? "+Inf" : "-Inf";
}

function familyText({ name, type, help, samples }: Family): string {
  if (samples.length === 0) return "";
  const text = help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  const lines = samples.map(([labels, value]) => `${name}${labelsText(labels)} ${number(value)}\n`);
  return `# HELP ${name} ${text}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

const labelsOf = ({ name, domid }: DomainFigures): Labels => ({ domain: name, domid });

/** `tlbMisses` as Prometheus writes names: `tlb_misses`. */
const snake = (name: string) =>
  name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`).replace(/[^a-z0-9_]/g, "_");

/** Counters of the hypervisor and the processor that are not a family with labels. */
const COUNTER_HELP: Readonly<Record<string, string>> = {
  eventsSent: "Events that the domain sent.",
  upcalls: "Event upcalls delivered to the domain.",
  exceptions: "Exceptions delivered to the domain.",
  pageFaults: "Page faults delivered to the domain.",
  emulations: "Instructions that the hypervisor carried out for the domain.",
  mmuUpdates: "Page table entries that the domain changed by hypercalls.",
  grantMaps: "Grants that the domain mapped.",
  grantCopies: "Grant copies that the domain asked for.",
  pageTypeChanges: "Frames that were given another page type.",
  unknownHypercalls: "Hypercalls of numbers that there are not.",
  tlbMisses: "Misses of the software TLB.",
  walks: "Walks of the domain's page tables.",
  slowAccesses: "Memory accesses that did not take the fast path.",
  foreignAccesses: "Memory accesses to other domains' frames.",
  blocksDecoded: "Basic blocks decoded.",
  instructionsDecoded: "Instructions decoded.",
  invalidations: "Decoded code that was dropped.",
  steps: "Instructions run one by one.",
};

/** One family for all counters whose name begins so, with the rest of the name as a label. */
function prefixed(
  domains: readonly DomainFigures[],
  prefix: string,
  label: string,
  name: string,
  help: string,
): Family {
  const samples = domains.flatMap((domain) =>
    Object.entries(domain.counters).filter(([counter]) => counter.startsWith(prefix))
      .map(([counter, count]): Sample => [
        { ...labelsOf(domain), [label]: counter.slice(prefix.length) },
        count,
      ])
  );
  return { name, type: "counter", help, samples };
}

function counterFamilies(domains: readonly DomainFigures[]): Family[] {
  const tiers = ["interpreted", "translated"];
  const names = new Set(domains.flatMap(({ counters }) => Object.keys(counters)));
  const plain = [...names].filter((name) => !name.includes(" ") && !tiers.includes(name));
  return [
    prefixed(domains, "hypercall ", "name", "xen_domain_hypercalls_total", "Hypercalls by name."),
    prefixed(
      domains,
      "exit ",
      "reason",
      "xen_domain_exits_total",
      "Exits from guest code to the hypervisor by reason.",
    ),
    {
      name: "xen_domain_instructions_total",
      type: "counter",
      help: "Instructions retired by the tier that ran them.",
      samples: domains.flatMap((domain) =>
        tiers.filter((tier) => domain.counters[tier] !== undefined)
          .map((tier): Sample => [{ ...labelsOf(domain), tier }, domain.counters[tier]])
      ),
    },
    ...plain.toSorted().map((counter): Family => ({
      name: `xen_domain_${snake(counter)}_total`,
      type: "counter",
      help: COUNTER_HELP[counter] ?? `The hypervisor's counter ${counter}.`,
      samples: domains.filter(({ counters }) => counters[counter] !== undefined)
        .map((domain): Sample => [labelsOf(domain), domain.counters[counter]]),
    })),
  ];
}

const STATES = ["running", "blocked", "paused", "shutdown", "crashed", "dying"] as const;

function domainFamilies(domains: readonly DomainFigures[]): Family[] {
  const each = (
    name: string,
    type: Family["type"],
    help: string,
    value: (domain: DomainFigures) => number | undefined,
  ): Family => ({
    name: `xen_domain_${name}`,
    type,
    help,
    samples: domains.flatMap((domain) => {
      const one = value(domain);
      return one === undefined ? [] : [[labelsOf(domain), one] as const];
    }),
  });
  const bytes = (kib: number | undefined) => kib === undefined ? undefined : kib * 1024;
  return [
    {
      name: "xen_domain_info",
      type: "gauge",
      help: "A domain that there is; always 1.",
      samples: domains.map((domain) => [{ ...labelsOf(domain), uuid: domain.uuid }, 1] as const),
    },
    {
      name: "xen_domain_state",
      type: "gauge",
      help: "1 for the states that the domain is in.",
      samples: domains.flatMap((domain) =>
        STATES.map((state): Sample => [{ ...labelsOf(domain), state }, domain.state[state] ? 1 : 0])
      ),
    },
    each(
      "start_time_seconds",
      "gauge",
      "When the domain was started, since the epoch.",
      ({ startedAt }) => startedAt === undefined ? undefined : startedAt / 1000,
    ),
    each("cpu_seconds_total", "counter", "CPU time of the domain.", ({ seconds }) => seconds),
    each("memory_bytes", "gauge", "Memory that the domain has.", ({ memoryKiB }) => bytes(memoryKiB)),
    each(
      "memory_max_bytes",
      "gauge",
      "Memory that the domain can have at most.",
      ({ maxMemoryKiB }) => bytes(maxMemoryKiB),
    ),
    each(
      "memory_target_bytes",
      "gauge",
      "Memory that the domain's balloon was asked for.",
      ({ targetKiB }) => bytes(targetKiB),
    ),
    each("weight", "gauge", "Weight of the credit scheduler.", ({ weight }) => weight),
    each("cap_percent", "gauge", "Most of a pCPU that the domain gets; 0: no cap.", ({ cap }) => cap),
  ];
}

interface Part<T> {
  readonly name: string;
  readonly help: string;
  readonly type?: Family["type"];
  value(item: T): number;
}

const VCPU_PARTS: readonly Part<VcpuFigures>[] = [
  { name: "cpu_seconds_total", help: "CPU time of the vCPU.", value: ({ seconds }) => seconds },
  {
    name: "runnable_seconds_total",
    help: "Time that the vCPU could run and had no pCPU.",
    value: ({ runnableSeconds }) => runnableSeconds,
  },
  {
    name: "blocked_seconds_total",
    help: "Time that the vCPU waited for an event.",
    value: ({ blockedSeconds }) => blockedSeconds,
  },
  {
    name: "online",
    help: "1 while the vCPU is up.",
    type: "gauge",
    value: ({ online }) => online ? 1 : 0,
  },
  {
    name: "credits",
    help: "Credits of the scheduler that the vCPU has left.",
    type: "gauge",
    value: ({ credit }) => credit,
  },
  {
    name: "switches_total",
    help: "Times that the vCPU was put on a pCPU.",
    value: ({ switches }) => switches,
  },
  {
    name: "migrations_total",
    help: "Times that the vCPU came to another pCPU.",
    value: ({ migrations }) => migrations,
  },
  { name: "wakes_total", help: "Times that the vCPU was woken.", value: ({ wakes }) => wakes },
  { name: "parks_total", help: "Times that the cap took the vCPU's pCPU away.", value: ({ parks }) => parks },
  {
    name: "instructions_total",
    help: "Instructions that the vCPU retired.",
    value: ({ retired }) => retired,
  },
];

const VIF_PARTS: readonly Part<VifFigures>[] = [
  { name: "receive_bytes_total", help: "Bytes that the guest received.", value: (vif) => vif.rxBytes },
  { name: "receive_packets_total", help: "Packets that the guest received.", value: (vif) => vif.rxPackets },
  { name: "receive_errors_total", help: "Errors of packets to the guest.", value: (vif) => vif.rxErrors },
  {
    name: "receive_drops_total",
    help: "Packets to the guest that were dropped.",
    value: (vif) => vif.rxDrops,
  },
  { name: "transmit_bytes_total", help: "Bytes that the guest sent.", value: (vif) => vif.txBytes },
  { name: "transmit_packets_total", help: "Packets that the guest sent.", value: (vif) => vif.txPackets },
  { name: "transmit_errors_total", help: "Errors of packets from the guest.", value: (vif) => vif.txErrors },
  {
    name: "transmit_drops_total",
    help: "Packets from the guest that were dropped.",
    value: (vif) => vif.txDrops,
  },
];

const VBD_PARTS: readonly Part<VbdFigures>[] = [
  {
    name: "out_of_requests_total",
    help: "Times that the backend had no room for a request.",
    value: (vbd) => vbd.outOfRequests,
  },
  { name: "reads_total", help: "Requests to read.", value: (vbd) => vbd.reads },
  { name: "writes_total", help: "Requests to write.", value: (vbd) => vbd.writes },
  { name: "read_bytes_total", help: "Bytes read.", value: (vbd) => vbd.readSectors * SECTOR_BYTES },
  { name: "written_bytes_total", help: "Bytes written.", value: (vbd) => vbd.writtenSectors * SECTOR_BYTES },
];

function partFamilies<T>(
  domains: readonly DomainFigures[],
  prefix: string,
  parts: readonly Part<T>[],
  items: (domain: DomainFigures) => readonly T[],
  label: (item: T) => Labels,
): Family[] {
  return parts.map(({ name, help, type = "counter", value }) => ({
    name: `${prefix}_${name}`,
    type,
    help,
    samples: domains.flatMap((domain) =>
      items(domain).map((item): Sample => [{ ...labelsOf(domain), ...label(item) }, value(item)])
    ),
  }));
}

function machineFamilies({ node, pcpus, waiting, xendStartedAt }: MachineFigures): Family[] {
  const gauge = (name: string, help: string, value: number): Family => ({
    name,
    type: "gauge",
    help,
    samples: [[{}, value]],
  });
  const version = `${node.xenMajor}.${node.xenMinor}${node.xenExtra}`;
  return [
    {
      name: "xen_info",
      type: "gauge",
      help: "The host; always 1.",
      samples: [[{ host: node.host, version, xenolith: node.xenolith, scheduler: node.scheduler }, 1]],
    },
    gauge("xen_start_time_seconds", "When xend was started, since the epoch.", xendStartedAt / 1000),
    gauge("xen_memory_total_bytes", "Memory of the host.", node.totalMemoryKiB * 1024),
    gauge("xen_memory_free_bytes", "Memory of the host that is free.", node.freeMemoryKiB * 1024),
    gauge("xen_vcpus_waiting", "vCPUs that wait for a pCPU.", waiting),
    {
      name: "xen_pcpu_busy",
      type: "gauge",
      help: "1 while a vCPU runs on the pCPU.",
      samples: pcpus.map(({ id, runs }) => [{ pcpu: id }, runs === undefined ? 0 : 1] as const),
    },
    {
      name: "xen_pcpu_idle_seconds_total",
      type: "counter",
      help: "Time that the pCPU had nothing to run.",
      samples: pcpus.map(({ id, idleSeconds }) => [{ pcpu: id }, idleSeconds] as const),
    },
    {
      name: "xen_pcpu_switches_total",
      type: "counter",
      help: "Context switches of the pCPU.",
      samples: pcpus.map(({ id, switches }) => [{ pcpu: id }, switches] as const),
    },
  ];
}

export function prometheusText(figures: MachineFigures): string {
  const { domains } = figures;
  const families = [
    ...machineFamilies(figures),
    ...domainFamilies(domains),
    ...counterFamilies(domains),
    ...partFamilies(domains, "xen_vcpu", VCPU_PARTS, ({ vcpus }) => vcpus, ({ id }) => ({ vcpu: id })),
    ...partFamilies(domains, "xen_vif", VIF_PARTS, ({ vifs }) => vifs, ({ devid }) => ({ device: devid })),
    ...partFamilies(domains, "xen_vbd", VBD_PARTS, ({ vbds }) => vbds, ({ devid }) => ({ device: devid })),
  ];
  return families.map(familyText).join("");
}
