/** The Overview tab: what a domain is and does, with its past. */
import type { DomainDetail, DomainState } from "../../../core/toolstack/api/types.ts";
import type { DomainRow } from "../../model/types.ts";
import { domainGraphs, graphRow } from "../graphs.ts";
import { BLANK_LINE, type Line, span } from "../line.ts";
import type { Look } from "../look.ts";
import { bytes, count, duration, kib, percent } from "../../model/mod.ts";
import { facts } from "../text_table.ts";

/** In words; a domain can be more than one thing. */
export function stateWords(state: DomainState): string {
  const words = (Object.keys(state) as (keyof DomainState)[]).filter((flag) => state[flag]);
  return words.length === 0 ? "runnable" : words.join(", ");
}

interface Drawing {
  readonly width: number;
  readonly height: number;
  readonly look: Look;
  readonly hostKiB: number;
  readonly at: number;
}

export function overviewLines(
  row: DomainRow,
  detail: DomainDetail | undefined,
  { width, height, look, hostKiB, at }: Drawing,
): Line[] {
  const { figures, rates } = row;
  const { state, vcpus } = figures;
  const isBad = state.crashed || state.dying;
  const online = vcpus.filter((vcpu) => vcpu.online).length;
  const running = vcpus.filter((vcpu) => vcpu.state === "running");
  const sum = (counts: readonly number[]) => counts.reduce((total, value) => total + value, 0);
  const left = facts([
    ["Domain", `${figures.domid}`],
    ["UUID", figures.uuid],
    ["State", span(stateWords(state), isBad ? "bad" : state.paused ? "warning" : "good")],
    ["Up", figures.startedAt === undefined ? "-" : duration(Math.max(0, at - figures.startedAt) / 1000)],
    [
      "vCPUs",
      `${online} of ${vcpus.length} online${
        running.length === 0 ? "" : `, on pCPU ${running.map(({ pcpu }) => pcpu).join(", ")}`
      }`,
    ],
    [
      "CPU",
      `${percent(rates.cpuPercent)}, ${figures.seconds.toFixed(1)} s in all, ${
        count(rates.instructions)
      } instructions/s`,
    ],
    ["Credit", `weight ${figures.weight}, cap ${figures.cap === 0 ? "none" : `${figures.cap} %`}`],
    [
      "Memory",
      `${kib(figures.memoryKiB)}${
        figures.targetKiB === undefined ? "" : `, target ${kib(figures.targetKiB)}`
      }, maximum ${figures.maxMemoryKiB === undefined ? "none" : kib(figures.maxMemoryKiB)}`,
    ],
    [
      "Network",
      figures.vifs.length === 0
        ? "none"
        : `${figures.vifs.length} vif, sent ${
          bytes(sum(figures.vifs.map(({ txBytes }) => txBytes)))
        }, received ${bytes(sum(figures.vifs.map(({ rxBytes }) => rxBytes)))}`,
    ],
    [
      "Disk",
      figures.vbds.length === 0
        ? "none"
        : `${figures.vbds.length} vbd, read ${
          bytes(512 * sum(figures.vbds.map(({ readSectors }) => readSectors)))
        }, written ${bytes(512 * sum(figures.vbds.map(({ writtenSectors }) => writtenSectors)))}`,
    ],
    ...(detail === undefined
      ? []
      : [["Managed", detail.managed ? "by xend: start runs it again" : "no"] as const]),
  ]);
  const graphs = domainGraphs(row, hostKiB);
  // Two rows of graphs where there is room for them below each other and none for four side by side.
  const rows = width >= 120 || height < left.length + 10 ? [graphs] : [graphs.slice(0, 2), graphs.slice(2)];
  const room = Math.floor((height - left.length - 1 - rows.length) / rows.length) - 1;
  const graphHeight = Math.max(2, Math.min(12, room));
  return [
    ...left,
    BLANK_LINE,
    ...rows.flatMap((part) => [...graphRow(part, width, graphHeight, look), BLANK_LINE]),
  ].slice(0, -1);
}
