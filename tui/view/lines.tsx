/** Lines on the screen. */
import { Box, Text } from "ink";
import { memo, type ReactElement } from "react";
import { fit, type Line } from "./line.ts";
import { useLook } from "./look.ts";

interface LineProps {
  readonly line: Line;
  /** It is filled with blanks so far: what is below it does not show through. */
  readonly width: number;
}

/** One line, never more: cut where it is too long. */
export const LineView = memo(function LineView({ line, width }: LineProps): ReactElement {
  const look = useLook();
  return <Text wrap="truncate">{look.paint(fit(line, width))}</Text>;
});

interface LinesProps {
  readonly lines: readonly Line[];
  readonly width: number;
  /** So many lines, whatever there are. */
  readonly height?: number;
}

export const Lines = memo(function Lines({ lines, width, height }: LinesProps): ReactElement {
  const look = useLook();
  const shown = lines.slice(0, height);
  return (
    <Box flexDirection="column" width={width} flexShrink={0} {...(height === undefined ? {} : { height })}>
      {shown.map((line, index) => <LineView key={`${look.ascii} ${index}`} line={line} width={width} />)}
    </Box>
  );
});
