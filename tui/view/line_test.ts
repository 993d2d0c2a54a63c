import assert from "node:assert/strict";
import fc from "fast-check";
import { cut, cutText, fit, harmless, line, lineWidth, plain, span, widthOf, wrapText } from "./line.ts";

Deno.test("widths: ASCII, graphs, wide characters", () => {
  assert.equal(widthOf("abc"), 3);
  assert.equal(widthOf("▁▂⣿│é→"), 6);
  assert.equal(widthOf("漢字"), 4);
  assert.equal(cutText("漢字", 3), "漢");
  assert.equal(cutText("abc", 0), "");
});

Deno.test("a line is cut and filled to its width; what follows a wide character without room does not move up", () => {
  assert.equal(plain(fit(line("ab", span("cd", "dim")), 3)), "abc");
  assert.equal(plain(fit(line("ab"), 4)), "ab  ");
  assert.equal(plain(cut(line("a漢", "b"), 2)), "a");
});

Deno.test("whatever comes from outside, a line has its width and nothing that controls a terminal", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary" })), fc.nat(40), (texts, width) => {
      const fitted = fit(line(...texts), width);
      assert.doesNotMatch(plain(fitted), /\p{Cc}|\p{Cf}|\p{Zl}|\p{Zp}|\p{Cs}/u);
      assert.equal(lineWidth(fitted), width);
    }),
  );
});

Deno.test("text is broken at blanks, else where the line ends", () => {
  assert.deepEqual(wrapText("one two three", 8), ["one two", "three"]);
  assert.deepEqual(wrapText("abcdefghij", 4), ["abcd", "efgh", "ij"]);
  assert.deepEqual(wrapText("a\nb", 4), ["a", "b"]);
  assert.deepEqual(wrapText("漢字漢", 3), ["漢", "字", "漢"]);
  fc.assert(fc.property(fc.string(), fc.integer({ min: 2, max: 20 }), (text, width) => {
    for (const part of wrapText(harmless(text), width)) assert.ok(widthOf(part) <= width);
  }));
});
