/** The view of the pCPUs: who runs where, how busy each is, who waits. */
import type { DomainRow, HostView } from "../model/types.ts";
import { BLANK_LINE, harmless, type Line, line, padEnd, type Role, span } from "./line.ts";
import type { Look } from "./look.ts";
import { count, percent } from "../model/mod.ts";
import { heading, textTable } from "./text_table.ts";

const STATES: Readonly<Record<"offline" | "idle" | "busy", Role>> = {
  offline: "dim",
  idle: "dim",
  busy: "good",
};

export function pcpuLines(
  host: HostView | undefined,
  rows: readonly DomainRow[],
  width: number,
  look: Look,
): Line[] {
  if (host === undefined) return [line(span("no figures yet", "dim"))];
  const names = new Map(rows.map(({ figures }) => [figures.domid, figures.name]));
  const past = Math.max(10, Math.min(60, width - 74));
  const runs = ({ runs, name }: HostView["pcpus"][number]) =>
    runs === undefined
      ? "-"
      : `${harmless(name ?? names.get(runs.domid) ?? `domain ${runs.domid}`)} v${runs.vcpu}`;
  const runWidth = Math.max(12, ...host.pcpus.map((pcpu) => runs(pcpu).length));
  const head = line(span(
    `pCPU  State    Busy(%)  ${padEnd("", 20)}  ${padEnd("Runs", runWidth)}  ${
      "Switches".padStart(8)
    }  History`,
    "header",
  ));
  const table = host.pcpus.map((pcpu) =>
    line(
      String(pcpu.id).padStart(4),
      "  ",
      span(pcpu.state.padEnd(7), STATES[pcpu.state]),
      "  ",
      span(percent(pcpu.busyPercent).padStart(7), "cpu"),
      "  ",
      span(look.gauge(pcpu.busyPercent, 100, 20), "cpu"),
      "  ",
      span(padEnd(runs(pcpu), runWidth), pcpu.runs === undefined ? "dim" : "strong"),
      "  ",
      count(pcpu.switches).padStart(8),
      "  ",
      span(look.sparkline(pcpu.history, past, 100), "cpu"),
    )
  );
  const waiting = rows.flatMap(({ figures }) =>
    figures.vcpus.filter(({ state, online }) => online && state === "runnable").map((vcpu) => ({
      figures,
      vcpu,
    }))
  );
  const busiest = rows.flatMap((row) =>
    row.figures.vcpus.map((vcpu) => ({ row, vcpu, percent: row.vcpuPercent[vcpu.id] ?? 0 }))
  ).sort((a, b) => b.percent - a.percent).slice(0, 10);
  return [
    line(
      `${host.pcpus.filter(({ state }) => state === "busy").length} of ${host.pcpus.length} pCPUs busy, `,
      span(
        `${host.figures.waiting} vCPUs wait`,
        host.figures.waiting > 0 ? "warning" : "dim",
      ),
    ),
    BLANK_LINE,
    head,
    ...table,
    BLANK_LINE,
    heading("Waiting for a pCPU"),
    ...(waiting.length === 0 ? [line(span("none", "dim"))] : textTable(
      [{ title: "Domain" }, { title: "VCPU", align: "right" }, { title: "Priority" }, {
        title: "Credit",
        align: "right",
      }, {
        title: "Last on",
        align: "right",
      }],
      waiting.map(({ figures, vcpu }) => [
        harmless(figures.name),
        vcpu.id,
        vcpu.priority,
        Math.round(vcpu.credit),
        vcpu.pcpu < 0 ? "-" : vcpu.pcpu,
      ]),
    )),
    BLANK_LINE,
    heading("Busiest vCPUs"),
    ...textTable(
      [{ title: "Domain" }, { title: "VCPU", align: "right" }, { title: "CPU(%)", align: "right" }, {
        title: "State",
      }, {
        title: "pCPU",
        align: "right",
      }],
      busiest.map(({ row, vcpu, percent: busy }) => [
        harmless(row.figures.name),
        vcpu.id,
        span(percent(busy), "cpu"),
        vcpu.state,
        vcpu.pcpu < 0 ? "-" : vcpu.pcpu,
      ]),
    ),
  ];
}
