import assert from "node:assert/strict";
import { chooseTheme, colourDepth, type Environment, Painter } from "./colours.ts";
import { type Role, ROLES, THEMES } from "./themes.ts";

const environment = (values: Record<string, string>): Environment => ({ get: (name) => values[name] });

Deno.test("every theme has every role", () => {
  for (const { name, roles } of THEMES) {
    assert.deepEqual(Object.keys(roles).sort(), [...ROLES].sort(), name);
  }
});

Deno.test("roles that must not be taken for each other differ in every theme and depth", () => {
  const groups: Role[][] = [["text", "dim", "strong", "selected", "alert"], [
    "good",
    "warning",
    "bad",
    "alert",
  ]];
  for (const theme of THEMES) {
    for (const depth of ["none", "basic", "256", "full"] as const) {
      const painter = new Painter(theme, depth);
      for (const group of groups) {
        assert.equal(
          new Set(group.map((role) => painter.codes(role))).size,
          group.length,
          `${theme.name} ${depth}`,
        );
      }
    }
  }
});

/** WCAG's relative luminance. */
function luminance(hex: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255).map((part) =>
    part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  );
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(a: string, b: string): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

Deno.test("the colour-blind palettes' pairs differ in luminance, not in hue alone", () => {
  for (const theme of THEMES.filter(({ name }) => name.startsWith("colour-blind"))) {
    for (const group of [["good", "warning", "bad"], ["cpu", "memory", "network", "disk"]] as const) {
      const inks = group.map((role) => theme.roles[role].ink!.hex);
      inks.forEach((ink, index) =>
        inks.slice(0, index).forEach((other) =>
          assert.ok(contrast(ink, other) > 1.3, `${theme.name}: ${ink} ${other} ${contrast(ink, other)}`)
        )
      );
    }
  }
});

Deno.test("inks can be read on the paper that they are made for", () => {
  for (const { name, roles } of THEMES) {
    const paper = name.includes("light") ? "#ffffff" : "#000000";
    for (const [role, style] of Object.entries(roles)) {
      if (style.ink === undefined) continue;
      // Lines and graphs are large; words are not.
      const least = ["border", "cpu", "memory", "network", "disk"].includes(role) ? 2.4 : 3;
      const found = contrast(style.ink.hex, style.paper?.hex ?? paper);
      assert.ok(found > least, `${name} ${role}: ${found}`);
    }
  }
});

Deno.test("the terminal says how many colours it has, and the user whether any are wanted", () => {
  const depth = (values: Record<string, string>) => colourDepth(environment(values));
  assert.equal(depth({ TERM: "xterm-256color", COLORTERM: "truecolor" }), "full");
  assert.equal(depth({ TERM: "xterm-256color" }), "256");
  assert.equal(depth({ TERM: "xterm-direct" }), "full");
  assert.equal(depth({ TERM: "linux" }), "basic");
  assert.equal(depth({ TERM: "dumb", COLORTERM: "truecolor" }), "none");
  assert.equal(depth({}), "none");
  assert.equal(depth({ TERM: "xterm-256color", COLORTERM: "truecolor", NO_COLOR: "1" }), "none");
  assert.equal(depth({ TERM: "xterm-256color", NO_COLOR: "" }), "256");
});

Deno.test("the theme is what the user wants, or what suits", () => {
  const chosen = (values: Record<string, string>, wanted?: string) =>
    chooseTheme(environment(values), wanted)?.name;
  assert.equal(chosen({ TERM: "xterm" }), "dark");
  assert.equal(chosen({ TERM: "xterm", COLORFGBG: "0;15" }), "light");
  assert.equal(chosen({ TERM: "xterm", COLORFGBG: "15;default;0" }), "dark");
  assert.equal(chosen({ TERM: "xterm", NO_COLOR: "1" }), "none");
  assert.equal(chosen({ TERM: "dumb" }), "none");
  assert.equal(chosen({ TERM: "xterm", COLORFGBG: "0;15" }, "colour-blind"), "colour-blind-light");
  assert.equal(chosen({ TERM: "xterm" }, "colour-blind"), "colour-blind");
  assert.equal(chosen({ TERM: "xterm" }, "sepia"), undefined);
});

Deno.test("SGR codes by depth", () => {
  const dark = THEMES[0];
  const codes = (depth: ConstructorParameters<typeof Painter>[1], role: Role) =>
    new Painter(dark, depth).codes(role);
  assert.equal(codes("full", "selected"), "1;38;2;255;255;255;48;2;45;79;142");
  assert.equal(codes("basic", "selected"), "1;97;44");
  assert.equal(codes("none", "selected"), "7");
  assert.equal(codes("basic", "dim"), "90");
  assert.match(codes("256", "bad"), /^1;38;5;\d+$/);
  const painter = new Painter(dark, "basic");
  assert.equal(painter.paint("ok", "good"), "\x1b[92mok\x1b[0m");
  assert.equal(painter.paint("plain", "text"), "plain");
});
