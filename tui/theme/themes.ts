/** Themes: what roles look like. Colours are for the text alone; the paper is the terminal's own, but where a role has to stand out. */

export const ROLES = [
  "text",
  "dim",
  "strong",
  "title",
  "header",
  "selected",
  "key",
  "match",
  "good",
  "warning",
  "bad",
  "alert",
  "cpu",
  "memory",
  "network",
  "disk",
  "border",
] as const;

/**
 * What a text means: `title` of panes and the chosen tab, `header` of columns, `match` what a filter found, `alert` a bar that nobody overlooks,
 * `cpu` to `disk` the graphs' colours.
 */
export type Role = typeof ROLES[number];

/** The sixteen colours that every terminal has, in SGR's order. */
export const BASIC_COLOURS = [
  "black",
  "red",
  "green",
  "yellow",
  "blue",
  "magenta",
  "cyan",
  "white",
  "gray",
  "redBright",
  "greenBright",
  "yellowBright",
  "blueBright",
  "magentaBright",
  "cyanBright",
  "whiteBright",
] as const;

export type BasicColour = typeof BASIC_COLOURS[number];

/** A colour, and what takes its place where there are only sixteen. */
export interface Colour {
  readonly hex: string;
  readonly basic: BasicColour;
}

export interface RoleStyle {
  readonly ink?: Colour;
  readonly paper?: Colour;
  readonly bold?: true;
  readonly dim?: true;
  readonly underline?: true;
  readonly inverse?: true;
}

export interface Theme {
  readonly name: string;
  readonly roles: Readonly<Record<Role, RoleStyle>>;
}

const colour = (hex: string, basic: BasicColour): Colour => ({ hex, basic });

const WHITE = colour("#ffffff", "whiteBright");
const BLACK = colour("#000000", "black");

/** Roles that colours do not tell apart. */
const SHAPES = {
  text: {},
  dim: { dim: true },
  strong: { bold: true },
  title: { bold: true },
  header: { underline: true },
  selected: { inverse: true },
  key: { bold: true },
  match: { underline: true, bold: true },
  good: {},
  warning: { bold: true },
  bad: { bold: true, underline: true },
  alert: { bold: true, inverse: true },
  cpu: {},
  memory: {},
  network: {},
  disk: {},
  border: { dim: true },
} as const satisfies Theme["roles"];

const DARK: Theme = {
  name: "dark",
  roles: {
    text: {},
    dim: { ink: colour("#8a8f98", "gray") },
    strong: { bold: true },
    title: { ink: colour("#7dcfff", "cyanBright"), bold: true },
    header: { ink: colour("#a9b1d6", "cyan"), bold: true },
    selected: { ink: WHITE, paper: colour("#2d4f8e", "blue"), bold: true },
    key: { ink: colour("#e0af68", "yellowBright") },
    match: { ink: colour("#ff9e64", "yellowBright"), bold: true, underline: true },
    good: { ink: colour("#7ec96f", "greenBright") },
    warning: { ink: colour("#e5c453", "yellowBright") },
    bad: { ink: colour("#ff6b6b", "redBright"), bold: true },
    alert: { ink: WHITE, paper: colour("#b3261e", "red"), bold: true },
    cpu: { ink: colour("#7ec96f", "greenBright") },
    memory: { ink: colour("#7aa2f7", "blueBright") },
    network: { ink: colour("#c792ea", "magentaBright") },
    disk: { ink: colour("#e0af68", "yellow") },
    border: { ink: colour("#565f89", "gray") },
  },
};

