import assert from "node:assert/strict";
import fc from "fast-check";
import stringWidth from "string-width";
import { chooseGlyphs, type GlyphSet } from "./glyphs.ts";
import { gauge, graph, sparkline } from "./graph.ts";

const SETS: readonly GlyphSet[] = ["unicode", "console", "ascii"];

Deno.test("a braille graph has two samples and four steps in a cell", () => {
  assert.deepEqual(graph([0, 25, 50, 75, 100, 100], { width: 3, height: 1, max: 100 }, "unicode"), ["⣀⣴⣿"]);
  assert.deepEqual(graph([50, 100], { width: 1, height: 2, max: 100 }, "unicode"), ["⢸", "⣿"]);
  assert.deepEqual(graph([100], { width: 2, height: 1, max: 100 }, "unicode"), [" ⢸"]);
});

Deno.test("columns of ASCII, blocks of the Linux console", () => {
  assert.deepEqual(graph([0, 25, 50, 75, 100], { width: 5, height: 1, max: 100 }, "ascii"), ["..:|#"]);
  assert.deepEqual(graph([25, 100], { width: 3, height: 2, max: 100 }, "ascii"), ["  #", " :#"]);
  assert.deepEqual(graph([50, 100], { width: 2, height: 1, max: 100 }, "console"), ["▄█"]);
});

Deno.test("where there was no sample nothing is drawn; zero is a base line", () => {
  assert.deepEqual(graph([1, NaN, 0], { width: 3, height: 2, max: 1 }, "ascii"), ["#  ", "# ."]);
  assert.equal(sparkline([NaN, 0, 4, 8], 4, "unicode", 8), " ▁▄█");
  assert.equal(sparkline([NaN, NaN], 3, "unicode"), "   ");
});

Deno.test("without a maximum the greatest value in sight is full; what is above a maximum is full, too", () => {
  assert.equal(sparkline([1000, 5, 10], 2, "unicode"), "▄█");
  assert.equal(sparkline([200], 1, "unicode", 100), "█");
  assert.equal(sparkline([0, 0], 2, "unicode"), "▁▁");
});

Deno.test("graphs are as large as they are to be, whatever they show", () => {
  const value = fc.oneof(fc.double({ min: -1e3, max: 1e12 }), fc.constant(NaN));
  const size = fc.integer({ min: 0, max: 40 });
  fc.assert(
    fc.property(
      fc.array(value, { maxLength: 100 }),
      size,
      size,
      fc.constantFrom(...SETS),
      (series, width, height, set) => {
        const rows = graph(series, { width, height }, set);
        assert.equal(rows.length, height);
        for (const row of rows) assert.equal(stringWidth(row), width);
        assert.equal(stringWidth(sparkline(series, width, set, 50)), width);
        assert.equal(stringWidth(gauge(series[0] ?? 0, 100, width, set)), width);
        // Nothing floats: below what is drawn all is drawn.
        for (let y = 1; y < height; y++) {
          [...rows[y]].forEach((cell, x) => assert.ok(cell !== " " || [...rows[y - 1]][x] === " "));
        }
      },
    ),
  );
});

Deno.test("gauges", () => {
  assert.equal(gauge(50, 100, 4, "unicode"), "██  ");
  assert.equal(gauge(1, 32, 4, "unicode"), "▏   ");
  assert.equal(gauge(200, 100, 2, "ascii"), "##");
  assert.equal(gauge(50, 100, 4, "console"), "██░░");
  assert.equal(gauge(NaN, 0, 2, "ascii"), "..");
});

Deno.test("the locale chooses the glyphs, the user can", () => {
  const set = (values: Record<string, string>, ascii = false) =>
    chooseGlyphs({ get: (name) => values[name] }, ascii).set;
  assert.equal(set({ LANG: "de_AT.UTF-8" }), "unicode");
  assert.equal(set({ LANG: "C.utf8", TERM: "linux" }), "console");
  assert.equal(set({ LC_ALL: "C", LANG: "de_AT.UTF-8" }), "ascii");
  assert.equal(set({ LC_ALL: "", LC_CTYPE: "en_US.UTF-8", LANG: "C" }), "unicode");
  assert.equal(set({}), "ascii");
  assert.equal(set({ LANG: "de_AT.UTF-8" }, true), "ascii");
  const everything = Object.values(chooseGlyphs({ get: () => undefined })).flat().join("");
  // deno-lint-ignore no-control-regex
  assert.match(everything, /^[\x00-\x7f]+$/);
});
