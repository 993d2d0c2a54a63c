/** The line that names the views; the open one is marked. */
import type { MainView } from "../keys/actions.ts";
import { MAIN_VIEWS } from "../keys/ui_state.ts";
import { type Line, span } from "./line.ts";

const TITLES: Readonly<Record<MainView, string>> = {
  domains: "Domains",
  pcpus: "pCPUs",
  events: "Events",
  commands: "Commands",
};

export interface Counts {
  readonly shown: number;
  readonly domains: number;
  readonly events: number;
  readonly commands: number;
}

export interface ViewBar {
  readonly line: Line;
  readonly places: readonly { readonly from: number; readonly to: number; readonly view: MainView }[];
}

export function viewBar(open: MainView, { shown, domains, events, commands }: Counts): ViewBar {
  const numbers: Readonly<Record<MainView, string>> = {
    domains: shown === domains ? ` ${domains}` : ` ${shown}/${domains}`,
    pcpus: "",
    events: events === 0 ? "" : ` ${events}`,
    commands: commands === 0 ? "" : ` ${commands}`,
  };
  let column = 0;
  const parts = MAIN_VIEWS.map((view) => {
    const text = ` ${TITLES[view]}${numbers[view]} `;
    const from = column;
    column += text.length + 1;
    return { view, text, from, to: from + text.length };
  });
  return {
    line: parts.flatMap(({ view, text }) => [span(text, view === open ? "selected" : "dim"), span(" ")]),
    places: parts,
  };
}
