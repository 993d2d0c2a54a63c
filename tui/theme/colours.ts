/** How many colours the terminal has, which theme suits it, and a role's SGR codes. */
import ansiStyles from "ansi-styles";
import {
  BASIC_COLOURS,
  type Colour,
  NONE,
  type Role,
  type RoleStyle,
  type Theme,
  themeByName,
  THEMES,
} from "./themes.ts";

/** Colours to choose from: none, the sixteen, the 256, all. */
export type ColourDepth = "none" | "basic" | "256" | "full";

export interface Environment {
  get(name: string): string | undefined;
}

const isSet = (value: string | undefined) => value !== undefined && value !== "";

export function colourDepth(environment: Environment): ColourDepth {
  const term = environment.get("TERM") ?? "";
  // no-color.org: any value but the empty one.
  if (isSet(environment.get("NO_COLOR")) || term === "" || term === "dumb") return "none";
  if (/^(truecolor|24bit)$/i.test(environment.get("COLORTERM") ?? "") || term.endsWith("-direct")) {
    return "full";
  }
  return /256/.test(term) ? "256" : "basic";
}

/** What rxvt, Konsole and others say of their paper: `ink;paper`, numbers of the sixteen colours. */
function isLightPaper(environment: Environment): boolean {
  const paper = environment.get("COLORFGBG")?.split(";").at(-1);
  return paper === "7" || paper === "15";
}

/** @param wanted a theme's name; absent: what suits the terminal. @returns undefined when there is no theme of that name */
export function chooseTheme(environment: Environment, wanted?: string): Theme | undefined {
  if (wanted !== undefined) {
    // A palette, not a paper: for the light one the terminal's word is enough.
    const light = wanted === "colour-blind" && isLightPaper(environment) ? "colour-blind-light" : wanted;
    return themeByName(light);
  }
  if (colourDepth(environment) === "none") return themeByName("none");
  return themeByName(isLightPaper(environment) ? "light" : "dark") ?? THEMES[0];
}

function colourCodes({ hex, basic }: Colour, depth: ColourDepth, isPaper: boolean): string[] {
  const palette = isPaper ? ansiStyles.bgColor : ansiStyles.color;
  switch (depth) {
    case "none":
      return [];
    case "basic": {
      const index = BASIC_COLOURS.indexOf(basic);
      return [String((index < 8 ? 30 : 82) + index + (isPaper ? 10 : 0))];
    }
    case "256":
      return [parameters(palette.ansi256(ansiStyles.hexToAnsi256(hex)))];
    case "full":
      return [parameters(palette.ansi16m(...ansiStyles.hexToRgb(hex)))];
  }
}

const parameters = (sequence: string) => sequence.slice(2, -1);

function codesOf(style: RoleStyle, depth: ColourDepth): string {
  const codes = [
    ...(style.bold ? ["1"] : []),
    ...(style.dim ? ["2"] : []),
    ...(style.underline ? ["4"] : []),
    ...(style.inverse ? ["7"] : []),
    ...(style.ink === undefined ? [] : colourCodes(style.ink, depth, false)),
    ...(style.paper === undefined ? [] : colourCodes(style.paper, depth, true)),
  ];
  return codes.join(";");
}

/** Puts SGR codes around texts. */
export class Painter {
  readonly #codes: Readonly<Record<Role, string>>;

  constructor(readonly theme: Theme, readonly depth: ColourDepth) {
    // Without colours only the theme that is made for it tells the roles apart.
    const { roles } = depth === "none" ? NONE : theme;
    const codes = Object.entries(roles).map(([role, style]) => [role, codesOf(style, depth)]);
    this.#codes = Object.fromEntries(codes);
  }

  /** SGR's parameters, "1;36"; empty: nothing. */
  codes(role: Role): string {
    return this.#codes[role];
  }

  paint(text: string, role: Role): string {
    const codes = this.#codes[role];
    return codes === "" || text === "" ? text : `\x1b[${codes}m${text}\x1b[0m`;
  }
}
