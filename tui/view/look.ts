/** How lines look on this terminal: the theme's colours for roles, glyphs or ASCII, graphs. */
import { createContext, useContext } from "react";
import type { Series } from "../model/mod.ts";
import type { Glyphs, GraphOptions } from "../theme/mod.ts";
import type { Line } from "./line.ts";

export interface Look {
  /** Keys by their names: the terminal's font may have no arrows. */
  readonly plainKeys: boolean;
  readonly glyphs: Glyphs;
  /** A line as text with SGR codes. */
  paint(line: Line): string;
  /** Rows of text, the top one first, each as wide as was asked for. */
  graph(series: Series, options: GraphOptions): readonly string[];
  /** One row. */
  sparkline(series: Series, width: number, max?: number): string;
  /** A bar that is full at `max`. */
  gauge(value: number, max: number, width: number): string;
}

const LookContext = createContext<Look | undefined>(undefined);
export const LookProvider = LookContext.Provider;

export function useLook(): Look {
  const look = useContext(LookContext);
  if (look === undefined) throw new Error("a view outside of a look");
  return look;
}
