/** The table of domains: as many rows as there is room for around the selected one, xentop's lines below each, graphs at the lower edge. */
import { Box } from "ink";
import { memo, type ReactElement, useMemo } from "react";
import { topDetails, type TopOptions } from "../../core/toolstack/format/top.ts";
import { find } from "../keys/selection.ts";
import type { Sort, UiState } from "../keys/ui_state.ts";
import {
  type Column,
  type ColumnContext,
  COLUMNS,
  type DomainRow,
  firstPan,
  fitColumns,
  rowWindow,
  type Snapshot,
  type TableRow,
} from "../model/mod.ts";
import { domainGraphs, graphRow, hostGraphs, sparkRow } from "./graphs.ts";
import { BLANK_LINE, fit, harmless, type Line, line, span } from "./line.ts";
import { Lines } from "./lines.tsx";
import { type Look, useLook } from "./look.ts";
import { domainLine, headingLine } from "./table_line.ts";
import type { Viewport } from "./viewport.ts";

/** From this many lines on, or with so many that no row needs, there is room for large graphs. */
const LARGE_FROM = 30;
const LARGE_HEIGHT = 4;
const LARGE_NEEDS = 2 * (LARGE_HEIGHT + 2);

function detailTexts(row: DomainRow, options: TopOptions): readonly string[] {
  const text = topDetails(row, options);
  return text === "" ? [] : text.trimEnd().split("\n");
}

interface RowProps {
  readonly row: DomainRow;
  readonly positions: string;
  readonly columns: readonly Column[];
  readonly context: ColumnContext;
  readonly sort: Sort | undefined;
  readonly isSelected: boolean;
  readonly details: TopOptions;
  readonly width: number;
}

/** What did not change is not made anew: the row's figures are the same object then. */
const RowView = memo(function RowView(props: RowProps): ReactElement {
  const { row, positions, columns, context, sort, isSelected, details, width } = props;
  const found = positions === "" ? [] : positions.split(" ").map(Number);
  const shown = domainLine(row, columns, context, found, isSelected);
  const lines = [
    ...(details.repeatHeader === true ? [headingLine(columns, sort)] : []),
    isSelected ? fit(shown, width, "selected") : shown,
    ...detailTexts(row, details).map((text) => line(span(text, "dim"))),
  ];
  return <Lines lines={lines} width={width} height={lines.length} />;
});

function graphLines(
  snapshot: Snapshot,
  selected: DomainRow | undefined,
  width: number,
  isLarge: boolean,
  look: Look,
): readonly Line[] {
  const { host } = snapshot;
  if (host === undefined) return [];
  const hostKiB = host.figures.node.totalMemoryKiB;
  if (isLarge) {
    const title = (text: string): Line =>
      fit(
        line(span(`${look.glyphs.horizontal.repeat(2)} `, "border"), span(text, "title"), span(" ")),
        width,
      );
    return [
      title("Host"),
      ...graphRow(hostGraphs(host), width, LARGE_HEIGHT, look),
      ...(selected === undefined ? [] : [
        title(harmless(selected.figures.name)),
        ...graphRow(domainGraphs(selected, hostKiB), width, LARGE_HEIGHT, look),
      ]),
    ];
  }
  return [
    sparkRow("Host", hostGraphs(host), width, look),
    selected === undefined
      ? BLANK_LINE
      : sparkRow(selected.figures.name, domainGraphs(selected, hostKiB), width, look),
  ];
}

interface Props {
  readonly ui: UiState;
  readonly snapshot: Snapshot;
  readonly table: readonly TableRow[];
  readonly width: number;
  readonly height: number;
  /** Line of the screen where it begins. */
  readonly top: number;
  readonly viewport: Viewport;
}

/** Columns that the user has panned past. */
function panned({ hiddenColumns, pan }: UiState): readonly string[] {
  const shown = COLUMNS.slice(1).filter(({ id }) => !hiddenColumns.includes(id));
  return [...hiddenColumns, ...shown.slice(0, pan).map(({ id }) => id)];
}

