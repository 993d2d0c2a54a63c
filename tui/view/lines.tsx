/**
 * Lines on the screen. Ink measures and splits a text several times in each frame, which with colours and graphs costs more than all else:
 * it gets blanks to place, and the painted lines where it is done with that.
 */
import { Box, Transform } from "ink";
import { memo, type ReactElement } from "react";
import { cut, type Line } from "./line.ts";
import { useLook } from "./look.ts";

const blanks = new Map<string, string>();

function blankBlock(width: number, height: number): string {
  const key = `${width} ${height}`;
  let block = blanks.get(key);
  if (block === undefined) {
    // Resizing a terminal goes through many sizes.
    if (blanks.size >= 256) blanks.clear();
    blanks.set(key, block = Array.from({ length: height }, () => " ".repeat(width)).join("\n"));
  }
  return block;
}

interface LinesProps {
  readonly lines: readonly Line[];
  /** What is longer is cut. */
  readonly width: number;
  /** So many lines, whatever there are. */
  readonly height?: number;
}

export const Lines = memo(
  function Lines({ lines, width, height = lines.length }: LinesProps): ReactElement | null {
    const look = useLook();
    if (height < 1 || width < 1) return null;
    const painted = lines.slice(0, height).map((line) => look.paint(cut(line, width)));
    return (
      <Box width={width} height={height} flexShrink={0}>
        <Transform transform={(_, index) => painted[index] ?? ""}>{blankBlock(width, height)}</Transform>
      </Box>
    );
  },
);
