/** The vCPUs tab: state, place, affinity, credit and where the time of each vCPU went. */
import type { VcpuFigures } from "../../../core/toolstack/api/figures.ts";
import type { DomainDetail } from "../../../core/toolstack/api/types.ts";
import { cpuList } from "../../../core/toolstack/format/text.ts";
import type { DomainRow } from "../../model/types.ts";
import { BLANK_LINE, type Line, type Role, span } from "../line.ts";
import { count, duration, percent } from "../../model/mod.ts";
import { facts, heading, textTable } from "../text_table.ts";

const STATE_ROLES: Readonly<Record<VcpuFigures["state"], Role>> = {
  running: "good",
  runnable: "warning",
  blocked: "text",
  offline: "dim",
};

/** Share of a vCPU's time since it began, in words. */
function shares({ seconds, runnableSeconds, blockedSeconds }: VcpuFigures): string {
  const all = seconds + runnableSeconds + blockedSeconds;
  if (all <= 0) return "-";
  const share = (part: number) => `${Math.round(100 * part / all)}`;
  return `${share(seconds)}/${share(runnableSeconds)}/${share(blockedSeconds)}`;
}

export function vcpuLines(row: DomainRow, detail: DomainDetail | undefined, pcpus: number): Line[] {
  const { figures, vcpuPercent } = row;
  const affinity = (id: number) => {
    const record = detail?.vcpuList.find((vcpu) => vcpu.id === id);
    return record === undefined
      ? "..."
      : `${cpuList(record.hardAffinity, pcpus)} / ${cpuList(record.softAffinity, pcpus)}`;
  };
  const where = (vcpu: VcpuFigures) => vcpu.pcpu < 0 ? "-" : String(vcpu.pcpu);
  const scheduling = textTable(
    [
      { title: "VCPU", align: "right" },
      { title: "State" },
      { title: "pCPU", align: "right" },
      { title: "CPU(%)", align: "right" },
      { title: "Credit", align: "right" },
      { title: "Priority" },
      { title: "Affinity hard / soft" },
    ],
    figures.vcpus.map((vcpu) => [
      vcpu.id,
      span(vcpu.online ? vcpu.state : "offline", STATE_ROLES[vcpu.online ? vcpu.state : "offline"]),
      where(vcpu),
      span(percent(vcpuPercent[vcpu.id] ?? 0), "cpu"),
      Math.round(vcpu.credit),
      span(vcpu.priority, vcpu.priority === "over" ? "warning" : vcpu.priority === "boost" ? "good" : "text"),
      affinity(vcpu.id),
    ]),
  );
  const time = textTable(
    [
      { title: "VCPU", align: "right" },
      { title: "Ran(s)", align: "right" },
      { title: "Waited(s)", align: "right" },
      { title: "Blocked(s)", align: "right" },
      { title: "run/wait/block %" },
      { title: "Switches", align: "right" },
      { title: "Moves", align: "right" },
      { title: "Wakes", align: "right" },
      { title: "Instructions", align: "right" },
    ],
    figures.vcpus.map((vcpu) => [
      vcpu.id,
      vcpu.seconds.toFixed(1),
      vcpu.runnableSeconds.toFixed(1),
      vcpu.blockedSeconds.toFixed(1),
      shares(vcpu),
      count(vcpu.switches),
      count(vcpu.migrations),
      count(vcpu.wakes),
      count(vcpu.retired),
    ]),
  );
  return [
    ...facts([
      ["Weight", `${figures.weight}`],
      ["Cap", figures.cap === 0 ? "none" : `${figures.cap} % of one pCPU`],
      ["CPU time", `${duration(figures.seconds)} (${figures.seconds.toFixed(1)} s)`],
    ]),
    BLANK_LINE,
    heading("Scheduling"),
    ...scheduling,
    BLANK_LINE,
    heading("Time"),
    ...time,
  ];
}
