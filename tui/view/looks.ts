/** The looks that this terminal can have: its colours and glyphs, a theme at a time. */
import { type AnsiCode, ansiCodesToString, diffAnsiCodes, tokenize } from "@alcalzone/ansi-tokenize";
import type { DashboardOptions, DashboardPorts } from "../ports.ts";
import {
  chooseGlyphs,
  chooseTheme,
  colourDepth,
  gauge,
  graph,
  Painter,
  type Role,
  sparkline,
  THEME_NAMES,
  themeByName,
  THEMES,
} from "../theme/mod.ts";
import type { Line } from "./line.ts";
import type { Look } from "./look.ts";

/** What stays when the rest is grey because it is old. */
const NEVER_DIMMED: ReadonlySet<Role> = new Set(["selected", "title", "alert"]);

const codesOf = (painter: Painter, role: Role): readonly AnsiCode[] =>
  tokenize(`\x1b[${painter.codes(role)}m`).filter((token) => token.type === "ansi");

/** Paints lines with as few codes as there can be: between two roles stands what makes the one of the other. */
function pen(painter: Painter, shown: (role: Role) => Role): (line: Line) => string {
  const styles = new Map<Role | undefined, readonly AnsiCode[]>([[undefined, []]]);
  const style = (role: Role | undefined) => {
    let codes = styles.get(role);
    if (codes === undefined && role !== undefined) {
      codes = painter.codes(role) === "" ? [] : codesOf(painter, role);
      styles.set(role, codes);
    }
    return codes ?? [];
  };
  const steps = new Map<string, string>();
  const step = (from: Role | undefined, to: Role | undefined) => {
    const key = `${from} ${to}`;
    let text = steps.get(key);
    if (text === undefined) {
      text = ansiCodesToString(diffAnsiCodes([...style(from)], [...style(to)]));
      steps.set(key, text);
    }
    return text;
  };
  return (line) => {
    let text = "";
    let last: Role | undefined;
    for (const part of line) {
      if (part.text === "") continue;
      const role = shown(part.role);
      if (role !== last) text += step(last, role);
      text += part.text;
      last = role;
    }
    return last === undefined ? text : text + step(last, undefined);
  };
}

export class Looks {
  readonly names = THEME_NAMES;
  /** Of the theme that the dashboard begins with. */
  readonly first: string;
  readonly #made = new Map<string, Look>();

  /** @throws RangeError for a theme that there is not */
  constructor(
    private readonly environment: DashboardPorts["environment"],
    private readonly options: Pick<DashboardOptions, "theme" | "ascii">,
  ) {
    const theme = chooseTheme(environment, options.theme);
    if (theme === undefined) {
      throw new RangeError(`there is no theme "${options.theme}"; there are ${THEME_NAMES.join(", ")}`);
    }
    this.first = theme.name;
  }

  /** @param isOld what is shown is old */
  look(theme: string, isOld: boolean): Look {
    const key = `${theme} ${isOld}`;
    let look = this.#made.get(key);
    if (look === undefined) this.#made.set(key, look = this.#make(theme, isOld));
    return look;
  }

  #make(theme: string, isOld: boolean): Look {
    const glyphs = chooseGlyphs(this.environment, this.options.ascii);
    const painter = new Painter(themeByName(theme) ?? THEMES[0], colourDepth(this.environment));
    const shown = (role: Role) => isOld && !NEVER_DIMMED.has(role) ? "dim" : role;
    return {
      plainKeys: glyphs.set !== "unicode",
      glyphs,
      paint: pen(painter, shown),
      graph: (series, options) => graph(series, options, glyphs.set),
      sparkline: (series, width, max) => sparkline(series, width, glyphs.set, max),
      gauge: (value, max, width) => gauge(value, max, width, glyphs.set),
    };
  }
}
