import assert from "node:assert/strict";
import xterm from "@xterm/headless";
import { screenSvg } from "./svg.ts";

async function picture(text: string): Promise<string> {
  const terminal = new xterm.Terminal({ rows: 3, cols: 20, allowProposedApi: true });
  await new Promise<void>((resolve) => terminal.write(text, resolve));
  const svg = screenSvg(terminal, "a <test>");
  terminal.dispose();
  return svg;
}

Deno.test("text stands at its place in its colours", async () => {
  const svg = await picture(
    "ab\x1b[2;3H\x1b[1;38;2;1;2;3mc&d\x1b[0m \x1b[7mrev\x1b[0m\x1b[3;1H\x1b[31mred\x1b[38;5;196m256",
  );
  assert.match(svg, /<title>a &lt;test&gt;<\/title>/);
  assert.match(svg, /<text x="12" y="25"[^>]*>ab/);
  assert.match(
    svg,
    /<text x="28.8" y="42" textLength="25.2" fill="#010203" font-weight="bold"[^>]*>c&amp;d</,
  );
  assert.match(svg, /<rect [^>]*fill="#d8dee9"\/>\n<text [^>]*fill="#14181f"[^>]*>rev</);
  assert.match(svg, /fill="#e06c75"[^>]*>red</);
  assert.match(svg, /fill="#ff0000"[^>]*>256</);
});

Deno.test("wide characters take two cells", async () => {
  const svg = await picture("漢字\x1b[31mx");
  assert.match(svg, /textLength="33.6"[^>]*>漢字</);
  assert.match(svg, /<text x="45.6"[^>]*>x</);
});
