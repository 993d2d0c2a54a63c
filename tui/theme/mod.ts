/** How the dashboard looks: themes of colours for roles, glyphs, graphs. */
export { chooseTheme, type ColourDepth, colourDepth, type Environment, Painter } from "./colours.ts";
export { chooseGlyphs, type Glyphs, type GlyphSet } from "./glyphs.ts";
export { gauge, graph, type GraphOptions, sparkline } from "./graph.ts";
export { type Role, ROLES, type RoleStyle, type Theme, THEME_NAMES, themeByName, THEMES } from "./themes.ts";