const LIGHT: Theme = {
  name: "light",
  roles: {
    text: {},
    dim: { ink: colour("#6c6f77", "gray") },
    strong: { bold: true },
    title: { ink: colour("#005f87", "blue"), bold: true },
    header: { ink: colour("#3b4261", "black"), bold: true },
    selected: { ink: BLACK, paper: colour("#b7d3f5", "cyan"), bold: true },
    key: { ink: colour("#8a5200", "magenta") },
    match: { ink: colour("#a33b00", "red"), bold: true, underline: true },
    good: { ink: colour("#1e7a1e", "green") },
    warning: { ink: colour("#8a6100", "magenta"), bold: true },
    bad: { ink: colour("#b3261e", "red"), bold: true },
    alert: { ink: WHITE, paper: colour("#b3261e", "red"), bold: true },
    cpu: { ink: colour("#1e7a1e", "green") },
    memory: { ink: colour("#1f5fbf", "blue") },
    network: { ink: colour("#7b3fa0", "magenta") },
    disk: { ink: colour("#8a5200", "red") },
    border: { ink: colour("#9a9ea8", "gray") },
  },
};

/** Okabe and Ito's palette, which people with each kind of colour blindness can tell apart. */
const OKABE_ITO = {
  orange: colour("#e69f00", "yellow"),
  skyBlue: colour("#56b4e9", "cyanBright"),
  green: colour("#009e73", "cyan"),
  yellow: colour("#f0e442", "yellowBright"),
  blue: colour("#0072b2", "blue"),
  vermilion: colour("#d55e00", "red"),
} as const;

const COLOUR_BLIND: Theme = {
  name: "colour-blind",
  roles: {
    text: {},
    dim: { ink: colour("#999999", "gray") },
    strong: { bold: true },
    title: { ink: OKABE_ITO.skyBlue, bold: true },
    header: { bold: true, underline: true },
    selected: { ink: WHITE, paper: OKABE_ITO.blue, bold: true },
    key: { ink: OKABE_ITO.orange },
    match: { ink: OKABE_ITO.orange, bold: true, underline: true },
    good: { ink: OKABE_ITO.skyBlue },
    warning: { ink: OKABE_ITO.yellow, bold: true },
    bad: { ink: OKABE_ITO.vermilion, bold: true, underline: true },
    alert: { ink: BLACK, paper: OKABE_ITO.orange, bold: true },
    cpu: { ink: OKABE_ITO.yellow },
    memory: { ink: OKABE_ITO.skyBlue },
    network: { ink: OKABE_ITO.green },
    disk: { ink: colour(OKABE_ITO.blue.hex, "blueBright") },
    border: { ink: colour("#777777", "gray") },
  },
};

/** Yellow and sky blue would vanish on white: the palette's darker half, green darker still. */
const COLOUR_BLIND_LIGHT: Theme = {
  name: "colour-blind-light",
  roles: {
    text: {},
    dim: { ink: colour("#666666", "gray") },
    strong: { bold: true },
    title: { ink: OKABE_ITO.blue, bold: true },
    header: { bold: true, underline: true },
    selected: { ink: BLACK, paper: OKABE_ITO.skyBlue, bold: true },
    key: { ink: OKABE_ITO.blue },
    match: { ink: OKABE_ITO.blue, bold: true, underline: true },
    good: { ink: colour("#005a42", "cyan") },
    warning: { ink: colour("#b87f00", "yellow"), bold: true },
    bad: { ink: colour("#a84a00", "red"), bold: true, underline: true },
    alert: { ink: BLACK, paper: OKABE_ITO.orange, bold: true },
    cpu: { ink: colour("#00432f", "black") },
    memory: { ink: OKABE_ITO.blue },
    network: { ink: OKABE_ITO.vermilion },
    disk: { ink: colour("#d99600", "yellow") },
    border: { ink: colour("#999999", "gray") },
  },
};

/** NO_COLOR: shapes alone. */
export const NONE: Theme = { name: "none", roles: SHAPES };

export const THEMES: readonly Theme[] = [DARK, LIGHT, COLOUR_BLIND, COLOUR_BLIND_LIGHT, NONE];

export const THEME_NAMES: readonly string[] = THEMES.map(({ name }) => name);

export function themeByName(name: string): Theme | undefined {
  return THEMES.find((theme) => theme.name === name);
}
