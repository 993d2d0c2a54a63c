/** Lines of which only a part shows. */
import type { ReactElement } from "react";
import { followsEnd, placeOf, type UiState } from "../keys/ui_state.ts";
import { type Line, span } from "./line.ts";
import { Lines } from "./lines.tsx";
import type { Viewport } from "./viewport.ts";

interface Props {
  readonly lines: readonly Line[];
  readonly ui: UiState;
  readonly width: number;
  readonly height: number;
  readonly viewport: Viewport;
}

export function Scroll({ lines, ui, width, height, viewport }: Props): ReactElement {
  const place = placeOf(ui);
  const hasMore = lines.length > height;
  // The last line tells where one is.
  const room = Math.max(1, hasMore ? height - 1 : height);
  const limit = Math.max(0, lines.length - room);
  if (ui.overlay?.kind !== "help") {
    viewport.page = room;
    viewport.scrollLimit = limit;
  }
  const scrolled = Math.min(ui.scroll[place] ?? 0, limit);
  const start = followsEnd(place) ? limit - scrolled : scrolled;
  const shown = lines.slice(start, start + room);
  const foot: Line[] = hasMore
    ? [[span(`lines ${start + 1}-${start + shown.length} of ${lines.length}`, "dim")]]
    : [];
  return <Lines lines={[...shown, ...foot]} width={width} height={height} />;
}
