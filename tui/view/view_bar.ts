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

export function viewBar(open: MainView, { shown, domains, events, commands }: Counts): Line {
  const numbers: Readonly<Record<MainView, string>> = {
    domains: shown === domains ? ` ${domains}` : ` ${shown}/${domains}`,
    pcpus: "",
    events: events === 0 ? "" : ` ${events}`,
    commands: commands === 0 ? "" : ` ${commands}`,
  };
  return MAIN_VIEWS.flatMap((view) => [
    span(` ${TITLES[view]}${numbers[view]} `, view === open ? "selected" : "dim"),
    span(" "),
  ]);
}
