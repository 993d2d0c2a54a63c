/** What lies over the views: a frame with a title, in the middle or at the lower edge. */
import { Box } from "ink";
import type { ReactElement } from "react";
import { cutText, fit, type Line, span, widthOf } from "./line.ts";
import { Lines } from "./lines.tsx";
import { type Look, useLook } from "./look.ts";
import type { Size } from "./scene.ts";

/** @param width outer */
export function framed(title: string, lines: readonly Line[], width: number, { glyphs }: Look): Line[] {
  const [topLeft, topRight, bottomLeft, bottomRight] = glyphs.corners;
  const inner = width - 2;
  const head = cutText(` ${title} `, inner - 2);
  const top: Line = [
    span(`${topLeft}${glyphs.horizontal}`, "border"),
    span(head, "title"),
    span(glyphs.horizontal.repeat(Math.max(0, inner - 1 - widthOf(head))) + topRight, "border"),
  ];
  const side = span(glyphs.vertical, "border");
  return [
    top,
    ...lines.map((line): Line => [side, span(" "), ...fit(line, inner - 2), span(" "), side]),
    [span(bottomLeft + glyphs.horizontal.repeat(inner) + bottomRight, "border")],
  ];
}

interface PopupProps {
  readonly title: string;
  readonly lines: readonly Line[];
  /** Of what is in it; cut to the screen. */
  readonly width: number;
  readonly size: Size;
}

export function popupWidth(width: number, { columns }: Size): number {
  return Math.min(width + 4, columns);
}

export function Popup({ title, lines, width, size }: PopupProps): ReactElement {
  const look = useLook();
  const outer = popupWidth(width, size);
  const all = framed(title, lines.slice(0, Math.max(1, size.rows - 2)), outer, look);
  return (
    <Box
      position="absolute"
      marginLeft={Math.floor((size.columns - outer) / 2)}
      marginTop={Math.max(0, Math.floor((size.rows - all.length) / 2))}
    >
      <Lines lines={all} width={outer} />
    </Box>
  );
}
