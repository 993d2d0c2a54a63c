/** xentop's three lines, and beside them, where there is room, the host's past. */
import type { ReactElement } from "react";
import type { DomainState } from "../../core/toolstack/api/types.ts";
import { clock, type HostView } from "../model/mod.ts";
import { hostGraphs } from "./graphs.ts";
import { BLANK_LINE, fit, type Line, line, padEnd, span } from "./line.ts";
import { Lines } from "./lines.tsx";
import { type Look, useLook } from "./look.ts";

export const HEADER_HEIGHT = 3;

/** Of what is beside the three lines. */
const GRAPHS_FROM = 112;
const TEXT_WIDTH = 84;

/** The lines above xentop's table. */
export function summaryLines({ at, node, domains }: HostView["figures"]): readonly [string, string, string] {
  const having = (flag: keyof DomainState) => domains.filter(({ state }) => state[flag]).length;
  const used = node.totalMemoryKiB - node.freeMemoryKiB;
  return [
    `xentop - ${clock(at)}   Xen ${node.xenMajor}.${node.xenMinor}${node.xenExtra}`,
    `${domains.length} domains: ${having("running")} running, ${having("blocked")} blocked, ${
      having("paused")
    } paused, ` +
    `${having("crashed")} crashed, ${having("dying")} dying, ${having("shutdown")} shutdown`,
    `Mem: ${node.totalMemoryKiB}k total, ${used}k used, ${node.freeMemoryKiB}k free    CPUs: ${node.nrCpus} @ ${
      Math.floor(node.cpuMhz)
    }MHz`,
  ];
}

export function headerLines(host: HostView | undefined, width: number, look: Look): Line[] {
  if (host === undefined) return [line(span("xentop", "strong"), " - Xenolith"), BLANK_LINE, BLANK_LINE];
  const [first, second, third] = summaryLines(host.figures);
  const texts = [line(span(first, "strong")), line(second), line(third)];
  if (width < GRAPHS_FROM) return texts;
  const past = Math.min(100, width - TEXT_WIDTH - 30);
  const graphs = hostGraphs(host);
  return texts.map((text, index) => {
    const { title, role, now, series, max } = graphs[index];
    return [
      ...fit(text, TEXT_WIDTH),
      span(padEnd(title, 8), "dim"),
      span(now.padStart(10), role),
      span(` ${look.sparkline(series, past, max)}`, role),
    ];
  });
}

interface Props {
  readonly host: HostView | undefined;
  readonly width: number;
}

export function Header({ host, width }: Props): ReactElement {
  const look = useLook();
  return <Lines lines={headerLines(host, width, look)} width={width} height={HEADER_HEIGHT} />;
}
