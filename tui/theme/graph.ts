/** Pasts as text: area graphs, sparklines, gauges. The latest sample is at the right; where there was none, nothing is drawn. */
import type { Series } from "../model/types.ts";
import type { GlyphSet } from "./glyphs.ts";

export interface GraphOptions {
  readonly width: number;
  readonly height: number;
  /** What stands for full; absent: the greatest value in sight. */
  readonly max?: number;
}

/** Samples and steps in one cell, and the cell for each step. */
interface Cells {
  readonly samples: 1 | 2;
  readonly steps: number;
  /** @param levels of each sample, 0 to `steps` */
  readonly draw: (levels: readonly number[]) => string;
}

/** Dots of a braille cell's halves from the bottom, as bits. */
const LEFT_DOTS = [0x00, 0x40, 0x44, 0x46, 0x47];
const RIGHT_DOTS = [0x00, 0x80, 0xa0, 0xb0, 0xb8];
const BLOCKS = " ▁▂▃▄▅▆▇█";

const ladder = (steps: string): Cells => ({
  samples: 1,
  steps: steps.length - 1,
  draw: ([level]) => steps[level],
});

const BRAILLE: Cells = {
  samples: 2,
  steps: 4,
  draw: ([left, right]) => {
    const bits = LEFT_DOTS[left] | RIGHT_DOTS[right];
    return bits === 0 ? " " : String.fromCharCode(0x2800 + bits);
  },
};

const AREA: Readonly<Record<GlyphSet, Cells>> = {
  unicode: BRAILLE,
  console: ladder(" ▄█"),
  ascii: ladder(" .:|#"),
};

const LINE: Readonly<Record<GlyphSet, Cells>> = { ...AREA, unicode: ladder(BLOCKS) };

/** How high each sample is, in steps; 0 where there is none, else at least 1: a base line. */
function levelsOf(samples: Series, max: number | undefined, most: number): number[] {
  const greatest = samples.reduce((top, value) => value > top ? value : top, 0);
  const full = max !== undefined && max > 0 ? max : greatest;
  return samples.map((value) => {
    if (Number.isNaN(value)) return 0;
    if (!(full > 0)) return 1;
    return Math.min(most, Math.max(1, Math.round(value / full * most)));
  });
}

function draw(series: Series, { width, height, max }: GraphOptions, cells: Cells): string[] {
  const count = width * cells.samples;
  const sight = series.slice(Math.max(0, series.length - count));
  const missing = Array.from({ length: count - sight.length }, () => 0);
  const levels = [...missing, ...levelsOf(sight, max, height * cells.steps)];
  return Array.from({ length: height }, (_, row) => {
    const below = (height - 1 - row) * cells.steps;
    let text = "";
    for (let at = 0; at < count; at += cells.samples) {
      const inCell = levels.slice(at, at + cells.samples).map((level) =>
        Math.min(cells.steps, Math.max(0, level - below))
      );
      text += cells.draw(inCell);
    }
    return text;
  });
}

/** @returns as many rows as the graph is high, the top one first, each as wide as it is to be */
export function graph(series: Series, options: GraphOptions, glyphs: GlyphSet): string[] {
  return draw(series, options, AREA[glyphs]);
}

/** A graph of one row, finer in height. */
export function sparkline(series: Series, width: number, glyphs: GlyphSet, max?: number): string {
  return draw(series, { width, height: 1, ...(max === undefined ? {} : { max }) }, LINE[glyphs])[0];
}

const EIGHTHS = " ▏▎▍▌▋▊▉█";

/** A bar that is full at `max`, exact to an eighth of a cell where the terminal can show that. */
export function gauge(value: number, max: number, width: number, glyphs: GlyphSet): string {
  const share = max > 0 && value > 0 ? Math.min(1, value / max) : 0;
  if (glyphs !== "unicode") {
    const full = Math.round(share * width);
    const [on, off] = glyphs === "console" ? ["█", "░"] : ["#", "."];
    return on.repeat(full) + off.repeat(width - full);
  }
  const eighths = Math.round(share * width * 8);
  const full = Math.floor(eighths / 8);
  const rest = eighths % 8;
  return (EIGHTHS[8].repeat(full) + (rest === 0 ? "" : EIGHTHS[rest])).padEnd(width);
}