const plural = (count: number, word: string) => `${count} ${word}${count === 1 ? "" : "s"}`;

export function DomainTable({ ui, snapshot, table, width, height, top, viewport }: Props): ReactElement {
  const look = useLook();
  const totalMemoryKiB = snapshot.host?.figures.node.totalMemoryKiB ?? 1;
  const context = useMemo((): ColumnContext => ({
    totalMemoryKiB,
    sparkline: (series, cells, most) => look.sparkline(series, cells, most),
  }), [totalMemoryKiB, look]);
  const nameWidth = Math.max(0, ...snapshot.rows.map(({ figures }) => figures.name.length));
  const { hiddenColumns, fullName } = ui;
  const unmoved = useMemo(
    () => fitColumns(width, { hidden: hiddenColumns, nameWidth, fullName }),
    [width, hiddenColumns, nameWidth, fullName],
  );
  viewport.firstPan = firstPan(unmoved);
  const hidden = panned(ui).join(" ");
  const { columns, left } = useMemo(
    () =>
      ui.pan === 0
        ? unmoved
        : fitColumns(width, { hidden: hidden.split(" "), nameWidth, fullName, inOrder: true }),
    [width, hidden, nameWidth, fullName, ui.pan > 0, unmoved],
  );
  const { networks, vbds, vcpus, repeatHeader } = ui;
  const details = useMemo((): TopOptions => ({ networks, vbds, vcpus, repeatHeader }), [
    networks,
    vbds,
    vcpus,
    repeatHeader,
  ]);
  const selected = find(snapshot.rows, ui.selected);
  const heading = repeatHeader ? [] : [headingLine(columns, ui.sort)];
  const heights = table.map(({ row }) => 1 + (repeatHeader ? 1 : 0) + detailTexts(row, details).length);
  const spare = height - heading.length - 1 - heights.reduce((sum, lines) => sum + lines, 0);
  const isLarge = height >= LARGE_FROM || spare >= LARGE_NEEDS;
  const graphs = ui.graphs ? graphLines(snapshot, selected, width, isLarge, look) : [];
  // The last line tells of rows that do not show.
  const room = Math.max(1, height - graphs.length - heading.length - 1);
  const at = table.findIndex(({ row }) => row.figures.uuid === ui.selected);
  const { start, end } = rowWindow(heights, room, at, viewport.tableStart);
  viewport.tableStart = start;
  viewport.page = Math.max(1, end - start);
  const places = new Map<number, string>();
  let y = top + heading.length;
  for (let index = start; index < end; index++) {
    for (let part = 0; part < heights[index]; part++) places.set(y++, table[index].row.figures.uuid);
  }
  viewport.rows = places;
  const below = table.length - end;
  const more = [
    ...(start > 0 ? [`${plural(start, "domain")} above`] : []),
    ...(below > 0 ? [`${plural(below, "domain")} below`] : []),
    ...(left.length > 0 ? [`${plural(left.length, "column")} without room (arrows, c)`] : []),
  ].join(", ");
  const none = snapshot.host === undefined
    ? "connecting to xend ..."
    : `no domain's name has the letters of "${ui.filter}"; Esc forgets the filter`;
  return (
    <Box flexDirection="column" flexShrink={0} height={height}>
      <Lines lines={heading} width={width} />
      <Box flexDirection="column" flexShrink={0} height={room} overflowY="hidden">
        {table.length === 0 ? <Lines lines={[line(span(none, "dim"))]} width={width} /> : null}
        {table.slice(start, end).map(({ row, positions }) => (
          <RowView
            key={row.figures.uuid}
            row={row}
            positions={positions.join(" ")}
            columns={columns}
            context={context}
            sort={repeatHeader ? ui.sort : undefined}
            isSelected={row.figures.uuid === ui.selected}
            details={details}
            width={width}
          />
        ))}
      </Box>
      <Lines lines={[more === "" ? BLANK_LINE : line(span(more, "dim")), ...graphs]} width={width} />
    </Box>
  );
}
