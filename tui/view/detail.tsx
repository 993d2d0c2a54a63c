/** A domain's detail: its tabs, and what the open one shows. */
import { Box } from "ink";
import { type ReactElement, useMemo } from "react";
import { find } from "../keys/selection.ts";
import { type Tab, TABS, type UiState } from "../keys/ui_state.ts";
import type { DomainRow, Snapshot } from "../model/types.ts";
import type { DetailData } from "./detail_source.ts";
import { harmless, type Line, line, span, widthOf, wrapText } from "./line.ts";
import { Lines } from "./lines.tsx";
import { type Look, useLook } from "./look.ts";
import { Scroll } from "./scroll.tsx";
import { channelLines } from "./tabs/channels.ts";
import { configurationLines } from "./tabs/configuration.ts";
import { deviceLines } from "./tabs/devices.ts";
import { grantLines } from "./tabs/grants.ts";
import { insideLines } from "./tabs/inside.ts";
import { memoryLines } from "./tabs/memory.ts";
import { overviewLines, stateWords } from "./tabs/overview.ts";
import { vcpuLines } from "./tabs/vcpus.ts";
import type { Viewport } from "./viewport.ts";

interface Place {
  readonly width: number;
  readonly height: number;
  readonly look: Look;
}

const WAITING: readonly Line[] = [line(span("asking xend ...", "dim"))];

function textLines(texts: readonly string[] | undefined, width: number): readonly Line[] {
  if (texts === undefined) return WAITING;
  if (texts.length === 0) return [line(span("nothing yet", "dim"))];
  return texts.flatMap((text) =>
    wrapText(harmless(text.replaceAll("\t", "        ")), width).map((part) => line(part))
  );
}

function tabLines(
  tab: Tab,
  row: DomainRow,
  snapshot: Snapshot,
  data: DetailData,
  place: Place,
): readonly Line[] {
  const { width, height, look } = place;
  const hostKiB = snapshot.host?.figures.node.totalMemoryKiB ?? row.figures.memoryKiB;
  const at = snapshot.host?.figures.at ?? 0;
  switch (tab) {
    case "Overview":
      return overviewLines(row, data.detail, { width, height, look, hostKiB, at });
    case "Configuration":
      return data.detail === undefined ? WAITING : configurationLines(data.detail, width);
    case "vCPUs":
      return vcpuLines(row, data.detail, snapshot.host?.pcpus.length ?? 1);
    case "Memory":
      return memoryLines(row, data.inspection, hostKiB, width, look);
    case "Devices":
      return deviceLines(row, data.inspection);
    case "Channels":
      return data.inspection === undefined ? WAITING : channelLines(data.inspection);
    case "Grants":
      return data.inspection === undefined ? WAITING : grantLines(data.inspection);
    case "Inside":
      return insideLines(row, width, look);
    case "Console":
      return textLines(data.console, width);
    case "Log":
      return textLines(data.log, width);
  }
}

interface Bar {
  readonly line: Line;
  readonly places: readonly { readonly from: number; readonly to: number; readonly tab: number }[];
}

/** What the tabs are called where there is little room. */
const SHORT: Readonly<Record<Tab, string>> = {
  Overview: "Over",
  Configuration: "Conf",
  vCPUs: "vCPU",
  Memory: "Mem",
  Devices: "Dev",
  Channels: "Chan",
  Grants: "Grant",
  Inside: "In",
  Console: "Cons",
  Log: "Log",
};

/** "1 Overview" where there is room for all; else only the open one in full. */
export function tabBar(open: number, width: number): Bar {
  const label = (name: string, index: number) => `${(index + 1) % 10} ${name}`;
  const long = TABS.map(label);
  const isRoomy = long.reduce((sum, text) => sum + text.length + 2, 0) <= width;
  const texts = isRoomy
    ? long
    : TABS.map((tab, index) => index === open ? long[index] : label(SHORT[tab], index));
  const margin = isRoomy ? " " : "";
  const places: { from: number; to: number; tab: number }[] = [];
  let column = 0;
  const spans = texts.flatMap((text, tab) => {
    const shown = `${margin}${text} `;
    places.push({ from: column, to: column + shown.length, tab });
    column += shown.length;
    return [span(shown, tab === open ? "selected" : "dim")];
  });
  return { line: spans, places };
}

interface Props {
  readonly ui: UiState;
  readonly snapshot: Snapshot;
  readonly data: DetailData;
  readonly width: number;
  readonly height: number;
  /** Line of the screen where it begins. */
  readonly top: number;
  readonly viewport: Viewport;
}

export function Detail({ ui, snapshot, data, width, height, top, viewport }: Props): ReactElement {
  const look = useLook();
  const open = ui.detail?.tab ?? 0;
  const row = find(snapshot.rows, ui.detail?.uuid);
  const bar = tabBar(open, width);
  viewport.targets = bar.places.map(({ from, to, tab }) => ({
    line: top + 1,
    from,
    to,
    event: { type: "click-tab", tab },
  }));
  const body = Math.max(1, height - 3);
  const isOwn = data.uuid === ui.detail?.uuid;
  const lines = useMemo(
    () =>
      row === undefined
        ? []
        : tabLines(TABS[open], row, snapshot, isOwn ? data : {}, { width, height: body, look }),
    [open, row, snapshot, isOwn, data, width, body, look],
  );
  if (row === undefined) {
    const gone = [line(span("This domain is gone.", "warning"), " Esc goes back to the table.")];
    return <Lines lines={gone} width={width} height={height} />;
  }
  const { name, domid, state } = row.figures;
  const title = line(
    span(`Domain ${harmless(name)}`, "title"),
    span(`  id ${domid}  ${stateWords(state)}`, "dim"),
  );
  const error: Line = isOwn && data.error !== undefined
    ? [span(fitText(`xend: ${harmless(data.error)}`, width), "bad")]
    : [span(look.glyphs.horizontal.repeat(width), "border")];
  return (
    <Box flexDirection="column" flexShrink={0} height={height}>
      <Lines lines={[title, bar.line, error]} width={width} height={3} />
      <Scroll lines={lines} ui={ui} width={width} height={body} viewport={viewport} />
    </Box>
  );
}

function fitText(text: string, width: number): string {
  return widthOf(text) > width ? text.slice(0, width) : text;
}
