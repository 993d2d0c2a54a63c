/** The Memory tab: the balloon, the p2m, frames by page type. */
import type { DomainInspection } from "../../../core/toolstack/api/figures.ts";
import type { DomainRow } from "../../model/types.ts";
import type { Look } from "../look.ts";
import { BLANK_LINE, type Line, line, span } from "../line.ts";
import { grouped, kib, percent } from "../../model/mod.ts";
import { facts, heading, textTable } from "../text_table.ts";

const FRAME_KIB = 4;

export function memoryLines(
  { figures }: DomainRow,
  inspection: DomainInspection | undefined,
  hostKiB: number,
  width: number,
  { gauge }: Look,
): Line[] {
  const { memoryKiB, maxMemoryKiB, targetKiB } = figures;
  const most = maxMemoryKiB ?? hostKiB;
  const size = Math.max(10, Math.min(50, width - 34));
  const level = (name: string, value: number): Line => [
    span(name.padEnd(10), "dim"),
    span(gauge(value, most, size), "memory"),
    span(` ${kib(value).padStart(7)} ${percent(100 * value / Math.max(1, most)).padStart(7)}`),
  ];
  const balloon = [
    level("Current", memoryKiB),
    ...(targetKiB === undefined ? [] : [level("Target", targetKiB)]),
    maxMemoryKiB === undefined ? line(span("Maximum   ", "dim"), "no limit") : level("Maximum", maxMemoryKiB),
  ];
  const moving = targetKiB !== undefined && Math.abs(targetKiB - memoryKiB) >= 1024
    ? [line(span(targetKiB > memoryKiB ? "the balloon is deflating" : "the balloon is inflating", "warning"))]
    : [];
  const head = [heading("Balloon"), ...balloon, ...moving, BLANK_LINE];
  if (inspection === undefined) return [...head, line(span("asking xend ...", "dim"))];
  const { pageTypes, maxPfn, pinned } = inspection;
  const all = Object.values(pageTypes).reduce((sum, frames) => sum + frames, 0);
  const types = Object.entries(pageTypes).sort(([, a], [, b]) => b - a);
  return [
    ...head,
    heading("p2m"),
    ...facts([
      ["Highest pfn", maxPfn === 0 ? "none" : `0x${(maxPfn - 1).toString(16)} (${kib(maxPfn * FRAME_KIB)})`],
      ["Frames", `${grouped(memoryKiB / FRAME_KIB)} (${kib(memoryKiB)})`],
      ["Pinned page tables", grouped(pinned)],
    ]),
    BLANK_LINE,
    heading("Frames by page type"),
    ...textTable(
      [{ title: "Type" }, { title: "Frames", align: "right" }, { title: "Size", align: "right" }, {
        title: "Share",
        align: "right",
      }, { title: "" }],
      types.map(([name, frames]) => [
        name,
        grouped(frames),
        kib(frames * FRAME_KIB),
        percent(100 * frames / Math.max(1, all)),
        span(gauge(frames, all, Math.min(30, size)), "memory"),
      ]),
    ),
  ];
}
